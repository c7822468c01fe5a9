# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A process that receives as a task does, and kills itself with SIGKILL at a given point.

It reads one JSON object a line from its standard input: `options`, `settings`, and `point` with `time`, or None. For
each it makes a new process (the imports are done already) and prints its process id, then `killed` or `ended`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.settings import HostSettings
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp.command_stream import CommandStream
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.state.identity import Identity
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.disk import LocalDisk
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman.client import WSManClient


class Kill:
    """Kills this process, as `kill -9` does, when a point is reached for the n-th time.

    Args:
        time: The n.
    """

    def __init__(self, time: int) -> None:
        self._remaining = time

    def count(self) -> None:
        """Count one time, and kill at the last."""
        self._remaining -= 1
        if self._remaining == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def before(self, owner: Any, *names: str) -> None:
        """Kill before one of some functions does anything."""

        def counting(original: Any, *given: Any, **named: Any) -> Any:
            self.count()
            return original(*given, **named)

        self._replace(owner, names, counting)

    def after(self, owner: Any, *names: str) -> None:
        """Kill when one of some functions is done, before its caller gets the result."""

        def counting(original: Any, *given: Any, **named: Any) -> Any:
            result = original(*given, **named)
            self.count()
            return result

        self._replace(owner, names, counting)

    @staticmethod
    def _replace(owner: Any, names: Iterable[str], counting: Callable[..., Any]) -> None:
        def replacing(original: Any) -> Any:
            return lambda *given, **named: counting(original, *given, **named)

        for name in names:
            setattr(owner, name, replacing(getattr(owner, name)))

    def while_writing(self) -> None:
        """Kill when the journal has written about half of an answer."""

        def counting(original: Any, disk: LocalDisk, path: str, data: bytes) -> None:
            if data:
                if self._remaining == 1:
                    original(disk, path, data[: len(data) // 2])
                self.count()
            original(disk, path, data)

        self._replace(LocalDisk, ["append"], counting)

    def while_reading(self) -> None:
        """Kill when the n-th piece of the stream has been read."""

        def counting(original: Any, *given: Any) -> Iterator[Any]:
            yield from original(*given)
            self.count()

        self._replace(CommandStream, ["feed"], counting)

    def after_some_calls(self) -> None:
        """Kill at the n-th call of any Python function after the first answer."""

        def profile(_frame: Any, event: str, _argument: Any) -> None:
            if event == "call":
                self.count()

        def counting(original: Any, *given: Any, **named: Any) -> Any:
            result = original(*given, **named)
            sys.setprofile(profile)  # of this thread, which does the rest of the work with this session
            return result

        self._replace(WSManClient, ["receive_command"], counting)


ANYWHERE = "anywhere"
POINTS: dict[str, Callable[[Kill], None]] = {
    "before listing": lambda kill: kill.before(WSManClient, "enumerate_shells"),
    "before connecting": lambda kill: kill.before(WSManClient, "connect", "reconnect"),
    "connected": lambda kill: kill.after(WSManClient, "connect", "reconnect"),
    "connected to the command": lambda kill: kill.after(WSManClient, "connect_command"),
    "received, not written": lambda kill: kill.after(WSManClient, "receive_command"),
    "half written": lambda kill: kill.while_writing(),
    "written, not synced": lambda kill: kill.before(os, "fsync"),
    "synced, not read": lambda kill: kill.after(os, "fsync"),
    ANYWHERE: lambda kill: kill.after_some_calls(),
    "half read": lambda kill: kill.while_reading(),
    "before the end is confirmed": lambda kill: kill.before(WSManClient, "signal"),
    "after the end is confirmed": lambda kill: kill.after(WSManClient, "signal"),
}


def receive(order: dict[str, Any]) -> None:
    """Receive, and print the result unless this process is killed before."""
    # It is made at the first use of the state file, and what is written here is to be the journal.
    Identity(order["options"]["state_file"], LocalDisk()).keep(str(uuid.uuid4()))
    if order["point"] is not None:
        POINTS[order["point"]](Kill(order["time"]))
    settings = HostSettings.from_options(order["settings"])
    result = _plugins.RECEIVE(order["options"], settings_of=lambda _computer, _host: settings, check_mode=False)
    print(json.dumps(result), flush=True)


def main() -> None:
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            receive(json.loads(line))
            os._exit(0)
        print(child, flush=True)
        _child, status = os.waitpid(child, 0)
        print("killed" if os.WIFSIGNALED(status) else "ended", flush=True)


if __name__ == "__main__":
    main()
