# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A password goes to the server and nowhere else."""

from __future__ import annotations

import base64
import json
import logging
import urllib.parse

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.finding import discovery
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import error_record
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.verbs import base
from tests.integration.engine.controller import ADMIN, PASSWORD, Controller, Result
from tests.integration.engine.logons import set_up
from tests.simulator import Injection, SimulatedComputer, SimulatedFleet, User

LATIN = User("latin", "Kennwört-für-Latin")


def disguises(password: str) -> list[str]:
    """The password as it would look in a log, JSON, a URL, a header or bytes."""
    encoded = [password.encode(encoding, "ignore") for encoding in ("utf-8", "latin-1", "utf-16-le")]
    return [
        password,
        json.dumps(password)[1:-1],
        urllib.parse.quote(password),
        ascii(password)[1:-1],
        *(repr(octets)[2:-1] for octets in encoded),
        *(base64.b64encode(b"admin:" + octets).decode() for octets in encoded),
        *(base64.b64encode(octets).decode() for octets in encoded),
    ]


def assert_absent(text: str, password: str = PASSWORD) -> None:
    found = [form for form in disguises(password) if form in text]
    assert found == []


def log_everything(caplog: pytest.LogCaptureFixture) -> None:
    """Keep all that the libraries log, whatever level they have chosen."""
    for name in ("", *logging.root.manager.loggerDict):
        caplog.set_level(logging.DEBUG, logger=name)


def assert_absent_from_log(caplog: pytest.LogCaptureFixture, *libraries: str, password: str = PASSWORD) -> None:
    """None of the records has a password, and each of the libraries has logged something."""
    assert {record.name.partition(".")[0] for record in caplog.records} >= set(libraries)
    for record in caplog.records:
        assert_absent(f"{record.getMessage()} {record.args!r} {record.exc_text}", password)


def run_of_everything(fleet: SimulatedFleet, controller: Controller) -> list[Result]:
    """Successes and failures of many kinds."""
    for computer in fleet:
        computer.add_session("job1")
        computer.add_session("busy", state="Connected", held=True)
    fleet["srv02"].inject(Injection("Connect", action="garbage"))
    fleet["srv03"].inject(Injection(action="status", status=500, body="<oops>"))
    results = [
        controller.connect("srv01", "srv02", "srv03", "nowhere.invalid", diff_mode=True, list_commands=True),
        controller.connect(name=["*"]),
        controller.get("srv01", connection_uri=["http://x"]),
    ]
    set_up(controller, fleet, "NTLM")
    results.append(controller.get("srv01"))
    controller.user = User("admin", PASSWORD + "-wrong")
    return [*results, controller.get("srv01")]


def test_results_and_logs_and_registry(
    fleet: SimulatedFleet, controller: Controller, caplog: pytest.LogCaptureFixture
) -> None:
    log_everything(caplog)
    results = run_of_everything(fleet, controller)
    assert any(result["sessions"] for result in results)
    assert any(result["errors"] for result in results)
    assert_absent(repr(results) + json.dumps(results))
    assert_absent_from_log(caplog, "spnego")
    for file in controller.state_file.parent.iterdir():
        assert_absent(file.read_bytes().decode("latin-1"))
        assert_absent(file.read_bytes().decode("utf-8", "ignore"))


def test_objects_and_exceptions_of_the_engine(
    fleet: SimulatedFleet, controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inspect the arguments and results of every phase, with all that they refer to."""
    seen: list[str] = []

    def watched(function):
        def watching(*arguments, **keywords):
            seen.extend(repr(each) for each in (*arguments, *keywords.values()))
            result = function(*arguments, **keywords)
            seen.append(repr(result))
            return result

        return watching

    monkeypatch.setattr(discovery, "as_session", watched(discovery.as_session))
    monkeypatch.setattr(f"{discovery.__name__}.error_record", watched(error_record))
    monkeypatch.setattr(f"{base.__name__}.error_record", watched(error_record))
    monkeypatch.setattr(_plugins, "_run", watched(_plugins._run))
    run_of_everything(fleet, controller)
    assert any("PSSession(" in text for text in seen)
    assert any("TransportError" in text or "WSManFault" in text for text in seen)
    for text in seen:
        assert_absent(text)


@pytest.mark.parametrize("user", [ADMIN, LATIN], ids=lambda user: user.name)
def test_a_password_beyond_ascii_logs_on(
    computer: SimulatedComputer, controller: Controller, monkeypatch: pytest.MonkeyPatch, user: User
) -> None:
    monkeypatch.setattr(computer, "users", [ADMIN, LATIN])
    computer.add_session("job1", owner=user.name)
    controller.user = user
    result = controller.connect("srv01")
    assert [session["name"] for session in result["sessions"]] == ["job1"]
