"""Reads the stream of a command: fragments become messages, and messages become events (MS-PSRP 3.1.4.4)."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ..model.commands import PipelineState
from ..model.errors import LimitExceeded
from ..model.events import (
    CommandEvent,
    ExitCodeSet,
    Finished,
    FormattedLines,
    MessageUnreadable,
    OutputReceived,
    OutputSkipped,
    ProgressReceived,
    RecordReceived,
)
from ..model.settings import SessionOption
from . import formatting, host, records
from .command_status import CommandStatus
from .formatting import FormattedOutput
from .fragments import Defragmenter
from .host import HostCall, Method
from .host_text import HostText
from .message import clixml_of, unpack

try:
    from pypsrp.messages import MessageType
except ImportError:  # the client, which is needed first, reports a missing library
    pass

# Message types about the session, which can be among those of a command. Each connect of a client causes three.
_OTHER_MESSAGES = 1000
_STATES = {3: PipelineState.STOPPED, 4: PipelineState.COMPLETED, 5: PipelineState.FAILED}
_SKIPPED = (OutputSkipped(),)

_NO_LIMITS = SessionOption()


def _always() -> bool:
    return True


class CommandStream:
    """Turns the stream of one command into events.

    Args:
        option: Its limits of received data count.
        command_id: The command's id in lower case. It identifies the output of `statements`.
        drops: Whether the session drops output that is not received in time (BufferMode Drop).
        is_first: Whether it is the first command of its session. Then only few messages come before its own.
        wants_output: Called before each object of the output stream. If it returns False, the object is skipped unread.

    Attributes:
        is_finished: Whether the final state of the command has arrived.
        host_calls: Calls of the command that still need an answer.
    """

    def __init__(
        self,
        option: SessionOption = _NO_LIMITS,
        *,
        command_id: str = "",
        drops: bool = False,
        is_first: bool = False,
        wants_output: t.Callable[[], bool] = _always,
    ) -> None:
        self.is_finished = False
        self.host_calls: list[HostCall] = []
        self._status = CommandStatus(command_id)
        self._host_text = HostText()
        self._damages: list[str] = []
        self._defragmenter = Defragmenter(
            option.maximum_received_object_size, skips_repeats=True, may_miss=drops, damages=self._damages
        )
        self._max_bytes = option.maximum_received_data_size_per_command
        self._received_bytes = 0
        self._drops = drops
        self._is_first = is_first
        self._formatted = FormattedOutput()
        self._wants_output = wants_output

    def feed(self, data: bytes) -> t.Iterator[CommandEvent]:
        """Yield the events in fragments as they came from the server.

        A message that cannot be read is an event, and the next one is read.

        Raises:
            LimitExceeded: They are more than the session option allows (MaximumReceivedDataSizePerCommand).
        """
        self._received_bytes += len(data)
        if self._max_bytes is not None and self._received_bytes > self._max_bytes:
            raise LimitExceeded(
                "ReceivedDataSizeExceededMaximumClient",
                f"the command gave {self._received_bytes} bytes or more, and "
                f"session_option.maximum_received_data_size_per_command is {self._max_bytes}",
            )
        for message in self._defragmenter.feed(data):
            yield from self._begins_torn()
            yield from self._damaged()
            try:
                events = self._read(message)
            except ValueError as error:
                events = (MessageUnreadable(str(error)),)
            yield from events
        yield from self._begins_torn()
        yield from self._damaged()

    def _begins_torn(self) -> t.Sequence[CommandEvent]:
        return self._status.note_torn() if self._defragmenter.begins_torn else ()

    def _damaged(self) -> t.Sequence[CommandEvent]:
        events = [MessageUnreadable(damage) for damage in self._damages]
        self._damages.clear()
        return events

    def flush(self) -> t.Sequence[CommandEvent]:
        """Return the events of data that waits for further messages, because no more come now."""
        lines = self._formatted.flush()
        return (FormattedLines(lines),) if lines else ()

    @property
    def output_dropped(self) -> bool | None:
        """Return whether the server dropped output, or None if that cannot be known.

        Messages have numbers, and the numbers of dropped messages are missing. But messages about the session, and
        those of earlier commands, use the same sequence of numbers and come in other streams.
        """
        if not self._drops:
            return False
        stream = self._defragmenter
        missing = stream.missing + ((stream.first_id or 0) if self._is_first else 0)
        return True if stream.is_torn or missing > _OTHER_MESSAGES else None

    @property
    def missing(self) -> int:
        """Return the number of messages that are missing between the messages received so far."""
        return self._defragmenter.missing

    def forget_calls(self, answered: t.Container[int]) -> None:
        """Ignore calls with these ids, which were answered before. The journal contains them again."""
        self.host_calls = [call for call in self.host_calls if call.call_id not in answered]

    def _read(self, message: bytes) -> t.Sequence[CommandEvent]:
        kind, data = unpack(message)
        if kind == MessageType.PIPELINE_OUTPUT:
            if self._wants_output() or self._status.may_be_in(data):
                return self._object(clixml_of(data))
            self._status.note_output()
            return _SKIPPED
        text = clixml_of(data)
        if kind == MessageType.PIPELINE_HOST_CALL:
            return self._host_call(host.host_call(text))
        if kind == MessageType.ERROR_RECORD:
            return (RecordReceived("error", records.error_record(text)),)
        if kind == MessageType.WARNING_RECORD:
            return self._line("warning", text)
        if kind == MessageType.VERBOSE_RECORD:
            return self._line("verbose", text)
        if kind == MessageType.DEBUG_RECORD:
            return self._line("debug", text)
        if kind == MessageType.INFORMATION_RECORD:
            information = records.information_record(text)
            self._host_text.note_record("information", information["message_data"])
            return (RecordReceived("information", information),)
        if kind == MessageType.PROGRESS_RECORD:
            progress = records.progress_record(text)
            self._host_text.note_record("progress", progress["activity"])
            return (ProgressReceived(progress),)
        if kind == MessageType.PIPELINE_STATE:
            return self._state(*records.pipeline_state(text))
        return ()

    def _object(self, text: str) -> t.Sequence[CommandEvent]:
        value = records.output_object(text)
        if told := self._status.read(value):
            return told
        if formatting.is_formatting(value):
            return (FormattedLines(self._formatted.feed(t.cast(t.Mapping[str, t.Any], value))),)
        lines = self._formatted.flush()
        return (FormattedLines(lines), OutputReceived(value)) if lines else (OutputReceived(value),)

    def _line(self, stream: str, clixml: str) -> t.Sequence[CommandEvent]:
        line = records.informational_record(clixml)
        self._host_text.note_record(stream, line)
        return (RecordReceived(stream, line),)

    def _host_call(self, call: HostCall) -> t.Sequence[CommandEvent]:
        if call.wants_answer:
            self.host_calls.append(call)
            return ()
        if call.method == Method.SET_SHOULD_EXIT:
            # A script may call $Host.SetShouldExit several times, or before an exit. The last call counts.
            return (ExitCodeSet(_exit_code(call)),)
        return self._host_text.events_of(call)

    def _state(self, number: int, failure: dict[str, t.Any] | None) -> t.Sequence[CommandEvent]:
        state = _STATES.get(number)
        if state is None:
            return ()
        self.is_finished = True
        return (*self._status.end(state), Finished(state, failure))


def _exit_code(call: HostCall) -> int:
    """Return the argument of SetShouldExit, which PowerShell has converted to a 32-bit integer."""
    code = call.parameters[0] if call.parameters else None
    if not isinstance(code, int):
        raise ValueError("SetShouldExit was called without an exit code")
    return code
