# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Not getting in: the right error id, a hint, soon, and without harm to the account."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.world import World
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman.http import HttpConversation
from tests.integration.engine.controller import ADMIN, Controller, Result, error_ids, names
from tests.integration.engine.logons import (
    DEMANDING,
    NEED_REALM,
    hints,
    set_up,
    tickets_for,
)
from tests.simulator import Realm, SimulatedComputer, SimulatedFleet
from tests.waiting import until

pytestmark = pytest.mark.timing

WITH_PASSWORD = ("basic", "digest", "NTLM", "Negotiate", "Kerberos, password", "CredSSP")
KEYLESS = ("basic", "digest")


@pytest.fixture(autouse=True)
def soon(controller: Controller) -> Iterator[None]:
    """No failure here may take long: the engine never waits for something to change."""
    waits: list[float] = []
    controller.surroundings["world"] = World(HttpConversation, sleep=waits.append)
    yield
    assert waits == []


@pytest.fixture(autouse=True)
def demanding(fleet: SimulatedFleet) -> None:
    """Every computer offers everything and wants it encrypted."""
    for computer in fleet:
        computer.configure(DEMANDING)


def refused(result: Result) -> tuple[str, str]:
    """Error id (of a listing) and message of the one error, which must have a hint."""
    (error,) = result["errors"]
    assert error["hint"]
    assert result["sessions"] == []
    (error_id,) = error_ids(result)
    return error_id.removesuffix(",RemotePSSessionQueryFailed"), error["message"]


def realm_for(way: str, request: pytest.FixtureRequest) -> Realm | None:
    return request.getfixturevalue("realm") if way in NEED_REALM else None


# Passwords


@pytest.mark.parametrize("library", ["psrp", "winrm"])
@pytest.mark.parametrize("way", WITH_PASSWORD)
def test_a_wrong_password_is_one_failed_logon(
    fleet: SimulatedFleet,
    computer: SimulatedComputer,
    controller: Controller,
    request: pytest.FixtureRequest,
    library: str,
    way: str,
) -> None:
    if (library, way) == ("winrm", "digest"):
        pytest.skip("pywinrm has no Digest")
    realm = realm_for(way, request)
    before, at_kdc = fleet.failed_logons.get(ADMIN.name, 0), realm.failed_passwords if realm else 0
    for number in range(4):
        computer.add_session(f"job{number}")
    computer.lockout_after = 2
    options = set_up(controller, fleet, way, tls=way in KEYLESS, transport=library, password="Not-This-One-77")
    result = controller.connect("srv01", throttle_limit=4, **options)
    by_kdc = way == "Kerberos, password" or (library, way) == ("psrp", "Negotiate")
    assert refused(result)[0] == ("LogonFailure" if by_kdc else "AccessDenied")
    assert "Not-This-One-77" not in repr(result)
    # One attempt in all, at the computer or at the KDC: two would be two steps towards a locked account.
    failures = fleet.failed_logons.get(ADMIN.name, 0) - before
    assert (failures, (realm.failed_passwords if realm else 0) - at_kdc) == ((0, 1) if by_kdc else (1, 0))
    set_up(controller, fleet, way, tls=way in KEYLESS, transport=library)
    assert len(controller.connect("srv01", **options)["sessions"]) == 4


@pytest.mark.parametrize("library", ["psrp", "winrm"])
def test_a_name_without_a_realm_is_tried_where_it_may_belong(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, realm: Realm, library: str
) -> None:
    """A local account may have the name of one in the domain: what the KDC thinks of its password means nothing."""
    realm.add_user(ADMIN.name, "Another-One-88")
    try:
        computer.add_session("job1")
        set_up(controller, fleet, "NTLM", transport=library)
        assert names(controller.connect("srv01")) == ["job1"]
        assert {each.scheme for each in fleet.requests if each.user} == {"ntlm"}
    finally:
        realm.add_user(ADMIN.name, ADMIN.password)


