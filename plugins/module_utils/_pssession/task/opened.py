"""Opened: the registry and the connections of several calls of the engine, one after the other."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ..state.registry import Registry
from ..system.world import World
from ..wsman.pool import ClientPool


class Opened:
    """What the calls of a job open once: the registry, and conversations that are logged on.

    The calls have the same registry file, and one thread makes them. Who made this closes it.
    """

    def __init__(self) -> None:
        self._registry: Registry | None = None
        self._pool: ClientPool | None = None

    def registry(self, make: t.Callable[[], Registry]) -> Registry:
        """Return the registry that a call before has opened, or open it."""
        if self._registry is None:
            self._registry = make()
        return self._registry

    def pool(self, client_id: str, world: World) -> ClientPool:
        """Return the connections of the previous call, or a new pool if that call had another client or none."""
        if self._pool is None or self._pool.is_closed or self._pool.client_id != client_id:
            self._close_pool()
            self._pool = ClientPool(client_id, world)
        return self._pool

    def close(self) -> None:
        """Close registry and connections. Requests still under way fail."""
        self._close_pool()
        if self._registry is not None:
            self._registry.close()
            self._registry = None

    def _close_pool(self) -> None:
        if self._pool is not None:
            self._pool.close()
            self._pool = None
