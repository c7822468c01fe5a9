"""Granted idle timeouts: the warning if servers keep new sessions for less time than the task asked for."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ..model.events import Warned
from ..model.sessions import PSSession
from ..model.text import counted
from ..task.task import Task

# The hosts of a larger group are counted, and not named.
_NAMED = 10


def tell_granted(task: Task, opened: t.Iterable[PSSession]) -> None:
    """Warn, once for a fleet, of sessions whose servers granted a shorter idle timeout than the task asked for.

    Args:
        opened: The sessions that the task has opened, as they are now.
    """
    asked = task.request.session_option.idle_timeout
    if asked is None:
        return
    groups: dict[int, list[PSSession]] = {}
    for session in opened:
        granted = session.shell.idle_timeout
        if granted is not None and int(granted) < asked:
            groups.setdefault(int(granted), []).append(session)
    if not groups:
        return
    if len({session.endpoint for sessions in groups.values() for session in sessions}) == 1:
        # Without host and time, so that Ansible shows the same warning of many hosts once.
        text = f"The server keeps sessions without a client for {min(groups)} seconds at most"
    else:
        listed = "; ".join(_group(seconds, groups[seconds]) for seconds in sorted(groups, reverse=True))
        text = f"Servers keep sessions without a client for less time: {listed}"
    task.context.emit(Warned(f"{text}. idle_timeout asked for {int(asked)} seconds."))


def _group(seconds: int, sessions: t.Sequence[PSSession]) -> str:
    hosts = list(dict.fromkeys(each.endpoint.inventory_hostname or each.endpoint.computer_name for each in sessions))
    expiries = [session.expires_on for session in sessions if session.expires_on is not None]
    until = f" until {min(expiries):%Y-%m-%dT%H:%M:%SZ}" if expiries else ""
    names = f": {', '.join(hosts)}" if len(hosts) <= _NAMED else ""
    return f"{counted(len(hosts), 'host')} for {seconds} seconds{until}{names}"
