"""Reads the output of the statements around a script: the mark, ``$Ansible``, and the reason for a skip.

These are dictionaries among the output, with the id of the command (`statements`). A server gives each piece of output
to one client. If a client has the mark, it has the beginning of the output. If it has the status and not the mark,
another client has the beginning. Commands of earlier versions write no mark, and their status does not speak of one.

A script may know the id of its command and write such dictionaries itself. Therefore the mark must be the first object
of the output. The status must have the mark, which differs for each start and which scripts do not get. All other
dictionaries are output, so a script cannot hide a missing beginning. Before its output, a script may write that it was
skipped. This changes its own result only, as ``$Ansible`` does.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ..model.commands import PipelineState
from ..model.events import BeginningKnown, CommandEvent, ScriptSkipped, StatusReceived

# The key of all these dictionaries; its value is the command's id.
_KEY = "psremoting.fleet"


class CommandStatus:
    """Finds the dictionaries of the statements around a script in the output of one command.

    Args:
        command_id: The command's id, in lower case.
    """

    def __init__(self, command_id: str) -> None:
        self._command_id = command_id
        self._has_beginning: bool | None = None
        self._has_output = False
        self._mark: object = None
        # The last status without the mark: it may be the script's own output.
        self._doubtful: StatusReceived | None = None

    def may_be_in(self, data: bytes) -> bool:
        """Return whether the data of an output message may be for `read`."""
        return _KEY.encode() in data and self._command_id.encode() in data

    def read(self, value: object) -> t.Sequence[CommandEvent]:
        """Return the events for an output object of the statements around the script; empty for the script's output."""
        events = self._read(value) if isinstance(value, dict) and value.get(_KEY) == self._command_id else ()
        if not events:
            self.note_output()
        return events

    def note_output(self) -> None:
        """Note an output object of the script, which is not passed to `read`."""
        self._has_output = True

    def note_torn(self) -> t.Sequence[CommandEvent]:
        """Note that the beginning of the first message is missing. It has an effect once."""
        if self._has_beginning is not None:
            return ()
        return (self._begins(False),)

    def end(self, state: PipelineState) -> t.Sequence[CommandEvent]:
        """Return the events at the end of the command. A failed command sends no status."""
        if self._doubtful is None or state is PipelineState.FAILED:
            return ()
        return (self._begins(False), self._doubtful)

    def _read(self, value: dict[str, t.Any]) -> t.Sequence[CommandEvent]:
        if "begin" in value:
            if self._has_output or self._has_beginning is not None:
                return ()
            self._mark = value["begin"]
            return (self._begins(True),)
        if "skipped" in value:
            return () if self._has_output else (ScriptSkipped(str(value["skipped"])),)
        status, mark = _status(value), value.get("has_begin")
        if self._mark is None:
            return (status,) if mark is None else (*self.note_torn(), status)
        self._doubtful = None if mark == self._mark else status
        return () if self._doubtful else (status,)

    def _begins(self, is_received: bool) -> BeginningKnown:
        self._has_beginning = is_received
        return BeginningKnown(is_received)


def _status(value: t.Mapping[str, t.Any]) -> StatusReceived:
    changed, failed, diff = value.get("changed"), value.get("failed"), value.get("diff")
    return StatusReceived(
        changed=changed is not False,
        failed=failed is True,
        result=value.get("result"),
        diff=diff if isinstance(diff, dict) else {},
    )
