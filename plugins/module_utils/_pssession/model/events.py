"""Events: typed messages about a task and its commands. The wrappers decide which of them to show."""

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
    """An object of the output stream that was not read, because the reader of the events keeps no more objects."""


@dataclass(frozen=True)
class FormattedLines:
    """Lines of text, made from the objects of a Format cmdlet. Empty while it waits for further objects."""

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
    """Text that a command wrote to its host and that no record has."""

    text: str
    is_error: bool = False


@dataclass(frozen=True)
class ExitCodeSet:
    """A script called ``exit`` or $Host.SetShouldExit. The last call counts."""

    rc: int


@dataclass(frozen=True)
class BeginningKnown:
    """It is known whether the beginning of a command's output was received. The last such event counts."""

    is_received: bool


@dataclass(frozen=True)
class StatusReceived:
    """A script ended and left these values in ``$Ansible``. `Output` has the same attributes."""

    changed: bool
    failed: bool
    result: object
    diff: dict[str, t.Any]


@dataclass(frozen=True)
class ScriptSkipped:
    """A script does not run, because a path exists or does not exist on its computer."""

    why: str


@dataclass(frozen=True)
class MessageUnreadable:
    """A message of the stream cannot be read. The stream goes on after it."""

    why: str


@dataclass(frozen=True)
class MessageReceived:
    """A message of the stream in its original form, for other readers (`psrp.message_stream`).

    Attributes:
        kind: Its type (MS-PSRP 2.2.1).
        message: With its header.
    """

    kind: int
    message: bytes


@dataclass(frozen=True)
class Reconnecting:
    """The connection to a command broke. After some seconds the task tries a new one.

    Attributes:
        attempt: Number of this attempt for this break, from 1 up.
        seconds: The wait before this attempt.
        cause: The failure of the connection, or of the attempt before.
    """

    attempt: int
    seconds: float
    cause: TransportError


@dataclass(frozen=True)
class Reconnected:
    """The client is connected to the command again over a new connection."""


@dataclass(frozen=True)
class Finished:
    """A command has ended.

    Attributes:
        state: The final state, never RUNNING.
        failure: The error that ended it, as plain data, or None.
    """

    state: PipelineState
    failure: dict[str, t.Any] | None = None


@dataclass(frozen=True)
class ReceiveEnded:
    """Receiving from a command has ended: the command ended, the time is over, or receiving failed.

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
        is_replayed: Whether the event is from the journal, because an earlier task received it.
    """

    session: PSSession
    command_id: str
    event: CommandEvent | ReceiveBegan
    is_replayed: bool = False


@dataclass(frozen=True)
class Warned:
    """A warning for the user.

    Attributes:
        has_output: Whether it repeats output of a script, which may be secret.
        records: The errors and warnings of scripts that it is about: for each the key of its session, the stream (error
            or warning), and the text.
    """

    text: str
    has_output: bool = False
    records: frozenset[tuple[SessionKey, str, str]] = frozenset()


@dataclass(frozen=True)
class Progressed:
    """The number of finished units of the task's work.

    Attributes:
        unit: The counted things in the plural, such as sessions.
        failed: The number of finished units that ended with an error. Only commands have it.
        silent: The computers that have not answered yet, if they are few.
        seconds: The time that these may still take.
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
        sessions: The sessions that it waits for.
        seconds: The time that it may still wait.
    """

    sessions: t.Sequence[PSSession]
    seconds: float


@dataclass(frozen=True)
class Interrupted:
    """The task ends before its work is done, so there is no result.

    Attributes:
        disconnected: Number of sessions that it has disconnected from.
        connected: Number of sessions from which it could not disconnect. Servers do this after about a minute.
        by_signal: Whether Ctrl-C or a signal ends the whole run. Otherwise a time limit ends this task only.
    """

    disconnected: int
    connected: int
    by_signal: bool = False


Event: t.TypeAlias = "Warned | Progressed | Waiting | Interrupted | InCommand"
