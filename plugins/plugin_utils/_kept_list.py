"""The sessions that the tasks of a run have kept, for a callback that lists them at the end.

A callback runs in the process ansible-playbook, and tasks run in its workers. So each task writes the path of its
session's state file into the folder of the run, which Ansible removes at the end.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import json
import os
import time
import typing as t

from ansible import constants as C

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system import unix
from ansible_collections.psremoting.fleet.plugins.plugin_utils._kept_state import known_at
from ansible_collections.psremoting.fleet.plugins.plugin_utils._live.text import duration

_FOLDER = "pssession_kept"


class Left(t.NamedTuple):
    """A kept session.

    Attributes:
        host: The inventory name of its host.
        instance_id: The GUID of the session.
        is_free: Whether the session has no command that may still run.
        seconds: The number of seconds until its idle timeout.
    """

    host: str
    instance_id: str
    is_free: bool
    seconds: float


def note(host: str, path: str, idle_timeout: float) -> None:
    """Note the file with the state of a session.

    Args:
        path: The path of the file. Each session has another file name.
        idle_timeout: The idle timeout of the session, in seconds.
    """
    folder = os.path.join(C.DEFAULT_LOCAL_TMP, _FOLDER)
    with contextlib.suppress(OSError):  # tasks do without it
        unix.make_own_folder(folder)
        descriptor = unix.open_own_file(
            os.path.join(folder, os.path.basename(path)), os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        )
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump([host, path, idle_timeout], file)


def left() -> list[Left]:
    """Return the sessions that the tasks of this run have kept, sorted by host."""
    found = []
    with contextlib.suppress(OSError), os.scandir(os.path.join(C.DEFAULT_LOCAL_TMP, _FOLDER)) as entries:
        for entry in entries:
            with contextlib.suppress(OSError, ValueError), open(entry.path, encoding="utf-8") as file:
                host, path, idle_timeout = json.load(file)
                known = known_at(path)
                seconds = os.stat(path).st_mtime + idle_timeout - time.time()
                if known is not None and seconds > 0:
                    found.append(Left(host, known.instance_id, known.is_free, seconds))
    return sorted(found)


def told(sessions: t.Sequence[Left]) -> str:
    """Return lines that list sessions, and how to remove them."""
    lines = [
        "Sessions that tasks have left. The server removes each after its idle timeout. psremoting.fleet."
        "remove_pssession removes it at once (instance_id):"
    ]
    for each in sessions:
        command = "" if each.is_free else ", with a command that may be running"
        lines.append(f"  {each.host}: {each.instance_id}, in {duration(each.seconds)}{command}")
    return "\n".join(lines)
