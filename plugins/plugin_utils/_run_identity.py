"""The identity of one run of Ansible, for controllers whose state file cannot be used."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import multiprocessing
import os
import typing as t
import uuid

from ansible import constants as C

# The kernel's id of this start of the machine, and the namespace that process ids are counted in.
_BOOT_ID = "/proc/sys/kernel/random/boot_id"
_NAMESPACE = "/proc/self/ns/pid"
# The field of /proc/PID/stat that has the start time in clock ticks, counted from the command's closing parenthesis.
_START_TIME = 19


def of_this_run() -> dict[str, t.Any]:
    """Return the data of this run for the engine: its identity, Ansible's own folder, and a folder of the run."""
    return {"run_client_id": run_client_id, "home": C.ANSIBLE_HOME, "run_folder": C.DEFAULT_LOCAL_TMP}


def run_client_id() -> str:
    """Return a GUID that is the same in all tasks of one run of Ansible, and in no other run.

    It is made from the process of ansible-playbook: machine, boot, process id and start time.
    """
    run = multiprocessing.parent_process()  # a task runs in a worker of it, a lookup sometimes in the process itself
    process_id = os.getpid() if run is None else run.pid or 0
    parts = [str(uuid.getnode()), _boot_id(), _namespace(), str(process_id), _start_time(process_id)]
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "psremoting.fleet run " + " ".join(parts)))


def _boot_id() -> str:
    return _content(_BOOT_ID).strip()


def _namespace() -> str:
    with contextlib.suppress(OSError):
        return os.readlink(_NAMESPACE)
    return ""


def _start_time(process_id: int) -> str:
    # The command, in parentheses, may itself have blanks and parentheses.
    fields = _content(f"/proc/{process_id}/stat").rpartition(")")[2].split()
    return fields[_START_TIME] if len(fields) > _START_TIME else ""


def _content(path: str) -> str:
    """Return the content of a file; empty on systems other than Linux, which do not have it."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
