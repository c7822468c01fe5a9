"""The codes of WinRM and Win32: PowerShell's name, a reason in one word, and a hint for each."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import enum
import re
import typing as t


class Code(enum.IntEnum):
    """Win32 and WinRM error codes the engine acts on or reports itself (wsmerror.h, unsigned)."""

    ACCESS_DENIED = 5
    OPERATION_ABORTED = 995
    SHUTTING_DOWN = 1115
    AUTHENTICATION_FAILED = 1311
    LOGON_FAILURE = 1326
    IMPROPER_RESPONSE = 1722
    CALL_FAILED = 1726
    CERTIFICATE_INVALID = 12175
    CALL_FAILED_RESULT = 0x800706BE
    TARGET_UNKNOWN = 0x80090303
    CANNOT_CONNECT = 0x80338012
    OPERATION_TIMED_OUT = 0x80338029
    UNEXPECTED_SELECTORS = 0x8033805B
    CONTENT_TYPE_UNKNOWN = 0x803380F7
    HOST_PROCESS_ENDED = 0x80338104
    EXPLICIT_CREDENTIALS_REQUIRED = 0x803380E5
    INVALID_AUTHENTICATION = 0x8033810E
    CANNOT_CONNECT_WINRM_SERVICE = 0x80338112
    URL_NOT_AVAILABLE = 0x80338113
    OPERATION_TIMEOUT = 0x80338126
    HTTP_ERROR = 0x80338170
    HTTP_BAD_REQUEST = 0x80338171
    REDIRECT_REQUIRED = 0x80338199
    REDIRECT_LOCATION_INVALID = 0x803381B7
    COMPUTER_NOT_FOUND = 0x803381B9
    CLIENT_SESSION_ID_MISMATCH = 0x803381C6
    SHELL_DISCONNECTED = 0x803381C4
    CONNECTED_TO_DIFFERENT_CLIENT = 0x803381CD
    SHELL_ID_IN_USE = 0x803381D6
    COMMAND_EXISTS = 0x803381D7
    STREAM_DISCONNECTED = 0x803381DE
    ALREADY_DISCONNECTED = 0x803381CF
    IDLE_TIMEOUT_OUT_OF_RANGE = 0x803381F2
    CONNECT_REFUSED = 0x80540FA3


# The first part of a FullyQualifiedErrorId by transport code, as PowerShell's GetFQEIDFromTransportError has it.
TRANSPORT_PREFIXES: t.Mapping[int, str] = {
    5: "AccessDenied",
    14: "ServerOutOfMemory",
    53: "NetworkPathNotFound",
    995: "WinRMOperationAborted",
    1115: "ShutDownInProgress",
    1311: "AuthenticationFailed",
    1326: "LogonFailure",
    1722: "ImproperResponse",
    0x80090303: "TargetUnknown",
    0x80338002: "InvalidResourceUri",
    0x80338005: "CorruptedWinRMConfig",
    0x80338012: "CannotConnect",
    0x8033802D: "URIExceedsMaxAllowedSize",
    0x8033803B: "InvalidResourceUri",
    0x8033805B: "CannotConnectTargetSessionDoesNotExist",
    0x80338074: "WinRMOperationNotSupportedOnServer",
    0x803380E2: "ClientKerberosDisabled",
    0x803380E4: "ServerNotTrusted",
    0x803380E5: "ExplicitCredentialsRequired",
    0x8033810C: "WorkgroupCannotUseKerberos",
    0x8033810E: "InvalidAuthentication",
    0x80338112: "CannotConnectWinRMService",
    0x80338113: "URLNotAvailable",
    0x80338126: "WinRMOperationTimeout",
    0x80338170: "WinRMHttpError",
    0x80338199: "RedirectInformationRequired",
    0x803381AC: "RemoteSessionDisallowed",
    0x803381B7: "RedirectLocationInvalid",
    0x803381B9: "ComputerNotFound",
    0x803381BB: "CannotUseIPAddress",
    0x803381C2: "SessionCreateFailedInvalidName",
    0x803381C6: "CannotConnectMismatchSessions",
    0x803381CD: "CannotConnectAlreadyConnected",
    0x803381D0: "CannotConnectInvalidOperation",
    0x803381DF: "CannotConnectRunAsFailed",
    0x803381E3: "RemoteConnectionDisallowed",
    0x80540FA0: "IncorrectProtocolVersion",
}


def transport_prefix(code: int | None) -> str:
    """Return the first part of a FullyQualifiedErrorId for a transport code.

    A code without a name of its own is written as the signed 32 bit number PowerShell holds; no code, or 0, gives
    an empty string (PowerShell's GetFQEIDFromTransportError).
    """
    if not code:
        return ""
    if code in TRANSPORT_PREFIXES:
        return TRANSPORT_PREFIXES[code]
    return str(code - (1 << 32) if code >= (1 << 31) else code)


class Reason(enum.Enum):
    """The reason of a failure in one word, for playbooks and reports. The worst comes first.

    UNREACHABLE: the computer did not answer, or not as WinRM does.
    ACCESS_DENIED: the computer refused the log-on or the operation.
    FAILED: any other reason.
    COMMAND_FAILED: the script in the session ended with an error, or with an exit code that was not expected.
    BUSY: another client is connected to the session.
    EXPIRED: this controller knew the session, but it no longer exists.
    MISSING: no session has the name or id.
    """

    UNREACHABLE = "unreachable"
    ACCESS_DENIED = "access_denied"
    FAILED = "failed"
    COMMAND_FAILED = "command_failed"
    BUSY = "busy"
    EXPIRED = "expired"
    MISSING = "missing"


_REASONS: t.Mapping[Reason, frozenset[int]] = {
    Reason.UNREACHABLE: frozenset(
        {
            53,
            Code.IMPROPER_RESPONSE,
            Code.CERTIFICATE_INVALID,
            Code.CANNOT_CONNECT,
            Code.CANNOT_CONNECT_WINRM_SERVICE,
            Code.URL_NOT_AVAILABLE,
            Code.OPERATION_TIMED_OUT,
            Code.OPERATION_TIMEOUT,
            Code.HTTP_ERROR,
            Code.HTTP_BAD_REQUEST,
            Code.REDIRECT_REQUIRED,
            Code.REDIRECT_LOCATION_INVALID,
            Code.COMPUTER_NOT_FOUND,
        }
    ),
    Reason.ACCESS_DENIED: frozenset(
        {
            Code.ACCESS_DENIED,
            Code.AUTHENTICATION_FAILED,
            Code.LOGON_FAILURE,
            Code.TARGET_UNKNOWN,
            0x803380E2,
            0x803380E4,
            Code.EXPLICIT_CREDENTIALS_REQUIRED,
            0x8033810C,
            Code.INVALID_AUTHENTICATION,
            0x803381AC,
            0x803381DF,
            0x803381E3,
        }
    ),
    Reason.BUSY: frozenset({Code.CLIENT_SESSION_ID_MISMATCH, Code.CONNECTED_TO_DIFFERENT_CLIENT}),
    Reason.EXPIRED: frozenset({Code.UNEXPECTED_SELECTORS, Code.HOST_PROCESS_ENDED}),
}


def reason_of(code: int | None) -> Reason:
    """Return the meaning of a transport code when nothing else is known."""
    return next((reason for reason, codes in _REASONS.items() if code in codes), Reason.FAILED)


_HOST_PROCESS_LOST = (
    "The WinRM service lost the process of the session. The process has probably ended, and the session and its "
    "command with it. pssession_info shows whether the session still exists."
)

# Quotas of the service and quotas of one session configuration have different codes.
_SHELLS_OF_USER = (
    "The account already has as many shells on the server as it may (MaxShellsPerUser). Disconnected sessions count, "
    "too. Remove some (remove_pssession)."
)

_USERS = (
    "As many accounts as the server allows already have shells on it (MaxConcurrentUsers). Remove all sessions of one "
    "account, or try again later."
)

HINTS: t.Mapping[int, str] = {
    Code.ACCESS_DENIED: (
        "The log-on worked, but the account may not do this. It needs the right to use WinRM (group Administrators or "
        "Remote Management Users) and the session configuration. Only the account that opened a session can connect "
        "to it. A local administrator is restricted over the network until LocalAccountTokenFilterPolicy is 1."
    ),
    Code.AUTHENTICATION_FAILED: (
        "For Kerberos, check the ticket on the controller (klist shows it, kinit gets one) and krb5.conf. The clocks "
        "of the controller and the domain must agree within five minutes."
    ),
    Code.LOGON_FAILURE: (
        "Check the user name and the password, and that the account is not locked, expired or disabled. The task tried "
        "once; more failures may lock the account."
    ),
    Code.TARGET_UNKNOWN: (
        "The domain has no service principal name (SPN) for this computer name. Use the computer's name in the domain, "
        "or set ansible_psrp_negotiate_hostname_override or ansible_winrm_kerberos_hostname_override, and "
        "ansible_psrp_negotiate_service or ansible_winrm_service."
    ),
    Code.IMPROPER_RESPONSE: "Something other than WinRM may be answering: check the port, the path and any proxy.",
    Code.CERTIFICATE_INVALID: (
        "Check the server's certificate. It must not have expired, and must have the computer's name as the task has "
        "it. The controller must trust its authority (ca_cert; ansible_psrp_ca_cert or ansible_winrm_ca_trust_path). "
        "session_option.skip_ca_check, skip_cn_check and skip_revocation_check switch checks off. The server needs TLS "
        "1.2 or newer, and the port must be that of HTTPS (5986)."
    ),
    Code.CANNOT_CONNECT: (
        "Check that WinRM listens on this port (HTTP 5985, HTTPS 5986) and that no firewall blocks it."
    ),
    Code.UNEXPECTED_SELECTORS: (
        "The session expired, was removed, or belongs to another account. pssession_info lists the sessions that exist."
    ),
    Code.HOST_PROCESS_ENDED: (
        "The process of the session ended (wsmprovhost.exe), and the session and its command with it. The process "
        "crashed, was killed, or the script ended it. The computer's Application event log may show why."
    ),
    Code.CALL_FAILED: _HOST_PROCESS_LOST,
    Code.CALL_FAILED_RESULT: _HOST_PROCESS_LOST,
    Code.CONTENT_TYPE_UNKNOWN: "The WinRM service is probably starting or stopping. Run the task again.",
    0x803381A6: (
        "The account has too many requests on the server at the same time (MaxConcurrentOperationsPerUser). Lower "
        "throttle_limit, or run fewer tasks at the same time."
    ),
    Code.EXPLICIT_CREDENTIALS_REQUIRED: (
        "Set credential, or ansible_user and ansible_password for the computer in the inventory, or get a Kerberos "
        "ticket on the controller (kinit)."
    ),
    Code.INVALID_AUTHENTICATION: (
        "Set another authentication (in the inventory, ansible_psrp_auth or ansible_winrm_transport), or use HTTPS "
        "(use_ssl). Basic and digest over plain HTTP need session_option.no_encryption (in the inventory, "
        "ansible_psrp_message_encryption or ansible_winrm_message_encryption: never). Then everyone on the network can "
        "read everything."
    ),
    Code.CANNOT_CONNECT_WINRM_SERVICE: (
        "The WinRM service of the computer is busy or stopped. Check the service, or try again later."
    ),
    Code.URL_NOT_AVAILABLE: (
        "Check the port and application_name (in the inventory, ansible_psrp_path or ansible_winrm_path). WinRM's "
        "default path is /wsman."
    ),
    Code.OPERATION_TIMEOUT: (
        "Check the load of the computer, or raise session_option.operation_timeout (for opening, connecting and "
        "listing also open_timeout)."
    ),
    Code.HTTP_ERROR: "Check the network, the port (HTTP 5985, HTTPS 5986) and any proxy (session_option.proxy).",
    Code.HTTP_BAD_REQUEST: (
        "The server could not read the request. Check its event log (Microsoft-Windows-WinRM/Operational) and any "
        "proxy in between."
    ),
    Code.REDIRECT_REQUIRED: (
        "The task sent nothing to the new address. If that address is right, set it as connection_uri, or set "
        "allow_redirection."
    ),
    Code.REDIRECT_LOCATION_INVALID: (
        "The task sent nothing to the new address. If that address is right, set it as connection_uri."
    ),
    Code.COMPUTER_NOT_FOUND: (
        "Check the computer's name and the DNS of the controller. ansible_host can have the IP address."
    ),
    Code.CLIENT_SESSION_ID_MISMATCH: "Another client connected to the session meanwhile. Run the task again.",
    Code.CONNECTED_TO_DIFFERENT_CLIENT: (
        "If that client no longer runs, the server disconnects the session after about a minute. Set busy_timeout to "
        "wait for it."
    ),
    0x803381A5: _SHELLS_OF_USER,
    0x803381AB: _USERS,
    0x803381E4: _SHELLS_OF_USER,
    0x803381E5: _USERS,
    0x803381E6: (
        "The session configuration already has as many shells as it may (MaxShells). Remove some (remove_pssession)."
    ),
    Code.CONNECT_REFUSED: (
        "PowerShell on the computer did not accept this client. Perhaps a client of a very different version opened "
        "the session. Connect with that client."
    ),
}

_PAIR = re.compile(r"(ansible_psrp_\w+) or (ansible_winrm_\w+)")


def for_connection(hint: str, plugin: str) -> str:
    """Return a hint that names only the variables of one connection plugin, ``psrp`` or ``winrm``."""
    return _PAIR.sub(r"\2" if plugin == "winrm" else r"\1", hint)
