"""Finds the journals that have commands of a host, once for all processes of a run.

A folder of journals has a file for each session, whose name does not contain the host. A process for one host would
have to read all files.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import json
import os
import typing as t

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.output.recorded import hosts_in
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.disk import Disk
from ansible_collections.psremoting.fleet.plugins.plugin_utils._files import write_whole

# For each journal, its hosts and the values that show whether it has changed.
_Known: t.TypeAlias = "dict[str, tuple[list[int], list[str]]]"


def journals_by_host(journals: t.Iterable[str], disk: Disk, notes: str | None = None) -> dict[str, list[str]]:
    """Return the journals of each host, in their order, by its name in lower case.

    Args:
        journals: Paths of files.
        notes: The file in which processes share this, or None. Its entries for journals that have changed meanwhile are
            ignored.

    Raises:
        JournalError: A journal cannot be read.
        FormatError: A newer version wrote one.
    """
    noted = _noted(notes)
    known: _Known = {}
    for journal in journals:
        state, before = _state_of(journal), noted.get(journal)
        if before is None or before[0] != state:
            before = (state, sorted(hosts_in(journal, disk)))
        known[journal] = before
    if notes is not None and known != noted:
        with contextlib.suppress(OSError):  # then the next process finds out by itself
            write_whole(notes, json.dumps(known).encode("ascii"), 0o600)
    found: dict[str, list[str]] = {}
    for journal, (_state, hosts) in known.items():
        for host in hosts:
            found.setdefault(host, []).append(journal)
    return found


def _noted(path: str | None) -> _Known:
    if path is not None:
        with contextlib.suppress(OSError), open(path, "rb") as file:
            return t.cast(_Known, json.load(file))
    return {}


def _state_of(journal: str) -> list[int]:
    """Return a value that differs after each change of a journal."""
    with contextlib.suppress(OSError):
        status = os.stat(journal)
        return [status.st_ino, status.st_size, status.st_mtime_ns]
    return []
