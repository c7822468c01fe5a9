# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The raw client with messages that a real PowerShell reads, and what its tests do again and again."""

from __future__ import annotations

import functools
import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from .. import SimulatedComputer, User
from .raw_client import (
    PIPELINE_OUTPUT,
    RUNSPACEPOOL_STATE,
    RawClient,
    Received,
    Reply,
    create_script,
    fragment,
    init_runspacepool,
    message,
)

TIMED_OUT = 0x80338029
#: Switches of a server that keeps sessions connected however slow the machine is.
PATIENT = {"silence_timeout": 1e6}
HOST_CALL, HOST_RESPONSE = 0x00041100, 0x00041101


class PowerShellClient(RawClient):
    """A client of sessions that a real PowerShell runs in.

    Attributes:
        last: the answer to the last Receive of a command.
    """

    create_pipeline: Callable[[str, bool], str] = staticmethod(create_script)

    def __init__(self, computer: SimulatedComputer, user: User, with_host: bool = False) -> None:
        """Make one; with a host, prompts reach it."""
        super().__init__(computer, user)
        self.init_pool = functools.partial(init_runspacepool, with_host=with_host)
        self.last: Reply | None = None

    def open(self, **details: object) -> str:
        """Open a session and return its id, once the server says that it is open."""
        shell_id = str(uuid.uuid4()).upper()
        created = self.create(shell_id, **details)  # type: ignore[arg-type]
        assert (created.status, created.fault) == (200, None)
        while [part.type for part in self.receive(shell_id).fragments] != [RUNSPACEPOOL_STATE]:
            pass
        return shell_id

    def start(self, shell_id: str, script: str, no_input: bool = True) -> str:
        """Start a script and return the command's id."""
        command_id, answer = self.command(shell_id, script, no_input=no_input)
        assert (answer.status, answer.fault) == (200, None)
        return command_id

    def take_over(self, shell_id: str, command_id: str | None = None) -> None:
        """Connect to a session, and to a command in it."""
        assert self.connect(shell_id).status == 200
        if command_id is not None:
            self.connect_command(shell_id, command_id)

    def connect_command(self, shell_id: str, command_id: str) -> None:
        """Connect to a command of a session that this client is connected to."""
        body = f'<rsp:Connect CommandId="{command_id}"/>'
        assert self.send("Connect", body, shell_id).status == 200

    def messages(self, shell_id: str, command_id: str | None = None) -> Iterator[Received]:
        """What a command says, whole messages, until its end; or what the pool says, for ever."""
        begun: Received | None = None
        while True:
            self.last = self.receive(shell_id, command_id)
            if self.last.fault == TIMED_OUT:
                continue
            assert self.last.fault is None, f"{self.last.fault:#x}"
            for part in self.last.fragments:
                if part.fragment_id == 0:
                    begun = part
                else:
                    assert begun is not None
                    assert (part.object_id, part.fragment_id) == (begun.object_id, begun.fragment_id + 1)
                    begun = Received(part.object_id, part.fragment_id, part.flags, begun.data + part.data)
                if part.flags & 2:
                    yield begun
            if self.last.done:
                return

    def collect(self, shell_id: str, command_id: str) -> list[str]:
        """CLIXML of a command's output until its end."""
        return [part.clixml for part in self.messages(shell_id, command_id) if part.type == PIPELINE_OUTPUT]

    def first(self, shell_id: str, command_id: str, kind: int = PIPELINE_OUTPUT) -> str:
        """CLIXML of the next message of one kind."""
        return next(part.clixml for part in self.messages(shell_id, command_id) if part.type == kind)

    def run(self, shell_id: str, script: str) -> list[str]:
        """Run a script and return its output; the command is gone then."""
        command_id = self.start(shell_id, script)
        output = self.collect(shell_id, command_id)
        assert self.signal(shell_id, command_id, TERMINATE).status == 200
        return output

    def answer(self, shell_id: str, command_id: str, host_call: str, value: str, named: bool = True) -> None:
        """Answer a host call with CLIXML; ``named`` tells whether the request names the command, too."""
        found = re.search(r'<I64 N="ci">(\d+)</I64>', host_call)
        assert found is not None
        method = (
            '<Obj N="mi" RefId="1"><TN RefId="0"><T>System.Management.Automation.Remoting.RemoteHostMethodId</T></TN>'
            "<ToString>ReadLine</ToString><I32>11</I32></Obj>"
        )
        clixml = f'<Obj RefId="0"><MS><I64 N="ci">{found.group(1)}</I64>{method}{value}</MS></Obj>'
        data = fragment(9, message(HOST_RESPONSE, shell_id, clixml, command_id))
        assert self.stream(shell_id, data, command_id if named else None).status == 200


TERMINATE = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/signal/terminate"
STOP = "powershell/signal/crtl_c"


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
