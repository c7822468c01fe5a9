"""Find: discovery and selection, and errors for missing sessions. Nothing is changed here."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import typing as t
from dataclasses import dataclass

from ..model.endpoints import Endpoint
from ..model.errors import ErrorRecord
from ..model.events import Warned
from ..model.names import folded, is_same_name
from ..model.sessions import DEFAULT_RESOURCE_URI, PSSession, SessionKey, SessionReference, State, configuration_name
from ..model.wildcard import escaped
from ..request.request import Query
from ..request.task_options import weakening
from ..state.registry import Listed
from ..target import endpoint as endpoints_of
from ..target.logon import hands_over_unverified
from ..task.task import Task
from .discovery import Discovery, discover, list_commands
from .owners import Owners, ask_for_owners, by_owner, owner_unknown
from .selection import (
    Selection,
    age,
    configurations,
    gone,
    has_configuration,
    look_up,
    matched,
    may_be_same_account,
    refuse_unseen,
    remaining,
    select_remembered,
    select_remote,
    to_be_made,
    unknown_name,
)


@dataclass(frozen=True)
class Found:
    """The sessions and missing values that a task's options select.

    Attributes:
        sessions: In the order of the options. A session that is selected twice is in it twice.
        before: The existing ones of these sessions, each once.
        errors: Records of computers that did not answer, and of missing sessions if they count as a failure.
        missing: Records of missing sessions. They are in `errors` only if they count as a failure.
        listed: What computers listed, for the registry.
        over: Registry numbers of sessions that must have ended.
        accounts: For each computer, the own account, if the task looked for its sessions.
    """

    sessions: tuple[PSSession, ...]
    before: tuple[PSSession, ...]
    errors: tuple[ErrorRecord, ...]
    missing: tuple[ErrorRecord, ...] = ()
    listed: tuple[Listed, ...] = ()
    over: tuple[int, ...] = ()
    accounts: tuple[tuple[Endpoint, str], ...] = ()


def find(task: Task) -> Found:
    """Find the sessions that the options select."""
    is_local = task.request.parameter_set.is_local
    selection, discovery, refused = (_find_remembered if is_local else _find_remote)(task)
    errors = [*refused, *discovery.records]
    if task.request.flow.on_missing == "error":
        errors += selection.missing
    elif task.request.flow.on_missing == "warn":
        for record in selection.missing:
            task.context.emit(Warned(record.message))
    sessions = _fulfilling(task, selection.sessions)
    owners = Owners(task.request.query, discovery, task.memory)
    doubtful = [session for session in sessions if owners.is_in_doubt(session)]
    errors += [owner_unknown(group, owners, task.request.cmdlet) for group in by_owner(doubtful)]
    sessions = [session for session in sessions if session not in doubtful]
    _tell_matches(task, sessions)
    if task.request.flow.list_commands:
        cmdlet = task.request.cmdlet
        sessions, failed = list_commands(sessions, task, several=cmdlet.lists_commands or cmdlet.is_reading)
        errors += failed
    before = tuple(dict.fromkeys(sessions))
    return Found(
        tuple(sessions),
        before,
        tuple(errors),
        selection.missing,
        discovery.listed,
        selection.over,
        tuple(owners.accounts()),
    )


def find_by_new_names(task: Task) -> Found:
    """Find the session for each name on each computer, or describe the session to open.

    Sessions of other accounts are ignored, because this account cannot connect to them. If the owner is unclear, the
    server is asked. In check mode, or if the answer does not decide, this is an error. Two spellings of an address are
    one computer, and two spellings of a name are one session, so that no session is opened twice.
    """
    endpoints = _each_once(endpoints_of.endpoints(task.request, task.context.settings_of), task)
    discovery = _ask(endpoints, task)
    names = {folded(name): name for name in reversed(task.request.query.new_names)}
    wanted = [(endpoint, name) for endpoint in discovery.sessions for name in reversed(names.values())]
    named = {place: _of_name(task, discovery, *place) for place in wanted}
    owners = Owners(task.request.query, discovery, task.memory)
    doubtful = [each for found in named.values() for each in found if _is_own(task, owners, each) is None]
    if doubtful and not task.context.check_mode:
        ask_for_owners(task, (session.endpoint for session in doubtful))
        owners = Owners(task.request.query, discovery, task.memory)
    sessions: list[PSSession] = []
    errors = [*discovery.records]
    for (endpoint, name), found in named.items():
        whose = [(each, _is_own(task, owners, each)) for each in found]
        existing = next((each for each, is_own in whose if is_own), None)
        unknown = [each for each, is_own in whose if is_own is None]
        if existing is None and unknown:
            errors += [owner_unknown(group, owners, task.request.cmdlet) for group in by_owner(unknown)]
            continue
        if existing is None:
            _tell_other_configurations(task, endpoint, name, discovery.sessions[endpoint])
        sessions.append(
            existing
            or to_be_made(name, task.context.world.new_guid().upper(), discovery.places[endpoint], task.request)
        )
    before = tuple(session for session in sessions if session.exists)
    return Found(tuple(sessions), before, tuple(errors), listed=discovery.listed)


def _of_name(task: Task, discovery: Discovery, endpoint: Endpoint, name: str) -> list[PSSession]:
    """Return the sessions of a computer with the name and configuration of a session to open."""
    listed = discovery.sessions[endpoint]
    return [each for each in listed if is_same_name(each.name, name) and has_configuration(each, task.request)]


def _is_own(task: Task, owners: Owners, session: PSSession) -> bool | None:
    """Return whether a session belongs to the own account. A session in the task's journal does."""
    journal = task.journal
    is_own = owners.is_own(session)
    if is_own is None and (journal.last_command_of(session) or journal.is_unstarted(session)):
        return True
    return is_own


