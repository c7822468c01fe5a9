# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Registry and connections that several calls share."""

from __future__ import annotations

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.state.registry import Registry
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.task.opened import Opened
from tests.unit.builders import world

CLIENT, OTHER = "00000000-0000-0000-0000-00000000000c", "00000000-0000-0000-0000-00000000000d"


def test_calls_share_the_registry_until_all_is_closed() -> None:
    opened, made = Opened(), []

    def make() -> Registry:
        made.append(Registry(None, world()))
        return made[-1]

    assert opened.registry(make) is opened.registry(make)
    opened.close()
    assert opened.registry(make) is made[1]
    opened.close()


def test_calls_share_the_connections_of_one_client() -> None:
    opened = Opened()
    pool = opened.pool(CLIENT, world())
    assert opened.pool(CLIENT, world()) is pool
    other = opened.pool(OTHER, world())
    assert other.client_id == OTHER
    assert pool.is_closed
    opened.close()
    assert other.is_closed


def test_connections_that_an_interruption_closed_are_not_shared() -> None:
    opened = Opened()
    pool = opened.pool(CLIENT, world())
    pool.close()
    assert not opened.pool(CLIENT, world()).is_closed
    opened.close()
