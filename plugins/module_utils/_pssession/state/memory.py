"""The registry as a task uses it: a cache, whose loss stops nothing."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import typing as t

from ..model.errors import PSSessionError
from ..model.events import Event, Warned
from ..model.sessions import Availability, PSSession, SessionReference, State
from ..system.world import World
from .registry import Registry


class Memory:
    """The registry and who we are on the wire; trouble with either is a warning.

    Args:
        client_id: Our identity, a GUID; None means the registry's.
        emit: Gets warnings.
    """

    def __init__(
        self, registry: Registry, client_id: str | None, emit: t.Callable[[Event], None], world: World
    ) -> None:
        self._registry = registry
        self._emit = emit
        self._world = world
        self.client_id = client_id or self._own_client_id()

    def known(self) -> dict[str, SessionReference]:
        """Return the sessions known, by instance id; without the registry every session is simply new."""
        try:
            return {known.instance_id: known for known in self._registry.sessions()}
        except PSSessionError as error:
            self._emit(Warned(f"{error}. Sessions of earlier tasks are not known."))
            return {}

    def owners(self) -> dict[str, str | None]:
        """Return the client last connected to each session, by instance id."""
        return {instance_id: known.client_id for instance_id, known in self.known().items()}

    def as_remembered(self, sessions: t.Iterable[PSSession]) -> list[PSSession]:
        """Return sessions as they were found, with their ids, and Opened if this client was the last to connect.

        Servers do not tell who is connected, so this is what is most likely; only a Reconnect would prove it.
        """
        known = self.known()
        seen = []
        for session in dict.fromkeys(sessions):
            memory = known.get(session.instance_id)
            if memory is not None:
                ours = session.availability is Availability.BUSY and memory.client_id == self.client_id
                session = dataclasses.replace(session.opened() if ours else session, id=memory.id)
            seen.append(session)
        return seen

    def remember(self, sessions: t.Iterable[PSSession], vanished: t.Iterable[str]) -> dict[str, int]:
        """Write down sessions as they are now, and forget those that ended or vanished.

        Sessions that were connected are not lost with the registry, so trouble with it fails nothing.

        Args:
            vanished: Instance ids of sessions that their computers no longer list.

        Returns:
            The number of each session by its instance id; nothing if they could not be written down.
        """
        now = {session.instance_id: session for session in sessions}
        ended = [session.instance_id for session in now.values() if session.state is State.CLOSED]
        try:
            ids = self._registry.remember(now.values(), self.client_id)
            self._registry.forget([*vanished, *ended])
        except PSSessionError as error:
            self._emit(Warned(f"{error}. The ids of these sessions will not be known to later tasks."))
            return {}
        return ids

    def _own_client_id(self) -> str:
        try:
            return self._registry.client_id()
        except PSSessionError as error:
            self._emit(Warned(f"{error}. To the servers this is a new client."))
            return self._world.new_guid()
