# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The faults of a WinRM service: codes, SOAP codes and the shape they are sent in."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .wsman import Answer, element

_FAULT_DETAIL = "http://schemas.dmtf.org/wbem/wsman/1/wsman/faultDetail/"
_WSMAN_FAULT = "http://schemas.dmtf.org/wbem/wsman/1/wsman/fault"
_ADDRESSING_FAULT = "http://schemas.xmlsoap.org/ws/2004/08/addressing/fault"

#: Of a fault that has none: it comes without a WSManFault.
NO_CODE = 0
ACCESS_DENIED = 5
OUT_OF_MEMORY = 14
INVALID_PARAMETER = 87
OPERATION_ABORTED = 995
SHUTTING_DOWN = 1115
CALL_FAILED = 1726
CALL_FAILED_RESULT = 0x800706BE
INVALID_HEADER = 0x8033800F
DESTINATION_UNREACHABLE = 0x80338012
INVALID_ENUMERATION_CONTEXT = 0x8033801B
OPERATION_TIMED_OUT = 0x80338029
UNEXPECTED_SELECTORS = 0x8033805B
OPERATION_NOT_SUPPORTED = 0x80338074
ENVELOPE_TOO_SMALL = 0x8033807E
CONTENT_TYPE_UNKNOWN = 0x803380F7
QUOTA_SHELLS_OF_USER = 0x803381A5
QUOTA_OPERATIONS = 0x803381A6
QUOTA_USER = 0x803381A7
QUOTA_SYSTEM = 0x803381A8
QUOTA_USERS = 0x803381AB
REMOTE_SHELLS_NOT_ALLOWED = 0x803381AC
PULL_PARAMETERS_DIFFER = 0x803381AD
FILTER_EXPECTED = 0x803381C0
SHELL_ENUMERATION_MODE = 0x803381C1
NAME_TOO_LONG = 0x803381C2
SHELL_DISCONNECTED = 0x803381C4
DISCONNECT_NOT_SUPPORTED = 0x803381C5
CLIENT_SESSION_MISMATCH = 0x803381C6
COMMAND_TERMINATED = 0x803381CC
CONNECTED_TO_DIFFERENT_CLIENT = 0x803381CD
ALREADY_DISCONNECTED = 0x803381CF
SHELL_ID_NOT_GUID = 0x803381D4
COMMAND_ID_NOT_GUID = 0x803381D5
SHELL_ID_IN_USE = 0x803381D6
COMMAND_ID_IN_USE = 0x803381D7
STREAM_DISCONNECTED = 0x803381DE
RUN_AS_DIFFERS = 0x803381DF
REMOTE_CONNECTION_NOT_ALLOWED = 0x803381E3
QUOTA_PLUGIN_SHELLS_OF_USER = 0x803381E4
QUOTA_PLUGIN_USERS = 0x803381E5
QUOTA_PLUGIN_SHELLS = 0x803381E6
QUOTA_PLUGIN_OPERATIONS = 0x803381E7
QUOTA_PLUGIN_OPERATIONS_OF_USER = 0x803381E8
QUOTA_COMMANDS_OF_SHELL = 0x803381E9
IDLE_TIMEOUT_OUT_OF_RANGE = 0x803381F2
PLUGIN_PROTOCOL_VERSION = 0x80540BC5
PLUGIN_PROTOCOL_VERSION_MISSING = 0x80540BC7
#: For operations that wait when wsmprovhost crashes or is killed: clients show its text then (SharePointDsc issue 860,
#: Posh-SSH issue 588). That it has this number is assumed.
HOST_PROCESS_ENDED = 0x80338104
PLUGIN_EXCEPTION = 0x80540FA0
PLUGIN_CONNECT_FAILED = 0x80540FA3


@dataclass(frozen=True)
class Provider:
    """Who inside the server refused: name and library of a WSMan plugin."""

    name: str
    path: str


SHELL_PROVIDER = Provider("Shell provider", r"%systemroot%\system32\WsmSvc.dll")
CMD_PROVIDER = Provider("Shell cmd plugin", r"%systemroot%\system32\winrscmd.dll")
POWERSHELL_PROVIDER = Provider("microsoft.powershell", r"C:\Windows\system32\pwrshplugin.dll")


