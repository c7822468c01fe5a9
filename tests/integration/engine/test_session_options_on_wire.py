# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What session_option changes on the wire, what it does not, and a log-on that the server has forgotten."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.integration.engine.controller import ADMIN, Controller, error_ids, names, operations
from tests.integration.engine.logons import (
    DEMANDING,
    HOST,
    NEED_REALM,
    carried_out,
    octets_on_the_wire,
    set_up,
    tickets_for,
)
from tests.simulator import Injection, LoggedRequest, Realm, SimulatedComputer, SimulatedFleet

pytestmark = pytest.mark.timing

WSMAN = "{http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd}"
MICROSOFT = "{http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd}"
RSP = "{http://schemas.microsoft.com/wbem/wsman/1/windows/shell}"
LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
LIBRARIES = ("psrp", "winrm")
UNIQUE = re.compile(r"uuid:[0-9A-Fa-f-]{36}|<wsman:OperationTimeout>[^<]*|connectXml[^>]*>[^<]*")


@pytest.fixture
def computer(fleet: SimulatedFleet) -> SimulatedComputer:
    """The first computer, which offers everything, wants it encrypted, and has a session."""
    computer = fleet["srv01"]
    computer.configure(DEMANDING)
    computer.add_session("job1")
    return computer


def header(request: LoggedRequest, name: str) -> ET.Element:
    found = ET.fromstring(request.body).find(f".//{name}")
    assert found is not None, name
    return found


# Headers


@pytest.mark.parametrize(
    ("option", "messages", "data"),
    [
        ({}, "en-US", "en-US"),
        ({"culture": "de-DE"}, "en-US", "de-DE"),
        ({"ui_culture": "fr-FR"}, "fr-FR", "en-US"),
        ({"culture": "de-DE", "ui_culture": "fr-FR"}, "fr-FR", "de-DE"),
    ],
)
def test_cultures(
    fleet: SimulatedFleet,
    computer: SimulatedComputer,
    controller: Controller,
    option: dict[str, str],
    messages: str,
    data: str,
) -> None:
    set_up(controller, fleet, "NTLM")
    assert names(controller.connect("srv01", session_option=option)) == ["job1"]
    for request in carried_out(fleet):
        assert header(request, f"{WSMAN}Locale").get(LANGUAGE) == messages
        assert header(request, f"{MICROSOFT}DataLocale").get(LANGUAGE) == data


@pytest.mark.parametrize(
    ("option", "inventory", "sent"),
    [
        ({}, {}, "PT180S"),
        ({"operation_timeout": 90}, {}, "PT90S"),
        ({"operation_timeout": 90.5}, {"operation_timeout": 60}, "PT90.5S"),
        ({}, {"operation_timeout": 60}, "PT60S"),
        ({"operation_timeout": 0}, {}, "PT180S"),
    ],
)
def test_operation_timeout(
    fleet: SimulatedFleet,
    computer: SimulatedComputer,
    controller: Controller,
    option: dict[str, int],
    inventory: dict[str, Any],
    sent: str,
) -> None:
    set_up(controller, fleet, "NTLM", **inventory)
    assert names(controller.connect("srv01", session_option=option)) == ["job1"]
    assert {header(each, f"{WSMAN}OperationTimeout").text for each in carried_out(fleet)} == {sent}


@pytest.mark.parametrize(("inventory", "sent"), [({}, "512000"), ({"max_envelope_size": 153600}, "153600")])
def test_max_envelope_size(
    fleet: SimulatedFleet,
    computer: SimulatedComputer,
    controller: Controller,
    inventory: dict[str, Any],
    sent: str,
) -> None:
    set_up(controller, fleet, "NTLM", **inventory)
    assert names(controller.connect("srv01")) == ["job1"]
    assert {header(each, f"{WSMAN}MaxEnvelopeSize").text for each in carried_out(fleet)} == {sent}


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("encryption", ["auto", "never"])
@pytest.mark.parametrize("way", ["NTLM", "CredSSP"])
def test_utf16(
    fleet: SimulatedFleet,
    computer: SimulatedComputer,
    controller: Controller,
    way: str,
    encryption: str,
    library: str,
) -> None:
    computer.allow_unencrypted = True
    job = computer.add_session("jöb-π")
    set_up(controller, fleet, way, transport=library, message_encryption=encryption)
    result = controller.connect("srv01", name=["jöb-π"], session_option={"use_utf16": True})
    assert (names(result), result["errors"], job.state) == (["jöb-π"], [], "Connected")
    for request in carried_out(fleet):
        assert request.raw is not None
        if encryption == "auto":
            assert b"charset=UTF-16;Length=" in request.raw
        else:
            assert request.headers["Content-Type"] == "application/soap+xml;charset=UTF-16"
            assert request.raw.startswith((b"\xff\xfe", b"\xfe\xff"))


