# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Client certificates in all versions of TLS, and servers that refuse one."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from tests.integration.engine.bad_server import BadServer
from tests.integration.engine.controller import ADMIN, Controller, Result, names
from tests.integration.engine.logons import DEMANDING, set_up
from tests.simulator import Injection, SimulatedComputer, SimulatedFleet
from tests.simulator.certificates import CertificateAuthority, ClientCertificate


@pytest.fixture(autouse=True)
def demanding(computer: SimulatedComputer) -> None:
    """The computer maps certificates, and has a session."""
    computer.configure(DEMANDING)
    computer.add_session("job1")


@pytest.fixture
def stranger(tmp_path: Path) -> ClientCertificate:
    """A certificate of an authority that no server trusts."""
    return CertificateAuthority(tmp_path, "stranger").issue_client(ADMIN.name)


def shown_by(certificate: ClientCertificate) -> dict[str, str]:
    """What the inventory says to log on by a certificate."""
    return {"certificate_pem": str(certificate.cert_pem), "certificate_key_pem": str(certificate.key_pem)}


def the_error(result: Result) -> tuple[int | None, str, str]:
    """Code, message and hint of the only error."""
    (error,) = result["errors"]
    return error["code"], error["message"], error["hint"]


def assert_is_about_our_certificate(hint: str) -> None:
    """The advice for a server's certificate that is not trusted is of no use here."""
    assert "authority of the client certificate" in hint
    assert "ca_cert" not in hint
    assert "skip_ca_check" not in hint


@pytest.mark.parametrize("way", ["thumbprint", "PEM"])
@pytest.mark.parametrize("asks", ["handshake", "request"])
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_the_certificate_is_shown_when_the_server_asks(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, version: str, asks: str, way: str
) -> None:
    computer.configure({"tls_version": version, "certificate_request": asks})
    options = set_up(controller, fleet, way, tls=True)
    result = controller.connect("srv01", **options)
    assert (names(result), result["errors"]) == (["job1"], [])
    assert {each.scheme for each in fleet.requests} == {"certificate"}


@pytest.mark.parametrize("asks", ["handshake", "request"])
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_connection_that_the_server_cuts_is_not_about_its_own_certificate(
    fleet: SimulatedFleet,
    computer: SimulatedComputer,
    controller: Controller,
    stranger: ClientCertificate,
    version: str,
    asks: str,
) -> None:
    computer.configure({"tls_version": version, "certificate_request": asks})
    set_up(controller, fleet, "PEM", tls=True, **shown_by(stranger))
    _code, message, hint = the_error(controller.get("srv01"))
    assert "the server ended the connection on which the client certificate was shown" in message
    assert "may have refused the certificate" in hint
    assert_is_about_our_certificate(hint)


def test_a_break_after_the_log_on_is_an_ordinary_one(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    computer.inject(Injection("Enumerate", after=1, action="close_without_answer"))
    set_up(controller, fleet, "PEM", tls=True)
    _code, message, hint = the_error(controller.get("srv01", list_commands=True))
    assert "the connection broke" in message
    assert "client certificate" not in hint


@pytest.mark.parametrize("shows", ["a stranger's", "none"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_an_alert_of_the_server_is_about_the_certificate_of_the_client(
    fleet: SimulatedFleet,
    controller: Controller,
    stranger: ClientCertificate,
    tmp_path: Path,
    version: ssl.TLSVersion,
    shows: str,
) -> None:
    authority = CertificateAuthority(tmp_path, "servers")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(authority.issue_server("demanding", [], ["127.0.0.1"]).chain_file)
    tls.load_verify_locations(authority.ca_file)
    tls.verify_mode, tls.maximum_version = ssl.CERT_REQUIRED, version
    shown = shown_by(stranger) if shows != "none" else {}
    with BadServer(lambda call: call.answer(""), tls) as server:
        way = "PEM" if shown else "basic"
        set_up(controller, fleet, way, tls=True, address="127.0.0.1", port=server.port, **shown)
        controller.inventory["srv01"]["ca_cert"] = str(authority.ca_file)
        code, message, hint = the_error(controller.get("srv01"))
    if shown:
        assert (code, "refused the client certificate (TLS: alert unknown ca)" in message) == (5, True), message
        assert_is_about_our_certificate(hint)
    elif version is ssl.TLSVersion.TLSv1_3:
        assert (code, "wants a client certificate" in message) == (5, True), message
        assert "certificate_thumbprint" in hint


def test_a_certificate_that_is_not_mapped(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    stranger = fleet.make_client_certificate(ADMIN, mapped=False)
    set_up(controller, fleet, "PEM", tls=True, **shown_by(stranger))
    code, message, hint = the_error(controller.get("srv01"))
    assert (code, "mapped to an account" in message) == (5, True)
    assert "certmapping" in hint
