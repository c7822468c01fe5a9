# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The engine as a library, without Ansible: the example of its page, and what each method promises."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession import library
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.events import (
    Finished,
    MessageReceived,
    OutputReceived,
    ReceiveEnded,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp import opening
from tests.integration.engine.controller import ADMIN, ALICE
from tests.simulator import Injection, SimulatedComputer, SimulatedFleet

ROOT = Path(__file__).parents[3]
SCRIPTS = {
    "Get-Date; 'done'": [{"output": "today"}, {"output": "done"}],
    "forever": [{"output": "begun"}, {"sleep": 1e9}],
}
CREDENTIAL = {"username": ADMIN.name, "password": ADMIN.password}
BASIC = {"authentication": "basic", "session_option": {"no_encryption": True}}


@pytest.fixture(scope="module")
def running_fleet() -> Iterator[SimulatedFleet]:
    with SimulatedFleet.build(["srv01"], [ADMIN, ALICE], SCRIPTS) as fleet:
        yield fleet


@pytest.fixture
def srv01(computer: SimulatedComputer) -> SimulatedComputer:
    computer.configure({"authentication": ("negotiate", "basic")})
    return computer


@pytest.fixture
def endpoint(srv01: SimulatedComputer) -> library.Endpoint:
    return library.endpoint_at(srv01.uri, credential=CREDENTIAL, **BASIC)


@pytest.fixture
def remoting() -> Iterator[library.Remoting]:
    with library.Remoting() as client:
        yield client


def operations(fleet: SimulatedFleet) -> list[str]:
    return [request.operation for request in fleet.requests]


def outputs(events: Iterator[library.CommandEvent]) -> list[object]:
    return [event.value for event in events if isinstance(event, OutputReceived)]


def test_the_example_of_the_page_runs(srv01: SimulatedComputer, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    monkeypatch.setenv("WINRM_USER", ADMIN.name)
    monkeypatch.setenv("WINRM_PASSWORD", ADMIN.password)
    monkeypatch.setenv("WINRM_URI", srv01.uri)
    ended = subprocess.run([sys.executable, "-c", example], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (0, "today\ndone\n"), ended.stderr
    assert srv01.sessions == []


def test_the_library_needs_no_ansible() -> None:
    """A process in which nothing named ansible can be imported, but for the collection's own package."""
    program = (
        "import sys\n"
        "for name in ('ansible', 'ansible.module_utils', 'ansible.plugins'): sys.modules[name] = None\n"
        "from ansible_collections.psremoting.fleet.plugins.module_utils._pssession import library\n"
        "print(len(library.__all__))\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (ended.stdout, ended.stderr) == (f"{len(library.__all__)}\n", "")


def test_each_method_is_few_requests(
    fleet: SimulatedFleet, endpoint: library.Endpoint, remoting: library.Remoting
) -> None:
    session = remoting.new(endpoint, "work")
    command_id = remoting.start(session, library.Script("Get-Date; 'done'"))
    remoting.disconnect(session)
    (listed,) = remoting.get(endpoint)
    connected = remoting.connect(listed)
    assert [command.command_id for command in remoting.commands(connected)] == [command_id]
    assert outputs(remoting.receive(connected, command_id)) == ["today", "done"]
    remoting.remove(connected)
    sent = [operation for operation in operations(fleet) if operation != "Receive"]
    assert sent == [
        *("Create", "Command", "Disconnect"),
        *("Enumerate", "Connect", "Enumerate", "Connect", "Signal"),
        "Delete",
    ]


def test_a_stopped_command_says_so(endpoint: library.Endpoint, remoting: library.Remoting) -> None:
    session = remoting.new(endpoint, "work")
    command_id = remoting.start(session, library.Script("forever"))
    assert outputs(remoting.receive(session, command_id, timeout=0)) == ["begun"]
    remoting.stop(session, command_id)
    *_others, finished, end = remoting.receive(session, command_id)
    assert isinstance(finished, Finished)
    assert finished.state.value == "Stopped"
    assert isinstance(end, ReceiveEnded)
    assert end.cause is None


def test_another_client_is_refused_until_this_one_disconnects(
    endpoint: library.Endpoint, remoting: library.Remoting
) -> None:
    session = remoting.new(endpoint, "work")
    with library.Remoting() as other:
        (busy,) = other.get(endpoint)
        with pytest.raises(library.WSManFault):
            other.connect(busy)
        remoting.connect(busy)  # ours: confirmed
        remoting.disconnect(session)
        (free,) = other.get(endpoint)
        assert other.connect(free).state.value == "Opened"


def test_a_failed_connect_to_a_command_is_made_up_for(
    fleet: SimulatedFleet, srv01: SimulatedComputer, endpoint: library.Endpoint, remoting: library.Remoting
) -> None:
    session = remoting.new(endpoint, "work")
    command_id = remoting.start(session, library.Script("Get-Date; 'done'"))
    remoting.disconnect(session)
    (listed,) = remoting.get(endpoint)
    connected = remoting.connect(listed)
    srv01.inject(Injection("Connect", action="fault", fault_code=0x803381CC))
    (end,) = remoting.receive(connected, command_id)
    assert isinstance(end, ReceiveEnded)
    assert end.cause is not None
    fleet.clear_requests()
    assert outputs(remoting.receive(connected, command_id)) == ["today", "done"]
    assert operations(fleet)[0] == "Connect"


def test_a_journal_gives_again_what_was_received(
    endpoint: library.Endpoint, remoting: library.Remoting, tmp_path: Path
) -> None:
    journal = str(tmp_path / "work.jsonl")
    session = remoting.new(endpoint, "work")
    with library.Remoting(remoting.client_id, journal=journal) as first:
        command_id = first.start(session, library.Script("Get-Date; 'done'"))
        assert outputs(first.receive(session, command_id)) == ["today", "done"]
    with library.Remoting(remoting.client_id, journal=journal) as second:
        assert outputs(second.receive(session, command_id)) == ["today", "done"]


def test_an_unusable_endpoint_is_refused_before_anything_is_sent(
    fleet: SimulatedFleet, srv01: SimulatedComputer, remoting: library.Remoting
) -> None:
    with pytest.raises(library.TransportError, match="no user name and password"):
        remoting.get(library.endpoint_at(srv01.uri, **BASIC))
    assert operations(fleet) == []


def test_an_option_that_does_not_exist_is_refused(srv01: SimulatedComputer) -> None:
    with pytest.raises(TypeError, match="no option user"):
        library.endpoint_at(srv01.uri, user="me")


@pytest.mark.parametrize(
    ("option", "value"), [("proxy_access", "none"), ("proxy_access_type", "Auto"), ("output_buffering_mode", "Drop")]
)
def test_a_session_option_that_would_have_no_effect_is_refused(
    srv01: SimulatedComputer, option: str, value: str
) -> None:
    with pytest.raises(library.PSSessionError, match=f"session_option.* {option}|session_option.{option}: '{value}'"):
        library.endpoint_at(srv01.uri, session_option={option: value})


def test_a_computer_by_the_settings_of_an_inventory(
    fleet: SimulatedFleet, srv01: SimulatedComputer, remoting: library.Remoting
) -> None:
    settings = library.HostSettings(
        computer_name="the one",
        address=srv01.address,
        authentication="basic",
        message_encryption="never",
        username=ADMIN.name,
        password=ADMIN.password,
    )
    found = library.endpoint_of(settings, {"no_machine_profile": True})
    assert (found.computer_name, found.uri) == ("the one", srv01.uri)
    remoting.remove(remoting.new(found, "work"))
    assert operations(fleet)[-1] == "Delete"
    assert "WINRS_NOPROFILE" in fleet.requests[0].body


def test_messages_come_as_they_are_and_the_end_is_not_confirmed(
    fleet: SimulatedFleet, endpoint: library.Endpoint, remoting: library.Remoting
) -> None:
    session = remoting.new(endpoint, "work")
    command_id = remoting.start(session, library.Script("Get-Date; 'done'", is_alone=True))
    *received, finished, end = remoting.messages(session, command_id)
    messages = [each for each in received if isinstance(each, MessageReceived)]
    assert [b"today" in messages[0].message, b"done" in messages[1].message] == [True, True]
    assert {len(messages), len(received)} == {3}  # the last one is the state
    assert isinstance(finished, Finished)
    assert isinstance(end, ReceiveEnded)
    assert "Signal" not in operations(fleet)
    remoting.forget(session, command_id)
    assert operations(fleet)[-1] == "Signal"
    assert remoting.payload_bytes(endpoint) > 100_000


def test_an_interrupted_caller_leaves_nothing(
    fleet: SimulatedFleet, srv01: SimulatedComputer, endpoint: library.Endpoint, remoting: library.Remoting
) -> None:
    session = remoting.new(endpoint, "work")
    command_id = remoting.start(session, library.Script("forever"))
    fleet.clear_requests()
    remoting.abort(session, command_id)
    assert operations(fleet) == ["Signal", "Delete"]
    assert srv01.sessions == []
    remoting.abort(session, command_id)  # what is not there any more is no failure


def test_one_that_is_interrupted_while_it_opens_removes_the_session(
    fleet: SimulatedFleet, srv01: SimulatedComputer, endpoint: library.Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(opening, "_wait_until_opened", interrupt)
    with library.Remoting() as remoting, pytest.raises(KeyboardInterrupt):
        remoting.new(endpoint, "work")
    assert operations(fleet) == ["Create", "Delete"]
    assert srv01.sessions == []