def _tell_other_configurations(task: Task, endpoint: Endpoint, name: str, listed: t.Iterable[PSSession]) -> None:
    """Warn of sessions with the name of a session to open, but with another configuration."""
    others = [each for each in listed if is_same_name(each.name, name) and not has_configuration(each, task.request)]
    if others:
        wanted = configuration_name(task.request.query.resource_uri or DEFAULT_RESOURCE_URI)
        task.context.emit(
            Warned(
                f"On {endpoint.computer_name} there is a session named {name} with the configuration "
                f"{configurations(others)}. This task means another one, with the configuration {wanted}."
            )
        )


def _ask(endpoints: t.Sequence[Endpoint], task: Task) -> Discovery:
    """List the sessions of all computers. One warning names those that get the password without verification."""
    handed = [each.computer_name for each in endpoints if hands_over_unverified(each)]
    if handed:
        task.context.emit(
            Warned(
                f"CredSSP sends the password to the server, and TLS does not verify {', '.join(handed)}. A false "
                "server could keep it. Use HTTPS with a verified or pinned certificate (ca_cert, "
                "server_certificate_fingerprint)."
            )
        )
    return discover(endpoints, task)


def _each_once(endpoints: t.Iterable[Endpoint], task: Task) -> list[Endpoint]:
    """Return the first of all endpoints with the same address and account. An unknown account may be any account."""
    kept: dict[str, list[Endpoint]] = {}
    for endpoint in endpoints:
        alike = kept.setdefault(endpoint.key, [])
        first = next((each for each in alike if may_be_same_account(endpoint, each)), None)
        if first is None:
            alike.append(endpoint)
        elif endpoint.own_host != first.own_host:
            task.context.emit(
                Warned(
                    f"{first.own_host or first.computer_name} and {endpoint.own_host or endpoint.computer_name} are "
                    f"one computer ({endpoint.uri}). The task works there once, under the first name."
                )
            )
    return [endpoint for alike in kept.values() for endpoint in alike]


def _find_remote(task: Task) -> tuple[Selection, Discovery, list[ErrorRecord]]:
    endpoints = endpoints_of.endpoints(task.request, task.context.settings_of)
    discovery = _ask(list(dict.fromkeys(endpoints)), task)
    return select_remote(endpoints, task.request, discovery, task.memory), discovery, []


def _find_remembered(task: Task) -> tuple[Selection, Discovery, list[ErrorRecord]]:
    request = task.request
    references, unknown = look_up(request, task.memory)
    for reference in references:
        _warn_of_ignored(reference, task)
    foreseen = task.context.foreseen if task.context.check_mode else None
    refused = {
        each: None if foreseen is not None and foreseen.knows(each.key) else refuse_unseen(each, request)
        for each in references
    }
    over = [gone(reference, reference.subject, request) for reference in references if reference.is_over]
    places: dict[SessionReference, Endpoint] = {
        reference: endpoints_of.endpoint_of_reference(reference, request, task.context.settings_of)
        for reference, error in refused.items()
        if error is None and not reference.is_over
    }
    discovery = _ask(list(dict.fromkeys(places.values())), task)
    # A session that was given twice is selected twice; its computer is asked once.
    pairs = [(reference, places[reference]) for reference in references if reference in places]
    selection = select_remembered(pairs, request, discovery, task.memory)
    errors = [*filter(None, refused.values())]
    missing = (*unknown, *over, *selection.missing)
    if not (selection.sessions or missing or errors or discovery.errors):
        # A wildcard matched only sessions that have ended, so nothing was found.
        missing = tuple(unknown_name(request, pattern) for pattern in request.query.names or ())
    return dataclasses.replace(selection, missing=missing), discovery, errors


def _tell_matches(task: Task, sessions: t.Sequence[PSSession]) -> None:
    """Warn if a text with brackets was used as a pattern, because the user may have meant a name."""
    if task.request.cmdlet.is_reading:
        return
    for pattern in task.request.query.names or ():
        found = matched(pattern, dict.fromkeys(sessions))
        if found and any(sign in pattern.pattern for sign in "[?"):
            shown = ", ".join(f"{each.name} on {each.endpoint.computer_name}" for each in found[:10])
            more = f" and {len(found) - 10} more" if len(found) > 10 else ""
            task.context.emit(
                Warned(
                    f"name: no session has the name {pattern.pattern}, so it is used as a pattern. It matches "
                    f"{shown}{more}. For that name only, write {escaped(pattern.pattern)}"
                )
            )


def _warn_of_ignored(reference: SessionReference, task: Task) -> None:
    """Warn of options in a given session that weaken a check, because only the state file may set them."""
    names = [] if reference.is_registered else weakening(reference.task_options)
    if names:
        name = reference.name or reference.instance_id
        task.context.emit(
            Warned(
                f"Session {name} on {reference.computer_name} sets {', '.join(names)}, which weakens a check. The "
                "task ignores it, because this controller's state file does not have the session. Set it in the task."
            )
        )


def _fulfilling(task: Task, sessions: t.Sequence[PSSession]) -> list[PSSession]:
    """Return the sessions that meet the request's conditions other than names and ids."""
    query = task.request.query
    opened: set[SessionKey] = set()
    if query.state != "all":
        opened = {each.key for each in task.memory.as_remembered(sessions) if each.state is State.OPENED}
    return [session for session in sessions if _fulfils(query, session, session.key in opened)]


def _fulfils(query: Query, session: PSSession, is_opened: bool) -> bool:
    seconds_left = remaining(session)
    conditions = (
        query.state in ("all", "opened" if is_opened else "disconnected"),
        age(session) >= query.minimum_age,
        query.expires_within is None or (seconds_left is not None and seconds_left <= query.expires_within),
    )
    return all(conditions)
