# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults of the engine that tests plant: the simulation and the sweep have to notice them."""

from __future__ import annotations

import dataclasses
import importlib
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.commands import CommandResult, Delivery
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import TransportError
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.sessions import PSSession
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.output import receiving, recovering, running
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.output.receiving import Receiving
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.output.recovering import Recovery
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp import starting
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.state.journal import Journal
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.state.journal_lock import JournalLock
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.state.session_locks import SessionLocks
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.verbs.plan import Step
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.verbs.remove import Remove
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman.client import WSManClient
from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs import work


def journal_writes_after_reading(patch: pytest.MonkeyPatch) -> None:
    """Each piece is written when the next one has come."""
    append = Journal.append
    held: dict[Journal, tuple[Any, str, list[bytes]]] = {}

    def later(self: Journal, session: Any, command_id: str, pieces: Any) -> None:
        if self in held:
            append(self, *held.pop(self))
        held[self] = (session, command_id, list(pieces))

    patch.setattr(Journal, "append", later)


def start_is_repeated_with_a_new_id(patch: pytest.MonkeyPatch) -> None:
    start = WSManClient.start_command

    def twice(self: Any, shell: Any, command_id: str, *rest: Any) -> None:
        try:
            start(self, shell, command_id, *rest)
        except TransportError:
            start(self, shell, self.world.new_guid().upper(), *rest)

    patch.setattr(WSManClient, "start_command", twice)


def broken_receive_is_no_error(patch: pytest.MonkeyPatch) -> None:
    def failed(self: running.Runner, session: Any, command_id: str, output: Any, _cause: Any) -> Any:
        return CommandResult(session, command_id, output)

    patch.setattr(running.Runner, "_failed", failed)


def resume_forgets_starts(patch: pytest.MonkeyPatch) -> None:
    decide = work.decide
    # The package has a function of the same name.
    resume = importlib.import_module(work.__name__.replace("work", "resume"))
    patch.setattr(resume, "decide", lambda case: decide(dataclasses.replace(case, was_started=False)))


def resume_answers_other_work(patch: pytest.MonkeyPatch) -> None:
    resume = importlib.import_module(work.__name__.replace("work", "resume"))
    patch.setattr(resume, "difference", lambda *_given: "")


def receive_ignores_its_time_limit(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Receiving, "_is_over", lambda _self, _brought_something: False)


def receive_gives_up_at_a_break(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Recovery, "heals", lambda _self, _error: False)


def refused_start_counts_as_started(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Journal, "note_refusal", lambda *_given: None)


def receive_ends_before_the_server_answers(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(WSManClient, "new_receive_deadline", lambda self, _wait: self.world.monotonic() + 15.0)


def start_that_is_not_whole_counts_as_begun(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Delivery, "must_be_stopped", property(lambda _self: False))


def journal_is_not_locked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(JournalLock, "hold", lambda *_given: None)
    patch.setattr(SessionLocks, "take", lambda *_given: True)  # without it, starts of one name exclude each other


def command_is_connected_to_without_its_session(patch: pytest.MonkeyPatch) -> None:
    """A Reconnect of the session instead of a Disconnect and a Connect."""
    for module in (receiving, recovering):
        patch.setattr(
            module, "connect_anew", lambda client, session, deadline: client.reconnect(session.shell, None, deadline)
        )


def start_whose_answer_is_lost_counts_as_done(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(starting, "_is_listed", lambda *_given: True)


# Each with the promise that it breaks, a seed from which on it is caught soon, and the aim of its histories.


def remove_does_not_connect_first(patch: pytest.MonkeyPatch) -> None:
    """A session is removed without the proof that no other client is connected to it."""

    def perform(self: Remove, client: WSManClient, step: Step, deadline: float) -> PSSession:
        client.delete(step.session.shell, deadline)
        return self.expected(step)

    patch.setattr(Remove, "perform", perform)
