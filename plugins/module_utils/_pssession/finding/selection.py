"""Selection: the sessions that a request selects among the listed ones, and the missing ones."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import typing as t
from dataclasses import dataclass

from ..model.accounts import OWN, is_owner
from ..model.codes import Reason
from ..model.endpoints import Endpoint
from ..model.errors import ErrorRecord, Subject, error_record
from ..model.names import folded
from ..model.sessions import (
    DEFAULT_RESOURCE_URI,
    Availability,
    PSSession,
    SessionReference,
    Shell,
    State,
    configuration_name,
)
from ..model.wildcard import WildcardPattern, how_to_write
from ..request.request import Request
from .discovery import Discovery
from .owners import KnownOwners, Owners

_ENDED = frozenset({State.BROKEN.value, State.CLOSED.value})


@dataclass(frozen=True)
class Selection:
    """The selected sessions in the order of the options, and the missing ones. A session can be selected twice.

    Attributes:
        missing: A record for each value without a session.
        over: Numbers of remembered sessions that have expired and whose computers can no longer be asked.
    """

    sessions: tuple[PSSession, ...]
    missing: tuple[ErrorRecord, ...]
    over: tuple[int, ...] = ()


def select_remote(endpoints: t.Iterable[Endpoint], request: Request, discovery: Discovery, known: Known) -> Selection:
    """Select listed sessions by names or instance ids.

    The cmdlet treats all computers together (PSRemotingBaseCmdlet.QueryRunspaces), so a name is missing only if no
    computer has it. With `Request.require_each` each computer must have it.

    Args:
        endpoints: The computers as the task named them; those of one that was named twice are candidates twice.
    """
    # Missing sessions of a computer that did not answer are unknown. Its error has the reason.
    answered = [endpoint for endpoint in endpoints if endpoint in discovery.sessions]
    names = [_as_meant(pattern, discovery, known) for pattern in request.query.names or ()]
    request = dataclasses.replace(request, query=dataclasses.replace(request.query, names=tuple(names) or None))
    ended, owners = _Ended(discovery, known), Owners(request.query, discovery, known)
    if request.query.require_each:
        selections = [_select_together([endpoint], request, discovery, ended, owners) for endpoint in answered]
    else:
        selections = [_select_together(answered, request, discovery, ended, owners)] if answered else []
    return Selection(
        tuple(session for selection in selections for session in selection.sessions),
        tuple(record for selection in selections for record in selection.missing),
    )


class _Ended:
    """Finds out whether this controller has seen a missing session and not removed it.

    If several sessions have the name, the last one counts. Each name is looked up once.
    """

    def __init__(self, discovery: Discovery, known: Known) -> None:
        self._listed = {
            (endpoint.key, session.instance_id) for endpoint, found in discovery.sessions.items() for session in found
        }
        self._known = known
        self._named: dict[str, dict[str, SessionReference]] = {}

    def named(self, pattern: WildcardPattern, endpoints: t.Iterable[Endpoint]) -> SessionReference | None:
        """Return a session with this name that one of the computers no longer lists, or None."""
        if pattern.has_wildcards:
            return None
        name = pattern.pattern
        if name not in self._named:
            self._named[name] = {}
            for reference in self._known.ever_named(name):
                # Also by the host's own name, because its address may have changed.
                self._named[name].update({key: reference for key in (reference.uri_key, reference.own_host) if key})
        places = (key for endpoint in endpoints for key in (endpoint.key, endpoint.own_host) if key)
        found = (self._named[name].get(place) for place in places)
        return next((each for each in found if each is not None and self._is_gone(each)), None)

    def with_id(self, instance_id: str, endpoints: t.Iterable[Endpoint]) -> SessionReference | None:
        """Return the session with this instance id if one of the computers no longer lists it, or None."""
        places = list(endpoints)
        found = (each for each in self._known.of_instance(instance_id) if any(each.is_at(place) for place in places))
        return next(filter(self._is_gone, found), None)

    def _is_gone(self, reference: SessionReference) -> bool:
        return not reference.was_removed and (reference.uri_key, reference.instance_id) not in self._listed


def _select_together(
    endpoints: t.Sequence[Endpoint], request: Request, discovery: Discovery, ended: _Ended, owners: Owners
) -> Selection:
    query = request.query
    owned = [session for endpoint in endpoints for session in discovery.sessions[endpoint] if owners.may_mean(session)]
    candidates = [session for session in owned if has_configuration(session, request)]
    selected: list[PSSession] = []
    missing: list[ErrorRecord] = []

    def miss(error_id: str, what: str, target: str, hint: str = "", reference: SessionReference | None = None) -> None:
        where = list(dict.fromkeys(endpoints))
        if query.owners:
            accounts = [owners.account_text(where[0]) if each.pattern == OWN else each.pattern for each in query.owners]
            what += f" owned by {', '.join(accounts)}"
        record = _missing(request, error_id, f"no session {what}", target, where, hint)
        missing.append(record if reference is None else _known_to_be_over(reference, record))

    if query.instance_ids:
        for instance_id in query.instance_ids:
            matches = [session for session in candidates if session.instance_id == instance_id]
            selected += matches[:1]
            if not matches:
                reference = ended.with_id(instance_id, endpoints)
                miss("PSSessionIdMatchFail", f"with the instance id {instance_id}", instance_id, reference=reference)
    elif query.names is None:
        selected = candidates
        if not candidates:
            miss("PSSessionNameMatchFail", "that matches the options", "*")
    else:
        for pattern in query.names:
            matches = [session for session in candidates if pattern.selects(session.name)]
            selected += matches
            if not matches:
                others = [session for session in owned if pattern.selects(session.name)]
                hint = _joined(_in_other_configurations(others), how_to_write(pattern))
                reference = None if others else ended.named(pattern, endpoints)
                miss("PSSessionNameMatchFail", f"named {pattern.pattern!r}", pattern.pattern, hint, reference)
    return Selection(tuple(selected), tuple(missing))


def _as_meant(pattern: WildcardPattern, discovery: Discovery, known: Known) -> WildcardPattern:
    """Return the sessions for a name in the options: the session with this name, or else the matches of the pattern.

    The text is a name if a computer lists a session of this name, or this controller knows one, even if it has ended.
    Otherwise a task that removes the session would remove other sessions when it runs again.
    """
    if not pattern.may_be_a_name:
        return pattern
    listed = (session.name for sessions in discovery.sessions.values() for session in sessions)
    names = (*listed, *(reference.name for reference in known.named(pattern)))
    return pattern.as_name() if any(map(pattern.is_name, names)) else pattern


def matched(pattern: WildcardPattern, sessions: t.Iterable[PSSession]) -> list[PSSession]:
    """Return the sessions that a text selected as a pattern, and not as their name."""
    if not pattern.has_wildcards:
        return []
    return [each for each in sessions if pattern.selects(each.name) and not pattern.is_name(each.name)]


def has_configuration(session: PSSession, request: Request) -> bool:
    """Return whether a session has the requested configuration. Without a requested one, every session has it."""
    uri = request.query.resource_uri
    return uri is None or folded(session.shell.resource_uri) == folded(uri)


def configurations(sessions: t.Iterable[PSSession]) -> str:
    """Return the names of the configurations of sessions, for messages."""
    return ", ".join(sorted({session.configuration_name for session in sessions}))


def _in_other_configurations(sessions: t.Sequence[PSSession]) -> str:
    return f"There is one of this name with the configuration {configurations(sessions)}." if sessions else ""


class Known(KnownOwners, t.Protocol):
    """The sessions and accounts that this controller knows."""

    def numbered(self, number: int) -> list[SessionReference]: ...

    def of_instance(self, instance_id: str) -> list[SessionReference]: ...

    def named(self, pattern: WildcardPattern) -> list[SessionReference]: ...

    def ever_named(self, name: str) -> list[SessionReference]: ...


def look_up(request: Request, known: Known) -> tuple[list[SessionReference], list[ErrorRecord]]:
    """Select known sessions for a local parameter set (PSRunspaceCmdlet.GetMatchingRunspaces).

    Returns:
        The selected sessions, and a record for each value that is not in the registry.
    """
    if request.query.sessions:
        return [_registered(session, known) for session in request.query.sessions], []
    found: dict[tuple[str, str], SessionReference] = {}
    unknown: list[ErrorRecord] = []

    def take(matches: list[SessionReference], if_none: ErrorRecord) -> None:
        for match in (each for each in matches if not each.is_over):
            if match.exact or match.key not in found:
                found[match.key] = match
        if all(match.is_over for match in matches):
            unknown.append(_known_to_be_over(matches[0], if_none) if matches else if_none)

    for pattern in request.query.names or ():
        matches = [_remembered_by(each, pattern) for each in known.named(pattern)]
        take(matches, unknown_name(request, pattern))
    for number in request.query.ids:
        matches = known.numbered(number)
        take(matches, _not_known(request, "id", "RemoteRunspaceNotAvailableForSpecifiedSessionId", str(number)))
    for instance_id in request.query.instance_ids:
        matches = known.of_instance(instance_id)
        error_id = "RemoteRunspaceNotAvailableForSpecifiedRunspaceId"
        take(matches, _not_known(request, "instance id", error_id, instance_id))
    return list(found.values()), unknown


def select_remembered(
    references: t.Iterable[tuple[SessionReference, Endpoint]],
    request: Request,
    discovery: Discovery,
    known: KnownOwners,
) -> Selection:
    """Find remembered sessions in the present lists of their computers.

    A session that only a wildcard matched may have ended meanwhile. It does not count as missing.
    """
    owners = Owners(request.query, discovery, known)
    selected: list[PSSession] = []
    missing: list[ErrorRecord] = []
    over: list[int] = []
    seen: set[tuple[str, str]] = set()
    for reference, endpoint in references:
        if not request.query.sessions and (endpoint.key, reference.instance_id) in seen:
            continue  # remembered by two addresses of its computer
        seen.add((endpoint.key, reference.instance_id))
        listed = discovery.sessions.get(endpoint)
        if listed is None:
            # The computer did not answer, which is another error. But a session expires in the end.
            over += [reference.id] if reference.id and _must_be_over(reference, endpoint, discovery) else []
            continue
        session = next((session for session in listed if session.instance_id == reference.instance_id), None)
        if session is not None:
            selected += [session] if owners.may_mean(session) else []
            continue
        if reference.exact:
            missing.append(gone(reference, endpoint.subject, request))
    return Selection(tuple(selected), tuple(missing), tuple(over))


def age(session: PSSession) -> float:
    """Return the number of seconds that a session has had no client, or 0 if it has one."""
    # A negative duration, as after a clock was set back, must not hide the session.
    return max(0.0, session.shell.shell_inactivity or 0.0) if session.availability is Availability.NONE else 0.0


def remaining(session: PSSession) -> float | None:
    """Return the number of seconds until the server removes a session without a client, or None if unknown."""
    shell = session.shell
    if session.expires_on is None or shell.idle_timeout is None or shell.shell_inactivity is None:
        return None
    return shell.idle_timeout - shell.shell_inactivity


def may_be_same_account(one: Endpoint, other: Endpoint) -> bool:
    """Return whether two endpoints with one address may use the same account. Tickets may belong to any account."""
    first, second = one.logon.username, other.logon.username
    if not first or not second:
        return True
    computer_names = (one.computer_name, other.computer_name)
    return any(is_owner(*pair, computer_names) is not False for pair in ((first, second), (second, first)))


def to_be_made(name: str, shell_id: str, endpoint: Endpoint, request: Request) -> PSSession:
    """Return a session that does not exist yet, with a name, an id and a configuration, but no state."""
    shell = Shell(
        shell_id=shell_id,
        resource_uri=request.query.resource_uri or DEFAULT_RESOURCE_URI,
        state="",
        name=name,
    )
    return PSSession(endpoint, shell, State.CLOSED, Availability.NONE)


def refuse_unseen(reference: SessionReference, request: Request) -> ErrorRecord | None:
    """Return an error for a remembered session that cannot be used in any case, without traffic, or None."""
    name = reference.name or reference.instance_id
    if reference.computer_type != "RemoteMachine":
        return error_record(
            f"Cannot{request.cmdlet.verb}VMContainerSession",
            f"session {name} is on a {reference.computer_type}: the task can only use sessions over WSMan",
            cmdlet=request.cmdlet,
            target=reference.instance_id,
            about=reference.subject,
        )
    if reference.state in _ENDED and request.cmdlet.ended_error_id is not None:
        return error_record(
            request.cmdlet.ended_error_id,
            f"session {name} can be neither connected nor disconnected: it is {reference.state}",
            cmdlet=request.cmdlet,
            reason=Reason.EXPIRED,
            target=reference.instance_id,
            about=reference.subject,
        )
    return None


def gone(reference: SessionReference, where: Subject, request: Request) -> ErrorRecord:
    """Return the record for a known session that is no longer listed."""
    return error_record(
        request.cmdlet.error_id,
        f"session {reference.name or reference.instance_id} no longer exists on {where.computer_name}",
        cmdlet=request.cmdlet,
        reason=Reason.EXPIRED,
        target=reference.instance_id,
        about=dataclasses.replace(where, session_name=reference.name, instance_id=reference.instance_id),
        hint="It expired, was removed, or belongs to another account.",
    )


def unknown_name(request: Request, pattern: WildcardPattern) -> ErrorRecord:
    """Return the record for a name that matches no known session."""
    error_id = "RemoteRunspaceNotAvailableForSpecifiedName"
    return _not_known(request, "name", error_id, pattern.pattern, how_to_write(pattern))


def _not_known(request: Request, what: str, error_id: str, target: str, hint: str = "") -> ErrorRecord:
    """Return the record for a name, id or instance id that the registry does not have."""
    return error_record(
        error_id,
        f"this controller knows no session with the {what} {target}",
        cmdlet=request.cmdlet,
        category="InvalidArgument",
        reason=Reason.MISSING,
        target=target,
        hint=_joined(hint, "To find sessions that this controller has not seen before, set computer_name as well."),
    )


def _joined(*sentences: str) -> str:
    return " ".join(filter(None, sentences))


def _missing(
    request: Request, error_id: str, what: str, target: str, endpoints: list[Endpoint], hint: str
) -> ErrorRecord:
    uri = request.query.resource_uri
    configuration = f" with the configuration {configuration_name(uri)}" if uri else ""
    shown = ", ".join(endpoint.computer_name for endpoint in endpoints[:3])
    more = f" and {len(endpoints) - 3} more" if len(endpoints) > 3 else ""
    return error_record(
        error_id,
        f"{what}{configuration} was found on {shown}{more}",
        cmdlet=request.cmdlet,
        reason=Reason.MISSING,
        target=target,
        about=endpoints[0].subject if len(endpoints) == 1 else Subject(),
        hint=_joined(
            hint,
            "The session may have expired, or belong to another account; pssession_info lists the sessions that exist. "
            "If it may be missing, set on_missing: skip.",
        ),
    )


def _known_to_be_over(reference: SessionReference, record: ErrorRecord) -> ErrorRecord:
    """Return the record for a name or number whose session is known to have ended."""
    return dataclasses.replace(
        record,
        message=f"session {reference.name or reference.instance_id} no longer exists on {reference.computer_name}",
        reason=Reason.EXPIRED,
        about=reference.subject,
        hint="It expired, was removed, or belongs to another account.",
    )


def _registered(given: SessionReference, known: Known) -> SessionReference:
    """Return a session that was given to the task, completed from the registry."""
    rows = [row for row in known.of_instance(given.instance_id) if given.is_same(row)]
    if not rows:
        return given
    row = min(rows, key=lambda each: each.uri_key != given.uri_key)
    # The registry also decides whose variables apply, because a given session may have any values.
    return dataclasses.replace(row, name=given.name, state=given.state, computer_type=given.computer_type)


def _must_be_over(reference: SessionReference, endpoint: Endpoint, discovery: Discovery) -> bool:
    """Return whether a session that a wildcard matched must have expired."""
    error = discovery.errors.get(endpoint)
    is_unreachable = error is not None and error.reason is Reason.UNREACHABLE
    return is_unreachable and not reference.exact and (reference.expires or discovery.asked_at) < discovery.asked_at


def _remembered_by(reference: SessionReference, pattern: WildcardPattern) -> SessionReference:
    return dataclasses.replace(reference, exact=not pattern.has_wildcards or pattern.is_name(reference.name))
