# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What libraries raise and what statuses say becomes the error that PowerShell would report."""

from __future__ import annotations

import http.client
import itertools
import socket
import ssl

import pytest
import requests
from pypsrp.exceptions import AuthenticationError
from spnego.exceptions import ErrorCode, SpnegoError

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.codes import HINTS, Code
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.endpoints import Endpoint
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import (
    LogonRefused,
    TransportError,
    WSManFault,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman.connection import (
    ProxyFailed,
    Unconnected,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman.failures import (
    add_first_choice,
    failure,
    host_of,
    refused,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman.way import Way
from tests.unit.builders import endpoint, logon

FAULT = (
    b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
    b'xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault"><s:Body><s:Fault><s:Code>'
    b"<s:Value>s:Receiver</s:Value></s:Code><s:Reason><s:Text>no</s:Text></s:Reason><s:Detail>"
    b'<f:WSManFault Code="5"><f:Message>denied</f:Message></f:WSManFault></s:Detail></s:Fault></s:Body></s:Envelope>'
)


def at(scheme: str = "negotiate", library: str = "psrp") -> Endpoint:
    return endpoint("srv01", logon=logon(scheme=scheme, library=library))


@pytest.mark.parametrize(
    ("status", "code", "delivered"),
    [
        (400, Code.HTTP_BAD_REQUEST, False),
        (403, Code.ACCESS_DENIED, False),
        (404, Code.URL_NOT_AVAILABLE, False),
        (407, Code.HTTP_ERROR, False),
        (418, Code.HTTP_ERROR, False),
        (500, Code.HTTP_ERROR, True),
        (502, Code.HTTP_ERROR, True),
        (503, Code.CANNOT_CONNECT_WINRM_SERVICE, True),
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html>Bad</html>", b"\xff\xfe", b"<!DOCTYPE x><x/>"])
def test_a_status_without_a_fault(status: int, code: Code, delivered: bool, body: bytes) -> None:
    found = refused(status, body, "text/html", "", at(), Way(), "")
    assert (found.code, found.delivered) == (code, delivered)
    assert str(status) in found.message
    assert code in HINTS


def test_the_proxy_is_meant_by_407() -> None:
    found = refused(407, b"", "text/html", "", at(), Way(), "")
    assert "proxy" in found.message
    assert "session_option.proxy_credential" in found.message


def test_content_of_no_type_has_a_message_too() -> None:
    assert "unknown content" in refused(500, b"", "", "", at(), Way(), "").message


@pytest.mark.parametrize("status", [400, 403, 500])
def test_a_fault_says_more_than_its_status(status: int) -> None:
    found = refused(status, FAULT, "application/soap+xml", "", at(), Way(), "")
    assert isinstance(found, WSManFault)
    assert (found.code, found.delivered) == (5, False)


# A scheme of ours, the library, what the server offers, and whether that gives the scheme a chance.
OFFERS = [
    ("basic", "psrp", "Negotiate, Kerberos", False),
    ("basic", "psrp", 'Negotiate, Basic realm="WSMAN"', True),
    ("basic", "psrp", 'Basic realm="WSMAN"', True),
    ("basic", "psrp", 'basic realm="WSMAN"', True),
    ("digest", "psrp", 'Digest realm="WSMAN", nonce="abc", qop="auth", stale=false', True),
    ("digest", "psrp", 'Negotiate, Basic realm="WSMAN"', False),
    ("negotiate", "psrp", 'Basic realm="WSMAN"', False),
    ("negotiate", "psrp", "Negotiate", True),
    ("negotiate", "psrp", "Kerberos", True),
    ("negotiate", "psrp", "Negotiate oQcwBaADCgEC", True),
    ("negotiate", "psrp", "NTLM", True),
    ("ntlm", "psrp", "Kerberos", False),
    ("ntlm", "psrp", "Negotiate", True),
    ("kerberos", "psrp", "Kerberos", True),
    ("kerberos", "psrp", "Negotiate", True),
    ("kerberos", "psrp", "NTLM, CredSSP", False),
    ("kerberos", "winrm", "Kerberos", False),
    ("kerberos", "winrm", "Negotiate", True),
    ("credssp", "psrp", "CredSSP", True),
    ("credssp", "psrp", "Negotiate", False),
    ("certificate", "psrp", "Negotiate", True),
    ("negotiate", "psrp", "", True),
]


@pytest.mark.parametrize(("scheme", "library", "offered", "has_a_chance"), OFFERS)
def test_401_is_a_wrong_password_or_a_scheme_that_is_not_offered(
    scheme: str, library: str, offered: str, has_a_chance: bool
) -> None:
    found = refused(401, FAULT, "application/soap+xml", offered, at(scheme, library), Way(), "")
    assert not isinstance(found, WSManFault)
    assert found.code == (Code.ACCESS_DENIED if has_a_chance else Code.INVALID_AUTHENTICATION)
    assert found.delivered is False
    assert scheme in found.message
    if not has_a_chance:
        assert f"does not offer authentication {scheme}, only " in found.message
        assert "realm" not in found.message


def chained(*errors: Exception) -> Exception:
    """The last one, raised because of the one before it, and so on."""
    for cause, error in itertools.pairwise(errors):
        error.__cause__ = cause
    return errors[-1]


TABLE = [
    (
        "unknown name",
        chained(socket.gaierror(-2, "Name or service not known"), Unconnected("no name")),
        (Code.COMPUTER_NOT_FOUND, False, "the name cannot be resolved"),
    ),
    (
        "no listener",
        chained(ConnectionRefusedError(111, "Connection refused"), Unconnected("refused")),
        (Code.CANNOT_CONNECT, False, "no connection to http://srv01:5985: Connection refused"),
    ),
    (
        "no connection in time",
        chained(TimeoutError("timed out"), Unconnected("timed out")),
        (Code.CANNOT_CONNECT, False, "no connection to http://srv01:5985: timed out"),
    ),
    (
        "proxy",
        chained(OSError("Tunnel connection failed: 407 Proxy Authentication Required"), ProxyFailed("407")),
        (Code.HTTP_ERROR, False, "the proxy made no connection: Tunnel connection failed: 407"),
    ),
    (
        "certificate",
        ssl.SSLCertVerificationError(1, "certificate verify failed"),
        (Code.CERTIFICATE_INVALID, False, "TLS failed: certificate verify failed"),
    ),
    (
        "no TLS there",
        ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)"),
        (Code.CERTIFICATE_INVALID, False, "TLS failed: wrong version number"),
    ),
    (
        "silence",
        TimeoutError("timed out"),
        (Code.OPERATION_TIMEOUT, True, "no complete answer within 182 seconds"),
    ),
    (
        "bad address",
        requests.exceptions.InvalidURL("http://..:5985/wsman"),
        (Code.COMPUTER_NOT_FOUND, False, "the address cannot be used"),
    ),
    (
        "name that is none",
        UnicodeError("label empty or too long"),
        (Code.COMPUTER_NOT_FOUND, False, "the address cannot be used: label empty"),
    ),
    (
        "reset",
        ConnectionResetError(104, "Connection reset"),
        (Code.HTTP_ERROR, True, "the connection broke before the answer was complete: Connection reset"),
    ),
    (
        "cut short",
        http.client.IncompleteRead(b"0123456789", 20),
        (Code.HTTP_ERROR, True, "the connection broke before the answer was complete: the answer ended before"),
    ),
    (
        "no common mechanism",
        AuthenticationError("The server did not response with one of the following authentication methods"),
        (Code.INVALID_AUTHENTICATION, False, "the log-on of user by negotiate failed: "),
    ),
    (
        "no ticket",
        SpnegoError(ErrorCode.no_cred, context_msg="No Kerberos credentials available"),
        (Code.AUTHENTICATION_FAILED, False, "the log-on of user by negotiate failed: "),
    ),
    (
        "wrong password, said by the KDC",
        SpnegoError(ErrorCode.failure, context_msg="Getting credentials: Preauthentication failed"),
        (Code.LOGON_FAILURE, False, "Preauthentication failed"),
    ),
    (
        "unknown user, said by the KDC",
        SpnegoError(ErrorCode.failure, context_msg="Client 'me@LAB.TEST' not found in Kerberos database"),
        (Code.LOGON_FAILURE, False, "Client 'me@LAB.TEST' not found"),
    ),
    (
        "unknown service, said by the KDC",
        SpnegoError(ErrorCode.failure, context_msg="Server host/srv01@LAB.TEST not found in Kerberos database"),
        (Code.TARGET_UNKNOWN, False, "Server host/srv01@LAB.TEST not found"),
    ),
    (
        "clocks apart",
        SpnegoError(ErrorCode.failure, context_msg="Clock skew too great"),
        (Code.AUTHENTICATION_FAILED, False, "Clock skew too great"),
    ),
    (
        "a log-on that failed below others",
        requests.ConnectionError(SpnegoError(ErrorCode.failure, context_msg="Clock skew too great")),
        (Code.AUTHENTICATION_FAILED, False, "Clock skew too great"),
    ),
]


@pytest.mark.parametrize(("error", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_what_libraries_raise(error: Exception, expected: tuple[Code, bool, str]) -> None:
    code, delivered, said = expected
    found = failure(error, at(), Way("http://proxy:3128"), None, logged_on=False)
    assert said in found.message
    assert (found.code, found.delivered) == (code, delivered)
    assert code in HINTS
    assert "secret-pw" not in found.message


@pytest.mark.parametrize("error", [KeyError("what"), TypeError("secret-pw"), requests.exceptions.InvalidSchema("what")])
def test_an_unknown_exception_is_never_called_a_failed_log_on(error: Exception) -> None:
    found = failure(error, at(), Way(), None, logged_on=False)
    assert "log-on" not in found.message
    assert found.code not in (Code.AUTHENTICATION_FAILED, Code.LOGON_FAILURE, Code.ACCESS_DENIED)
    assert "secret-pw" not in found.message


def test_tls_that_breaks_after_the_handshake_may_have_delivered_the_request() -> None:
    error = ssl.SSLError(1, "bad record mac")
    assert [failure(error, at(), Way(), None, logged_on=False, connected=each).delivered for each in (False, True)] == [
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("failed", "is_told"),
    [
        (LogonRefused(Code.ACCESS_DENIED, "refused (HTTP 401)"), True),
        (TransportError(Code.AUTHENTICATION_FAILED, "no common mechanism"), True),
        (TransportError(Code.HTTP_ERROR, "the connection broke"), False),
    ],
)
def test_the_failure_of_ntlm_tells_why_kerberos_was_not_possible(failed: TransportError, is_told: bool) -> None:
    why = SpnegoError(ErrorCode.failure, context_msg="Cannot contact any KDC for realm 'LAB.TEST'")
    before = failed.message
    assert add_first_choice(failed, None).message == before
    told = add_first_choice(failed, why).message
    assert told.startswith(before)
    assert ("NTLM was tried, since Kerberos was not possible: " in told) is is_told
    assert ("Cannot contact any KDC" in told) is is_told


@pytest.mark.parametrize(
    "error",
    [
        http.client.BadStatusLine("cut"),
        OSError(9, "Bad file descriptor"),
        TimeoutError("what was cut off may look like an answer that is just short"),
    ],
)
@pytest.mark.parametrize("connected", [False, True])
def test_what_was_cut_by_us_was_too_slow_whatever_it_looks_like(error: Exception, connected: bool) -> None:
    found = failure(error, at(), Way(), 12.5, logged_on=False, connected=connected)
    assert (found.code, found.delivered) == (Code.OPERATION_TIMEOUT, connected)
    assert "12.5 seconds" in found.message


def test_after_the_log_on_an_unknown_error_is_about_the_answer() -> None:
    found = failure(ValueError("bad signature"), at(), Way(), None, logged_on=True)
    assert (found.code, found.delivered) == (Code.IMPROPER_RESPONSE, True)
    assert "could not be decrypted" in found.message
    assert "bad signature" in found.message


def test_a_chain_that_bites_its_tail_ends() -> None:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    assert failure(first, at(), Way(), None, logged_on=False).code is None


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://h:5986/wsman?token=hidden#hidden", "https://h:5986"),
        ("http://me:hidden@h/hidden", "http://h"),
        ("/hidden", "an address without a host"),
        ("", "an address without a host"),
        ("http://[hidden", "an address that cannot be read"),
    ],
)
def test_of_an_address_only_the_host_is_shown(address: str, shown: str) -> None:
    assert host_of(address) == shown
