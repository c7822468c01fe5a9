"""Log-ons that failed: user and scheme, the meaning of the failure, and advice."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
import typing as t
import unicodedata

from ..model.codes import HINTS, Code
from ..model.endpoints import Endpoint, Logon
from ..model.errors import TransportError

# Codes of MIT Kerberos and Heimdal (krb5_err, signed 32 bit). The texts depend on the language of the controller.
_CLIENT_UNKNOWN = -1765328378
_KERBEROS_CODES: t.Mapping[int, Code] = {
    _CLIENT_UNKNOWN: Code.LOGON_FAILURE,  # KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN
    -1765328377: Code.TARGET_UNKNOWN,  # KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN
    -1765328366: Code.LOGON_FAILURE,  # KRB5KDC_ERR_CLIENT_REVOKED
    -1765328361: Code.LOGON_FAILURE,  # KRB5KDC_ERR_KEY_EXP
    -1765328360: Code.LOGON_FAILURE,  # KRB5KDC_ERR_PREAUTH_FAILED
    -1765328353: Code.LOGON_FAILURE,  # KRB5KRB_AP_ERR_BAD_INTEGRITY
}
_REALM_UNKNOWN = frozenset({-1765328230, -1765328164})  # KRB5_REALM_UNKNOWN, KRB5_REALM_CANT_RESOLVE
_NO_COMMON_ENCRYPTION = frozenset({
    -1765328370,  # KRB5KDC_ERR_ETYPE_NOSUPP
    -1765328234,  # KRB5_PROG_ETYPE_NOSUPP
    -1765328232,  # KRB5_WRONG_ETYPE
    -1765328196,  # KRB5_BAD_ENCTYPE
    -1765328148,  # KRB5_NOPERM_ETYPE
    -1765328147,  # KRB5_CONFIG_ETYPE_NOSUPP
})  # fmt: skip
_KERBEROS_RANGE = range(-1765328384, -1765328128)
# The codes of a server that refuses the account in CredSSP (MS-ERREF 2.3.1, NTSTATUS).
_REFUSING_STATUSES = frozenset({
    0xC0000064,  # STATUS_NO_SUCH_USER
    0xC000006A,  # STATUS_WRONG_PASSWORD
    0xC000006D,  # STATUS_LOGON_FAILURE
    0xC000006E,  # STATUS_ACCOUNT_RESTRICTION
    0xC000006F,  # STATUS_INVALID_LOGON_HOURS
    0xC0000070,  # STATUS_INVALID_WORKSTATION
    0xC0000071,  # STATUS_PASSWORD_EXPIRED
    0xC0000072,  # STATUS_ACCOUNT_DISABLED
    0xC0000193,  # STATUS_ACCOUNT_EXPIRED
    0xC0000224,  # STATUS_PASSWORD_MUST_CHANGE
    0xC0000234,  # STATUS_ACCOUNT_LOCKED_OUT
})  # fmt: skip
# Words of MIT Kerberos and Heimdal.
_WRONG_PASSWORD = re.compile("preauthentication failed|have been revoked|password has expired", re.IGNORECASE)
# How OpenSSL and Python write that an algorithm is switched off; neither is translated.
_SWITCHED_OFF = re.compile(r"digital envelope routines|unsupported hash type|disabled for fips", re.IGNORECASE)

_REFUSED = (
    "Check the user name and the password, and that the account is not locked, disabled or expired. The task tried "
    "once; more failures may lock the account."
)
_CHANNEL_BINDING = (
    " If both are right, a proxy or load balancer may decrypt TLS on the way. That breaks the channel binding: set "
    "ansible_psrp_negotiate_send_cbt or ansible_winrm_send_cbt to false. A server that requires it needs true."
)
_BALANCER = (
    " If both are right, a load balancer or proxy may send the parts of one log-on to different servers. Bypass it, or "
    "set it to keep each connection on one server."
)
_AS_PRINCIPAL = "Kerberos needs the name as user@REALM, with the realm in capitals, such as admin@LAB.EXAMPLE.COM."
_RC4 = (
    "The domain and the controller have no encryption type in common. Windows refuses RC4 since July 2026: the account "
    "needs AES keys, which it gets when its password is set again, and krb5.conf must allow AES (permitted_enctypes)."
)
_FIPS = (
    "NTLM needs MD4, MD5 and RC4, which are switched off here (FIPS, OpenSSL without legacy algorithms). Use Kerberos, "
    "a certificate, or Basic over HTTPS."
)
# The length in characters from which a server may refuse a header. HTTP.sys allows 16,384 bytes (MaxFieldLength).
LONG_HEADER = 8000


def who(logon: Logon) -> str:
    """Return the user of a log-on for messages, as written in the settings; empty for tickets and certificates."""
    return f" of {logon.username}" if logon.username else ""


def hint_of_refusal(endpoint: Endpoint) -> str:
    """Return advice after HTTP 401."""
    logon, more = endpoint.logon, ""
    if logon.scheme in ("negotiate", "ntlm", "kerberos", "credssp"):
        more = _CHANNEL_BINDING if endpoint.use_ssl else _BALANCER
    return f"{invisible_end(logon)}{_REFUSED}{more}"


def hint_of_failure(error: BaseException, code: int, endpoint: Endpoint) -> str | None:
    """Return advice after a log-on that failed on the controller. None means that the hint of the code applies."""
    if is_switched_off(error):
        return _FIPS
    if kerberos_code(error) in _NO_COMMON_ENCRYPTION:
        return _RC4
    name = endpoint.logon.username or ""
    realm = name.partition("@")[2]
    hints = [invisible_end(endpoint.logon).rstrip()]
    if kerberos_code(error) in _REALM_UNKNOWN or (realm != realm.upper() and endpoint.logon.used == "kerberos"):
        hints.append(_AS_PRINCIPAL)
    found = " ".join(filter(None, hints))
    return f"{found} {HINTS.get(code, '')}".rstrip() if found else None


def header_too_long(status: int, length: int) -> TransportError:
    """Return the error for a request whose header a server did not read (HTTP.sys: "Request Too Long")."""
    return TransportError(
        Code.HTTP_BAD_REQUEST,
        f"HTTP status {status}: the header for the log-on has {length} characters, which is more than the server reads",
        delivered=False,
        hint="A Kerberos ticket has the groups of the account, and this account has too many of them. Leave groups, "
        "log on by NTLM, or raise MaxFieldLength and MaxRequestBytes of HTTP.sys on the server.",
    )


def invisible_end(logon: Logon) -> str:
    """Return a hint about an invisible character at an end of user name or password. Files and forms may add these."""
    found = [
        name for name, text in (("user name", logon.username), ("password", logon.password)) if has_invisible_end(text)
    ]
    if not found:
        return ""
    verb = "begin or end" if len(found) > 1 else "begins or ends"
    return f"The {' and the '.join(found)} {verb} with an invisible character, such as a line end: remove it. "


def has_invisible_end(text: str | None) -> bool:
    """Return whether a text has a blank, a line end or another invisible character at one of its ends."""
    ends = (text[:1], text[-1:]) if text else ()
    return any(unicodedata.category(end)[0] in "CZ" for end in ends)


def kerberos_code(error: BaseException) -> int | None:
    """Return the Kerberos code in an exception of a log-on library, or None."""
    signed = (number - (1 << 32) if number >= 1 << 31 else number for number in _numbers(error))
    return next((number for number in signed if number in _KERBEROS_RANGE), None)


def _numbers(error: BaseException) -> t.Iterator[int]:
    """Yield all numbers in an exception of a log-on library.

    gssapi has its code as ``min_code``, krb5 as ``err_code``, pykerberos in its arguments, and pyspnego keeps the
    exception of one of them as ``base_error``. The NTSTATUS of CredSSP is ``winerror`` in pyspnego, and an argument in
    requests-credssp.
    """
    todo: list[t.Any] = [error]
    seen: list[t.Any] = []
    while todo:
        current = todo.pop(0)
        if any(current is each for each in seen):
            continue
        seen.append(current)
        if isinstance(current, int) and not isinstance(current, bool):
            yield current
        elif isinstance(current, tuple):
            todo += current
        elif isinstance(current, BaseException):
            todo += [
                getattr(current, name, None)
                for name in ("min_code", "err_code", "winerror", "base_error", "_base_error")
            ]
            todo += [current.__cause__, current.__context__, *current.args]


def code_of(error: BaseException) -> Code | None:
    """Return the meaning of the Kerberos code or NTSTATUS in an exception, or None."""
    number = kerberos_code(error)
    if number is not None:
        return _KERBEROS_CODES.get(number)
    is_refused = any(number & 0xFFFFFFFF in _REFUSING_STATUSES for number in _numbers(error))
    return Code.LOGON_FAILURE if is_refused else None


def is_wrong_password(error: BaseException) -> bool:
    """Return whether the KDC has refused the password or the account. The text is read only if there is no code.

    An unknown account does not count as refused: it may be a local account, and the KDC counted no attempt.
    """
    if kerberos_code(error) is not None:
        return code_of(error) is Code.LOGON_FAILURE and kerberos_code(error) != _CLIENT_UNKNOWN
    return _WRONG_PASSWORD.search(str(error)) is not None


def is_switched_off(error: BaseException) -> bool:
    """Return whether an algorithm of NTLM is switched off on this controller."""
    return type(error).__name__ == "UnsupportedAlgorithm" or (
        isinstance(error, ValueError) and _SWITCHED_OFF.search(str(error)) is not None
    )
