"""Starting a command: messages for its script, arguments and input (MS-PSRP 3.1.4.2 and 3.1.4.3)."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import math
import struct
import typing as t
import uuid
import xml.etree.ElementTree as ET
from dataclasses import dataclass

from ..model.codes import Code
from ..model.commands import Delivery, Script
from ..model.errors import PSSessionError, TransportError, WSManFault
from ..model.sessions import Shell
from ..model.settings import Credential
from ..wsman.client import WSManClient
from . import host, session_key, statements
from .fragments import FRAGMENT_HEADER_BYTES, fragments_of
from .values import to_powershell

try:
    from pypsrp.complex_objects import (
        ApartmentState,
        CommandParameter,
        Pipeline,
        PSCredential,
        RemoteStreamOptions,
    )
    from pypsrp.messages import CreatePipeline, Destination, EndOfPipelineInput, Message, MessageType, PipelineInput
    from pypsrp.serializer import Serializer
except ImportError:  # the client, which is needed first, reports a missing library
    pass

# Faults that do not show whether the server goes on with the request.
UNDECIDED = frozenset({Code.OPERATION_TIMED_OUT, Code.OPERATION_TIMEOUT, Code.OPERATION_ABORTED})
# Seconds before each try to list the commands.
_WAITS_TO_LIST = (0.0, 1.0, 2.0, 4.0)
# Destination, type, pool and pipeline come before the data of a message (MS-PSRP 2.2.1).
_HEADER = struct.Struct("<II16s16s")

Answer = t.TypeVar("Answer")


class Attempt(t.Protocol):
    """Send one request with a deadline in seconds of the world's clock, and return its answer."""

    def __call__(self, request: t.Callable[[float], Answer], /) -> Answer: ...


class IncompleteStart(TransportError):
    """A command exists, but the server does not have all of its script or input.

    Args:
        cause: The failure of the request that would have brought more.
        delivery: The part that the server has.
    """

    def __init__(self, cause: TransportError, delivery: Delivery) -> None:
        super().__init__(cause.code, cause.message, delivered=True)
        self.delivery = delivery


class TooLarge(PSSessionError):
    """A script and its arguments do not fit into one request."""


def start(
    client: WSManClient,
    shell: Shell,
    command_id: str,
    script: Script,
    attempt: Attempt,
    note: t.Callable[[Delivery], None] = lambda _delivery: None,
) -> None:
    """Start a script in a session that is connected here.

    After the first request the script may run, so this must not be called again if an answer is lost. Only as many
    messages of the input exist at a time as fit into one request.

    Args:
        command_id: The id of the command, a new GUID in lower case. Servers refuse an existing one.
        attempt: Sends each request, with its own deadline.
        note: Gets, before and after each request, the part that the server has or may have. It is not called for a
            script without input that fits into one request.

    Raises:
        TransportError: The server refused the command or could not be reached, or the key for sensitive parameters
            did not come. The command does not exist.
        IncompleteStart: The command exists or may exist, and the request for it or a later one failed.
    """
    sealed = _sealed(client, shell, script, attempt)
    messages = _Messages(shell, command_id)
    creation = messages.create_pipeline(sealed, mark=client.world.new_guid())
    objects = script.input or ()
    total = None if script.input is None else len(objects) if isinstance(objects, t.Sized) else math.inf

    def send(packet: _Packet) -> None:
        attempt(lambda deadline: client.send(shell, command_id.upper(), packet.data, deadline))

    # A client that found the session does not know the message numbers of earlier clients. The clock is higher.
    number = client.world.microseconds()
    # No input comes together with CREATE_PIPELINE: PowerShell would hang (seen: PowerShell 7.6, Linux).
    first, *rest = _packets([creation], number, client.payload_bytes)

    def create(deadline: float) -> None:
        client.start_command(shell, command_id.upper(), script.command_line, first.data, deadline)

    if rest or total is not None:
        note(Delivery(False if rest else None, total=total))
    try:
        _create_once(client, shell, command_id, create, attempt)
    except TransportError as error:
        if not error.delivered:
            raise
        raise IncompleteStart(error, Delivery(None if first.ends else False, total=total)) from error
    for packet in rest:
        if packet.ends:
            note(Delivery(None, total=total))
        try:
            send(packet)
        except TransportError as error:
            has_script = None if error.delivered and packet.ends else False
            raise IncompleteStart(error, Delivery(has_script, total=total)) from error
    if total is None:
        if rest:
            note(Delivery(True))
        return
    delivered = ended = 0
    for packet in _packets(messages.input(objects), number + 1, client.payload_bytes):
        ended += packet.ends
        at_most = int(min(ended, total))  # the last message is the end of the input, and no object
        note(Delivery(True, delivered, at_most, total))
        try:
            send(packet)
        except TransportError as error:
            at_most = at_most if error.delivered else delivered
            raise IncompleteStart(error, Delivery(True, delivered, at_most, total)) from error
        delivered = at_most
    note(Delivery(True, ended - 1, ended - 1, total, is_closed=True))


