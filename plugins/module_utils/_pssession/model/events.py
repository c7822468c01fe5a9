"""Events: one typed stream of what happens in a task and in its commands. The wrappers decide what is shown."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .commands import PipelineState
from .errors import TransportError
from .sessions import PSSession, SessionKey


@dataclass(frozen=True)
class OutputReceived:
    """An object of the output stream, as plain data."""

    value: object


@dataclass(frozen=True)
class OutputSkipped:
    """An object of the output stream that was not read, because the reader of the events keeps no more of them."""


@dataclass(frozen=True)
class FormattedLines:
    """Lines of text, made of the objects of a Format cmdlet; none if those waits for further ones."""

    lines: t.Sequence[str]


@dataclass(frozen=True)
class RecordReceived:
    """A record of another stream.

    Attributes:
        stream: Name of the stream: error, warning, verbose, debug or information.
        record: Text, or plain data for the streams error and information.
    """

    stream: str
    record: str | dict[str, t.Any]


@dataclass(frozen=True)
class ProgressReceived:
    """A record of progress, as plain data."""

    record: dict[str, t.Any]


@dataclass(frozen=True)
class HostTextReceived:
    """Text that a command wrote to its host, and that is in no record."""

    text: str
    is_error: bool = False


@dataclass(frozen=True)
class ExitCodeSet:
    """A script called ``exit`` or $Host.SetShouldExit; the last call counts."""

    rc: int


@dataclass(frozen=True)
class BeginningKnown:
    """Whether the beginning of a command's output was received here, or went to another client; the last one counts."""

    is_received: bool


@dataclass(frozen=True)
class StatusReceived:
    """What a script left in ``$Ansible``, at its end: `Output` has the same attributes."""

    changed: bool
    failed: bool
    result: object
    diff: dict[str, t.Any]


@dataclass(frozen=True)
class ScriptSkipped:
    """A script does not run, because of what exists on its computer."""

    why: str


@dataclass(frozen=True)
class MessageUnreadable:
    """A message of the stream, or what should have been one, cannot be read; the stream goes on behind it."""

    why: str


@dataclass(frozen=True)
class MessageReceived:
    """A message of the stream as it came, for readers that make something else of it (`psrp.message_stream`).

    Attributes:
        kind: Its type (MS-PSRP 2.2.1).
        message: With its header.
    """

    kind: int
    message: bytes


@dataclass(frozen=True)
class Reconnecting:
    """The connection to a command broke, and after some seconds a new one is tried.

    Attributes:
        attempt: How many there are with this one, from 1 on, for this break.
        seconds: How long the task waits before it.
        cause: Why the connection, or the attempt before, failed.
    """

    attempt: int
    seconds: float
    cause: TransportError


@dataclass(frozen=True)
class Reconnected:
    """The command is connected to again over a new connection."""


@dataclass(frozen=True)
class Finished:
    """A command has ended.

    Attributes:
        state: How it ended; never RUNNING.
        failure: The error that ended it, as plain data, or None.
    """

    state: PipelineState
    failure: dict[str, t.Any] | None = None


@dataclass(frozen=True)
class ReceiveEnded:
    """Nothing more is received from a command now: it has ended, time is over, or receiving failed.

    Attributes:
        cause: The failure that ended it, or None.
        output_dropped: Whether the server dropped output before it was received; None if that cannot be known.
    """

    cause: TransportError | None = None
    output_dropped: bool | None = None


CommandEvent: t.TypeAlias = (
    "OutputReceived | OutputSkipped | FormattedLines | RecordReceived | ProgressReceived | HostTextReceived"
    " | ExitCodeSet | BeginningKnown | StatusReceived | ScriptSkipped | MessageUnreadable | MessageReceived"
    " | Reconnecting | Reconnected | Finished | ReceiveEnded"
)


@dataclass(frozen=True)
class ReceiveBegan:
    """From now on the task waits for the events of a command."""


@dataclass(frozen=True)
class InCommand:
    """An event of one command in one session. There may be millions of objects of the output stream.

    Attributes:
        is_replayed: Whether it is from the journal: an earlier task has received it.
    """

    session: PSSession
    command_id: str
    event: CommandEvent | ReceiveBegan
    is_replayed: bool = False


@dataclass(frozen=True)
class Warned:
    """Something that the user should know, and that is no error.

    Attributes:
        has_output: Whether it repeats what a script wrote, which may be secret.
        records: What it is about, if it is about errors and warnings of scripts: for each the key of its session, the
            stream (error or warning), and what it says.
    """

    text: str
    has_output: bool = False
    records: frozenset[tuple[SessionKey, str, str]] = frozenset()


@dataclass(frozen=True)
class Progressed:
    """So many of the task's units of work are done.

    Attributes:
        unit: What is counted, in the plural, such as sessions.
        failed: Of those that are done, so many ended with an error. Only commands have it.
        silent: The last computers that have not answered, where there are few.
        seconds: How long these may still take.
    """

    done: int
    total: int
    unit: str
    failed: int = 0
    silent: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True)
class Waiting:
    """The task waits for sessions that are in use.

    Attributes:
        sessions: Those that it waits for.
        seconds: How long it may still wait.
    """

    sessions: t.Sequence[PSSession]
    seconds: float


@dataclass(frozen=True)
class Interrupted:
    """The task is ended before its work is done, so there will be no result.

    Attributes:
        disconnected: Number of sessions that it has disconnected from.
        connected: Number of sessions from which it could not; servers do so after a minute.
        by_signal: Whether the whole run ends, by Ctrl-C or a signal; else a time limit has ended the task alone.
    """

    disconnected: int
    connected: int
    by_signal: bool = False


Event: t.TypeAlias = "Warned | Progressed | Waiting | Interrupted | InCommand"
