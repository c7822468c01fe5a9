# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to psremoting.fleet: may change at any time, import it from nowhere else.

"""Starting: a script, its arguments and its input on their way to a session (MS-PSRP 3.1.4.2 and 3.1.4.3)."""

from __future__ import annotations

import dataclasses
import time
import typing as t
import uuid
import xml.etree.ElementTree as ET

from ..commands import Script
from ..model import Shell
from ..wsman.client import WSManClient
from . import session_key
from .fragments import MAX_FRAGMENT_BYTES, fragments_of
from .values import to_powershell

try:
    from pypsrp.complex_objects import (
        ApartmentState,
        Command,
        CommandParameter,
        HostInfo,
        Pipeline,
        RemoteStreamOptions,
    )
    from pypsrp.messages import CreatePipeline, Destination, EndOfPipelineInput, Message, PipelineInput
    from pypsrp.serializer import Serializer
except ImportError:  # reported by the client, which is needed first
    pass

MAX_COMMAND_LINE = 256


def start(client: WSManClient, shell: Shell, command_id: str, script: Script, deadline: float) -> None:
    """Start a script in a session that is connected here.

    Once this has sent anything, the script may run: it must not be called again because an answer got lost.

    Args:
        command_id: What the command is to be called, a new GUID in lower case. Servers refuse one that exists.
        deadline: In seconds of `time.monotonic`.

    Raises:
        TransportError: The server refused, could not be reached, or nobody knows.
    """
    first, *rest = _messages_of(shell, command_id, _sealed(client, shell, script, deadline))
    client.command(shell, command_id.upper(), script.text[:MAX_COMMAND_LINE], first, deadline)
    for fragment in rest:
        client.send(shell, command_id.upper(), fragment, deadline)


def _sealed(client: WSManClient, shell: Shell, script: Script, deadline: float) -> Script:
    """Return a script whose secure parameters are encrypted under a key that the server gives for them.

    A client cannot know whether the server still has the key of an earlier exchange, so each start has its own.
    """
    if not script.secure_parameters:
        return script
    key = session_key.exchange(client, shell, deadline)
    sealed = {name: key.encrypt(text) for name, text in script.secure_parameters.items()}
    return dataclasses.replace(script, secure_parameters=sealed)


def _secure_string(sealed: str) -> ET.Element:
    element = ET.Element("SS")
    element.text = sealed
    return element


def _messages_of(shell: Shell, command_id: str, script: Script) -> list[bytes]:
    """Return the fragments that start a sealed script, input included (MS-PSRP 2.2.2.10, 2.2.2.17 and 2.2.2.18)."""
    serializer = Serializer()
    command = Command(cmd=script.text, is_script=True, use_local_scope=False)
    command.args = [CommandParameter(value=to_powershell(value)) for value in script.arguments]
    command.args += [
        CommandParameter(name=f"-{name}", value=to_powershell(value)) for name, value in script.parameters.items()
    ]
    command.args += [
        CommandParameter(name=f"-{name}", value=_secure_string(sealed))
        for name, sealed in script.secure_parameters.items()
    ]
    command.end_of_statement = True
    bodies: list[t.Any] = [
        CreatePipeline(
            script.input is None,
            ApartmentState(value=ApartmentState.UNKNOWN),
            RemoteStreamOptions(value=RemoteStreamOptions.ADD_INVOCATION_INFO),
            False,
            HostInfo(host=None),  # nobody sits at it: what asks for input there fails instead of waiting for ever
            Pipeline(is_nested=False, cmds=[command], history=None, redirect_err_to_out=False),
            False,
        )
    ]
    if script.input is not None:
        bodies += [PipelineInput(data=to_powershell(each)) for each in script.input]
        bodies.append(EndOfPipelineInput())
    pool_id = str(uuid.UUID(shell.shell_id))
    # A client that found the session cannot know how far its predecessors counted; the clock is further than any.
    first_number = time.time_ns() // 1000
    return [
        fragment
        for number, body in enumerate(bodies, start=first_number)
        for fragment in fragments_of(
            number, Message(Destination.SERVER, pool_id, command_id, body, serializer).pack(), MAX_FRAGMENT_BYTES
        )
    ]