@pytest.mark.parametrize("value", [True, False])
def test_no_encryption(fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, value: bool) -> None:
    """The task has the last word, in both directions."""
    computer.allow_unencrypted = True
    set_up(controller, fleet, "NTLM", message_encryption="auto" if value else "never")
    assert names(controller.get("srv01", session_option={"no_encryption": value})) == ["job1"]
    assert (b"Envelope" in octets_on_the_wire(fleet)) is value


# The body of Connect


@pytest.mark.parametrize("library", LIBRARIES)
def test_what_only_opening_uses_changes_nothing(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, library: str
) -> None:
    """An idle timeout, above all: on connecting it would take the session's own away."""
    set_up(controller, fleet, "NTLM", transport=library)
    stored: dict[str, Any] = {
        "no_compression": True,
        "no_machine_profile": True,
        "application_arguments": {"a": 1},
        "max_connection_retry_count": 3,
        "idle_timeout": 60,
        "cancel_timeout": 1,
        "maximum_received_data_size_per_command": 10,
    }
    sent = []
    for option in ({}, stored):
        fleet.clear_requests()
        computer.sessions[0].disconnect()
        controller.state_file.unlink(missing_ok=True)
        assert names(controller.connect("srv01", session_option=option, client_id=None)) == ["job1"]
        sent.append([UNIQUE.sub("", request.body) for request in carried_out(fleet)])
    assert sent[0] == sent[1]
    assert "IdleTimeout" not in "".join(sent[1])
    assert computer.sessions[0].idle_timeout == 7200


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(("mode", "element"), [("drop", "Drop"), ("block", "Block"), ("none", None)])
def test_buffering_mode(
    fleet: SimulatedFleet,
    computer: SimulatedComputer,
    controller: Controller,
    mode: str,
    element: str | None,
    library: str,
) -> None:
    set_up(controller, fleet, "NTLM", transport=library)
    assert names(controller.connect("srv01", session_option={"output_buffering_mode": mode})) == ["job1"]
    (request,) = fleet.requests_of(operation="Connect")
    assert header(request, f"{RSP}Connect").findtext(f"{RSP}BufferMode") == element
    assert computer.sessions[0].buffer_mode == (element or "Block")


# Service principals


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("tls", [False, True])
def test_include_port_in_spn(
    fleet: SimulatedFleet,
    computer: SimulatedComputer,
    controller: Controller,
    realm: Realm,
    library: str,
    tls: bool,
) -> None:
    port = computer.https_port if tls else computer.port
    service = "WSMAN" if library == "psrp" else "HTTP"  # a principal for each of these tests
    set_up(controller, fleet, "Kerberos, ticket", tls, transport=library, negotiate_service=service)
    option = {"include_port_in_spn": True}
    with realm.using(realm.kinit(ADMIN.name, ADMIN.password)):
        assert names(controller.get("srv01", session_option={"include_port_in_spn": False})) == ["job1"]
        assert f":{port}@" not in realm.kdc_log.rpartition(f"{service}/{HOST}")[2]
        result = controller.get("srv01", session_option=option)
        assert error_ids(result) == ["TargetUnknown,RemotePSSessionQueryFailed"]
        assert f"{service}/{HOST}:{port}@" in result["errors"][0]["message"]
        realm.add_service(f"{service}/{HOST}:{port}")
        fleet.clear_requests()
        assert names(controller.get("srv01", session_option=option)) == ["job1"]
    assert f"for {service}/{HOST}:{port}@" in realm.kdc_log
    assert {each.scheme for each in carried_out(fleet)} == {"kerberos"}


# Sizes


