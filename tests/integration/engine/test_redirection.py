# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Nothing goes anywhere else unless the user agreed, and then only where the rules allow."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
import requests

from tests.integration.engine.controller import ADMIN, Controller, error_ids, names, operations
from tests.integration.engine.logons import DEMANDING, octets_on_the_wire, set_up
from tests.simulator import Injection, RecordingServer, SimulatedComputer, SimulatedFleet

pytestmark = pytest.mark.timing

STATUSES = (301, 302, 307, 308)
REFUSED = "RedirectInformationRequired,RemotePSSessionQueryFailed"
INVALID = "RedirectLocationInvalid,RemotePSSessionQueryFailed"
ENCRYPTING = ("NTLM", "CredSSP")
LIBRARIES = ("psrp", "winrm")


@pytest.fixture(autouse=True)
def everything_offered(fleet: SimulatedFleet) -> None:
    """Every computer offers everything; messages in clear are accepted, too."""
    for computer in fleet:
        computer.configure({**DEMANDING, "allow_unencrypted": True})


@pytest.fixture
def trap(fleet: SimulatedFleet) -> Iterator[RecordingServer]:
    """An address that no request may reach."""
    with RecordingServer() as started:
        yield started


def have(controller: Controller, fleet: SimulatedFleet, way: str, library: str = "psrp", tls: bool = False) -> None:
    """Have the inventory log on to all computers in a way."""
    set_up(controller, fleet, way, tls, transport=library, **({} if tls or way in ENCRYPTING else PLAIN))
    for computer in fleet:
        controller.inventory[computer.name] = controller.inventory["srv01"]


PLAIN = {"message_encryption": "never"}


# Without consent


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("way", ["basic", *ENCRYPTING])
@pytest.mark.parametrize("status", STATUSES)
def test_scenario_50_without_consent_nothing_is_sent_on(
    fleet: SimulatedFleet,
    computer: SimulatedComputer,
    controller: Controller,
    trap: RecordingServer,
    status: int,
    way: str,
    library: str,
) -> None:
    computer.redirect(trap.wsman_url, status)
    have(controller, fleet, way, library)
    result = controller.connect(connection_uri=[computer.uri])
    assert error_ids(result) == [REFUSED]
    (error,) = result["errors"]
    assert f"127.0.0.1:{trap.port}" in error["message"]
    assert "allow_redirection" in error["hint"]
    assert (trap.connections, trap.received) == (0, b"")
    assert len(fleet.requests) == 1


@pytest.mark.parametrize("option", [{}, {"maximum_redirection": 5}, {"culture": "de-DE"}])
def test_a_session_option_is_no_consent(
    computer: SimulatedComputer,
    fleet: SimulatedFleet,
    controller: Controller,
    trap: RecordingServer,
    option: dict[str, int],
) -> None:
    """The cmdlet follows once any session option is given; its documentation says otherwise, and so does this."""
    computer.redirect(trap.wsman_url)
    have(controller, fleet, "NTLM")
    assert error_ids(controller.get(connection_uri=[computer.uri], session_option=option)) == [REFUSED]
    assert trap.connections == 0


def test_computer_names_are_never_redirected(
    computer: SimulatedComputer, fleet: SimulatedFleet, controller: Controller, trap: RecordingServer
) -> None:
    computer.redirect(trap.wsman_url)
    have(controller, fleet, "NTLM")
    assert error_ids(controller.get("srv01")) == [REFUSED]
    refused = controller.get("srv01", allow_redirection=True)
    assert error_ids(refused) == ["AmbiguousParameterSet"]
    assert trap.connections == 0


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("way", ["digest", "NTLM", "CredSSP"])
def test_nothing_is_followed_in_the_middle_of_a_logon(
    fleet: SimulatedFleet,
    computer: SimulatedComputer,
    controller: Controller,
    trap: RecordingServer,
    way: str,
    library: str,
) -> None:
    """The handlers of the libraries answer a 401 by themselves, and what comes then may be a redirection."""
    if (library, way) == ("winrm", "digest"):
        pytest.skip("pywinrm has no Digest")
    computer.redirect(trap.wsman_url, 307, after=2 if way == "CredSSP" else 1)
    have(controller, fleet, way, library)
    result = controller.get(connection_uri=[computer.uri])
    assert [each.operation for each in fleet.requests][-1] == "Redirected"
    assert result["errors"]
    assert (trap.connections, trap.received) == (0, b"")


