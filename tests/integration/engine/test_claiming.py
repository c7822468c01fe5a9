# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A command that is claimed by its id is started once: what is sent for each answer that a Command may get."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable, Iterator
from typing import Literal

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession import library
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.events import (
    MessageReceived,
    ReceiveEnded,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp.starting import TooLarge
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.world import World
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman.http import HttpConversation
from tests.integration.engine.controller import ADMIN, FakeTime
from tests.simulator import Injection, SimulatedComputer, SimulatedFleet

WORK = "the work"
SCRIPTS = {WORK: [{"output": "begun"}, {"sleep": 20}, {"output": "done"}], "short": [{"output": "done"}]}
SESSION_ID, COMMAND_ID = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))
US, OTHERS = str(uuid.UUID(int=3)), str(uuid.UUID(int=4))
OPENED = ["Create", "Receive", "Receive"]
GONE, SILENT, MISMATCH, ELSEWHERE, EXISTS = 0x8033805B, 0x803381C4, 0x803381C6, 0x803381CD, 0x803381D7
CREDENTIAL = {"username": ADMIN.name, "password": ADMIN.password}
BASIC = {"authentication": "basic", "session_option": {"no_encryption": True}}
LIMITS = {"busy_timeout": 90.0, "recovery_timeout": 60.0}

Controller = Callable[[str], library.Remoting]


@pytest.fixture(scope="module")
def running_fleet() -> Iterator[SimulatedFleet]:
    with SimulatedFleet.build(["srv01"], [ADMIN], SCRIPTS) as fleet:
        yield fleet


@pytest.fixture
def controller(fleet: SimulatedFleet) -> Iterator[Controller]:
    """Makes controllers that do not wait: time passes for the fleet alone."""
    fake = FakeTime(fleet)
    made: list[library.Remoting] = []

    def make(client_id: str) -> library.Remoting:
        made.append(library.Remoting(client_id, world=World(HttpConversation, monotonic=fake.clock, sleep=fake.sleep)))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def session(computer: SimulatedComputer) -> library.PSSession:
    endpoint = library.endpoint_at(computer.uri, credential=CREDENTIAL, **BASIC)
    return library.session_at(endpoint, SESSION_ID, "Ansible task")


NUMBERS = itertools.count()


def claimed(remoting: library.Remoting, session: library.PSSession, text: str = WORK) -> library.Claimed:
    script = library.Script(text, is_alone=True, title=f"work {next(NUMBERS)}")
    return remoting.claim(session, script, COMMAND_ID, **LIMITS)


def received(remoting: library.Remoting, session: library.PSSession, found: library.Claimed) -> list[int]:
    """The kinds of the messages up to the end of the command."""
    *events, end = remoting.messages(session, COMMAND_ID, needs=found.needs, recovery_timeout=60)
    assert isinstance(end, ReceiveEnded)
    assert end.cause is None
    return [event.kind for event in events if isinstance(event, MessageReceived)]


def sent(fleet: SimulatedFleet) -> list[str]:
    """The operations, with the codes of their faults."""
    return [
        request.operation + (f"!{request.fault_code:x}" if request.fault_code else "") for request in fleet.requests
    ]


def starts(computer: SimulatedComputer) -> int:
    return sum(len(each.commands) for each in computer.sessions)


def test_a_session_that_is_gone_is_opened(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, session: library.PSSession
) -> None:
    remoting = controller(US)
    found = claimed(remoting, session, "short")
    received(remoting, session, found)
    remoting.forget(session, COMMAND_ID)
    assert (found.is_started, found.is_opened) == (True, True)
    assert sent(fleet) == [f"Command!{GONE:x}", *OPENED, "Command", "Receive", "Signal"]
    assert [each.shell_id.lower() for each in computer.sessions] == [SESSION_ID]


def test_one_that_is_there_takes_one_request(
    fleet: SimulatedFleet, controller: Controller, session: library.PSSession
) -> None:
    remoting = controller(US)
    for _time in range(2):  # the id is free again after the Signal
        fleet.clear_requests()
        received(remoting, session, claimed(remoting, session, "short"))
        remoting.forget(session, COMMAND_ID)
    assert sent(fleet) == ["Command", "Receive", "Signal"]


def test_a_command_that_exists_is_joined(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, session: library.PSSession
) -> None:
    """By a later process of the same controller."""
    first = claimed(controller(US), session)
    fleet.clear_requests()
    fleet.clock.advance(10)
    rerun = controller(US)
    found = claimed(rerun, session)
    assert (found.is_started, found.title) == (False, first.title)
    fleet.clock.advance(20)
    assert received(rerun, session, found)
    rerun.forget(session, COMMAND_ID)
    assert sent(fleet) == [
        *(f"Command!{EXISTS:x}", "Enumerate", "Disconnect", "Connect", "Connect", "Receive", "Signal")
    ]
    assert starts(computer) == 0


def test_one_that_the_server_has_taken_from_its_silent_client_is_reconnected(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, session: library.PSSession
) -> None:
    claimed(controller(US), session)
    fleet.clear_requests()
    fleet.clock.advance(61)
    found = claimed(controller(US), session)
    assert not found.is_started
    assert sent(fleet) == [f"Command!{SILENT:x}", "Reconnect", f"Command!{EXISTS:x}", "Enumerate"]
    assert starts(computer) == 1


