"""Results of commands from a journal alone, without a session and without a request."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..model.commands import CommandResult
from ..model.endpoints import Endpoint
from ..model.errors import JournalError, TransportError
from ..model.events import CommandEvent, MessageUnreadable, ReceiveEnded
from ..model.sessions import DEFAULT_RESOURCE_URI, Availability, PSSession, Shell, State
from ..psrp.command_stream import CommandStream
from ..state.journal import Journal, JournalCommand
from ..system.disk import Disk
from ..system.throttle import failure_of_job
from .gathering import Gatherer


@dataclass(frozen=True)
class Recorded:
    """The records of one command in a journal.

    Attributes:
        result: The received output. The state is Running if the journal does not have the end.
        unreadable: The reasons why messages could not be read, in their order.
    """

    result: CommandResult
    unreadable: tuple[str, ...]


def recorded_in(
    path: str, disk: Disk, max_output_objects: int | None = None, of_host: str | None = None
) -> t.Iterator[Recorded]:
    """Yield the records of each command in a journal, one after the other. Another run may be writing to it.

    Args:
        path: An existing file. It is not changed.
        max_output_objects: As for the option of that name of receive_pssession.
        of_host: The host of the commands, as `hosts_in` names it. None means all hosts.

    Raises:
        JournalError: The file cannot be read.
        FormatError: It was written by a newer version.
    """
    try:
        journal = Journal(path, disk, only_reads=True)
        for command in journal.commands():
            if of_host in (None, _host_of(command)):
                yield _recorded(journal, command, max_output_objects)
    except OSError as error:
        raise JournalError(f"journal: {path} cannot be read: {error.strerror}") from error


def hosts_in(path: str, disk: Disk) -> frozenset[str]:
    """Return the hosts whose commands a journal has, in lower case: inventory hosts, or else computers.

    Args:
        path: An existing file. It is not changed.

    Raises:
        JournalError: The file cannot be read.
        FormatError: It was written by a newer version.
    """
    return frozenset(map(_host_of, Journal(path, disk, only_reads=True).commands()))


def _recorded(journal: Journal, command: JournalCommand, max_output_objects: int | None) -> Recorded:
    gatherer = Gatherer(max_output_objects)
    # The limits of the session, and whether it dropped output, are not known. All received output is here.
    stream = CommandStream(command_id=command.command_id, wants_output=gatherer.has_room)
    for event in _events(journal, command, stream):
        gatherer.add(event)
    return Recorded(
        CommandResult(_session_of(command), command.command_id, gatherer.finish(), is_news=False),
        tuple(gatherer.unreadable),
    )


def _events(journal: Journal, command: JournalCommand, stream: CommandStream) -> t.Iterator[CommandEvent]:
    cause: TransportError | None = None
    try:
        for piece in journal.pieces_in(command.blocks):
            yield from stream.feed(piece)
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it is about this command only
        cause = failure_of_job(error)
        yield MessageUnreadable(cause.message)
    yield from stream.flush()
    yield ReceiveEnded(cause, stream.output_dropped)


def _host_of(command: JournalCommand) -> str:
    """Return the inventory host of a command, or else its computer, in lower case."""
    return (command.host or urlsplit(command.at or "").hostname or "").lower()


def _session_of(command: JournalCommand) -> PSSession:
    """Return the session of a command, as far as the journal knows it."""
    endpoint = Endpoint(_host_of(command), command.at or "", command.host)
    shell = Shell(command.instance_id, DEFAULT_RESOURCE_URI, state="", name=command.name)
    return PSSession(endpoint, shell, State.DISCONNECTED, Availability.NONE)
