"""The registry as a task uses it: a cache whose loss prevents nothing."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import typing as t

from ..model.accounts import Account
from ..model.endpoints import Endpoint
from ..model.errors import PSSessionError
from ..model.events import Event
from ..model.sessions import Availability, PSSession, SessionReference
from ..model.wildcard import WildcardPattern
from ..system.world import World
from .registry import SILENCE_SECONDS, Listed, Registry, without_registry

Key = tuple[str, str]
T = t.TypeVar("T")


class Memory:
    """The registry and this client's identity. Problems with either are warnings.

    Args:
        client_id: This client's identity, a GUID, or a function that returns it if the registry cannot be used.
        emit: Gets warnings.
    """

    def __init__(
        self, registry: Registry, client_id: str | t.Callable[[], str], emit: t.Callable[[Event], None], world: World
    ) -> None:
        self._registry = registry
        self._emit = emit
        self._world = world
        self._is_lost = False
        self._owners: dict[tuple[str, str], str] = {}
        self.client_id = client_id if isinstance(client_id, str) else self._own_client_id(client_id)

    def numbered(self, number: int) -> list[SessionReference]:
        """Return the known session with a number, if there is one."""
        return self._known(lambda: self._registry.numbered(number), [])

    def of_instance(self, instance_id: str) -> list[SessionReference]:
        """Return the known sessions with an instance id."""
        return self._known(lambda: self._registry.of_instance(instance_id), [])

    def named(self, pattern: WildcardPattern) -> list[SessionReference]:
        """Return the known sessions whose name matches; see `Registry.named`."""
        return self._known(lambda: self._registry.named(pattern), [])

    def ever_named(self, name: str) -> list[SessionReference]:
        """Return the known sessions with a name, also those that ended; see `Registry.ever_named`."""
        return self._known(lambda: self._registry.ever_named(name), [])

    def owners(self, sessions: t.Iterable[PSSession]) -> dict[Key, str | None]:
        """Return the client last connected to each session, by `PSSession.key`."""
        return {key: known.client_id for key, known in self._rows_of(sessions).items()}

    def owner_of(self, endpoint: Endpoint) -> str | None:
        """Return the account of a log-on as the server named it, or None if that is unknown."""
        key = _log_on(endpoint)
        if key not in self._owners and key[1]:
            known = self._known(lambda: self._registry.owner_of(*key), None)
            if known is not None:
                self._owners[key] = known
        return self._owners.get(key)

    def note_owner(self, endpoint: Endpoint, owner: str | None) -> None:
        """Note the owner of a session that this log-on opened or is connected to. Only the owner can be connected.

        It may be called from the threads of a task's jobs. `remember` writes it down.
        """
        if owner:
            self._owners[_log_on(endpoint)] = owner

    def as_remembered(self, sessions: t.Iterable[PSSession]) -> list[PSSession]:
        """Return the found sessions with their ids, and as Opened if this client is connected to them.

        This is known for as long as a server waits for a silent client. Later, the connected client may be another one,
        and only a Reconnect shows it.
        """
        distinct = list(dict.fromkeys(sessions))
        known = self._rows_of(distinct)
        seen = []
        for session in distinct:
            if session.foreseen is not None and session.availability is Availability.BUSY:
                session = session.opened()
            memory = known.get(session.key)
            if memory is not None:
                ours = self._is_ours(session, memory)
                session = dataclasses.replace(session.opened() if ours else session, id=memory.id)
            seen.append(session)
        return seen

    def remember(
        self, sessions: t.Iterable[PSSession], listed: t.Iterable[Listed] = (), over: t.Iterable[int] = ()
    ) -> dict[Key, int]:
        """Write the present state of sessions, and which ones ended.

        Connected sessions are not lost with the registry, so problems with it fail no task.

        Args:
            listed, over: See `Registry.remember`.

        Returns:
            The number of each session by its `PSSession.key`; nothing if they could not be written down.
        """
        now = {session.key: session for session in sessions}
        if self._is_lost:
            return {}
        try:
            # Whose the tickets are may be another account in the next task.
            owners = {log_on: owner for log_on, owner in self._owners.items() if log_on[1]}
            return self._registry.remember(now.values(), self.client_id, listed, over, owners)
        except PSSessionError as error:
            self._warn(error)
            return {}

    def _is_ours(self, session: PSSession, memory: SessionReference) -> bool:
        return (
            session.availability is Availability.BUSY
            and memory.client_id == self.client_id
            and memory.connected_at is not None
            and self._world.now().timestamp() - memory.connected_at < SILENCE_SECONDS
        )

    def _rows_of(self, sessions: t.Iterable[PSSession]) -> dict[Key, SessionReference]:
        return self._known(lambda: self._registry.rows_of(sessions), {})

    def _known(self, look_up: t.Callable[[], T], nothing: T) -> T:
        """Look something up. Without the registry every session is new."""
        if self._is_lost:
            return nothing
        try:
            return look_up()
        except PSSessionError as error:
            self._warn(error)
            return nothing

    def _warn(self, error: PSSessionError) -> None:
        """Warn once, and stop using the registry, because each attempt may wait for another process.

        Ansible shows a warning with the same text once in a run.
        """
        if not self._is_lost:
            self._is_lost = True
            self._emit(without_registry(error))

    def _own_client_id(self, otherwise: t.Callable[[], str]) -> str:
        try:
            return self._registry.client_id(otherwise)
        except PSSessionError as error:
            self._warn(error)
            return otherwise()


def _log_on(endpoint: Endpoint) -> tuple[str, str]:
    """Return the key of the endpoint where a log-on's account exists, and the account; both are empty for tickets.

    The key is empty for an account that is the same on all endpoints.
    """
    logon = endpoint.logon
    if logon.username:
        return "" if Account.of(logon.username).is_the_same_everywhere else endpoint.key, logon.account
    return (endpoint.key, logon.account) if logon.certificate else ("", "")
