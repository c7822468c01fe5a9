# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations on commands of cmd shells, as in the recordings test_winrs_* of pypsrp."""

from __future__ import annotations

import base64
import uuid

from . import faults, quotas
from .bodies import answer_to, body_of, child_text, decode, guid, text_of
from .cmd_command import CmdCommand, text_of_command
from .computer import SimulatedComputer
from .faults import Fault
from .records import Origin
from .shell import Shell
from .wsman import Answer, Request, element, plain_uuid, tag

_DONE = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/CommandState/Done"
_RUNNING = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/CommandState/Running"
#: Octets of output in one answer.
_MOST_OUTPUT = 64 * 1024
#: Octets of one rsp:Stream.
_MOST_IN_STREAM = 16 * 1024


class CmdOperations:
    """What clients do with the commands of one computer's cmd shells."""

    OPERATIONS = ("Command", "Receive", "Send", "Signal")

    def __init__(self, computer: SimulatedComputer) -> None:
        self._computer = computer

    async def carry_out(self, request: Request, shell: Shell, timeout: float) -> Answer:
        """Answer a request that the table of states allows.

        Raises:
            Fault: it is refused.
        """
        if request.operation == "Receive":
            return await self._receive(request, shell, timeout)
        shell.touch(self._computer.clock.now())
        if request.operation == "Command":
            return self._command(request, shell)
        return self._send(request, shell) if request.operation == "Send" else self._signal(request, shell)

    def _command(self, request: Request, shell: Shell) -> Answer:
        body = body_of(request, "rsp:CommandLine")
        arguments = [text_of(argument) for argument in body.iterfind(tag("rsp:Arguments"))]
        text = text_of_command(child_text(body, "Command") or "", arguments)
        origin = Origin(f"{shell.owner_domain}\\{shell.owner.name}", self._computer.host_name, shell.process_id)
        identity = uuid.UUID(guid(request.command_id, faults.COMMAND_ID_NOT_GUID))
        if identity in shell.commands:
            raise Fault(faults.COMMAND_ID_IN_USE)
        quotas.check_new_command(self._computer, len(shell.commands))
        command = shell.commands[identity] = CmdCommand(text, shell.variables, origin, shell.encoding, identity)
        command.start(self._computer.scripts.find(text), self._computer.clock)
        return answer_to(
            request, element("rsp:CommandResponse", element("rsp:CommandId", text=str(command.id).upper()))
        )

    @staticmethod
    def _find(shell: Shell, command_id: str | None) -> CmdCommand:
        if not command_id:
            raise Fault(faults.INVALID_PARAMETER, provider=faults.CMD_PROVIDER)
        try:
            return shell.commands[uuid.UUID(plain_uuid(command_id))]
        except (KeyError, ValueError):
            raise faults.unknown_command() from None

    def _send(self, request: Request, shell: Shell) -> Answer:
        for stream in body_of(request, "rsp:Send").iterfind(tag("rsp:Stream")):
            ends = (stream.get("End") or "").lower() in ("true", "1")
            self._find(shell, stream.get("CommandId")).add_input(decode(text_of(stream)), ends)
        return answer_to(request, element("rsp:SendResponse"))

    def _signal(self, request: Request, shell: Shell) -> Answer:
        command = self._find(shell, body_of(request, "rsp:Signal").get("CommandId"))
        del shell.commands[command.id]
        command.close()
        return answer_to(request, element("rsp:SignalResponse"))

    async def _receive(self, request: Request, shell: Shell, timeout: float) -> Answer:
        desired = body_of(request, "rsp:Receive").find(tag("rsp:DesiredStream"))
        command = self._find(shell, None if desired is None else desired.get("CommandId"))
        if command.collected:
            raise faults.unknown_command()
        clock = self._computer.clock
        deadline = clock.now() + timeout
        shell.pending += 1
        try:
            while not command.output and not command.ended:
                if command.closed or shell.state == "Closed":
                    raise Fault(shell.closing_fault)
                if clock.now() >= deadline:
                    raise Fault(faults.OPERATION_TIMED_OUT)
                await clock.wait(command.changed, deadline)
        finally:
            shell.pending -= 1
            shell.touch(clock.now())
        return answer_to(request, element("rsp:ReceiveResponse", *_output_of(command)))


def _output_of(command: CmdCommand) -> list[str]:
    """rsp:Stream and rsp:CommandState; after the last output the streams end."""
    command_id = str(command.id).upper()
    content, size = [], 0
    while command.output and size < _MOST_OUTPUT:
        stream, octets = command.output.popleft()
        if len(octets) > _MOST_IN_STREAM:
            command.output.appendleft((stream, octets[_MOST_IN_STREAM:]))
        piece = octets[:_MOST_IN_STREAM]
        size += len(piece)
        text = base64.b64encode(piece).decode()
        content.append(element("rsp:Stream", text=text, Name=stream, CommandId=command_id))
    command.collected = command.ended and not command.output
    if not command.collected:
        return [*content, element("rsp:CommandState", CommandId=command_id, State=_RUNNING)]
    for stream in ("stdout", "stderr"):
        content.append(element("rsp:Stream", Name=stream, CommandId=command_id, End="true"))
    exit_code = element("rsp:ExitCode", text=str(command.exit_code))
    return [*content, element("rsp:CommandState", exit_code, CommandId=command_id, State=_DONE)]
