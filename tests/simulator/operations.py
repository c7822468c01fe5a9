# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One method per WS-Management action: from a request to an answer or a fault."""

from __future__ import annotations

import base64
import uuid
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

from . import faults, quotas
from .answers import receive_answer
from .bodies import (
    answer_to,
    body_of,
    check_protocol_version,
    child_text,
    decode,
    guid,
    payload,
    set_buffer_mode,
    text_of,
)
from .cmd_operations import CmdOperations
from .computer import SimulatedComputer
from .enumerations import Enumerations
from .faults import Fault
from .pipeline import Pipeline
from .pool import RunspacePool
from .psrp import OutputQueue
from .shell import RULES, Shell, User, describe, is_cmd
from .wsman import (
    DEFAULT_OPERATION_TIMEOUT,
    NAMESPACES,
    POWERSHELL_PREFIX,
    SHELL_RESOURCE,
    Answer,
    Request,
    element,
    parse_duration,
    plain_uuid,
    tag,
)

#: MS-WSMV 2.2.4.1: smallest envelope a client may ask for, in octets.
_MIN_ENVELOPE = 8192
#: The real constant is misspelt; any other code closes the command (MS-PSRP 3.1.5.3.17 and the server plugin).
_STOP_SIGNAL = "powershell/signal/crtl_c"


@dataclass(frozen=True)
class Caller:
    """Who sent a request."""

    user: User
    address: str


