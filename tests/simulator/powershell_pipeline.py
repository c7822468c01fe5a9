# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A command that runs in a PowerShell process."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING

from psrpcore.types import PSInvocationState, PSRPMessageType

from . import messages
from .earlier_client import EarlierCommand
from .pipeline import Pipeline, script_text
from .psrp import Defragmenter, Message
from .wsman import MalformedEnvelope

if TYPE_CHECKING:
    from .powershell_pool import PowerShellPool

_STATE = re.compile(rb'<I32 N="PipelineState">(\d+)</I32>')
_FINAL = (PSInvocationState.Stopped, PSInvocationState.Completed, PSInvocationState.Failed)
_INPUT = (PSRPMessageType.PipelineInput, PSRPMessageType.EndOfPipelineInput)


class PowerShellPipeline(Pipeline):
    """A command whose messages come from the process and go there."""

    pool: PowerShellPool

    def __init__(self, pool: PowerShellPool, command: uuid.UUID, command_line: str = "") -> None:
        super().__init__(pool, command, command_line)
        self._from_process = Defragmenter()
        self._created = False
        self._input_open = True

    def start_earlier(self, script: str, finished: bool) -> None:
        """Be a command that the client of ``EarlierClient`` starts."""
        self.text = script
        assert self.pool.earlier_client is not None
        self.pool.earlier_client.commands.append(EarlierCommand(script, self.command, finished))

    # From the client

    def create(self, message: Message) -> None:
        """Announce the command and send CREATE_PIPELINE, which has to be alone in its packet.

        Together with its input in one packet it makes PowerShell hang (seen: PowerShell 7.6, Linux).
        """
        self.id = message.pipeline_id or self.id
        self.text, no_input = _content(message)
        self._input_open = not no_input
        self._created = True
        self.state = PSInvocationState.Running
        self.pool.process.post("Command", self.id)
        self.pool.post(self.id, [message.raw])

    def take_input(self, messages_of_client: list[Message], stream: str) -> None:
        """Pass on input and answers to host calls; after a Connect the input is closed, and objects are lost."""
        passed = [message.raw for message in messages_of_client if message.type not in _INPUT or self._input_open]
        if any(message.type is PSRPMessageType.EndOfPipelineInput for message in messages_of_client):
            self._input_open = False
        self.pool.post(self.id, passed, stream)

    def end_input(self) -> None:
        """Close the input, because another client connected (MS-PSRP 3.1.4.10.3)."""
        if self._input_open and self.is_running:
            end = Message(PSRPMessageType.EndOfPipelineInput, self.pool.id, self.id, b"")
            self.pool.post(self.id, [end.pack_for_server()])
        self._input_open = False

    def stop(self) -> None:
        """End the script as Stopped (the signal ``powershell/signal/crtl_c``)."""
        if self.is_running:
            self.pool.process.post("Signal", self.id)

    def end(self) -> None:
        """End the script without a message to the client."""
        if self._created:
            self.pool.process.post("Close", self.id)

    # From the process

    def take_packet(self, octets: bytes) -> None:
        """Put what the process says of this command to its output."""
        for message in self._from_process.feed(octets):
            outgoing = self.pool.numbered(message.type, message.raw)
            if message.type is PSRPMessageType.PipelineState:
                found = _STATE.search(message.data)
                state = PSInvocationState(int(found.group(1))) if found else PSInvocationState.Failed
                # Running is told, too, and is not the end.
                if state in _FINAL:
                    self.state, outgoing.final = state, True
            self.put(outgoing)


def _content(message: Message) -> tuple[str, bool]:
    """The script of a CREATE_PIPELINE, and whether it gets no input.

    The process judges what is in it; values that the simulator cannot read do no harm.
    """
    if message.type is PSRPMessageType.GetCommandMetadata:
        return "Get-Command", True
    try:
        metadata = messages.from_clixml(message.data)
        return script_text(metadata), bool(metadata.NoInput)
    except (MalformedEnvelope, AttributeError, TypeError, ValueError):
        return "", b'<B N="NoInput">true</B>' in message.data
