# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults of durable tasks that tests plant: each leaves out one rule, and the simulation has to notice it."""

from __future__ import annotations

import dataclasses
import uuid
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.library import Script, TransportError
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.output.claiming import Claiming
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp import starting
from ansible_collections.psremoting.fleet.plugins.plugin_utils import _kept_script
from ansible_collections.psremoting.fleet.plugins.plugin_utils._kept_session import KeptSession
from ansible_collections.psremoting.fleet.plugins.plugin_utils._task_ids import Ids
from ansible_collections.psremoting.fleet.plugins.plugin_utils._task_session import Unfinished


def ids_are_random(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Ids, "command", lambda _self, _work: str(uuid.uuid4()))


def work_that_ended_with_its_session_is_started_again(patch: pytest.MonkeyPatch) -> None:
    """A Receive that says that the session is gone counts as an answer to the Command."""
    held = KeptSession._held

    def again(self: KeptSession, script: Script, work: Any, command_id: str) -> Any:
        try:
            return held(self, script, work, command_id)
        except Unfinished:
            return held(self, script, work, command_id)

    patch.setattr(KeptSession, "_held", again)


def input_is_sent_after_the_command(patch: pytest.MonkeyPatch) -> None:
    """A rerun joins a command that waits for input which a killed run did not send."""
    patch.setattr(
        _kept_script, "held", lambda script, _id, title, **_restores: dataclasses.replace(script, title=title)
    )

    def command(self: Claiming) -> None:
        with self._pool.lend(self._session.endpoint) as client:
            shell, number = self._session.shell, client.world.microseconds() + 1
            starting.start_at_once(client, shell, self._command_id, self._script, client.new_deadline())
            messages = starting._Messages(shell, self._command_id).input(self._script.input or ())
            for packet in starting._packets(messages, number, client.payload_bytes) if self._script.input else ():
                client.send(shell, self._command_id.upper(), packet.data, client.new_deadline())

    patch.setattr(Claiming, "_command", command)


def leftovers_are_not_looked_for(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(KeptSession, "_chosen", lambda self, _command_id, _work: self._at(0))


def a_missing_part_is_no_error(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(_kept_script, "lost", lambda *_given, **_options: "")


def age_is_not_checked(patch: pytest.MonkeyPatch) -> None:
    check = KeptSession._check_age

    def unlimited(self: KeptSession, *given: Any) -> Any:
        self._keeping = dataclasses.replace(self._keeping, max_age=1e9)
        return check(self, *given)

    patch.setattr(KeptSession, "_check_age", unlimited)


def a_session_taken_from_a_silent_client_is_not_taken_back(patch: pytest.MonkeyPatch) -> None:
    def give_up(_self: Claiming) -> None:
        raise TransportError(None, "no way on", delivered=False)

    patch.setattr(Claiming, "_take_up", give_up)


def what_another_run_left_is_not_looked_at_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(KeptSession, "_known", lambda self: self._keeping.state.read())


def leftovers_are_forgotten_after_one_task(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(KeptSession, "_is_beside", property(lambda _self: False, lambda _self, _value: None), raising=False)