class Operations:
    """The shell service of one computer."""

    def __init__(self, computer: SimulatedComputer) -> None:
        self._computer = computer
        self._enumerations = Enumerations(computer)
        self._cmd = CmdOperations(computer)

    async def carry_out(self, request: Request, caller: Caller) -> Answer:
        """Answer ``request``.

        Raises:
            Fault: it is refused.
        """
        if request.operation == "Identify":
            return identify_answer(hide_version=False)
        timeout = self._check_headers(request)
        operation = f"_{request.operation.lower()}"
        with quotas.running_operation(self._computer, caller.user, request.resource_uri):
            if self._is_for_cmd(request):
                return await self._cmd.carry_out(request, self._shell(request, caller), timeout)
            if request.operation == "Receive":
                return await self._receive(request, caller, timeout)
            if request.operation == "Create":
                return await self._create(request, caller)
            if request.operation in ("Enumerate", "Pull", "Release"):
                return self._enumerations.carry_out(request, caller.user)
            if request.operation == "Unknown":
                raise Fault(faults.OPERATION_NOT_SUPPORTED)
            answer: Answer = getattr(self, operation)(request, caller)
            return answer

    @staticmethod
    def _check_headers(request: Request) -> float:
        """Check what all operations have in common; returns the operation timeout in seconds."""
        if request.max_envelope_size < _MIN_ENVELOPE:
            raise Fault(faults.ENVELOPE_TOO_SMALL)
        if request.operation_timeout is None:
            return DEFAULT_OPERATION_TIMEOUT
        try:
            timeout = parse_duration(request.operation_timeout)
        except ValueError:
            timeout = -1.0
        if timeout < 0:
            raise Fault(faults.INVALID_HEADER)
        return timeout

    def _is_for_cmd(self, request: Request) -> bool:
        """Whether the request is about a command of a cmd shell, which only declared scripts can run in."""
        known = request.operation in CmdOperations.OPERATIONS and is_cmd(request.resource_uri)
        return known and self._computer.powershell is None

    # Finding what a request is about

    def _shell(self, request: Request, caller: Caller, rule: str | None = None) -> Shell:
        """The shell of the request, once the table of ``RULES`` allows the operation."""
        operation = request.operation
        shell = self._computer.find_shell(request.shell_id)
        if shell is None:
            raise faults.unknown_shell()
        generic = operation == "Get" and request.resource_uri.lower() == SHELL_RESOURCE.lower()
        if not generic and request.resource_uri.lower() != shell.resource_uri.lower():
            raise faults.unknown_shell()
        managing = operation in ("Get", "Delete") and caller.user.administrator
        if shell.owner != caller.user and not managing:
            raise Fault(self._computer.foreign_user_code)
        standing = shell.standing(request.session_id)
        refusal = RULES[rule or operation][standing]
        if operation == "Disconnect" and refusal == faults.CLIENT_SESSION_MISMATCH:
            refusal = self._computer.foreign_disconnect_code or None
        if operation == "Delete" and shell.state == "Disconnected" and not self._computer.delete_disconnected:
            refusal = faults.SHELL_DISCONNECTED
        if refusal is not None:
            raise Fault(refusal)
        return shell

    def _powershell(self, request: Request, caller: Caller, rule: str | None = None) -> tuple[Shell, RunspacePool[Any]]:
        """The shell and its pool, for operations a cmd shell does not have here."""
        shell = self._shell(request, caller, rule)
        if shell.pool is None:
            raise Fault(faults.OPERATION_NOT_SUPPORTED)
        return shell, shell.pool

    @staticmethod
    def _pipeline(pool: RunspacePool[Any], command_id: str | None) -> Pipeline:
        try:
            pipeline: Pipeline | None = pool.pipelines.get(uuid.UUID(command_id or ""))
        except ValueError:
            pipeline = None
        if pipeline is None:
            raise faults.unknown_command()
        return pipeline

    # Life of a shell

    async def _create(self, request: Request, caller: Caller) -> Answer:
        body = body_of(request, "rsp:Shell")
        cmd = is_cmd(request.resource_uri)
        if not cmd and not request.resource_uri.lower().startswith(POWERSHELL_PREFIX):
            raise Fault(faults.DESTINATION_UNREACHABLE)
        if not cmd:
            check_protocol_version(request.options.get("protocolversion"))
        name = body.get("Name")
        if name is None and self._computer.name_as_child:
            name = child_text(body, "Name")
        if name is not None and len(name) > 255:
            raise Fault(faults.NAME_TOO_LONG)
        idle_timeout = self._idle_timeout(body, self._computer.max_idle_timeout)
        shell_id = guid(body.get("ShellId") or child_text(body, "ShellId"), faults.SHELL_ID_NOT_GUID)
        if self._computer.find_shell(shell_id) is not None:
            raise Fault(faults.SHELL_ID_IN_USE)
        quotas.check_new_shell(self._computer, caller.user, request.resource_uri)

        shell = self._computer.new_shell(shell_id, request.resource_uri, caller.user, request.session_id)
        shell.name, shell.client_ip = name, caller.address
        shell.locale, shell.data_locale = request.locale, request.data_locale
        shell.profile_loaded = request.options.get("WINRS_NOPROFILE", "0").lower() not in ("true", "1")
        shell.max_idle_timeout = self._computer.max_idle_timeout
        if idle_timeout is not None:
            shell.idle_timeout = min(idle_timeout, self._computer.granted_idle_timeout or idle_timeout)
        set_buffer_mode(shell, body)
        shell.set_code_page(request.options.get("WINRS_CODEPAGE"))
        if not cmd:
            pool = self._computer.new_pool(shell)
            try:
                await pool.start()
                pool.feed(payload(body, "creationXml"), self._computer.loop_thread.loop)
            except BaseException:
                self._computer.remove_shell(shell)
                raise
        created = element(
            "x:ResourceCreated",
            element("a:Address", text=request.to),
            element(
                "a:ReferenceParameters",
                element("w:ResourceURI", text=shell.resource_uri),
                element("w:SelectorSet", element("w:Selector", text=shell.id, Name="ShellId")),
            ),
        )
        return answer_to(request, created + describe(shell, self._computer.clock.now(), listing=False))

    def _get(self, request: Request, caller: Caller) -> Answer:
        shell = self._shell(request, caller)
        return answer_to(request, describe(shell, self._computer.clock.now(), listing=True))

    def _delete(self, request: Request, caller: Caller) -> Answer:
        self._computer.remove_shell(self._shell(request, caller))
        return answer_to(request)

    def _disconnect(self, request: Request, caller: Caller) -> Answer:
        shell = self._shell(request, caller)
        if not shell.supports_disconnect:
            raise Fault(faults.DISCONNECT_NOT_SUPPORTED)
        body = request.body if request.body is not None else ET.Element(tag("rsp:Disconnect"))
        idle_timeout = self._idle_timeout(body, shell.max_idle_timeout)
        if idle_timeout is not None:
            shell.idle_timeout = min(idle_timeout, self._computer.granted_idle_timeout or idle_timeout)
        set_buffer_mode(shell, body)
        shell.touch(self._computer.clock.now())
        shell.disconnect()
        return answer_to(request)

    def _reconnect(self, request: Request, caller: Caller) -> Answer:
        shell, pool = self._powershell(request, caller)
        if request.command_id is not None:
            self._pipeline(pool, request.command_id)
        if request.body is not None:
            set_buffer_mode(shell, request.body)
        shell.connect(request.session_id, self._computer.clock.now())
        return answer_to(request)

    def _connect(self, request: Request, caller: Caller) -> Answer:
        body = body_of(request, "rsp:Connect")
        if request.command_id is not None:
            return self._connect_command(request, caller)
        shell, pool = self._powershell(request, caller)
        computer = self._computer
        response = pool.connect(payload(body, "connectXml"), computer.swap_min_max)
        set_buffer_mode(shell, body)
        shell.connect(request.session_id, computer.clock.now())
        shell.replay = shell.unacknowledged if computer.replay_after_connect in ("shell", "any") else None
        shell.unacknowledged = None
        if computer.replay_after_connect in ("shell", "any"):
            for pipeline in pool.pipelines.values():
                pipeline.repeat()
        if computer.tail_fragments_after_connect:
            pool.send_tail_of_old_object()
        if computer.private_data_after_connect:
            pool.send_private_data()
        if computer.runspacepool_state_after_connect:
            pool.send_opened()
        xml = base64.b64encode(response).decode()
        content = element(
            "rsp:ConnectResponse",
            element("rsp:InputStreams", text="stdin pr"),
            element("rsp:OutputStreams", text="stdout"),
            element("connectResponseXml", text=xml, xmlns=NAMESPACES["ps"]),
        )
        return answer_to(request, content)

    def _connect_command(self, request: Request, caller: Caller) -> Answer:
        shell, pool = self._powershell(request, caller, "Connect command")
        pipeline = self._pipeline(pool, request.command_id)
        # A connected pipeline takes no more input (MS-PSRP 3.1.4.10.3, server side).
        pipeline.end_input()
        if self._computer.replay_after_connect in ("command", "any"):
            pipeline.repeat()
        shell.touch(self._computer.clock.now())
        return answer_to(request, element("rsp:ConnectResponse"))

    def _idle_timeout(self, body: ET.Element, maximum: float) -> float | None:
        """The IdleTimeOut a client asks for, in seconds."""
        text = child_text(body, "IdleTimeOut")
        if text is None:
            return None
        try:
            seconds = parse_duration(text)
        except ValueError:
            raise Fault(faults.IDLE_TIMEOUT_OUT_OF_RANGE) from None
        if not self._computer.min_idle_timeout <= seconds <= maximum:
            raise Fault(faults.IDLE_TIMEOUT_OUT_OF_RANGE, self._computer.idle_timeout_text)
        return seconds

    # Commands and streams

    def _command(self, request: Request, caller: Caller) -> Answer:
        body = body_of(request, "rsp:CommandLine")
        shell, pool = self._powershell(request, caller)
        command_id = guid(request.command_id, faults.COMMAND_ID_NOT_GUID)
        identity = uuid.UUID(command_id)
        if identity in pool.pipelines:
            raise Fault(faults.COMMAND_ID_IN_USE)
        quotas.check_new_command(self._computer, len(pool.pipelines))
        pipeline = pool.new_pipeline(identity, child_text(body, "Command") or "")
        arguments = "".join(text_of(argument) for argument in body.iterfind(tag("rsp:Arguments")))
        try:
            pool.feed(decode(arguments), self._computer.loop_thread.loop, pipeline)
        except Fault:
            del pool.pipelines[identity]
            raise
        self._acknowledge(shell)
        return answer_to(request, element("rsp:CommandResponse", element("rsp:CommandId", text=command_id)))

    def _send(self, request: Request, caller: Caller) -> Answer:
        body = body_of(request, "rsp:Send")
        shell, pool = self._powershell(request, caller)
        pipeline = self._pipeline(pool, request.command_id) if request.command_id is not None else None
        for stream in body.iterfind(tag("rsp:Stream")):
            pool.feed(decode(text_of(stream)), self._computer.loop_thread.loop, pipeline)
        self._acknowledge(shell)
        return answer_to(request, element("rsp:SendResponse"))

    def _signal(self, request: Request, caller: Caller) -> Answer:
        body = body_of(request, "rsp:Signal")
        shell, pool = self._powershell(request, caller)
        pipeline = self._pipeline(pool, request.command_id)
        if child_text(body, "Code") == _STOP_SIGNAL:
            pipeline.stop()
        else:
            del pool.pipelines[pipeline.command]
            pipeline.close()
        self._acknowledge(shell)
        return answer_to(request, element("rsp:SignalResponse"))

    def _acknowledge(self, shell: Shell) -> None:
        """The client goes on, so it has received the last answer; Disconnect and Reconnect prove nothing."""
        shell.unacknowledged = None
        shell.touch(self._computer.clock.now())

    async def _receive(self, request: Request, caller: Caller, timeout: float) -> Answer:
        body = body_of(request, "rsp:Receive")
        shell, pool = self._powershell(request, caller)
        self._acknowledge(shell)
        pipeline: Pipeline | None = None
        queue: OutputQueue = pool.output
        desired = body.find(tag("rsp:DesiredStream"))
        if desired is not None and desired.get("CommandId"):
            pipeline = self._pipeline(pool, plain_uuid(desired.get("CommandId")))
            queue = pipeline.output
            if pipeline.replay is not None:
                pipeline.unacknowledged, pipeline.replay = pipeline.replay, None
                return pipeline.unacknowledged
            pipeline.unacknowledged = None
            if pipeline.collected:
                raise faults.unknown_command()
        elif shell.replay is not None:
            replayed, shell.replay = shell.replay, None
            return replayed
        deadline = self._computer.clock.now() + timeout
        epoch = shell.epoch
        shell.pending += 1
        try:
            while True:
                if shell.state == "Closed":
                    raise Fault(shell.closing_fault)
                if pipeline is not None and pipeline.closed:
                    raise Fault(faults.OPERATION_ABORTED)
                if shell.epoch != epoch:
                    raise Fault(faults.STREAM_DISCONNECTED)
                fragments, done = queue.take(request.max_envelope_size)
                if fragments:
                    return self._deliver(shell, pipeline, fragments, done)
                if self._computer.clock.now() >= deadline:
                    break
                await self._computer.clock.wait(queue.changed, deadline)
        finally:
            shell.pending -= 1
            shell.touch(self._computer.clock.now())
        if self._computer.empty_receive_on_timeout and "WSMAN_CMDSHELL_OPTION_KEEPALIVE" in request.options:
            return receive_answer([])
        raise Fault(faults.OPERATION_TIMED_OUT)

    @staticmethod
    def _deliver(shell: Shell, pipeline: Pipeline | None, fragments: list[bytes], done: bool) -> Answer:
        if pipeline is None:
            shell.unacknowledged = receive_answer(fragments)
            return shell.unacknowledged
        pipeline.collected = done
        pipeline.unacknowledged = receive_answer(fragments, pipeline.command_id, done)
        return pipeline.unacknowledged


def identify_answer(hide_version: bool) -> Answer:
    """wsmid:IdentifyResponse; without authentication the operating system stays unnamed."""
    system = "OS: 0.0.0 SP: 0.0 Stack: 3.0" if hide_version else "OS: 10.0.14393 SP: 0.0 Stack: 3.0"
    content = element(
        "wsmid:IdentifyResponse",
        element("wsmid:ProtocolVersion", text=NAMESPACES["w"]),
        element("wsmid:ProductVendor", text="Microsoft Corporation"),
        element("wsmid:ProductVersion", text=system),
    )
    return Answer("", content)
