"""The pool of clients: a second request to a computer needs no new connection and no new log-on."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import itertools
import threading
import typing as t

from ..model.endpoints import Endpoint
from ..model.errors import WSManFault
from ..system.world import World
from .client import WSManClient
from .schemes import effective

# Conversations that may be open, those kept for later included. Each is one open file.
MAX_OPEN = 512
# With TLS each takes some 60 KB. More than these are kept only where a new log-on would cost a request.
MAX_OPEN_OVER_TLS = 128
# A connection that was silent for longer is not used again. Servers close it after two minutes, which is seen; a
# firewall may forget it without a word, and a request on it then waits for its whole time limit.
MAX_IDLE_SECONDS = 100.0


class ClientPool:
    """Lends clients to threads. To the servers, all of them are the same client session.

    Args:
        client_id: The client's identity on the wire, a GUID; also an attribute.
        max_open: Conversations that may be open; never more than half of the files. More are open only if more are
            lent at the same time; none is kept for later then.
    """

    def __init__(self, client_id: str, world: World, max_open: int = MAX_OPEN) -> None:
        self.client_id = client_id
        self.world = world
        self._max_open = min(max_open, half_of_the_files(world))
        self._lock = threading.Lock()
        # With the time since when each is idle.
        self._idle: dict[Endpoint, list[tuple[WSManClient, float]]] = {}
        self._idle_count = 0
        self._being_made = 0
        self._lent: set[WSManClient] = set()
        self._closed = False

    @contextlib.contextmanager
    def lend(self, endpoint: Endpoint) -> t.Iterator[WSManClient]:
        """Lend a client for an endpoint. After a failure of the network it is not used again."""
        client = self._take(endpoint)
        usable = False
        try:
            yield client
            usable = True
        except WSManFault:
            usable = True  # the conversation is fine, the answer was no
            raise
        finally:
            self._give_back(client, usable)

    @property
    def is_closed(self) -> bool:
        """Return whether it was closed, so that nothing more must be sent."""
        return self._closed

    def discard(self, endpoint: Endpoint) -> None:
        """Close the idle conversations with an endpoint, since they may be broken like one that just was."""
        with self._lock:
            clients = self._idle.pop(endpoint, [])
            self._idle_count -= len(clients)
        for client, _since in clients:
            client.close()

    def close(self) -> None:
        """Close all conversations. Requests under way fail."""
        with self._lock:
            self._closed = True
            idle = [client for client, _since in itertools.chain.from_iterable(self._idle.values())]
            clients = [*idle, *self._lent]
            self._idle.clear()
            self._idle_count = 0
        for client in clients:
            client.close()

    def _take(self, endpoint: Endpoint) -> WSManClient:
        self._discard_silent(endpoint)
        with self._lock:
            client = self._take_idle(endpoint)
            if client is not None:
                self._lent.add(client)
                return client
            surplus = self._take_surplus()
            self._being_made += 1
        if surplus is not None:
            surplus.close()
        try:
            # It takes a moment that other threads need not wait for.
            client = WSManClient(endpoint, self.client_id, self.world)
        finally:
            with self._lock:
                self._being_made -= 1
                if client is not None:
                    self._lent.add(client)
                missed = self._closed
        if missed:  # by close(), which was quicker; nothing has been sent yet
            client.close()
        return client

    def _discard_silent(self, endpoint: Endpoint) -> None:
        """Close the idle conversations with an endpoint if all of them were silent for too long."""
        with self._lock:
            idle = self._idle.get(endpoint)
            is_silent = idle is not None and self.world.monotonic() - idle[-1][1] > MAX_IDLE_SECONDS
        if is_silent:
            self.discard(endpoint)

    def _take_idle(self, endpoint: Endpoint) -> WSManClient | None:
        """Take an idle client of an endpoint if there is one. The caller holds the lock."""
        idle = self._idle.get(endpoint)
        if not idle:
            return None
        client, _since = idle.pop()
        self._idle_count -= 1
        if not idle:
            del self._idle[endpoint]
        return client

    def _take_surplus(self) -> WSManClient | None:
        """Take the latest idle client if no further client may be open beside it. The caller holds the lock."""
        if not self._idle or len(self._lent) + self._being_made + self._idle_count < self._max_open:
            return None
        return self._take_idle(next(reversed(self._idle)))

    def _give_back(self, client: WSManClient, usable: bool) -> None:
        with self._lock:
            self._lent.discard(client)
            # Computers are asked one after the other and then once more in the same order. The first ones are worth
            # keeping: of the latest ones, all would be pushed out before their turn came again.
            opened = len(self._lent) + self._being_made + self._idle_count
            keep = usable and not self._closed and opened < self._most_beside(client.endpoint)
            if keep:
                self._idle.setdefault(client.endpoint, []).append((client, self.world.monotonic()))
                self._idle_count += 1
        if not keep:
            client.close()

    def _most_beside(self, endpoint: Endpoint) -> int:
        """Return the maximum number of open conversations with which one to this endpoint is still kept."""
        is_quick = endpoint.use_ssl and effective(endpoint.logon).is_in_each_request
        return min(self._max_open, MAX_OPEN_OVER_TLS) if is_quick else self._max_open


def half_of_the_files(world: World) -> int:
    """Return half of the number of files that this process may open. The other half is for all other uses."""
    return world.open_files() // 2
