# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to psremoting.fleet: may change at any time, import it from nowhere else.

"""Conversations that are kept warm: a second request to a computer needs no new connection and no new log-on."""

from __future__ import annotations

import contextlib
import itertools
import threading
import typing as t
from collections import OrderedDict

from ..errors import WSManFault
from ..model import Endpoint
from .client import WSManClient

# Idle conversations kept at most; each is one open file, and 1024 is a common limit of those.
MAX_IDLE = 512


class ClientPool:
    """Lends clients, one to a thread at a time; all of them are the same client session to the servers.

    Args:
        client_id: The client's identity on the wire, a GUID.
    """

    def __init__(self, client_id: str, max_idle: int = MAX_IDLE) -> None:
        self._client_id = client_id
        self._max_idle = max_idle
        self._lock = threading.Lock()
        self._idle: OrderedDict[Endpoint, list[WSManClient]] = OrderedDict()
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

    def close(self) -> None:
        """Close all conversations; requests still under way fail."""
        with self._lock:
            self._closed = True
            clients = [*itertools.chain.from_iterable(self._idle.values()), *self._lent]
            self._idle.clear()
        for client in clients:
            client.close()

    def _take(self, endpoint: Endpoint) -> WSManClient:
        with self._lock:
            idle = self._idle.get(endpoint)
            client = idle.pop() if idle else None
            if idle is not None and not idle:
                del self._idle[endpoint]
            # Made under the lock, so that close() cannot miss one; nothing is sent yet.
            client = client or WSManClient(endpoint, self._client_id)
            self._lent.add(client)
        return client

    def _give_back(self, client: WSManClient, usable: bool) -> None:
        discarded: list[WSManClient] = []
        with self._lock:
            self._lent.discard(client)
            if usable and not self._closed:
                self._idle.setdefault(client.endpoint, []).append(client)
            else:
                discarded.append(client)
            if sum(map(len, self._idle.values())) > self._max_idle:
                discarded += self._idle.popitem(last=False)[1]
        for unused in discarded:
            unused.close()