def test_a_larger_object_than_allowed(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    set_up(controller, fleet, "NTLM")
    result = controller.connect("srv01", session_option={"maximum_received_object_size": 100})
    assert error_ids(result) == ["PSSessionConnectFailed"]
    assert "maximum_received_object_size is 100" in result["errors"][0]["message"]
    # Refused once, not tried again.
    assert operations(fleet).count("Connect") == 1


@pytest.mark.parametrize(("limit", "comes"), [(None, True), (0, True), (1_000_000, True), (20_000, False)])
def test_larger_private_data_than_allowed(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, limit: int | None, comes: bool
) -> None:
    """The session is connected then; what did not come is a warning."""
    computer.add_session("large", application_private_data={"Large": "x" * 50_000})
    set_up(controller, fleet, "NTLM")
    option = {} if limit is None else {"maximum_received_object_size": limit}
    result = controller.connect("srv01", name=["large"], application_private_data=True, session_option=option)
    (session,) = result["sessions"]
    assert (result["errors"], session["state"]) == ([], "Opened")
    assert bool(session["application_private_data"]) is comes
    assert any("maximum_received_object_size" in warning for warning in result["warnings"]) is not comes


# Forgotten log-ons


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("how", ["forgotten", "closed"])
@pytest.mark.parametrize("way", ["NTLM", "CredSSP", "Kerberos, ticket"])
def test_scenario_61_a_forgotten_logon_is_made_again_once(
    fleet: SimulatedFleet,
    computer: SimulatedComputer,
    controller: Controller,
    request: pytest.FixtureRequest,
    way: str,
    how: str,
    library: str,
) -> None:
    realm = request.getfixturevalue("realm") if way in NEED_REALM else None
    computer.add_session("job2")
    computer.connection_idle_timeout = 120
    forgotten: list[bool] = []

    def between_listing_and_connecting(*_question: object) -> bool:
        if not forgotten:
            forgotten.append(True)
            if how == "forgotten":
                computer.forget_authentication()
            else:
                fleet.clock.advance(121)
                # The fleet closes the connection some turns of its loop later; each question takes one.
                assert all(computer.sessions for _turn in range(20))
        return True

    controller.surroundings["confirm"] = between_listing_and_connecting
    set_up(controller, fleet, way, transport=library)
    with tickets_for(way, realm):
        result = controller.connect("srv01", throttle_limit=1)
    assert (names(result), result["errors"], result["changed"]) == (["job1", "job2"], [], True)
    # The end of a connection is seen before anything is sent; a forgotten log-on only when the server says so.
    assert [each.status for each in fleet.requests].count(400) == (how == "forgotten")
    # One more log-on, one repeated request, and then everything as usual.
    assert operations(fleet).count("Handshake") == 2
    assert [each.operation for each in carried_out(fleet)] == ["Enumerate", "Connect", "Connect"]
    assert b"Envelope" not in octets_on_the_wire(fleet)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("way", ["NTLM", "Kerberos, ticket", "digest"])
def test_a_forgotten_logon_without_message_encryption(
    fleet: SimulatedFleet,
    computer: SimulatedComputer,
    controller: Controller,
    request: pytest.FixtureRequest,
    way: str,
    library: str,
) -> None:
    """Over HTTPS a server asks anew, and is answered."""
    if (library, way) == ("winrm", "digest"):
        pytest.skip("pywinrm has no Digest")
    realm = request.getfixturevalue("realm") if way in NEED_REALM else None

    def between_listing_and_connecting(*_question: object) -> bool:
        computer.forget_authentication()
        fleet.expire_nonces()
        return True

    controller.surroundings["confirm"] = between_listing_and_connecting
    set_up(controller, fleet, way, tls=True, transport=library)
    with tickets_for(way, realm):
        result = controller.connect("srv01")
    assert (names(result), result["errors"]) == (["job1"], [])


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_400_that_stays_is_an_error_after_one_repeat(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, library: str
) -> None:
    computer.inject(Injection("Connect", action="status", status=400, times=None))
    set_up(controller, fleet, "NTLM", transport=library)
    result = controller.connect("srv01")
    assert error_ids(result) == [f"{0x80338171 - (1 << 32)},PSSessionConnectFailed"]
    assert result["errors"][0]["hint"]
    assert operations(fleet).count("Connect") == 2
    assert computer.sessions[0].state == "Disconnected"


def test_a_400_to_the_first_message_is_not_repeated(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    """The log-on is as fresh as can be."""
    computer.inject(Injection("Enumerate", action="status", status=400, times=None))
    set_up(controller, fleet, "NTLM")
    assert error_ids(controller.get("srv01")) == [f"{0x80338171 - (1 << 32)},RemotePSSessionQueryFailed"]
    assert operations(fleet).count("Enumerate") == 1


@pytest.mark.parametrize("way", ["basic", "thumbprint"])
def test_a_400_without_keys_is_not_repeated(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, way: str
) -> None:
    computer.inject(Injection("Connect", action="status", status=400, times=None))
    options = set_up(controller, fleet, way, tls=True)
    controller.connect("srv01", **options)
    assert operations(fleet).count("Connect") == 1


# Time


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("way", ["NTLM", "CredSSP"])
def test_logging_on_counts_towards_the_time_of_a_request(
    fleet: SimulatedFleet,
    computer: SimulatedComputer,
    controller: Controller,
    way: str,
    library: str,
) -> None:
    """A server that never answers the message: the log-on before took its share of the same time."""
    computer.inject(Injection(action="hang", times=None))
    set_up(controller, fleet, way, transport=library)
    result = controller.get("srv01", session_option={"open_timeout": 0.6})
    assert error_ids(result) == ["WinRMOperationTimeout,RemotePSSessionQueryFailed"]