def test_the_last_word_of_a_connect_is_not_followed(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, trap: RecordingServer
) -> None:
    """A listing that worked is no consent either."""
    computer.add_session("job1")
    computer.inject(Injection("Connect", action="status", status=307, headers={"Location": trap.wsman_url}))
    have(controller, fleet, "NTLM")
    result = controller.connect(connection_uri=[computer.uri])
    # It is not encrypted, so that it is no word of the server: what became of the Connect, a list tells.
    assert names(result) == ["job1"]
    assert (trap.connections, operations(fleet).count("Connect")) == (0, 2)


# With consent


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("way", ["basic", *ENCRYPTING])
def test_with_consent_it_is_followed_with_a_new_logon(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, way: str, status: int, library: str
) -> None:
    target = fleet["srv02"]
    target.add_session("job1")
    computer.redirect(target.uri, status)
    have(controller, fleet, way, library)
    failed_before = fleet.failed_logons
    result = controller.connect(connection_uri=[computer.uri], allow_redirection=True)
    assert (names(result), result["errors"]) == (["job1"], [])
    there = fleet.requests_of("srv02")
    assert {each.user for each in there if each.status == 200} == {ADMIN.name}
    assert [each.operation for each in there if each.operation in ("Enumerate", "Connect")] == ["Enumerate", "Connect"]
    # Each log-on is of one connection, and no token of one is seen at the other place.
    assert not {each.connection for each in fleet.requests_of("srv01")} & {each.connection for each in there}
    assert fleet.failed_logons == failed_before
    if way in ENCRYPTING:
        assert b"Envelope" not in octets_on_the_wire(fleet)
    # The envelope that arrives is addressed to where it arrives.
    assert all(target.uri in each.body for each in there if each.operation == "Enumerate")
    # An empty POST asks before any message, encrypted or not, would be sent to a place that only redirects. The first
    # token of NTLM has no secret, and goes with it where pypsrp logs on.
    if way in ENCRYPTING:
        assert {each.raw for each in fleet.requests_of("srv01")} == {b""}
        offered = {each.headers.get("Authorization") for each in fleet.requests_of("srv01")}
        assert offered == {"Negotiate" if (way, library) == ("NTLM", "psrp") else None}


@pytest.mark.parametrize("limit", [0, 1, 2])
def test_as_far_as_allowed_and_not_one_further(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, trap: RecordingServer, limit: int
) -> None:
    chain = [computer, fleet["srv02"], fleet["srv03"]]
    for here, there in itertools.pairwise(chain[: limit + 1]):
        here.redirect(there.uri)
    chain[limit].add_session("job1")
    have(controller, fleet, "NTLM")
    options = {"allow_redirection": True, "session_option": {"maximum_redirection": limit}}
    assert names(controller.get(connection_uri=[computer.uri], **options)) == ["job1"]
    chain[limit].redirect(trap.wsman_url)
    result = controller.get(connection_uri=[computer.uri], **options)
    assert error_ids(result) == [REFUSED]
    assert trap.connections == 0


@pytest.mark.parametrize(("limit", "requests_made"), [(None, 6), (0, 1), (3, 4)])
def test_a_loop_ends(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, limit: int | None, requests_made: int
) -> None:
    computer.redirect(computer.uri)
    have(controller, fleet, "NTLM")
    option = {} if limit is None else {"maximum_redirection": limit}
    result = controller.get(connection_uri=[computer.uri], allow_redirection=True, session_option=option)
    assert error_ids(result) == [REFUSED]
    assert operations(fleet) == ["Redirected"] * requests_made


