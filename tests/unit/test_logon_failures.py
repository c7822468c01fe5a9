# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Failed log-ons are told apart by codes, not by words, and hints name what the user can set."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from requests_credssp.exceptions import NTStatusException
from spnego.exceptions import ErrorCode, SpnegoError

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.codes import HINTS, Code, for_connection
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import LogonRefused
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.settings import Credential
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman import logon_failures
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman.failures import failure, refused
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman.way import Way
from tests.unit.builders import endpoint, logon

PREAUTH_FAILED, EXPIRED, NO_CLIENT, NO_SERVER, SKEW, NO_REALM = (
    -1765328360, -1765328361, -1765328378, -1765328377, -1765328347, -1765328230
)  # fmt: skip
NO_ENCRYPTION_AT_THE_KDC, NO_ENCRYPTION_HERE = -1765328370, -1765328148


class GssError(Exception):
    """As gssapi raises it: the code of Kerberos is unsigned."""

    def __init__(self, code: int) -> None:
        super().__init__("Vorauthentifizierung fehlgeschlagen")
        self.maj_code, self.min_code = 851968, code + (1 << 32)


class Krb5Error(Exception):
    """As krb5 raises it."""

    def __init__(self, code: int) -> None:
        super().__init__("Der Client wurde nicht gefunden")
        self.err_code = code


def of_pyspnego(code: int) -> Exception:
    error = SpnegoError(ErrorCode.failure, context_msg="Anmeldedaten holen")
    error.__cause__ = GssError(code)
    return error


@pytest.mark.parametrize(
    "make",
    [
        GssError,
        Krb5Error,
        of_pyspnego,
        lambda code: ValueError((("Fehler", 851968), ("Kennwort", code))),  # as pykerberos has it
    ],
)
@pytest.mark.parametrize(
    ("number", "code", "wrong"),
    [
        (PREAUTH_FAILED, Code.LOGON_FAILURE, True),
        (EXPIRED, Code.LOGON_FAILURE, True),
        (NO_CLIENT, Code.LOGON_FAILURE, False),
        (NO_SERVER, Code.TARGET_UNKNOWN, False),
        (SKEW, None, False),
    ],
)
def test_codes_decide_in_every_language(make: type[GssError], number: int, code: Code | None, wrong: bool) -> None:
    error = make(number)
    assert logon_failures.kerberos_code(error) == number
    assert logon_failures.code_of(error) == code
    assert logon_failures.is_wrong_password(error) is wrong


@pytest.mark.parametrize("number", [NO_ENCRYPTION_AT_THE_KDC, NO_ENCRYPTION_HERE])
def test_no_encryption_type_in_common(number: int) -> None:
    """Windows refuses RC4, and the clock or the ticket is not to blame."""
    found = failure(of_pyspnego(number), endpoint(), Way(), None, logged_on=False)
    assert found.code == Code.AUTHENTICATION_FAILED
    hint = found.hint or ""
    assert "no encryption type in common" in hint
    assert "RC4" in hint
    assert "clock" not in hint


def test_a_log_on_that_the_kdc_refused_in_german() -> None:
    found = failure(of_pyspnego(PREAUTH_FAILED), endpoint(), Way(), None, logged_on=False)
    assert found.code == Code.LOGON_FAILURE
    assert "of user by negotiate" in found.message


class StatusError(Exception):
    """As pyspnego has the NTSTATUS that a server answers in CredSSP."""

    def __init__(self, status: int) -> None:
        super().__init__("Received NTStatus in TSRequest from acceptor")
        self.winerror = status


