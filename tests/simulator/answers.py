# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of the shell service that several operations make."""

from __future__ import annotations

import base64
from collections.abc import Iterable

from .wsman import Answer, element


def receive_answer(fragments: Iterable[bytes], command_id: str | None = None, done: bool = False) -> Answer:
    """rsp:ReceiveResponse with one rsp:Stream per fragment (recorded: test_psrp_stream_output_invocation).

    Args:
        command_id: the command whose output it is; ``None`` for the shell's.
        done: the command has ended and this was the rest of its output.
    """
    content = [
        element("rsp:Stream", text=base64.b64encode(octets).decode(), Name="stdout", CommandId=command_id)
        for octets in fragments
    ]
    if done:
        content.append(
            element(
                "rsp:CommandState",
                element("rsp:ExitCode", text="0"),
                CommandId=command_id,
                State="http://schemas.microsoft.com/wbem/wsman/1/windows/shell/CommandState/Done",
            )
        )
    action = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/ReceiveResponse"
    return Answer(action, element("rsp:ReceiveResponse", *content))
