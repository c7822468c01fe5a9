# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""By which scheme and with what to log on, and what of it is refused before any traffic."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import spnego

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.codes import Code
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.endpoints import (
    ClientCertificate,
    Endpoint,
    Logon,
    Tls,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import (
    ParameterBindingError,
    error_record,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.settings import (
    Credential,
    HostSettings,
    SessionOption,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.request.request import Request
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.target import logon
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman import authentication, schemes
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman.connection import basic_authorization
from tests.simulator.certificates import CertificateAuthority
from tests.unit.builders import endpoint
from tests.unit.builders import logon as sample

ME = {"username": "me", "password": "secret-pw"}
PEM: dict[str, Any] = {
    "certificate_pem": "/user.pem",
    "certificate_key_pem": "/user-key.pem",
    "certificate_key_password": "key-pw",
}
CERTIFICATE = ClientCertificate("/user.pem", "/user-key.pem", "key-pw")
HTTP, HTTPS = "http://h:5985/wsman", "https://h:5986/wsman"


def of(settings: dict[str, Any] | None = None, **options: Any) -> Logon:
    return logon.of(
        Request.from_options({"computer_name": ["srv01"], **options}), HostSettings.from_options(settings or {})
    )


INVENTORY_SCHEMES = ("basic", "certificate", "credssp", "kerberos", "negotiate", "ntlm")


@pytest.mark.parametrize("inventory", [None, *INVENTORY_SCHEMES])
@pytest.mark.parametrize("asked", [None, *schemes.OPTIONS])
def test_the_task_decides_on_the_scheme_then_the_inventory_then_the_default(
    inventory: str | None, asked: str | None
) -> None:
    negotiate = ("default", "negotiate_with_implicit_credential")
    expected = asked or inventory or "default"
    assert of({"authentication": inventory}, authentication=asked).scheme == (
        "negotiate" if expected in negotiate else expected
    )


@pytest.mark.parametrize(
    ("settings", "options", "credential"),
    [
        ({}, {}, None),
        ({"username": "u", "password": "p"}, {}, Credential("u", "p")),
        ({"username": "u", "password": ""}, {}, Credential("u", "")),
        ({"username": "u", "password": 12345}, {}, Credential("u", "12345")),
        ({"username": "u"}, {}, Credential("u", None)),
        ({"password": "p"}, {}, None),
        ({"username": "", "password": "p"}, {}, None),
        ({"username": "u", "password": "p"}, {"credential": ME}, Credential("me", "secret-pw")),
        # The password that the inventory has for its user is not for another one.
        ({"username": "u", "password": "p"}, {"credential": {"username": "me"}}, Credential("me", None)),
        ({}, {"credential": {"username": "me", "password": ""}}, Credential("me", "")),
        ({"username": "u", "password": "p"}, {"authentication": "negotiate_with_implicit_credential"}, None),
        ({"username": "u", "password": "p"}, PEM, None),
    ],
)
def test_credential(settings: dict[str, Any], options: dict[str, Any], credential: Credential | None) -> None:
    assert of(settings, **options).credential == credential


@pytest.mark.parametrize(
    ("settings", "options", "scheme", "certificate"),
    [
        ({}, PEM, "certificate", CERTIFICATE),
        ({}, {**PEM, "authentication": "default"}, "certificate", CERTIFICATE),
        ({"authentication": "kerberos"}, PEM, "certificate", CERTIFICATE),
        ({"authentication": "certificate", **PEM}, {}, "certificate", CERTIFICATE),
        (
            {"authentication": "certificate", "certificate_pem": "/i.pem"},
            {},
            "certificate",
            ClientCertificate("/i.pem"),
        ),
        ({"authentication": "certificate", "certificate_pem": "/i.pem"}, PEM, "certificate", CERTIFICATE),
        ({"authentication": "certificate"}, {}, "certificate", None),
        # A certificate that lies about in the inventory is for those who log on with it.
        ({"authentication": "negotiate", **PEM}, {}, "negotiate", None),
        ({"authentication": "certificate", **PEM}, {"authentication": "kerberos"}, "kerberos", None),
    ],
)
def test_certificate(
    settings: dict[str, Any], options: dict[str, Any], scheme: str, certificate: ClientCertificate | None
) -> None:
    found = of(settings, **options)
    assert (found.scheme, found.certificate) == (scheme, certificate)


def test_an_explicit_credential_takes_the_place_of_a_certificate_of_the_inventory() -> None:
    for asked, scheme in (("basic", "basic"), (None, "negotiate")):
        found = of({"authentication": "certificate", **PEM}, credential=ME, authentication=asked)
        assert (found.scheme, found.certificate, found.credential) == (scheme, None, Credential("me", "secret-pw"))


def test_a_thumbprint_is_looked_up_in_the_store(tmp_path: Path) -> None:
    made = CertificateAuthority(tmp_path).issue_client("me", with_pkcs12=False)
    found = of(
        {"authentication": "basic", "username": "u", "password": "p"},
        certificate_thumbprint=made.sha1,
        certificate_store=str(tmp_path),
    )
    assert (found.scheme, found.credential) == ("certificate", None)
    assert found.certificate == ClientCertificate(str(made.cert_pem), str(made.key_pem))
    with pytest.raises(ParameterBindingError, match="no certificate with the thumbprint"):
        of(certificate_thumbprint="00" * 20, certificate_store=str(tmp_path))


@pytest.mark.parametrize(
    ("settings", "options", "library"),
    [
        ({}, {}, "psrp"),
        ({"transport": "winrm"}, {}, "winrm"),
        ({"transport": "psrp"}, {"transport": "winrm"}, "winrm"),
        ({"transport": "winrm"}, {"transport": "psrp"}, "psrp"),
        ({"transport": "winrm", "authentication": "kerberos", "username": "u"}, {}, "winrm"),
        ({"transport": "winrm", "authentication": "kerberos", "username": "u", "password": "p"}, {}, "psrp"),
        ({"transport": "winrm", "authentication": "ntlm", "username": "u", "password": "p"}, {}, "winrm"),
        ({"transport": "winrm"}, {"authentication": "kerberos", "credential": ME}, "psrp"),
        ({"transport": "winrm"}, {"authentication": "kerberos", "credential": {"username": "me"}}, "winrm"),
    ],
)
def test_library(settings: dict[str, Any], options: dict[str, Any], library: str) -> None:
    assert of(settings, **options).library == library


@pytest.mark.parametrize(
    ("inventory", "no_encryption", "meant"),
    [
        (None, None, "auto"),
        (None, False, "auto"),
        (None, True, "never"),
        ("auto", True, "never"),
        ("always", None, "always"),
        ("always", False, "always"),
        ("always", True, "never"),
        ("never", None, "never"),
        ("never", True, "never"),
        ("never", False, "auto"),
    ],
)
def test_message_encryption(inventory: str | None, no_encryption: bool | None, meant: str) -> None:
    found = of({"message_encryption": inventory}, session_option={"no_encryption": no_encryption})
    assert found.message_encryption == meant


@pytest.mark.parametrize(
    ("message_encryption", "uri", "encrypted"),
    [
        ("auto", HTTP, True),
        ("auto", HTTPS, False),
        ("always", HTTP, True),
        ("always", HTTPS, True),
        ("never", HTTP, False),
        ("never", HTTPS, False),
    ],
)
def test_what_is_encrypted(message_encryption: str, uri: str, encrypted: bool) -> None:
    assert endpoint(uri=uri, logon=Logon(message_encryption=message_encryption)).encrypts_messages is encrypted


def test_details_of_the_inventory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[dict[str, Any]] = []

    def client(*_names: Any, **options: Any) -> Any:
        asked.append(options)
        raise ValueError("enough")

    monkeypatch.setattr(spnego, "client", client)
    certificate = CertificateAuthority(tmp_path).certificate
    connection: Any = SimpleNamespace(open=lambda: None, number=1, host="srv01", certificate=certificate)
    changed = HostSettings(negotiate_delegate=True, negotiate_service="WSMAN", negotiate_send_cbt=False)
    for settings in (changed, HostSettings()):
        way = authentication.negotiate(endpoint(settings=settings, logon=sample(scheme="ntlm")))
        with pytest.raises(ValueError, match="enough"):
            way.send(connection, b"", {})
    delegate = spnego.ContextReq.delegate
    assert [(bool(each["context_req"] & delegate), each["service"], each["hostname"]) for each in asked] == [
        (True, "WSMAN", "srv01"),
        (False, "host", "srv01"),
    ]
    changed_bindings, usual = (each["channel_bindings"] for each in asked)
    assert changed_bindings is None
    assert usual.application_data == b"tls-server-end-point:" + hashlib.sha256(certificate).digest()


@pytest.mark.parametrize(
    ("host", "include_port", "meant"),
    [
        (None, False, None),
        ("other.example.com", False, "other.example.com"),
        (None, True, "srv01:5985"),
        ("other.example.com", True, "other.example.com:5985"),
    ],
)
def test_host_of_the_service_principal(host: str | None, include_port: bool, meant: str | None) -> None:
    place = endpoint(
        uri="http://srv01:5985/wsman",
        settings=HostSettings(negotiate_hostname_override=host),
        option=SessionOption(include_port_in_spn=include_port),
    )
    assert authentication.service_host(place) == meant


def test_no_representation_shows_a_password() -> None:
    with_password, with_key = of(credential=ME), of(**PEM)
    assert "secret-pw" not in repr(with_password)
    assert "key-pw" not in repr(with_key)


def at(uri: str = HTTP, **fields: Any) -> Endpoint:
    return endpoint(uri=uri, logon=sample(**fields))


CLEAR = {"message_encryption": "never"}
NO_USER = {"credential": None}


@pytest.mark.parametrize(
    "usable",
    [
        *(at(scheme=scheme) for scheme in ("negotiate", "ntlm")),
        *(at(HTTPS, scheme=scheme) for scheme in ("basic", "digest", "negotiate", "ntlm")),
        *(at(HTTPS, scheme=scheme, message_encryption="always") for scheme in ("negotiate", "ntlm")),
        *(at(scheme=scheme, **CLEAR) for scheme in ("basic", "digest", "negotiate")),
        at(HTTPS, scheme="certificate", certificate=CERTIFICATE, **NO_USER),
        at(scheme="negotiate", library="winrm"),
        at(HTTPS, scheme="basic", library="winrm"),
    ],
    ids=str,
)
def test_what_can_be_used(usable: Endpoint) -> None:
    assert logon.unusable(usable) is None


@pytest.mark.parametrize(
    ("refused", "code", "said"),
    [
        (at("http://h:99999/wsman"), Code.COMPUTER_NOT_FOUND, "the address cannot be used"),
        (at(scheme="plain"), Code.INVALID_AUTHENTICATION, "authentication plain is not one of basic, "),
        *(
            (at(scheme=scheme, message_encryption=encryption), Code.INVALID_AUTHENTICATION, f"{scheme} over plain HTTP")
            for scheme in ("basic", "digest")
            for encryption in ("auto", "always")
        ),
        *(
            (
                at(HTTPS, scheme=scheme, message_encryption="always", certificate=CERTIFICATE),
                Code.INVALID_AUTHENTICATION,
                f"{scheme} cannot encrypt messages",
            )
            for scheme in ("basic", "digest", "certificate")
        ),
        (at(scheme="certificate", certificate=CERTIFICATE), Code.INVALID_AUTHENTICATION, "needs HTTPS"),
        (at(scheme="certificate", certificate=CERTIFICATE, **CLEAR), Code.INVALID_AUTHENTICATION, "needs HTTPS"),
        (at(HTTPS, scheme="certificate", **NO_USER), Code.INVALID_AUTHENTICATION, "needs a client certificate"),
        *(
            (at(HTTPS, scheme=scheme, credential=credential), Code.EXPLICIT_CREDENTIALS_REQUIRED, "no user name and")
            for scheme in ("basic", "digest", "ntlm", "credssp")
            for credential in (None, Credential("u", None))
        ),
        (at(HTTPS, scheme="digest", library="winrm"), Code.INVALID_AUTHENTICATION, "pywinrm has no authentication"),
    ],
    ids=str,
)
def test_what_cannot(refused: Endpoint, code: Code, said: str) -> None:
    problem = logon.unusable(refused)
    assert problem is not None
    assert (problem.code, problem.delivered) == (code, False)
    assert said in problem.message
    assert "secret-pw" not in problem.message


# What is missing, for which log-on, and what the message must name.
MISSING = [
    ("gssapi", {"scheme": "kerberos"}, Code.INVALID_AUTHENTICATION, "pypsrp[kerberos]"),
    ("krb5", {"scheme": "kerberos", "credential": None}, Code.INVALID_AUTHENTICATION, "pypsrp[kerberos]"),
    ("krb5", {"scheme": "negotiate", "credential": None}, Code.EXPLICIT_CREDENTIALS_REQUIRED, "pypsrp[kerberos]"),
    (
        "gssapi",
        {"scheme": "negotiate", "credential": Credential("u", None)},
        Code.EXPLICIT_CREDENTIALS_REQUIRED,
        "pypsrp[kerberos]",
    ),
    ("requests_credssp", {"scheme": "credssp"}, Code.INVALID_AUTHENTICATION, "pypsrp[credssp]"),
    ("requests_credssp", {"scheme": "credssp", "library": "winrm"}, Code.INVALID_AUTHENTICATION, "pywinrm[credssp]"),
    (
        "kerberos",
        {"scheme": "kerberos", "library": "winrm", "credential": None},
        Code.INVALID_AUTHENTICATION,
        "pywinrm[kerberos]",
    ),
    ("winrm", {"scheme": "ntlm", "library": "winrm"}, Code.INVALID_AUTHENTICATION, "pywinrm>="),
]


@pytest.mark.parametrize("scheme", ["basic", "credssp", "kerberos", "negotiate", "ntlm"])
def test_an_empty_password_is_refused_before_any_traffic(scheme: str) -> None:
    """It comes from a variable of the environment that is not set; each attempt counts for a lockout."""
    problem = logon.unusable(at(HTTPS, scheme=scheme, credential=Credential("me", "")))
    assert problem is not None
    assert (problem.code, problem.delivered) == (Code.EXPLICIT_CREDENTIALS_REQUIRED, False)
    assert str(problem) == "the password of me is empty, so no log-on was tried"
    assert "ansible_password" in (problem.hint or "")


@pytest.mark.parametrize(("library", "fields", "code", "said"), MISSING)
def test_a_missing_library_is_named_with_its_version_and_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, library: str, fields: dict[str, Any], code: Code, said: str
) -> None:
    def find_spec(name: str, package: str | None = None) -> object:
        return None if name == library else object()

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)
    problem = logon.unusable(at(HTTPS, **fields))
    assert problem is not None
    assert (problem.code, problem.delivered) == (code, False)
    assert f"python -m pip install '{said}" in problem.message
    assert any(character.isdigit() for character in problem.message), problem.message
    if code is Code.INVALID_AUTHENTICATION:
        # The hint of the code would say to send everything in clear.
        record = error_record("RemotePSSessionQueryFailed", "no list", cause=problem)
        assert record.hint.startswith("Install it for the Python interpreter that runs the task")


@pytest.mark.parametrize("library", ["psrp", "winrm"])
def test_with_all_libraries_every_scheme_can_be_used(monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda *_name: object())
    for scheme in set(schemes.SCHEMES) - ({"digest"} if library == "winrm" else set()):
        certificate = CERTIFICATE if scheme == "certificate" else None
        assert logon.unusable(at(HTTPS, scheme=scheme, certificate=certificate, library=library)) is None
    for scheme in ("negotiate", "ntlm", "kerberos", "credssp"):
        assert logon.unusable(at(HTTP, scheme=scheme, library=library, is_asked_for=True)) is None


@pytest.mark.parametrize(
    ("uri", "settings", "tls", "is_asked_for", "works"),
    [
        (HTTP, {}, {}, False, False),
        (HTTP, {}, {}, True, True),
        (HTTPS, {}, {}, False, True),
        (HTTPS, {}, {"check_name": False}, False, False),
        (HTTPS, {}, {"check_authority": False}, True, True),
        (HTTPS, {"server_certificate_fingerprint": "5a" * 32}, {"check_authority": False}, False, True),
    ],
)
def test_credssp_hands_the_password_to_verified_servers_unless_the_task_insists(
    uri: str, settings: dict[str, Any], tls: dict[str, bool], is_asked_for: bool, works: bool
) -> None:
    pytest.importorskip("requests_credssp")
    place = endpoint(
        uri=uri,
        settings=HostSettings.from_options(settings),
        tls=Tls(**tls),
        logon=sample(scheme="credssp", is_asked_for=is_asked_for),
    )
    problem = logon.unusable(place)
    assert (problem is None) is works
    assert logon.hands_over_unverified(place) is (is_asked_for and not place.is_verified)
    if problem is not None:
        assert (problem.code, problem.delivered) == (Code.INVALID_AUTHENTICATION, False)
        assert "authentication: credssp" in (problem.hint or "")


def chosen(uri: str, words: str, **settings: Any) -> Endpoint:
    """The endpoint with the one of a list that is taken."""
    known = HostSettings.from_options({"transport": "winrm", "authentication": words, **settings})
    ways = logon.choices(Request.from_options({"computer_name": ["srv01"]}), known)
    return logon.first_possible([endpoint(uri=uri, settings=known, logon=way) for way in ways])


USER = {"username": "me@EXAMPLE.COM", "password": "secret-pw"}


@pytest.mark.parametrize(
    ("uri", "words", "settings", "scheme", "encryption", "passed_over"),
    [
        (HTTP, "ntlm,plaintext", USER, "ntlm", "auto", []),
        (HTTP, "basic,plaintext", USER, "basic", "never", ["basic: "]),
        (HTTP, "certificate,ssl,ntlm", {**USER, **PEM}, "ntlm", "auto", ["certificate: ", "ssl: "]),
        (HTTPS, "certificate,ntlm", {**USER, **PEM}, "certificate", "auto", []),
        (HTTPS, "certificate, ntlm", USER, "ntlm", "auto", ["certificate: "]),
        (HTTPS, "ntml,ntlm", USER, "ntlm", "auto", ["ntml: "]),
        (HTTPS, "certificate,credssp,ntlm", USER, "ntlm", "auto", ["certificate: ", "credssp: it sends"]),
    ],
)
def test_the_first_possible_one_of_a_list_is_taken(
    uri: str, words: str, settings: dict[str, Any], scheme: str, encryption: str, passed_over: list[str]
) -> None:
    found = chosen(uri, words, **settings)
    assert (found.logon.scheme, found.logon.message_encryption) == (scheme, encryption)
    assert [text for text, begin in zip(found.logon.passed_over, passed_over, strict=True) if begin not in text] == []
    assert logon.unusable(found) is None


def test_an_error_tells_why_none_of_a_list_is_possible() -> None:
    problem = logon.unusable(chosen(HTTP, "certificate,basic", **USER))
    assert problem is not None
    assert problem.message.startswith("none of certificate, basic is possible: certificate: ")
    assert "basic: authentication basic over plain HTTP" in problem.message


def test_the_task_does_without_the_list() -> None:
    known = HostSettings.from_options({"authentication": "kerberos,ntlm", **USER})
    (way,) = logon.choices(Request.from_options({"computer_name": ["srv01"], "authentication": "digest"}), known)
    assert (way.scheme, way.choices) == ("digest", ())


@pytest.mark.parametrize(
    ("username", "password"), [("me", "ü"), ("mü", "ü"), ("mü", "πάντα"), ("Ωmega", "ü"), ("me", "πάντα")]
)
def test_basic_has_one_encoding_for_user_and_password(username: str, password: str) -> None:
    """Latin-1 if it can hold both, else UTF-8."""
    pair = f"{username}:{password}"
    encoding = "utf-8" if any(ord(character) > 255 for character in pair) else "latin-1"
    assert base64.b64decode(basic_authorization(username, password).partition(" ")[2]) == pair.encode(encoding)