class Fault(Exception):
    """A refusal that travels to the client as a SOAP fault with HTTP 500."""

    def __init__(self, code: int, text: str | None = None, provider: Provider | None = None, nested: bool = False):
        """Remember the refusal.

        Args:
            code: the number in WSManFault's Code, unsigned.
            text: the message; ``None`` takes the standard text of ``code``.
            provider: the plugin that refused, when it was one.
            nested: the provider reports a WSManFault of its own instead of a text.
        """
        self.kind = KINDS.get(code, Kind("s:Receiver", "w:InternalError", f"the operation failed with {code:#x}"))
        if text is not None:
            self.kind = replace(self.kind, text=text)
        self.code = code
        self.provider = provider
        self.nested = nested
        super().__init__(f"{code:#x}: {self.kind.text}")


@dataclass(frozen=True)
class Kind:
    """How faults of one code look: SOAP code, subcode, text, and the FaultDetail URI's last part."""

    value: str
    subcode: str
    text: str
    detail: str | None = None
    action: str = _WSMAN_FAULT


def _quota(text: str) -> Kind:
    return Kind("s:Sender", "w:QuotaLimit", f"A quota is used up: {text}.")


def _internal(text: str) -> Kind:
    """Codes whose subcode no recording shows; real servers use this one for numbers they do not map."""
    return Kind("s:Receiver", "w:InternalError", text)


KINDS: dict[int, Kind] = {
    ACCESS_DENIED: Kind("s:Sender", "w:AccessDenied", "Access is denied."),
    NO_CODE: _internal("The server cannot do this now."),
    OUT_OF_MEMORY: _internal("There is not enough memory for this."),
    INVALID_PARAMETER: _internal("The parameter is incorrect."),
    OPERATION_ABORTED: _internal("The operation was aborted because its shell or command was closed."),
    SHUTTING_DOWN: _internal("The system is shutting down."),
    CALL_FAILED: _internal("The remote procedure call failed."),
    CALL_FAILED_RESULT: _internal("The remote procedure call failed."),
    INVALID_HEADER: Kind(
        "s:Sender",
        "a:InvalidMessageInformationHeader",
        "A header of the request has a value that is not valid.",
        action=_ADDRESSING_FAULT,
    ),
    DESTINATION_UNREACHABLE: Kind(
        "s:Sender",
        "a:DestinationUnreachable",
        "No service answers for this resource.",
        "InvalidResourceURI",
        _ADDRESSING_FAULT,
    ),
    INVALID_ENUMERATION_CONTEXT: Kind("s:Receiver", "n:InvalidEnumerationContext", "Unknown enumeration context."),
    OPERATION_TIMED_OUT: Kind("s:Receiver", "w:TimedOut", "Nothing happened within the OperationTimeout."),
    UNEXPECTED_SELECTORS: Kind(
        "s:Sender", "w:InvalidSelectors", "No resource matches the selectors of the request.", "UnexpectedSelectors"
    ),
    OPERATION_NOT_SUPPORTED: Kind(
        "s:Sender",
        "a:ActionNotSupported",
        "The resource does not support this operation.",
        action=_ADDRESSING_FAULT,
    ),
    ENVELOPE_TOO_SMALL: Kind(
        "s:Sender", "w:EncodingLimit", "MaxEnvelopeSize is less than 8192 octets.", "MinimumEnvelopeLimit"
    ),
    CONTENT_TYPE_UNKNOWN: _internal("The content type of the answer is absent or not valid."),
    QUOTA_SHELLS_OF_USER: _quota("shells of the user"),
    QUOTA_OPERATIONS: _quota("concurrent operations of the user"),
    QUOTA_USER: _quota("load of the user"),
    QUOTA_SYSTEM: _quota("load of the system"),
    QUOTA_USERS: _quota("users with shells"),
    REMOTE_SHELLS_NOT_ALLOWED: _internal("Remote shells are switched off on this computer."),
    PULL_PARAMETERS_DIFFER: _internal("A Pull must have the parameters of its Enumerate."),
    FILTER_EXPECTED: _internal("Commands are enumerated with a filter that selects their shell."),
    SHELL_ENUMERATION_MODE: _internal("Shells are enumerated as objects, without a filter."),
    NAME_TOO_LONG: _internal("The shell's name is longer than 255 characters."),
    SHELL_DISCONNECTED: _internal("The shell is disconnected."),
    DISCONNECT_NOT_SUPPORTED: _internal("This kind of shell cannot be disconnected."),
    CLIENT_SESSION_MISMATCH: _internal("The shell belongs to another client session."),
    COMMAND_TERMINATED: _internal("The command has been terminated."),
    CONNECTED_TO_DIFFERENT_CLIENT: _internal("The shell is connected to a client already."),
    ALREADY_DISCONNECTED: _internal("The shell is disconnected already."),
    SHELL_ID_NOT_GUID: _internal("The shell id is not a GUID."),
    COMMAND_ID_NOT_GUID: _internal("The command id is not a GUID."),
    SHELL_ID_IN_USE: _internal("A shell with this id exists."),
    COMMAND_ID_IN_USE: _internal("A command with this id exists."),
    STREAM_DISCONNECTED: _internal("The shell was disconnected while a Receive was pending."),
    RUN_AS_DIFFERS: _internal("The RunAs account is not the one the shell was created with."),
    REMOTE_CONNECTION_NOT_ALLOWED: _internal("Remote connections to this configuration are not allowed."),
    QUOTA_PLUGIN_SHELLS_OF_USER: _quota("shells of the user in this configuration"),
    QUOTA_PLUGIN_USERS: _quota("users of this configuration"),
    QUOTA_PLUGIN_SHELLS: _quota("shells of this configuration"),
    QUOTA_PLUGIN_OPERATIONS: _quota("operations of this configuration"),
    QUOTA_PLUGIN_OPERATIONS_OF_USER: _quota("operations of the user in this configuration"),
    QUOTA_COMMANDS_OF_SHELL: _quota("commands of the shell"),
    IDLE_TIMEOUT_OUT_OF_RANGE: _internal("The idle timeout is outside the allowed range."),
    PLUGIN_PROTOCOL_VERSION: _internal("The protocol version is not supported."),
    PLUGIN_PROTOCOL_VERSION_MISSING: _internal("The option protocolversion is missing."),
    HOST_PROCESS_ENDED: _internal("The WSMan provider host process did not return a proper response."),
    PLUGIN_EXCEPTION: _internal("The plugin failed."),
    PLUGIN_CONNECT_FAILED: _internal("The client's connect data was refused."),
}