def start_at_once(client: WSManClient, shell: Shell, command_id: str, script: Script, deadline: float) -> None:
    """Start a script without input in one request. It may be sent again, because servers refuse an existing id.

    Args:
        command_id: As for `start`.
        deadline: In seconds of the world's clock.

    Raises:
        TooLarge: It does not fit into one request; nothing was sent.
        TransportError: The server refused (WSManFault, with `Code.COMMAND_EXISTS` if it has a command of that id), or
            the outcome is unknown.
    """
    message = _Messages(shell, command_id).create_pipeline(script, mark=client.world.new_guid())
    first, *rest = _packets([message], client.world.microseconds(), client.payload_bytes)
    if rest:
        raise TooLarge(f"the command has {len(message)} bytes, and one request holds {client.payload_bytes}")
    client.start_command(shell, command_id.upper(), script.command_line, first.data, deadline)


def _create_once(
    client: WSManClient, shell: Shell, command_id: str, create: t.Callable[[float], None], attempt: Attempt
) -> None:
    """Request a command. If the answer is lost, the list of commands decides whether to request it again.

    If the list does not have the command, the request did not arrive. If it arrives late, the server refuses the second
    one, because both have the same command id. So the command exists once.

    Raises:
        TransportError: The server refused, or (`delivered`) it is unknown whether the command exists.
    """
    for may_repeat in (True, False):
        try:
            attempt(create)
        except TransportError as error:
            if error.code == Code.COMMAND_EXISTS:
                return
            if not (error.delivered or error.code in UNDECIDED):
                raise
            if _is_listed(client, shell, command_id, error, attempt):
                return
            if not may_repeat:
                raise _unknown(error) from error
        else:
            return


def _is_listed(client: WSManClient, shell: Shell, command_id: str, cause: TransportError, attempt: Attempt) -> bool:
    """Return whether the server lists a command. The first listings may fail for the same reason as the request."""
    for wait in _WAITS_TO_LIST:
        client.world.sleep(wait)
        try:
            commands = attempt(lambda deadline: client.enumerate_commands(shell, deadline))
        except WSManFault:
            break
        except TransportError:
            continue
        return any(command.command_id == command_id for command in commands)
    raise _unknown(cause) from cause


def _unknown(cause: TransportError) -> TransportError:
    return TransportError(cause.code, cause.message, delivered=True)


def _sealed(client: WSManClient, shell: Shell, script: Script, attempt: Attempt) -> Script:
    """Return a script whose sensitive parameters are encrypted with a key of the server.

    A client does not know whether the server still has an earlier key, so each start gets a new one.
    """
    if not script.sensitive_parameters:
        return script
    try:
        key = attempt(lambda deadline: session_key.exchange(client, shell, deadline))
    except TransportError as error:
        error.delivered = False  # nothing of the command was sent yet
        raise

    def seal(value: str | Credential) -> str | Credential:
        if isinstance(value, str):
            return key.encrypt(value)
        return dataclasses.replace(value, password=key.encrypt(value.password or ""))

    sealed = {name: seal(value) for name, value in script.sensitive_parameters.items()}
    return dataclasses.replace(script, sensitive_parameters=sealed)


class _Ids(t.NamedTuple):
    """The parts of a pipeline that differ between the sessions of one script."""

    pool: str
    command: str
    mark: str


@dataclass(frozen=True)
class _Pattern:
    """The body of a message that creates a pipeline, in which ids can be replaced. This saves serialising it again.

    Attributes:
        is_proven: Whether a serialised body was equal to the result of this pattern. It differs if an id is part of the
            script.
    """

    body: bytes
    ids: _Ids
    is_proven: bool

    def with_ids(self, ids: _Ids) -> bytes:
        """Return the body with other ids."""
        body = self.body
        for before, now in zip(self.ids, ids, strict=True):
            body = body.replace(before.encode(), now.encode())
        return body


