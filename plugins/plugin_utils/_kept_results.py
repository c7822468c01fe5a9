"""Files with the results that a controller received of commands, until their tasks have ended.

A server forgets a result after delivering it. If the controller were killed between the end of a command and the end of
its task, the result would be lost. So the file is written before the server is told to forget the command. The task
removes the file when it ends. After a kill, the later run that uses the result removes it.

A command may also send errors and text for its host before its end. A second file says that this controller received
such a part, because a later run would not get it.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import contextlib
import json
import os
import time
import typing as t
import uuid

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.disk import LocalDisk
from ansible_collections.psremoting.fleet.plugins.plugin_utils._core_pipeline import CorePipeline
from ansible_collections.psremoting.fleet.plugins.plugin_utils._kept_state import DAY, RESULT

_EARLY = ".early"

Messages = t.Sequence[tuple[int, bytes]]


class KeptResult(t.NamedTuple):
    """A result of an earlier run.

    Attributes:
        instance_id: The session's GUID.
        messages: Kind and data of all messages that the command sent.
    """

    instance_id: str
    messages: Messages


class KeptResults:
    """The results of one task, and the results that killed runs left behind.

    Args:
        folder: An existing folder that only the user of this process can write to.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._own: set[str] = set()

    def keep(self, command_id: str, instance_id: str, messages: Messages) -> None:
        """Write the result of a command of this task.

        Args:
            instance_id: Instance id of its session.

        Raises:
            OSError: The result cannot be written. No part of it remains.
        """
        texts = [[kind, base64.b64encode(data).decode()] for kind, data in messages]
        disk, temporary = LocalDisk(), self.path(f"{command_id}.{uuid.uuid4().hex}")
        try:
            disk.append(temporary, json.dumps({"session": instance_id, "messages": texts}).encode())
            disk.rename(temporary, self.path(command_id))
        finally:
            _remove(temporary)
        self._own.add(command_id)

    def found(self, command_id: str) -> KeptResult | None:
        """Return the result that an earlier run left for a command in the last 24 hours, or None.

        A loop may run the same command twice. The results of this task do not count as results of an earlier run.
        """
        if command_id in self._own:
            return None
        with contextlib.suppress(OSError, ValueError, TypeError, LookupError):
            with LocalDisk().read(self.path(command_id)) as file:
                if time.time() - os.fstat(file.fileno()).st_mtime > DAY:
                    return None
                kept = json.loads(file.read())
            messages = [(int(kind), base64.b64decode(text)) for kind, text in kept["messages"]]
            return KeptResult(str(kept["session"]), messages)
        return None

    def watch(self, command_id: str, pipeline: CorePipeline, *, is_started: bool) -> bool:
        """Have a file made when a command gives something before its end.

        Args:
            pipeline: Gets what it gives.
            is_started: Whether this task started it.

        Returns:
            Whether an earlier run received such a part of it.
        """
        if is_started:
            self.remove(command_id)  # of an earlier start
        path = self.path(f"{command_id}{_EARLY}")
        had_early = os.path.exists(path)

        def note() -> None:
            self._own.add(command_id)
            with contextlib.suppress(OSError):  # then the amount tells what is missing, as far as it can
                LocalDisk().append(path, b"")

        if had_early:
            note()  # the end of this task removes it
        else:
            pipeline.early = note
        return had_early

    def remove(self, command_id: str) -> None:
        """Remove the files of a command, if they exist."""
        _remove(self.path(command_id))
        _remove(self.path(f"{command_id}{_EARLY}"))

    def end(self) -> None:
        """Remove the results of this task, which has ended."""
        for command_id in self._own:
            self.remove(command_id)
        self._own.clear()

    def path(self, command_id: str) -> str:
        """Return the path of a result. Its name reveals nothing about the command: ids are made with a secret."""
        return os.path.join(self._folder, command_id + RESULT)


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)