def test_one_whose_last_client_was_another_is_connected_to(
    fleet: SimulatedFleet, controller: Controller, session: library.PSSession
) -> None:
    claimed(controller(OTHERS), session)
    fleet.clear_requests()
    fleet.clock.advance(61)
    rerun = controller(US)
    found = claimed(rerun, session)
    fleet.clock.advance(20)
    received(rerun, session, found)
    assert sent(fleet) == [
        *(f"Command!{SILENT:x}", f"Reconnect!{MISMATCH:x}", "Connect", f"Command!{EXISTS:x}", "Enumerate"),
        *("Connect", "Receive"),
    ]


def test_one_that_another_client_has_is_waited_for(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, session: library.PSSession
) -> None:
    claimed(controller(OTHERS), session)
    fleet.clear_requests()
    fleet.clock.advance(56)
    found = claimed(controller(US), session)
    assert not found.is_started
    first, *refused, connected, again, listed = sent(fleet)
    assert (first, connected, again, listed) == (
        *(f"Command!{MISMATCH:x}", "Connect", f"Command!{EXISTS:x}", "Enumerate"),
    )
    assert refused
    assert set(refused) == {f"Connect!{ELSEWHERE:x}"}
    assert starts(computer) == 1


def test_one_that_another_client_keeps_is_an_error(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, session: library.PSSession
) -> None:
    claimed(controller(OTHERS), session)
    computer.sessions[0].connect_elsewhere()
    with pytest.raises(library.WSManFault) as raised:
        claimed(controller(US), session)
    assert (raised.value.code, raised.value.delivered, starts(computer)) == (ELSEWHERE, False, 1)


@pytest.mark.parametrize("action", ["close_without_answer", "reset"])
def test_a_lost_answer_starts_it_once(
    fleet: SimulatedFleet,
    computer: SimulatedComputer,
    controller: Controller,
    session: library.PSSession,
    action: Literal["close_without_answer", "reset"],
) -> None:
    """The first Command is for a session that is gone; the second one is carried out, or does not arrive."""
    computer.inject(Injection("Command", action=action, after=1))
    remoting = controller(US)
    found = claimed(remoting, session)
    assert (found.is_started, starts(computer)) == (True, 1)
    fleet.clock.advance(20)
    received(remoting, session, found)
    answers = sent(fleet)
    assert answers[:4] == [f"Command!{GONE:x}", *OPENED]
    assert answers[4] == "Command"
    rest = [f"Command!{EXISTS:x}", "Enumerate"] if action == "close_without_answer" else ["Command"]
    assert answers[5:-1] == [*rest, *["Receive"] * (len(answers) - 6 - len(rest))]


def test_a_session_that_is_gone_after_a_lost_answer_is_an_error(
    computer: SimulatedComputer, controller: Controller, session: library.PSSession
) -> None:
    """The command may have run, and ended with the session."""
    computer.inject(Injection("Command", action="close_without_answer", after=1))
    computer.inject(Injection("Command", action="fault", fault_code=GONE, after=1))
    with pytest.raises(library.TransportError) as raised:
        claimed(controller(US), session)
    assert (raised.value.code, raised.value.delivered, starts(computer)) == (GONE, True, 1)


def test_a_session_that_is_gone_while_it_is_received_is_an_error(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, session: library.PSSession
) -> None:
    """Nothing is started again."""
    remoting = controller(US)
    found = claimed(remoting, session)
    computer.sessions[0].close()
    *_events, end = remoting.messages(session, COMMAND_ID, needs=found.needs, recovery_timeout=60)
    assert isinstance(end, ReceiveEnded)
    assert end.cause is not None
    assert sent(fleet).count("Command") == 1


def test_a_computer_that_is_not_there_is_an_error_at_once(computer: SimulatedComputer, controller: Controller) -> None:
    nowhere = library.endpoint_at(computer.uri.replace(":5985", ":1"), credential=CREDENTIAL, **BASIC)
    with pytest.raises(library.TransportError) as raised:
        claimed(controller(US), library.session_at(nowhere, SESSION_ID, "Ansible task"))
    assert not raised.value.delivered


def test_a_lost_answer_to_the_opening_opens_it_once(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, session: library.PSSession
) -> None:
    computer.inject(Injection("Create", action="close_without_answer"))
    assert claimed(controller(US), session).is_started
    assert sent(fleet) == [f"Command!{GONE:x}", "Create", "Command"]
    assert (len(computer.sessions), starts(computer)) == (1, 1)


@pytest.mark.parametrize(("operation", "before"), [("Reconnect", US), ("Connect", OTHERS), ("Enumerate", US)])
@pytest.mark.parametrize("action", ["close_without_answer", "reset"])
def test_a_lost_answer_on_the_way_to_a_command_that_exists_is_got_over(
    fleet: SimulatedFleet,
    computer: SimulatedComputer,
    controller: Controller,
    session: library.PSSession,
    action: Literal["close_without_answer", "reset"],
    operation: str,
    before: str,
) -> None:
    first = claimed(controller(before), session)
    fleet.clock.advance(61)
    computer.inject(Injection(operation, action=action))
    rerun = controller(US)
    found = claimed(rerun, session)
    assert (found.is_started, found.title, starts(computer)) == (False, first.title, 1)
    assert received(rerun, session, found)


def test_what_does_not_fit_into_one_request_is_not_sent(
    fleet: SimulatedFleet, controller: Controller, session: library.PSSession
) -> None:
    with pytest.raises(TooLarge):
        claimed(controller(US), session, "x" * 2_000_000)
    assert fleet.requests == []