class _Messages:
    """The messages of one command, with their headers (MS-PSRP 2.2.1)."""

    def __init__(self, shell: Shell, command_id: str) -> None:
        self._pool_id = uuid.UUID(shell.shell_id)
        self._command_id = uuid.UUID(command_id)
        self._serializer = Serializer()

    def create_pipeline(self, script: Script, mark: str) -> bytes:
        """Return the message that creates the pipeline of a sealed script (MS-PSRP 2.2.2.10).

        For the mark, see `statements`.

        Parameters are named without a dash, as PowerShell's own client names them. A server takes a name with a dash
        for a piece of source, and a null value after it for a missing argument (seen: PowerShell 7.6, Linux).
        """
        ids = _Ids(str(self._pool_id), str(self._command_id), mark)
        pattern: _Pattern | None = script.kept.get("pipeline")
        if pattern is not None and pattern.is_proven:
            return self._header(MessageType.CREATE_PIPELINE) + pattern.with_ids(ids)
        message = self._new_pipeline(script, mark)
        body = message[_HEADER.size :]
        is_proven = pattern is not None and pattern.with_ids(ids) == body
        script.kept["pipeline"] = _Pattern(body, ids, is_proven)
        return message

    def _new_pipeline(self, script: Script, mark: str) -> bytes:
        arguments = [CommandParameter(value=to_powershell(value)) for value in script.arguments]
        arguments += [
            CommandParameter(name=name, value=to_powershell(value)) for name, value in script.parameters.items()
        ]
        arguments += [
            CommandParameter(name=name, value=_sensitive(sealed))
            for name, sealed in script.sensitive_parameters.items()
        ]
        commands = statements.commands_of(script, arguments, str(self._command_id), str(self._pool_id), mark)
        body = CreatePipeline(
            script.input is None,
            ApartmentState(value=ApartmentState.UNKNOWN),
            RemoteStreamOptions(value=RemoteStreamOptions.ADD_INVOCATION_INFO),
            False,
            host.host_info(script.has_ui),
            Pipeline(is_nested=False, cmds=commands, history=None, redirect_err_to_out=False),
            False,
        )
        return self._with_header(body)

    def input(self, objects: t.Iterable[object]) -> t.Iterator[bytes]:
        """Yield a message for each object of the input, and one for its end (MS-PSRP 2.2.2.17 and 2.2.2.18).

        Null is a message without data: a server drops an object that is a Nil element (seen: PowerShell 7.6, Linux).
        """
        null = self._header(MessageType.PIPELINE_INPUT)
        for value in objects:
            yield null if value is None else self._with_header(PipelineInput(data=to_powershell(value)))
        yield self._with_header(EndOfPipelineInput())

    def _header(self, kind: int) -> bytes:
        return _HEADER.pack(Destination.SERVER, kind, self._pool_id.bytes_le, self._command_id.bytes_le)

    def _with_header(self, body: t.Any) -> bytes:
        return Message(Destination.SERVER, str(self._pool_id), str(self._command_id), body, self._serializer).pack()


def _sensitive(sealed: str | Credential) -> t.Any:
    """Return a SecureString or a PSCredential that is encrypted already (MS-PSRP 2.2.5.1.24 and 2.2.3.25)."""
    if not isinstance(sealed, str):
        username, password = to_powershell(sealed.username), _sensitive(sealed.password or "")
        return PSCredential(username=username, password=password)  # type: ignore[no-untyped-call]
    element = ET.Element("SS")
    element.text = sealed
    return element


@dataclass(frozen=True)
class _Packet:
    """The PSRP data of one request.

    Attributes:
        ends: The number of messages that end in it.
    """

    data: bytes
    ends: int


def _packets(messages: t.Iterable[bytes], first_number: int, max_bytes: int) -> t.Iterator[_Packet]:
    """Yield messages in packets of a maximum size, each filled with whole fragments.

    A server takes any number of fragments from one request (ReceiveDataCollection in PowerShell's source).
    """
    fragments: list[bytes] = []
    room, ends = max_bytes, 0
    for number, message in enumerate(messages, start=first_number):
        for fragment in fragments_of(number, message, max_bytes - FRAGMENT_HEADER_BYTES):
            if len(fragment) > room:
                yield _Packet(b"".join(fragments), ends)
                fragments, room, ends = [], max_bytes, 0
            fragments.append(fragment)
            room -= len(fragment)
        ends += 1
    yield _Packet(b"".join(fragments), ends)