def of_credssp(status: int) -> Exception:
    error = ValueError("Anmeldung fehlgeschlagen")  # as requests-credssp wraps a status that it has no name for
    error.__cause__ = SpnegoError(base_error=StatusError(status))
    return error


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (0xC000006D, Code.LOGON_FAILURE),
        (0xC000006D - (1 << 32), Code.LOGON_FAILURE),
        (0xC0000234, Code.LOGON_FAILURE),  # locked: requests-credssp has no name for it
        (0xC0000071, Code.LOGON_FAILURE),
        (0xC0000008, Code.AUTHENTICATION_FAILED),  # STATUS_INVALID_HANDLE is not about the account
    ],
)
@pytest.mark.parametrize("make", [of_credssp, NTStatusException])
def test_an_account_that_a_server_refuses_in_credssp(make: Callable[[int], Exception], status: int, code: Code) -> None:
    found = failure(make(status), endpoint(), Way(), None, logged_on=False)
    assert found.code == code
    assert isinstance(found, LogonRefused) is (code is Code.LOGON_FAILURE)


def test_an_unknown_realm_tells_how_to_write_the_name() -> None:
    found = failure(of_pyspnego(NO_REALM), endpoint(), Way(), None, logged_on=False)
    assert "user@REALM" in (found.hint or "")


@pytest.mark.parametrize("words", ["[digital envelope routines] unsupported", "unsupported hash type md4"])
def test_algorithms_that_are_switched_off(words: str) -> None:
    code = compile(f"raise ValueError({words!r})", "ntlm.py", "exec")
    with pytest.raises(ValueError, match="unsupported") as raised:
        # As if the library had raised it.
        exec(code, {"__name__": "spnego._ntlm_raw.crypto"})
    found = failure(raised.value, endpoint(), Way(), None, logged_on=False)
    assert found.code == Code.AUTHENTICATION_FAILED
    assert "FIPS" in (found.hint or "")


def refusal(uri: str = "http://srv01:5985/wsman", **fields: object) -> str:
    error = refused(401, b"", "", "Negotiate", endpoint(uri=uri, logon=logon(**fields)), Way(), "")
    assert error.code == Code.ACCESS_DENIED
    return f"{error.message}. {error.hint}"


def test_a_refusal_names_the_user_and_the_mechanism() -> None:
    told = refusal(credential=Credential("LAB\\me", "secret-pw"), scheme="ntlm")
    assert "the server refused the log-on of LAB\\me by ntlm (HTTP 401)" in told
    assert "secret-pw" not in told


def test_a_refusal_names_what_negotiate_came_to() -> None:
    error = refused(401, b"", "", "Negotiate", endpoint(), Way(), "", "ntlm")
    assert error.message == "the server refused the log-on of user by negotiate with ntlm (HTTP 401)"


def test_a_refusal_tells_of_channel_binding_over_https_only() -> None:
    assert "send_cbt" in refusal("https://srv01:5986/wsman")
    assert "send_cbt" not in refusal()
    assert "balancer" in refusal()


@pytest.mark.parametrize("end", ["\n", "\r", " ", "\u00a0", "\u200b", "\ufeff", "\t"])
def test_an_invisible_end_of_a_password_is_told(end: str) -> None:
    told = refusal(credential=Credential("me", f"secret-pw{end}"))
    assert "The password begins or ends with an invisible character" in told
    assert "secret-pw" not in told
    assert "The user name begins or ends" in refusal(credential=Credential(f"me{end}", "pw"))
    assert "invisible" not in refusal(credential=Credential("me", f"se{end}cret"))


def test_not_allowed_is_not_a_wrong_password() -> None:
    hint = HINTS[Code.ACCESS_DENIED]
    assert "password" not in hint
    assert "LocalAccountTokenFilterPolicy" in hint


@pytest.mark.parametrize("plugin", ["psrp", "winrm"])
def test_hints_name_the_variables_of_one_plugin(plugin: str) -> None:
    other = "ansible_winrm_" if plugin == "psrp" else "ansible_psrp_"
    hints = [*HINTS.values(), logon_failures.hint_of_refusal(endpoint(uri="https://srv01:5986/wsman"))]
    named = [for_connection(hint, plugin) for hint in hints]
    assert [hint for hint in named if other in hint] == []
    assert [hint for hint in named if f"ansible_{plugin}_" in hint]
