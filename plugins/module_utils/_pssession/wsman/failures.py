"""Failures of HTTP, TLS and log-on libraries, and HTTP statuses, as the errors PowerShell would report.

This is the only place that knows the exceptions of those libraries.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import http.client
import re
import socket
import ssl
import struct
import traceback
from urllib.parse import unquote, urlsplit

from ..model.codes import HINTS, Code
from ..model.endpoints import Endpoint
from ..model.errors import LogonRefused, TransportError, UnexpectedError
from . import certificate_failures, logon_failures, negotiate, soap
from .connection import ProxyFailed, Unconnected
from .schemes import OPTIONAL_MODULES, SCHEMES
from .tls import NotPinnedError
from .way import Way

try:
    import requests
except ImportError:  # reported by require_libraries() at the first use
    pass

_CODE_OF_STATUS = {
    400: Code.HTTP_BAD_REQUEST,
    403: Code.ACCESS_DENIED,
    404: Code.URL_NOT_AVAILABLE,
    407: Code.HTTP_ERROR,
    503: Code.CANNOT_CONNECT_WINRM_SERVICE,
}
# Statuses with which a gateway says that it got no answer from the server, or that the server is not ready.
_STATUSES_OF_A_BREAK = frozenset({408, 502, 503, 504, 524})
_HANDSHAKE_CUT = (
    "Check that the port is the one of HTTPS (5986), that the server allows TLS 1.2 or newer, and what is between: a "
    "firewall or proxy may cut TLS."
)
_FORBIDDEN = (
    "WinRM itself does not answer this: a proxy, a gateway or a filter in front of it refuses the request. Allow the "
    "request there, or bypass the proxy (no_proxy, session_option.proxy_access_type: no_proxy_server)."
)
_RESOLVE_THERE = "With a proxy address socks5h://, the proxy resolves the name; with socks5://, this controller does."
_LOG_ON_TO_PROXY = (
    "The proxy requires another user name or password. Set session_option.proxy_credential, or write the address in "
    "the inventory's variable as http://user:password@proxy."
)
_PROXY_REACHES_NOBODY = (
    "The proxy answered, but could not reach the computer. Check from there that WinRM listens (HTTP 5985, HTTPS "
    "5986), that the proxy allows the address, and that it can resolve the name."
)
_SCHEME = re.compile(r"(?:^|,\s*)([A-Za-z]+)(?=\s|,|$)")
# What exceptions of HTTP libraries mean, by their names; their own texts are for programmers.
_OF_HTTP = {
    "RemoteDisconnected": "the server closed it",
    "IncompleteRead": "the answer ended before its announced length",
    "BadStatusLine": "what came is not an HTTP answer",
    "UnknownProtocol": "what came is not an HTTP answer",
    "LineTooLong": "a line of the answer is too long",
    "HTTPException": "the answer has too many headers",
}
# What Python adds to OpenSSL's words: a name in brackets before, and a place in its own source behind.
_OF_OPENSSL = re.compile(r"^\[[^\]]*\]|\(_ssl\.c:\d+\)$")
# Where exceptions of a failed log-on come from; some of them pass as errors of the network.
_LOGON_LIBRARIES = frozenset({"pypsrp", "spnego", "winrm", *OPTIONAL_MODULES})
# What the words of such an exception mean, first match. They count only where the exception has no code (see
# `logon_failures.code_of`). The first three rows are constants in the source of pypsrp, requests-credssp, requests-ntlm
# and pyspnego. These libraries raise them without a code, and no locale translates them. The other rows are words of
# MIT Kerberos, for a library that keeps only the text of its error.
_MEANINGS = (
    (r"incompatible with the specified auth_prov|did not response (with one of|credssp)", Code.INVALID_AUTHENTICATION),
    (r"server did not respon(d|se) with .*token", Code.ACCESS_DENIED),
    (r"no username or password was specified", Code.EXPLICIT_CREDENTIALS_REQUIRED),
    (r"server .*not found in kerberos database", Code.TARGET_UNKNOWN),
    (
        r"preauthentication failed|client .*not found in kerberos database|have been revoked|password (has|incorrect)",
        Code.LOGON_FAILURE,
    ),
)  # fmt: skip
# How pyspnego and pykerberos write the two halves of an error of GSSAPI; the minor one says what happened.
_GSS_ERROR = re.compile(
    r"Major \(\d+\): (?P<major>.*?), Minor \(\d+\): (?P<minor>.*?), Context"
    r"""|\(\((?P<q1>['"])(?P<major2>.*?)(?P=q1), -?\d+\), \((?P<q2>['"])(?P<minor2>.*?)(?P=q2), -?\d+\)\)"""
)


def refused(
    status: int,
    body: bytes,
    content_type: str,
    challenges: str,
    endpoint: Endpoint,
    way: Way,
    message_id: str,
    mechanism: str = "",
) -> TransportError:
    """Return the error for an answer with a status other than 200: its fault, or the meaning of the status.

    Args:
        message_id: The id of the request. A fault that belongs to another one is no answer.
        mechanism: The scheme that Negotiate chose.
    """
    if status == 401:
        return _not_logged_on(challenges, endpoint, mechanism)
    try:
        envelope = soap.parse(soap.decode(body))
        fault = soap.find_fault(envelope)
    except TransportError:
        fault = None
    else:
        if fault is not None and not soap.is_answer_to(message_id, envelope):
            return soap.improper("the answer is a fault that belongs to another request", is_break=True)
    if fault is not None:
        return fault
    if status == 403 and endpoint.logon.certificate is not None:
        return certificate_failures.refused("HTTP 403")
    if status == 407:
        message = "the proxy requires a log-on, or refused it (HTTP 407; session_option.proxy_credential)"
    else:
        unnamed = f"content of the type {content_type}" if content_type else "unknown content"
        content = soap.web_page(body, content_type) or unnamed
        message = f"HTTP status {status} with {content} instead of a WS-Management answer"
    error = TransportError(
        _CODE_OF_STATUS.get(status, Code.HTTP_ERROR),
        message,
        delivered=status >= 500 or status == 408,
        is_break=status in _STATUSES_OF_A_BREAK,
        hint={403: _FORBIDDEN, 407: _LOG_ON_TO_PROXY}.get(status),
    )
    if status == 403:  # it counts as an error of access, not of the network
        error.add_way(way.text)
    return error


def failure(
    error: Exception,
    endpoint: Endpoint,
    way: Way,
    time_limit: float | None,
    logged_on: bool,
    *,
    connected: bool = False,
    answered: bool = False,
) -> TransportError:
    """Return the error for an exception of a library during one request.

    Args:
        way: The route of the request.
        time_limit: The seconds after which this client cut the request, or None.
        logged_on: Whether there were keys for message encryption. If so, the log-on did not fail.
        connected: Whether there was a connection, with its TLS handshake. If so, the request may have been sent.
        answered: Whether the server answered an earlier request of this log-on. If so, it accepted the log-on.
    """
    if time_limit is not None:  # what a library says of a connection that we cut does not matter
        return _too_late(time_limit, delivered=connected)
    causes = _chain(error)
    words = _last_message(causes)
    if not connected and (found := _failure_of_proxy(causes, words, way)) is not None:
        return found
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return TransportError(
            Code.COMPUTER_NOT_FOUND,
            "the name cannot be resolved",
            delivered=False,
            is_break=True,
            hint=_hint_of_name(endpoint, way),
        )
    # The one of requests-ntlm is Python's own, but without the number that those of the system have.
    if (isinstance(error, PermissionError) and error.errno is None) or any(map(_is_of_logon, causes)):
        return _not_decrypted(error, words) if logged_on else _logon_failure(error, endpoint)
    alert = next(filter(None, map(certificate_failures.alert_of, causes)), None)
    if alert is not None:
        is_shown = endpoint.logon.certificate is not None
        return certificate_failures.refused(alert) if is_shown else certificate_failures.wanted(alert)
    shows_certificate = endpoint.logon.certificate is not None and not answered
    if shows_certificate and any(map(_is_cut_off, causes)):
        return certificate_failures.perhaps_refused(words, delivered=connected)
    other = next((cause for cause in causes if isinstance(cause, NotPinnedError)), None)
    if other is not None:
        return certificate_failures.not_pinned(other.fingerprint, endpoint)
    if not connected and any(isinstance(cause, ssl.SSLEOFError) for cause in causes):
        return TransportError(
            Code.HTTP_ERROR,
            "the connection was cut in the TLS handshake",
            delivered=False,
            is_break=True,
            hint=_HANDSHAKE_CUT,
        )
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return TransportError(Code.CERTIFICATE_INVALID, f"TLS failed: {words}", delivered=connected)
    if is_unconnected(error):
        return TransportError(
            Code.CANNOT_CONNECT, f"no connection to {host_of(endpoint.uri)}: {words}", delivered=False, is_break=True
        )
    if any(isinstance(cause, TimeoutError) for cause in causes):
        return _too_late(endpoint.answer_timeout, delivered=True)
    if isinstance(error, (requests.exceptions.InvalidURL, UnicodeError)):
        return TransportError(
            Code.COMPUTER_NOT_FOUND,
            f"the address cannot be used: {error}",
            delivered=False,
            hint=_hint_of_name(endpoint, way),
        )
    if any(isinstance(cause, (OSError, http.client.HTTPException)) for cause in causes):
        return TransportError(
            Code.HTTP_ERROR, f"the connection broke before the answer was complete: {words}", is_break=True
        )
    if logged_on:
        return _not_decrypted(error, words)
    if _is_raised_by_logon(error):
        return _logon_failure(error, endpoint)
    return UnexpectedError(error)


def _hint_of_name(endpoint: Endpoint, way: Way) -> str:
    host = urlsplit(endpoint.uri).netloc.rpartition(":")[0]
    invisible = "The address has an invisible character at one of its ends: remove it. "
    told = invisible if logon_failures.has_invisible_end(unquote(host)) else ""
    return f"{told}{HINTS[Code.COMPUTER_NOT_FOUND]} {_RESOLVE_THERE if way.is_socks else ''}".rstrip()


def _not_decrypted(error: Exception, words: str) -> TransportError:
    """Return the error for an answer that the log-on's keys cannot decrypt, because it was changed or is not for us."""
    return TransportError(
        Code.IMPROPER_RESPONSE, f"the answer could not be decrypted ({type(error).__name__}: {words})", is_break=True
    )


def _too_late(limit: float, *, delivered: bool) -> TransportError:
    text = f"no complete answer within {max(round(limit, 1), 0.1):g} seconds"
    return TransportError(Code.OPERATION_TIMEOUT, text, delivered=delivered, is_break=True)


def add_first_choice(error: TransportError, passed_over: Exception | None) -> TransportError:
    """Add the reason why Kerberos was not possible to the failure of NTLM."""
    if passed_over is not None and (isinstance(error, LogonRefused) or error.code == Code.AUTHENTICATION_FAILED):
        why = passed_over.message if isinstance(passed_over, TransportError) else _words_of_logon(passed_over)
        error.message = f"{error.message}; NTLM was tried, since Kerberos was not possible: {why}"
    return error


def is_unconnected(error: Exception) -> bool:
    """Return whether a request failed because no connection could be opened, so that nothing was sent."""
    return any(isinstance(cause, Unconnected) for cause in _chain(error))


def host_of(url: str) -> str:
    """Return the part of an address that may be shown, without path, query and user."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an address that cannot be read"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else "an address without a host"


def _failure_of_proxy(causes: list[BaseException], words: str, way: Way) -> TransportError | None:
    """Return the error for a proxy that made no connection, or None if the proxy was not the cause."""
    of_http = any(isinstance(cause, ProxyFailed) for cause in causes)
    of_socks = {type(cause).__name__ for cause in causes if type(cause).__module__ == "socks"}
    unresolved = any(isinstance(cause, socket.gaierror) for cause in causes)
    if way.proxy is None or not (of_http or of_socks or (way.is_socks and unresolved)):
        return None
    if unresolved:
        if of_socks:
            return None  # it is the computer's name, which the controller resolves for socks5 and socks4
        return TransportError(
            Code.HTTP_ERROR, "the name of the proxy cannot be resolved", delivered=False, is_break=True
        )
    is_refused = "407" in words or "SOCKS5AuthError" in of_socks  # for want of a log-on
    hint = None
    if is_refused:
        hint = _LOG_ON_TO_PROXY
    elif of_socks & {"SOCKS5Error", "SOCKS4Error"}:
        hint = _PROXY_REACHES_NOBODY
    return TransportError(
        Code.HTTP_ERROR, f"the proxy made no connection: {words}", delivered=False, is_break=not is_refused, hint=hint
    )


def _not_logged_on(challenges: str, endpoint: Endpoint, mechanism: str) -> TransportError:
    scheme = SCHEMES[endpoint.logon.scheme]
    offered = [offer.lower() for offer in _SCHEME.findall(challenges)]
    wanted = set(scheme.answers)
    if endpoint.logon.library == "winrm":
        wanted.discard("kerberos")  # pywinrm speaks it only as a part of Negotiate
    if offered and wanted and not set(offered) & wanted:
        return TransportError(
            Code.INVALID_AUTHENTICATION,
            f"the server does not offer authentication {scheme.name}, only {', '.join(dict.fromkeys(offered))}"
            f"{_of_the_list(endpoint)}",
            delivered=False,
        )
    if scheme.needs == "certificate":
        return certificate_failures.refused("HTTP 401; it has to be mapped to an account there")
    tried = f"{scheme.name} with {mechanism}" if mechanism not in ("", scheme.name) else scheme.name
    return LogonRefused(
        Code.ACCESS_DENIED,
        f"the server refused the log-on{logon_failures.who(endpoint.logon)} by {tried} (HTTP 401)"
        f"{_of_the_list(endpoint)}",
        delivered=False,
        hint=logon_failures.hint_of_refusal(endpoint),
    )


def _of_the_list(endpoint: Endpoint) -> str:
    """Return a text about the inventory's list of log-ons and the skipped ones; empty without a list."""
    logon = endpoint.logon
    if not logon.choices:
        return ""
    tried = "".join(f"; {each}" for each in logon.passed_over)
    return f" (the first possible one of {', '.join(logon.choices)}{tried}; after a refusal no other is tried)"


def _is_cut_off(error: BaseException) -> bool:
    """Return whether the server ended a connection without an answer."""
    return isinstance(error, (ssl.SSLEOFError, ConnectionResetError, http.client.RemoteDisconnected))


def _is_of_logon(error: BaseException) -> bool:
    return type(error).__module__.partition(".")[0] in _LOGON_LIBRARIES


def _is_raised_by_logon(error: BaseException) -> bool:
    """Return whether a log-on library refused a token, a scheme or an algorithm with one of Python's own exceptions."""
    is_refusal = isinstance(error, (ValueError, NotImplementedError, struct.error))
    if not is_refusal and not logon_failures.is_switched_off(error):
        return False
    modules = [str(frame.f_globals.get("__name__", "")) for frame, _line in traceback.walk_tb(error.__traceback__)]
    return negotiate.__name__ in modules or any(each.partition(".")[0] in _LOGON_LIBRARIES for each in modules)


def _logon_failure(error: Exception, endpoint: Endpoint) -> TransportError:
    """Return the error for a log-on that failed on this side: no ticket, no common mechanism, clocks apart ..."""
    words = _words_of_logon(error)
    code = logon_failures.code_of(error)
    if code is None:
        code = next((code for pattern, code in _MEANINGS if re.search(pattern, words, re.IGNORECASE)), None)
    if code is None and endpoint.logon.scheme == "negotiate" and endpoint.logon.password is None:
        return TransportError(
            Code.EXPLICIT_CREDENTIALS_REQUIRED,
            f"there is no user name and password to log on with, and by Kerberos tickets it failed: {words}",
            delivered=False,
        )
    kind = LogonRefused if code is Code.LOGON_FAILURE else TransportError
    return kind(
        code or Code.AUTHENTICATION_FAILED,
        f"the log-on{logon_failures.who(endpoint.logon)} by {endpoint.logon.scheme} failed: {words}"
        f"{_of_the_list(endpoint)}",
        delivered=False,
        hint=logon_failures.hint_of_failure(error, code or Code.AUTHENTICATION_FAILED, endpoint),
    )


def _words_of_logon(error: Exception) -> str:
    """Return the message of a log-on library in one line. Of GSSAPI's two parts it is the one with the cause."""
    words = " ".join(str(error).split()) or type(error).__name__
    gss = _GSS_ERROR.search(words)
    if gss is None:
        return words
    major, minor = gss["major"] or gss["major2"], gss["minor"] or gss["minor2"]
    return str(major if minor == "Success" else minor)


def _chain(error: BaseException) -> list[BaseException]:
    """Return an exception with all that is behind it: causes, contexts, and the reasons that libraries keep."""
    chain: list[BaseException] = []
    todo: list[object] = [error]
    while todo:
        current = todo.pop()
        if isinstance(current, BaseException) and current not in chain:
            chain.append(current)
            todo += [
                current.__cause__,
                current.__context__,
                vars(current).get("reason"),
                vars(current).get("socket_err"),
                *current.args,
            ]
    return chain


def _last_message(causes: list[BaseException]) -> str:
    """Return the most telling line of a chain of exceptions: that of the operating system, or else the deepest."""
    for kind, words in _OF_HTTP.items():
        if any(type(cause).__name__ == kind for cause in causes):
            return words
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError) and hasattr(cause, "verify_message"):
            return cause.verify_message
        if isinstance(cause, ssl.SSLError):
            return _OF_OPENSSL.sub("", cause.strerror or str(cause)).strip()
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
    return str(causes[-1]) or type(causes[-1]).__name__
