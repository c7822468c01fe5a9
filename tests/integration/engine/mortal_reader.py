# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A process that receives as a task does, and that can be told at which point to kill itself with SIGKILL.

It reads one JSON object a line from its standard input: `options`, `settings`, and `point` with `time`, or None. For
each it makes a new process (the imports are done already), prints the process id, and when that has ended what became
of it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.settings import HostSettings
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp.command_stream import CommandStream
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.state.journal import Journal
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman.client import WSManClient


def die() -> None:
    """What `kill -9` does."""
    os.kill(os.getpid(), signal.SIGKILL)


class Death:
    """Comes at the n-th time."""

    def __init__(self, time: int) -> None:
        self._left = time

    def come(self) -> None:
        self._left -= 1
        if self._left == 0:
            die()

    def before(self, owner: Any, *names: str) -> None:
        """Come before one of some functions does anything."""

        def mortal(original: Any, *given: Any, **named: Any) -> Any:
            self.come()
            return original(*given, **named)

        self._replace(owner, names, mortal)

    def after(self, owner: Any, *names: str) -> None:
        """Come when one of some functions is done, and nobody has seen yet what it returned."""

        def mortal(original: Any, *given: Any, **named: Any) -> Any:
            result = original(*given, **named)
            self.come()
            return result

        self._replace(owner, names, mortal)

    @staticmethod
    def _replace(owner: Any, names: Iterable[str], mortal: Callable[..., Any]) -> None:
        def replacing(original: Any) -> Any:
            return lambda *given, **named: mortal(original, *given, **named)

        for name in names:
            setattr(owner, name, replacing(getattr(owner, name)))

    def amid_writing(self) -> None:
        """Come when the journal has written about half of an answer."""

        def mortal(original: Any, journal: Any, descriptor: int, lines: bytes) -> None:
            if self._left == 1:
                original(journal, descriptor, lines[: len(lines) // 2])
            self.come()
            original(journal, descriptor, lines)

        self._replace(Journal, ["_write"], mortal)

    def amid_reading(self) -> None:
        """Come when the n-th piece of the stream has been read."""

        def mortal(original: Any, *given: Any) -> Iterator[Any]:
            yield from original(*given)
            self.come()

        self._replace(CommandStream, ["feed"], mortal)

    def after_some_calls(self) -> None:
        """Come at the n-th call of any Python function that follows upon the first answer."""

        def count(_frame: Any, event: str, _argument: Any) -> None:
            if event == "call":
                self.come()

        def counting(original: Any, *given: Any, **named: Any) -> Any:
            result = original(*given, **named)
            sys.setprofile(count)  # of this thread, which does the rest of the work with this session
            return result

        self._replace(WSManClient, ["receive_command"], counting)


ANYWHERE = "anywhere"
POINTS: dict[str, Callable[[Death], None]] = {
    "before listing": lambda death: death.before(WSManClient, "enumerate_shells"),
    "before connecting": lambda death: death.before(WSManClient, "connect", "reconnect"),
    "connected": lambda death: death.after(WSManClient, "connect", "reconnect"),
    "connected to the command": lambda death: death.after(WSManClient, "connect_command"),
    "received, not written": lambda death: death.after(WSManClient, "receive_command"),
    "half written": lambda death: death.amid_writing(),
    "written, not synced": lambda death: death.before(os, "fsync"),
    "synced, not read": lambda death: death.after(os, "fsync"),
    ANYWHERE: lambda death: death.after_some_calls(),
    "half read": lambda death: death.amid_reading(),
    "before the end is confirmed": lambda death: death.before(WSManClient, "signal"),
    "after the end is confirmed": lambda death: death.after(WSManClient, "signal"),
}


def receive(order: dict[str, Any]) -> None:
    """Receive, and print the result unless death comes first."""
    if order["point"] is not None:
        POINTS[order["point"]](Death(order["time"]))
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