def test_a_wrong_password_is_one_failed_logon_at_each_computer(fleet: SimulatedFleet, controller: Controller) -> None:
    before = fleet.failed_logons.get(ADMIN.name, 0)
    for computer in fleet:
        computer.add_session("job1")
        controller.inventory[computer.name] = {
            "authentication": "negotiate",
            "password": "no",
            "message_encryption": "auto",
        }
    result = controller.connect("srv01", "srv02", "srv03")
    assert error_ids(result) == ["AccessDenied,RemotePSSessionQueryFailed"] * 3
    assert fleet.failed_logons[ADMIN.name] == before + 3


def test_a_password_that_stops_working_between_two_sessions(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    """Connections that are logged on already go on; the account is not tried again and again."""
    for number in range(6):
        computer.add_session(f"job{number}")
    set_up(controller, fleet, "NTLM")
    assert len(controller.connect("srv01", throttle_limit=1)["sessions"]) == 6
    handshakes = [each for each in fleet.requests if each.operation == "Handshake"]
    assert len(handshakes) == 1


# Kerberos


@pytest.mark.parametrize("library", ["psrp", "winrm"])
@pytest.mark.parametrize(
    ("trouble", "error_id", "complaint"),
    [
        ("expired", "AuthenticationFailed", "expired"),
        ("early", "AuthenticationFailed", "skew"),
        ("none", "AuthenticationFailed", "find client principal"),
        ("unknown service", "TargetUnknown", "not found in Kerberos database"),
    ],
)
def test_bad_tickets(
    fleet: SimulatedFleet,
    computer: SimulatedComputer,
    controller: Controller,
    realm: Realm,
    tmp_path: Path,
    library: str,
    trouble: str,
    error_id: str,
    complaint: str,
) -> None:
    cache = tmp_path / "none"
    if trouble != "none":
        cache = realm.kinit(ADMIN.name, ADMIN.password, lifetime="1s" if trouble == "expired" else None)
    if trouble == "early":
        realm.skew(cache, 1800)
    if trouble == "expired":
        until(lambda: realm.has_ended(cache), "the end of the ticket")
    set_up(controller, fleet, "Kerberos, ticket", transport=library)
    if trouble == "unknown service":
        controller.inventory["srv01"]["negotiate_hostname_override"] = "srv99.lab.test"
    with realm.using(cache):
        found, message = refused(controller.get("srv01"))
    assert found == error_id
    if (library, trouble) != ("winrm", "expired"):  # pykerberos has no words for that
        assert complaint in message


@pytest.mark.parametrize("library", ["psrp", "winrm"])
def test_an_unknown_principal(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, realm: Realm, library: str
) -> None:
    set_up(controller, fleet, "Kerberos, password", transport=library, username="nobody@LAB.TEST")
    assert refused(controller.get("srv01"))[0] == "LogonFailure"


@pytest.mark.parametrize("library", ["psrp", "winrm"])
def test_a_ticket_for_somebody_else(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, realm: Realm, library: str
) -> None:
    set_up(controller, fleet, "Kerberos, ticket", transport=library, username="alice@LAB.TEST")
    with tickets_for("Kerberos, ticket", realm):
        assert refused(controller.get("srv01"))[0] == "AuthenticationFailed"
    assert not [each for each in fleet.requests if each.user]


# What the server offers


@pytest.mark.parametrize("library", ["psrp", "winrm"])
@pytest.mark.parametrize(
    ("way", "offered"),
    [
        ("digest", ("basic", "negotiate")),
        ("NTLM", ("basic",)),
        ("NTLM", ("digest", "credssp")),
        ("Kerberos, ticket", ("basic",)),
        ("CredSSP", ("basic", "negotiate", "kerberos")),
        ("basic", ("negotiate", "kerberos")),
    ],
)
def test_the_server_offers_other_schemes(
    fleet: SimulatedFleet,
    computer: SimulatedComputer,
    controller: Controller,
    request: pytest.FixtureRequest,
    library: str,
    way: str,
    offered: tuple[str, ...],
) -> None:
    if (library, way) == ("winrm", "digest"):
        pytest.skip("pywinrm has no Digest")
    realm = realm_for(way, request)
    computer.configure({"authentication": offered, "allow_unencrypted": True})
    set_up(controller, fleet, way, tls=way in KEYLESS, transport=library)
    with tickets_for(way, realm):
        error_id, message = refused(controller.get("srv01"))
    assert error_id == "InvalidAuthentication"
    assert offered[0] in message.lower()
    # A client that wants better does not fall back to Basic, and sends no message at all.
    if way != "basic":
        assert "Basic" not in {each.headers.get("Authorization") for each in fleet.requests}
    if way in ("NTLM", "CredSSP"):
        assert {each.raw for each in fleet.requests} == {b""}


def test_pywinrm_cannot_do_bare_kerberos(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, realm: Realm
) -> None:
    computer.authentication = ["kerberos"]
    set_up(controller, fleet, "Kerberos, ticket", transport="winrm")
    computer.add_session("job1")
    with tickets_for("Kerberos, ticket", realm):
        assert refused(controller.get("srv01"))[0] == "InvalidAuthentication"
        controller.inventory["srv01"]["transport"] = "psrp"
        assert names(controller.get("srv01")) == ["job1"]


def test_plain_messages_where_the_server_wants_encryption(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    set_up(controller, fleet, "NTLM", message_encryption="never")
    assert refused(controller.get("srv01"))[0] == "AccessDenied"


@pytest.mark.parametrize("library", ["psrp", "winrm"])
def test_no_channel_binding_where_the_server_wants_it(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, library: str
) -> None:
    computer.channel_binding = "strict"
    set_up(controller, fleet, "NTLM", tls=True, transport=library, negotiate_send_cbt=False)
    assert refused(controller.get("srv01"))[0] == "AccessDenied"


@pytest.mark.parametrize("way", ["basic", "digest", "NTLM", "CredSSP"])
def test_no_password(fleet: SimulatedFleet, controller: Controller, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    set_up(controller, fleet, way, tls=True, password=None)
    # With Negotiate there could be a ticket, so it is looked for.
    assert refused(controller.get("srv01"))[0] == "ExplicitCredentialsRequired"
    assert not [each for each in fleet.requests if each.user]


# Certificates of servers

KINDS = ("valid", "other_ca", "other_name", "expired", "revoked")
SWITCHED_OFF_BY = {"other_ca": "skip_ca_check", "other_name": "skip_cn_check", "revoked": "skip_revocation_check"}
SKIPS = (None, "skip_ca_check", "skip_cn_check", "skip_revocation_check")


@pytest.fixture
def authorities(fleet: SimulatedFleet, tmp_path: Path) -> Path:
    """The fleet's authority with its revocation list."""
    assert fleet.ca_file is not None
    assert fleet.crl_file is not None
    path = tmp_path / "authorities.pem"
    path.write_bytes(fleet.ca_file.read_bytes() + fleet.crl_file.read_bytes())
    return path


@pytest.mark.parametrize("skip", SKIPS)
@pytest.mark.parametrize("kind", KINDS)
def test_each_skip_switches_off_its_own_check_alone(
    fleet: SimulatedFleet,
    computer: SimulatedComputer,
    controller: Controller,
    authorities: Path,
    kind: str,
    skip: str | None,
) -> None:
    computer.certificate = kind
    computer.add_session("job1")
    set_up(controller, fleet, "basic", tls=True, ca_cert=str(authorities))
    result = controller.get("srv01", session_option={skip: True} if skip else {})
    if kind == "valid" or (skip is not None and SWITCHED_OFF_BY.get(kind) == skip):
        assert (names(result), result["errors"]) == (["job1"], [])
        return
    error_id, message = refused(result)
    complaint = {"other_ca": "issuer", "other_name": "match", "expired": "expired", "revoked": "revoked"}[kind]
    assert (error_id, complaint in message) == ("12175", True), message
    # The password went nowhere: there was no request.
    assert fleet.requests == []


@pytest.mark.parametrize("kind", KINDS)
def test_all_checks_off(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, authorities: Path, kind: str
) -> None:
    computer.certificate = kind
    computer.add_session("job1")
    set_up(controller, fleet, "basic", tls=True, ca_cert=str(authorities))
    assert names(controller.get("srv01", session_option=dict.fromkeys(SKIPS[1:], True))) == ["job1"]
    set_up(controller, fleet, "basic", tls=True, verify_certificate=False)
    assert names(controller.get("srv01")) == ["job1"]


@pytest.mark.parametrize("library", ["psrp", "winrm"])
@pytest.mark.parametrize("way", ["NTLM", "CredSSP", "thumbprint"])
def test_tls_is_the_same_for_all_schemes(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, way: str, library: str
) -> None:
    computer.certificate = "other_ca"
    computer.add_session("job1")
    options = set_up(controller, fleet, way, tls=True, transport=library)
    assert refused(controller.get("srv01", **options))[0] == "12175"
    assert fleet.requests == []
    controller.inventory["srv01"]["ca_cert"] = str(fleet.other_ca_file)
    # The client's certificate is of the other authority, which is nothing the client has to trust.
    assert names(controller.get("srv01", **options)) == ["job1"]


@pytest.mark.parametrize(("version", "works"), [("1.1", False), ("1.2", True), ("1.3", True)])
def test_versions_of_tls(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, version: str, works: bool
) -> None:
    computer.tls_version = version
    computer.add_session("job1")
    set_up(controller, fleet, "basic", tls=True)
    result = controller.get("srv01")
    if works:
        assert names(result) == ["job1"]
        return
    error_id, message = refused(result)
    assert error_id == "WinRMHttpError"  # the server cuts the handshake without a word
    assert "TLS" in message
    assert fleet.requests == []


@pytest.mark.parametrize("content", ["", "no certificate", None])
def test_authorities_that_cannot_be_read(
    fleet: SimulatedFleet, controller: Controller, tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    set_up(controller, fleet, "basic", tls=True, ca_cert=str(path))
    error_id, message = refused(controller.get("srv01"))
    assert (error_id, str(path) in message) == ("12175", True)


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_authorities_of_the_environment(
    fleet: SimulatedFleet,
    computer: SimulatedComputer,
    controller: Controller,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    computer.add_session("job1")
    set_up(controller, fleet, "basic", tls=True, ca_cert=None)
    assert refused(controller.get("srv01"))[0] == "12175"
    monkeypatch.setenv(variable, str(fleet.ca_file))
    assert names(controller.get("srv01")) == ["job1"]
    computer.certificate = "other_ca"
    assert refused(controller.get("srv01"))[0] == "12175"
    controller.inventory["srv01"]["ca_cert"] = str(fleet.other_ca_file)
    assert names(controller.get("srv01")) == ["job1"]


def test_http_where_https_is_spoken_and_the_other_way_round(fleet: SimulatedFleet, controller: Controller) -> None:
    set_up(controller, fleet, "basic", tls=True, port=5985)
    assert refused(controller.get("srv01"))[0] == "12175"
    set_up(controller, fleet, "NTLM", tls=False, port=5986)
    assert refused(controller.get("srv01"))[0] == "WinRMHttpError"


# Certificates of clients


@pytest.mark.parametrize("library", ["psrp", "winrm"])
def test_a_client_certificate_that_is_not_mapped(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, library: str
) -> None:
    stranger = fleet.make_client_certificate(ADMIN, mapped=False)
    store = str(stranger.cert_pem.parent)
    set_up(controller, fleet, "thumbprint", tls=True, transport=library)
    result = controller.get("srv01", certificate_thumbprint=stranger.sha256, certificate_store=store)
    assert refused(result)[0] == "AccessDenied"


def test_a_client_certificate_where_the_server_maps_none(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    computer.authentication = ["negotiate"]
    options = set_up(controller, fleet, "PEM", tls=True)
    error_id, message = refused(controller.get("srv01", **options))
    assert (error_id, "mapped" in message) == ("AccessDenied", True)


@pytest.mark.parametrize("password", [None, "wrong", "key secret"])
@pytest.mark.parametrize("by", ["thumbprint", "PEM"])
def test_a_client_key_with_a_password(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, by: str, password: str | None
) -> None:
    protected = fleet.make_client_certificate(ADMIN, key_password="key secret", with_pkcs12=False)
    computer.add_session("job1")
    set_up(controller, fleet, "thumbprint", tls=True)
    options: dict[str, Any] = {
        "thumbprint": {"certificate_thumbprint": protected.sha1, "certificate_store": str(protected.cert_pem.parent)},
        "PEM": {"certificate_pem": str(protected.cert_pem), "certificate_key_pem": str(protected.key_pem)},
    }[by]
    result = controller.get("srv01", certificate_key_password=password, **options)
    if password == "key secret":
        assert names(result) == ["job1"]
        return
    (error,) = result["errors"]
    assert "key secret" not in repr(result)
    assert fleet.requests == []
    if by == "thumbprint":
        assert error_ids(result) == ["ParameterArgumentValidationError"]
        assert "certificate_key_password" in error["message"]
    else:
        assert refused(result)[0] == "12175"


@pytest.mark.parametrize("password", ["exported", "wrong"])
def test_a_pkcs12_file(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, tmp_path: Path, password: str
) -> None:
    certificate = fleet.make_client_certificate(ADMIN)
    assert certificate.pkcs12 is not None
    (tmp_path / "client.pfx").write_bytes(certificate.pkcs12.read_bytes())
    computer.add_session("job1")
    set_up(controller, fleet, "thumbprint", tls=True)
    result = controller.get(
        "srv01",
        certificate_thumbprint=certificate.sha1,
        certificate_store=str(tmp_path),
        certificate_key_password=password,
    )
    assert names(result) == (["job1"] if password == "exported" else [])
    assert error_ids(result) == ([] if password == "exported" else ["ParameterArgumentValidationError"])


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [("no key", "private key"), ("no certificate", "no certificate"), ("no store", "cannot be read")],
)
def test_a_thumbprint_that_leads_nowhere(
    fleet: SimulatedFleet, controller: Controller, tmp_path: Path, spoil: str, complaint: str
) -> None:
    certificate = fleet.make_client_certificate(ADMIN)
    if spoil == "no key":
        (tmp_path / "client.pem").write_bytes(certificate.cert_pem.read_bytes())
    set_up(controller, fleet, "thumbprint", tls=True)
    store = tmp_path / "none" if spoil == "no store" else tmp_path
    result = controller.get("srv01", certificate_thumbprint=certificate.sha1, certificate_store=str(store))
    assert error_ids(result) == ["ParameterArgumentValidationError"]
    assert complaint in result["errors"][0]["message"]
    assert fleet.requests == []


@pytest.mark.parametrize("missing", ["certificate", "key"])
def test_pem_files_that_are_not_there(fleet: SimulatedFleet, controller: Controller, missing: str) -> None:
    set_up(controller, fleet, "PEM", tls=True)
    settings = controller.inventory["srv01"]
    settings["certificate_pem" if missing == "certificate" else "certificate_key_pem"] = "/nowhere/client.pem"
    error_id, message = refused(controller.get("srv01"))
    assert (error_id, fleet.requests) == ("12175", [])
    assert "/nowhere/client.pem" in message


# Libraries

WITHOUT_LIBRARIES = """
import importlib.machinery, json, sys

missing, runs = json.loads(sys.argv[1])


class Finder(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in missing else super().find_spec(name, path, target)


sys.meta_path[:] = [Finder if finder is importlib.machinery.PathFinder else finder for finder in sys.meta_path]
from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.settings import HostSettings

runs = [(HostSettings.from_options(settings), options) for settings, options in runs]
print(json.dumps([_plugins.LOOKUP(options, settings_of=lambda *_: settings) for settings, options in runs]))
"""


@pytest.mark.parametrize(
    ("missing", "library", "way", "error_id", "words"),
    [
        (["gssapi"], "psrp", "Kerberos, password", "InvalidAuthentication", ["gssapi 1.6.0", "pypsrp[kerberos]"]),
        (["krb5"], "psrp", "Kerberos, ticket", "InvalidAuthentication", ["krb5 0.3.0", "pypsrp[kerberos]"]),
        (["krb5"], "psrp", "implicit", "ExplicitCredentialsRequired", ["krb5 0.3.0", "pypsrp[kerberos]"]),
        (["requests_credssp"], "psrp", "CredSSP", "InvalidAuthentication", ["credssp 2.0.0", "pypsrp[credssp]"]),
        (["winrm"], "winrm", "NTLM", "InvalidAuthentication", ["pywinrm 0.5.0"]),
        (["kerberos"], "winrm", "Kerberos, ticket", "InvalidAuthentication", ["pykerberos 1.2.1", "pywinrm[kerberos]"]),
        (["kerberos"], "winrm", "implicit", "ExplicitCredentialsRequired", ["pykerberos 1.2.1", "pywinrm[kerberos]"]),
        (["requests_credssp"], "winrm", "CredSSP", "InvalidAuthentication", ["credssp 1.0.0", "pywinrm[credssp]"]),
    ],
)  # fmt: skip
def test_a_missing_library_is_named(
    fleet: SimulatedFleet,
    computer: SimulatedComputer,
    controller: Controller,
    missing: list[str],
    library: str,
    way: str,
    error_id: str,
    words: list[str],
) -> None:
    options = set_up(controller, fleet, way, transport=library)
    settings = dict(controller.settings_of("srv01", None))
    options = {"computer_name": ["srv01"], "state_file": str(controller.state_file), **options}
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_LIBRARIES, json.dumps([missing, [[settings, options]]])],
        env={"PYTHONPATH": ":".join(sys.path)},
        check=True,
        capture_output=True,
        text=True,
    )
    (result,) = json.loads(done.stdout)
    found, message = refused(result)
    assert found == error_id
    assert [word for word in words if word not in message] == []
    assert "pip install" in message
    assert fleet.requests == []


def test_what_needs_no_library_goes_on_without(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    computer.add_session("job1")
    set_up(controller, fleet, "NTLM")
    settings = dict(controller.settings_of("srv01", None))
    options = {"computer_name": ["srv01"], "state_file": str(controller.state_file)}
    missing = ["gssapi", "krb5", "kerberos", "requests_credssp", "winrm"]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_LIBRARIES, json.dumps([missing, [[settings, options]]])],
        env={"PYTHONPATH": ":".join(sys.path)},
        check=True,
        capture_output=True,
        text=True,
    )
    (result,) = json.loads(done.stdout)
    assert names(result) == ["job1"]


@pytest.mark.parametrize("plugin", ["psrp", "winrm"])
def test_hints_name_the_variables_of_the_host(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, plugin: str
) -> None:
    """Whatever sends the request, or refuses to."""
    set_up(controller, fleet, "NTLM", tls=True, transport=plugin, password="wrong", inventory_hostname="srv01")
    computer.configure(DEMANDING)
    other = "ansible_winrm_" if plugin == "psrp" else "ansible_psrp_"
    (refusal,) = hints(controller.get("srv01"))
    set_up(controller, fleet, "basic", inventory_hostname="srv01", transport=plugin)
    (unsent,) = hints(controller.get("srv01"))
    for hint in (refusal, unsent):
        assert f"ansible_{plugin}_" in hint
        assert other not in hint


def test_a_header_that_is_too_long_for_the_server(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    """As a Kerberos ticket with many groups is for HTTP.sys; here it is a user name."""
    set_up(controller, fleet, "basic", message_encryption="never", username="u" * 7000)
    (error,) = controller.get("srv01")["errors"]
    assert "which is more than the server reads" in error["message"]
    assert "MaxFieldLength" in error["hint"]
    assert "uuuu" not in error["message"]


@pytest.mark.parametrize("end", ["\u200b", "\u00a0", "\ufeff"])
def test_an_invisible_end_of_an_address_is_told(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, end: str
) -> None:
    set_up(controller, fleet, "NTLM", address=f"srv01.invalid{end}")
    (hint,) = hints(controller.get("srv01"))
    assert hint.startswith("The address has an invisible character at one of its ends")
