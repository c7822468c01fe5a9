"""Find: discovery and selection, and errors for sessions that are meant and do not exist. Nothing is changed here."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import typing as t
from dataclasses import dataclass

from ..model.errors import ErrorRecord
from ..model.events import Warned
from ..model.sessions import Endpoint, PSSession, SessionReference, State
from ..target import endpoint as endpoints_of
from ..task.task import Task
from .discovery import discover, list_commands
from .selection import (
    Selection,
    age,
    is_same,
    look_up,
    refuse_unseen,
    remaining,
    select_remembered,
    select_remote,
    to_be_made,
    unknown_name,
)


@dataclass(frozen=True)
class Found:
    """What a task means.

    Attributes:
        sessions: In the order of the options; one that was meant twice is there twice.
        before: Those of them that exist, each once.
        errors: Records of the computers that did not answer, and of what counts as a failure.
        missing: Records of what was meant and not found; in `errors` only when that counts as a failure.
        vanished: Instance ids of remembered sessions that their computers no longer list.
    """

    sessions: tuple[PSSession, ...]
    before: tuple[PSSession, ...]
    errors: tuple[ErrorRecord, ...]
    missing: tuple[ErrorRecord, ...] = ()
    vanished: tuple[str, ...] = ()


def find(task: Task) -> Found:
    """Find the sessions that the options select."""
    selection, errors = (_find_remembered if task.request.parameter_set.is_local else _find_remote)(task)
    if task.request.flow.on_missing == "error":
        errors += selection.missing
    elif task.request.flow.on_missing == "warn":
        for record in selection.missing:
            task.context.emit(Warned(record.message))
    sessions = _fulfilling(task, selection.sessions)
    if task.request.flow.list_commands:
        sessions = list_commands(sessions, task)
    return Found(tuple(sessions), tuple(dict.fromkeys(sessions)), tuple(errors), selection.missing, selection.vanished)


def find_by_new_names(task: Task) -> Found:
    """Find for each name on each computer the session that has it, or describe the one to be opened.

    A session of the same name that belongs to another account does not count: it cannot be connected to.
    """
    endpoints = endpoints_of.endpoints(task.request, task.context.settings_of)
    discovery = discover(list(dict.fromkeys(endpoints)), task)
    sessions: list[PSSession] = []
    for endpoint, listed in discovery.sessions.items():
        for name in dict.fromkeys(task.request.query.new_names):
            existing = next((each for each in listed if is_same(each, name, task.request)), None)
            sessions.append(existing or to_be_made(name, task.context.world.new_guid().upper(), endpoint, task.request))
    before = tuple(session for session in sessions if session.exists)
    return Found(tuple(sessions), before, tuple(discovery.errors.values()))


def _find_remote(task: Task) -> tuple[Selection, list[ErrorRecord]]:
    endpoints = endpoints_of.endpoints(task.request, task.context.settings_of)
    discovery = discover(list(dict.fromkeys(endpoints)), task)
    return select_remote(endpoints, task.request, discovery), list(discovery.errors.values())


def _find_remembered(task: Task) -> tuple[Selection, list[ErrorRecord]]:
    request = task.request
    references, unknown = look_up(request, list(task.memory.known().values()))
    refused = {reference: refuse_unseen(reference, request) for reference in references}
    places: dict[SessionReference, Endpoint] = {
        reference: endpoints_of.endpoint_of_reference(reference, request, task.context.settings_of)
        for reference, error in refused.items()
        if error is None
    }
    discovery = discover(list(dict.fromkeys(places.values())), task)
    errors = [*filter(None, refused.values()), *discovery.errors.values()]
    # A session that was given twice is selected twice; its computer is asked once.
    pairs = [(reference, places[reference]) for reference in references if reference in places]
    selection = select_remembered(pairs, request, discovery)
    missing = (*unknown, *selection.missing)
    if not (selection.sessions or missing or errors):
        # Only sessions that a wildcard matched, and all of them have ended: that, too, is nothing found.
        missing = tuple(unknown_name(request, pattern) for pattern in request.query.names or ())
    return dataclasses.replace(selection, missing=missing), errors


def _fulfilling(task: Task, sessions: t.Sequence[PSSession]) -> list[PSSession]:
    """Return the sessions that fulfil the further conditions of the request."""
    query, soon = task.request.query, task.request.query.expires_within
    if query.state == "all" and not query.minimum_age and soon is None:
        return list(sessions)
    opened = {each.instance_id for each in task.memory.as_remembered(sessions) if each.state is State.OPENED}
    return [
        session
        for session in sessions
        if query.state in ("all", "opened" if session.instance_id in opened else "disconnected")
        and age(session) >= query.minimum_age
        and (soon is None or ((seconds := remaining(session)) is not None and seconds <= soon))
    ]