def test_a_loop_ends_without_a_limit_too(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    """A negative number means any number; the time for it all is limited all the same."""
    computer.redirect(computer.uri)
    have(controller, fleet, "NTLM")
    options = {"maximum_redirection": -1, "open_timeout": 0.3}
    result = controller.get(connection_uri=[computer.uri], allow_redirection=True, session_option=options)
    assert error_ids(result) == ["WinRMOperationTimeout,RemotePSSessionQueryFailed"]


@pytest.mark.parametrize("way", ["basic", "NTLM"])
def test_never_out_of_https(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, trap: RecordingServer, way: str
) -> None:
    computer.redirect(trap.wsman_url)
    have(controller, fleet, way, tls=True)
    result = controller.get(connection_uri=[computer.https_uri], allow_redirection=True)
    assert error_ids(result) == [INVALID]
    assert "The task sent nothing" in result["errors"][0]["hint"]
    assert (trap.connections, trap.received) == (0, b"")


def test_from_http_to_https_and_the_certificate_there_is_checked(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    target = fleet["srv02"]
    target.add_session("job1")
    computer.redirect(target.https_uri)
    have(controller, fleet, "NTLM")
    assert names(controller.get(connection_uri=[computer.uri], allow_redirection=True)) == ["job1"]
    assert {each.secure for each in fleet.requests_of("srv02")} == {True}
    target.certificate = "other_ca"
    result = controller.get(connection_uri=[computer.uri], allow_redirection=True)
    assert error_ids(result) == ["12175,RemotePSSessionQueryFailed"]


def test_no_plain_basic_after_a_redirection(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, trap: RecordingServer
) -> None:
    """Basic is fine over HTTPS; a hop to HTTP would show the password."""
    computer.redirect(fleet["srv02"].https_uri)
    fleet["srv02"].redirect(trap.wsman_url)
    have(controller, fleet, "basic", tls=True)
    assert error_ids(controller.get(connection_uri=[computer.https_uri], allow_redirection=True)) == [INVALID]
    assert trap.received == b""


@pytest.mark.parametrize(
    "location",
    [
        "",
        "//127.0.0.1:{port}/wsman",
        "ftp://127.0.0.1:{port}/",
        "file:///etc/passwd",
        "http://user:word@127.0.0.1:{port}/wsman",
        "http://[::1",
        "http://127.0.0.1:notaport/",
    ],
)
def test_locations_that_cannot_be_followed(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, trap: RecordingServer, location: str
) -> None:
    computer.redirect(location.format(port=trap.port))
    have(controller, fleet, "NTLM")
    result = controller.get(connection_uri=[computer.uri], allow_redirection=True)
    assert error_ids(result) == [INVALID]
    assert "word" not in result["errors"][0]["message"].replace("password", "")
    assert (trap.connections, trap.received) == (0, b"")


def test_what_was_learned_at_the_first_place_is_not_told_at_the_second(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, trap: RecordingServer
) -> None:
    """After consent the new place gets a log-on of its own: with NTLM, nothing that the first place could use."""
    computer.redirect(trap.wsman_url)
    have(controller, fleet, "NTLM")
    result = controller.get(connection_uri=[computer.uri], allow_redirection=True)
    assert result["errors"]
    assert all(value.startswith("Negotiate ") for value in trap.authorizations)
    assert ADMIN.password.encode() not in trap.received
    assert b"Envelope" not in trap.received


def test_requests_follows_nothing(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library's own machinery is not even asked."""

    def never(*_arguments: object, **_keywords: object) -> None:
        raise AssertionError("requests followed a redirection")

    monkeypatch.setattr(requests.Session, "rebuild_method", never)
    target = fleet["srv02"]
    target.add_session("job1")
    computer.redirect(target.uri)
    for library in LIBRARIES:
        for way in ("basic", *ENCRYPTING):
            have(controller, fleet, way, library)
            assert names(controller.get(connection_uri=[computer.uri], allow_redirection=True)) == ["job1"]