def unknown_shell() -> Fault:
    """The fault for a shell id that names nothing; recorded: test_psrp_is_alive_invalid_selectors."""
    return Fault(UNEXPECTED_SELECTORS, provider=SHELL_PROVIDER, nested=True)


def unknown_command() -> Fault:
    """The fault for a command id that names nothing, without a provider; recorded: test_psrp_receive_failure."""
    return Fault(UNEXPECTED_SELECTORS, "The command does not exist: it has ended, or its id is wrong.")


def fault_answer(fault: Fault, machine: str, subcode: str | None = None) -> Answer:
    """The fault as an answer.

    The Reason repeats the standard text of the code, the Detail says what happened here. ``subcode`` replaces the
    table's (for injected faults).
    """
    kind = fault.kind
    standard = KINDS[fault.code].text if fault.code in KINDS else kind.text
    code = str(fault.code)
    if fault.provider is None:
        message = element("f:Message", text=kind.text)
    else:
        inner = element("f:WSManFault", element("f:Message", text=kind.text), Code=code, Machine=machine)
        provider_fault = element(
            "f:ProviderFault",
            inner if fault.nested else "",
            text="" if fault.nested else kind.text,
            provider=fault.provider.name,
            path=fault.provider.path,
        )
        message = element("f:Message", provider_fault)
    body = element(
        "s:Fault",
        element(
            "s:Code",
            element("s:Value", text=kind.value),
            element("s:Subcode", element("s:Value", text=subcode or kind.subcode)),
        ),
        element("s:Reason", element("s:Text", text=standard, **{"xml:lang": "en-US"})),
        element(
            "s:Detail",
            element("w:FaultDetail", text=_FAULT_DETAIL + kind.detail) if kind.detail else "",
            "" if fault.code == NO_CODE else element("f:WSManFault", message, Code=code, Machine=machine),
        ),
    )
    return Answer(kind.action, body, status=500)
