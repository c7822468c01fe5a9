# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A pinned certificate is the only one that is accepted, whatever else is wrong with it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.engine.controller import Controller, error_ids, names
from tests.integration.engine.logons import DEMANDING, carried_out, set_up
from tests.simulator import ForwardProxy, SimulatedComputer, SimulatedFleet

KINDS = ("valid", "other_name", "other_ca", "expired", "revoked")


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment says nothing of proxies."""
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(autouse=True)
def demanding(computer: SimulatedComputer) -> None:
    """The computer binds log-ons to its certificate, and has a session."""
    computer.configure({**DEMANDING, "channel_binding": "strict"})
    computer.add_session("job1")


@pytest.fixture
def proxy() -> Iterator[ForwardProxy]:
    """A proxy for everybody."""
    with ForwardProxy() as started:
        yield started


def fingerprint(fleet: SimulatedFleet, kind: str) -> str:
    """SHA-256 of a kind of certificate, as tools write it."""
    return hashlib.sha256(fleet.server_certificate(kind)).hexdigest().upper()


def in_pairs(digits: str) -> str:
    return ":".join(digits[place : place + 2] for place in range(0, len(digits), 2))


@pytest.mark.parametrize("library", ["psrp", "winrm"])
@pytest.mark.parametrize("way", ["NTLM", "CredSSP", "thumbprint", "basic"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_pinned_certificate_is_accepted_whatever_it_is(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, kind: str, way: str, library: str
) -> None:
    computer.certificate = kind
    pinned = in_pairs(fingerprint(fleet, kind))
    options = set_up(controller, fleet, way, tls=True, transport=library, server_certificate_fingerprint=pinned)
    result = controller.connect("srv01", **options)
    assert (names(result), result["errors"]) == (["job1"], [])
    assert result["sessions"][0]["tls"] == "pinned"


@pytest.mark.parametrize("ignored", [False, True])
@pytest.mark.parametrize("kind", ["valid", "other_ca"])
def test_another_certificate_is_refused_before_anything_is_sent(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, kind: str, ignored: bool
) -> None:
    """A chain that would be accepted without the pin makes no difference, nor does an inventory that ignores all."""
    computer.certificate = kind
    pinned = fingerprint(fleet, "other_name")
    set_up(controller, fleet, "basic", tls=True, verify_certificate=not ignored)
    result = controller.get("srv01", server_certificate_fingerprint=pinned.lower())
    assert fleet.requests == []
    (error,) = result["errors"]
    assert error_ids(result) == ["12175,RemotePSSessionQueryFailed"]
    assert in_pairs(pinned) in error["message"]
    assert in_pairs(fingerprint(fleet, kind)) in error["message"]
    assert "Nothing was sent" in error["hint"]


def test_an_option_of_the_task_wins(fleet: SimulatedFleet, controller: Controller) -> None:
    set_up(controller, fleet, "basic", tls=True, server_certificate_fingerprint=fingerprint(fleet, "expired"))
    assert names(controller.get("srv01", server_certificate_fingerprint=fingerprint(fleet, "valid"))) == ["job1"]


def test_every_connection_is_checked(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    """A certificate that changes while a task runs is refused by the connections that are opened then."""
    for number in range(2, 5):
        computer.add_session(f"job{number}")
    pinned = fingerprint(fleet, "valid")
    set_up(controller, fleet, "NTLM", tls=True, server_certificate_fingerprint=pinned)
    assert names(controller.connect("srv01", throttle_limit=4)) == ["job1", "job2", "job3", "job4"]
    assert {each.scheme for each in carried_out(fleet)} == {"ntlm"}
    computer.certificate = "other_ca"
    fleet.clear_requests()
    assert controller.connect("srv01", throttle_limit=4)["sessions"] == []
    assert fleet.requests == []


@pytest.mark.parametrize("kind", ["valid", "other_ca"])
def test_through_a_proxy(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, proxy: ForwardProxy, kind: str
) -> None:
    computer.certificate = kind
    set_up(controller, fleet, "NTLM", tls=True, server_certificate_fingerprint=fingerprint(fleet, "other_ca"))
    option = {"proxy_access_type": "ie_config", "proxy": proxy.url}
    result = controller.connect("srv01", session_option=option)
    assert names(result) == (["job1"] if kind == "other_ca" else [])
    assert {request.method for request in proxy.requests} == {"CONNECT"}
    assert bool(fleet.requests) is (kind == "other_ca")


@pytest.mark.parametrize("of", ["task", "inventory"])
def test_plain_http_has_no_certificate(fleet: SimulatedFleet, controller: Controller, of: str) -> None:
    pin: dict[str, Any] = {"server_certificate_fingerprint": fingerprint(fleet, "valid")}
    set_up(controller, fleet, "NTLM", **(pin if of == "inventory" else {}))
    result = controller.get("srv01", **(pin if of == "task" else {}))
    (error,) = result["errors"]
    assert "server_certificate_fingerprint needs HTTPS" in error["message"]
    assert fleet.requests == []
