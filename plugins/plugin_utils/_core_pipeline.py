"""The result of a pipeline, with the attributes of pypsrp's PowerShell that core's psrp connection plugin reads.

Each version of core makes stdout, stderr and the exit code from these attributes in its own way, so a task has the same
result as with core.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import datetime
import types
import typing as t

try:
    from pypsrp.complex_objects import PSInvocationState
    from pypsrp.host import PSHost, PSHostUserInterface
    from pypsrp.messages import Message, MessageType
    from pypsrp.serializer import Serializer

    _READ = frozenset(
        {
            MessageType.PIPELINE_OUTPUT,
            MessageType.ERROR_RECORD,
            MessageType.PIPELINE_HOST_CALL,
            MessageType.PIPELINE_STATE,
            MessageType.INFORMATION_RECORD,
        }
    )
except ImportError:  # the engine, which is needed first, reports a missing library
    pass


def new_host() -> t.Any:
    """Return the host that collects what a command writes to it, as core's plugin makes it."""
    make = t.cast(t.Any, PSHost)
    return make(None, None, False, "Ansible PSRP Host", None, t.cast(t.Any, PSHostUserInterface)(), None)


class CorePipeline:
    """One pipeline.

    Args:
        host: Gets its host calls; see `new_host`.
        take: Gets each object of its output stream; without it, they are kept.
        is_recorded: Whether `recorded` has what `feed` gets.

    Attributes:
        output: Objects of its output stream.
        streams: Has its error records in `error`.
        had_errors: Whether it failed.
        started: The time of its start, if an earlier run started it, or None.
        recorded: Kind and data of the messages, or None.
        host_calls: How often it called its host.
        information: How many records of information it wrote.
        early: Is called once, with the first message that PowerShell did not hold until the end: an error, or a call of
            the host.
    """

    def __init__(
        self, host: t.Any, take: t.Callable[[t.Any], None] | None = None, *, is_recorded: bool = False
    ) -> None:
        self.output: list[t.Any] = []
        self.streams = types.SimpleNamespace(error=[])
        self.had_errors = False
        self.started: datetime.datetime | None = None
        self.recorded: list[tuple[int, bytes]] | None = [] if is_recorded else None
        self.host_calls = self.information = 0
        self.early: t.Callable[[], None] | None = None
        self._host = host
        self._take = take or self.output.append
        self._serializer = Serializer()

    def feed(self, kind: int, data: bytes) -> None:
        """Take one message of its stream."""
        if kind not in _READ:
            return
        if self.recorded is not None:
            self.recorded.append((int(kind), data))
        if kind == MessageType.INFORMATION_RECORD:  # counted, and not read
            self.information += 1
            return
        if kind in (MessageType.ERROR_RECORD, MessageType.PIPELINE_HOST_CALL) and self.early is not None:
            self.early()
            self.early = None
        message = t.cast(t.Any, Message.unpack(data, self._serializer)).data
        if kind == MessageType.PIPELINE_OUTPUT:
            self._take(message.data)
        elif kind == MessageType.ERROR_RECORD:
            self.streams.error.append(message)
        elif kind == MessageType.PIPELINE_HOST_CALL:
            self.host_calls += 1
            with contextlib.suppress(NotImplementedError):  # a task's host has no title, for example
                self._host.run_method(message.mi, message.mp, None, None)
        else:
            if message.error_record is not None:
                self.streams.error.append(message.error_record)
            self.had_errors = message.state == PSInvocationState.FAILED
