"""Pipelines: taking what a command in a session gives, and stopping it (MS-PSRP 3.1.4.4 to 3.1.4.6)."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import struct
import time
import typing as t

from ..model.codes import Code
from ..model.commands import Output, PipelineState
from ..model.errors import LimitExceeded, TransportError
from ..model.sessions import Shell
from ..model.settings import SessionOption
from ..wsman.client import WSManClient
from ..wsman.soap import improper
from . import clixml, formatting, host, records, session_key
from .formatting import FormattedOutput
from .fragments import Defragmenter
from .host import HostCall, Method
from .host_text import HostText

try:
    from pypsrp.messages import MessageType
except ImportError:  # reported by the client, which is needed first
    pass

# PowerShell's stop signal; the misspelling is the constant that servers compare with (MS-WSMV 2.2.4.38).
STOP = "powershell/signal/crtl_c"
TERMINATE = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/signal/terminate"
# How long output that has piled up is taken when the time to wait is over.
BACKLOG_SECONDS = 10.0
# Faults that end a receive because the shell or the command is gone or somebody else's (as PowerShell's client has it).
_NO_LONGER_OURS = frozenset({995, 1223, Code.UNEXPECTED_SELECTORS, Code.SHELL_DISCONNECTED, Code.STREAM_DISCONNECTED})
# Messages about a session itself, among those of a command. A client that connects causes three of them.
_OTHER_MESSAGES = 1000
_HEADER = struct.Struct("<II16s16s")
_BOM = b"\xef\xbb\xbf"


_STATES = {3: PipelineState.STOPPED, 4: PipelineState.COMPLETED, 5: PipelineState.FAILED}

_NO_LIMITS = SessionOption()


class Collector:
    """Turns the stream of one command into an `Output`.

    Args:
        output: What the command gave before, which is added to.
        max_objects: Objects of the output stream that are kept, or lines of formatted output; further ones are
            counted, and a mark says how many.
        drops: Whether the session drops output that is not received in time (BufferMode Drop).
        is_first: Whether it is the first command of its session, so that messages before its own are few.
        option: Its limits of received data count.

    Attributes:
        host_calls: Calls of the command that want an answer and have none yet.
    """

    def __init__(
        self,
        output: Output,
        max_objects: int | None = None,
        *,
        drops: bool = False,
        is_first: bool = False,
        option: SessionOption = _NO_LIMITS,
    ) -> None:
        self.output = output
        self.host_calls: list[HostCall] = []
        self._host_text = HostText(output)
        self._defragmenter = Defragmenter(option.maximum_received_object_size, skips_repeats=True, may_miss=drops)
        self._max_bytes = option.maximum_received_data_size_per_command
        self._received_bytes = 0
        self._drops = drops
        self._is_first = is_first
        self._formatted = FormattedOutput()
        self._max_objects = max_objects
        self._not_kept = 0

    def finish(self) -> Output:
        """Return the output, with the text for the host and the mark for what was not kept."""
        self._host_text.finish()
        self.output.output_dropped = self._is_dropped()
        self._keep(self._formatted.flush())
        if self._not_kept:
            self.output.output.append(clixml.more(self._not_kept, "objects"))
            self._not_kept = 0
        return self.output

    def _is_dropped(self) -> bool | None:
        """Tell whether the server dropped output; None if that cannot be known.

        Its messages have numbers, and those of dropped ones are missing. But messages about the session itself and
        those of earlier commands have numbers of the same row, and come in other streams.
        """
        if not self._drops:
            return False
        stream = self._defragmenter
        missing = stream.missing + ((stream.first_id or 0) if self._is_first else 0)
        return True if stream.is_torn or missing > _OTHER_MESSAGES else None

    def forget_calls(self, answered: t.Container[int]) -> None:
        """Leave out calls that were answered before, by their ids; the journal brings them again."""
        self.host_calls = [call for call in self.host_calls if call.call_id not in answered]

    def feed(self, data: bytes) -> None:
        """Take fragments as they came from the server.

        Raises:
            LimitExceeded: They are more than the session option allows (MaximumReceivedDataSizePerCommand).
            TransportError: They cannot be read.
        """
        self._received_bytes += len(data)
        if self._max_bytes is not None and self._received_bytes > self._max_bytes:
            raise LimitExceeded(
                "ReceivedDataSizeExceededMaximumClient",
                f"the command gave {self._received_bytes} bytes or more, and "
                f"session_option.maximum_received_data_size_per_command is {self._max_bytes}",
            )
        try:
            for message in self._defragmenter.feed(data):
                self._take(message)
        except ValueError as error:
            raise improper(f"the output has PSRP data that cannot be read ({error})") from error

    def _take(self, message: bytes) -> None:
        if len(message) < _HEADER.size:
            raise ValueError("a PSRP message is shorter than its header")
        _destination, kind, _pool, _pipeline = _HEADER.unpack_from(message)
        text = message[_HEADER.size :].removeprefix(_BOM).decode()
        output = self.output
        if kind == MessageType.PIPELINE_OUTPUT:
            self._take_object(text)
        elif kind == MessageType.PIPELINE_HOST_CALL:
            self._take_host_call(host.host_call(text))
        elif kind == MessageType.ERROR_RECORD:
            output.error.append(records.error_record(text))
        elif kind == MessageType.WARNING_RECORD:
            self._take_line("warning", text)
        elif kind == MessageType.VERBOSE_RECORD:
            self._take_line("verbose", text)
        elif kind == MessageType.DEBUG_RECORD:
            self._take_line("debug", text)
        elif kind == MessageType.INFORMATION_RECORD:
            output.information.append(records.information_record(text))
            self._host_text.note_record("information", output.information[-1]["message_data"])
        elif kind == MessageType.PROGRESS_RECORD:
            output.progress = records.progress_record(text)
            self._host_text.note_record("progress", output.progress["activity"])
        elif kind == MessageType.PIPELINE_STATE:
            state, output.failure = records.pipeline_state(text)
            output.state = _STATES.get(state, PipelineState.RUNNING)

    def _take_object(self, text: str) -> None:
        if self._max_objects is not None and len(self.output.output) >= self._max_objects:
            self._not_kept += 1
            return
        value = records.output_object(text)
        if formatting.is_formatting(value):
            self.output.is_formatted = True
            self._keep(self._formatted.feed(t.cast(t.Mapping[str, t.Any], value)))
        else:
            self._keep([*self._formatted.flush(), value])

    def _keep(self, values: t.Sequence[object]) -> None:
        kept = self.output.output
        room = len(values) if self._max_objects is None else max(self._max_objects - len(kept), 0)
        kept += values[:room]
        self._not_kept += len(values[room:])

    def _take_line(self, stream: str, clixml: str) -> None:
        line = records.informational_record(clixml)
        getattr(self.output, stream).append(line)
        self._host_text.note_record(stream, line)

    def _take_host_call(self, call: HostCall) -> None:
        if call.wants_answer:
            self.host_calls.append(call)
        elif call.method == Method.SET_SHOULD_EXIT:
            # A script may call $Host.SetShouldExit several times, or before an exit; the last one counts.
            self.output.rc = _exit_code(call)
        else:
            self._host_text.write(call)


def receive(
    client: WSManClient,
    shell: Shell,
    command_id: str,
    collector: Collector,
    record: t.Callable[[list[bytes]], None],
    until: float | None,
    answered: t.Callable[[HostCall], None],
) -> bool:
    """Take what a command gives until it has ended or time is over.

    When it keeps silent for the operation timeout, the shell's own stream is looked at for a moment: a server that
    needs a key to send a SecureString asks for it there, and the command waits until it gets one (MS-PSRP 3.1.5.4.5).

    Args:
        record: Gets the pieces of the stream before the collector does, those of one answer at once.
        until: In seconds of `time.monotonic`; None waits as long as the command runs. What is there is taken in any
            case; a command that never falls silent is left after a while.
        answered: Gets each call of the host that was answered.

    Returns:
        Whether the command has ended.

    Raises:
        TransportError: The stream broke; a WSManFault says that the session is no longer ours.
    """

    def refuse_calls() -> None:
        while collector.host_calls:
            limit = time.monotonic() + client.endpoint.option.open_timeout
            host.refuse(client, shell, command_id, collector.host_calls[0], limit)
            answered(collector.host_calls.pop(0))

    refuse_calls()  # of a reader before this one, which ended between reading a call and answering it
    while True:
        now = time.monotonic()
        wait = None if until is None else until - now
        pieces, is_done = client.receive_command(
            shell, command_id.upper(), now + client.endpoint.option.open_timeout, wait
        )
        record(pieces)
        for piece in pieces:
            collector.feed(piece)
        refuse_calls()
        if is_done or collector.output.is_finished:
            return True
        if until is not None and time.monotonic() >= until + (BACKLOG_SECONDS if pieces else 0):
            return False
        if not pieces:
            session_key.answer_request(client, shell, time.monotonic() + client.endpoint.option.open_timeout)


def _exit_code(call: HostCall) -> int:
    """Return the argument of SetShouldExit, which PowerShell has converted to a 32-bit integer."""
    code = call.parameters[0] if call.parameters else None
    if not isinstance(code, int):
        raise ValueError("SetShouldExit was called without an exit code")
    return code


def is_no_longer_ours(error: TransportError) -> bool:
    """Tell whether a failure means that the session or the command is gone, or connected to somebody else."""
    return error.code in _NO_LONGER_OURS
