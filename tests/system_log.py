# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The system log of a machine that has none: programs send it datagrams at /dev/log, and a test reads them."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

_PATH = Path("/dev/log")
# Bytes of one message, at most.
_LARGEST = 1 << 20


class SystemLog:
    """The log.

    Attributes:
        messages: Those that any program of the machine has sent so far.
    """

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(_PATH))
        _PATH.chmod(0o666)
        self.messages: list[str] = []
        # A program waits while its messages are not read.
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def close(self) -> None:
        """Take the log away."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"", str(_PATH))
        self._reader.join()
        _PATH.unlink()
        self._socket.close()

    def _read(self) -> None:
        while message := self._socket.recv(_LARGEST):
            self.messages.append(message.decode(errors="replace"))


@contextlib.contextmanager
def system_log() -> Iterator[SystemLog | None]:
    """Be the system log of this machine, or yield None: it has one, or this user must not make one."""
    if _PATH.exists() or not os.access(_PATH.parent, os.W_OK):
        yield None
        return
    log = SystemLog()
    try:
        yield log
    finally:
        log.close()
