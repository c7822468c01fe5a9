"""Results of commands from journals on the controller."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import functools
import json
import os
import typing as t
from dataclasses import dataclass

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import JournalError
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.wildcard import WildcardPattern
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.output.recorded import recorded_in
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.disk import Disk, LocalDisk
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.libraries import require_libraries
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.unix import open_own_file
from ansible_collections.psremoting.fleet.plugins.plugin_utils._journal_hosts import journals_by_host

_ENDING = ".jsonl"


@dataclass(frozen=True)
class Unreadable:
    """A part of a journal that could not be read. The results have the rest."""

    message: str


def read_journals(path: str, max_output_objects: int | None = None) -> t.Iterator[dict[str, t.Any] | Unreadable]:
    """Yield the result of each command in a journal, in the form of receive_pssession, and its unreadable parts.

    Args:
        path: The file of a journal, or a folder with journals.

    Raises:
        JournalError: A journal does not exist or cannot be read.
        FormatError: A newer version wrote one.
    """
    yield from _read(_journals_at(path), LocalDisk(), max_output_objects)


def _read(
    journals: t.Iterable[str], disk: Disk, max_output_objects: int | None = None, of_host: str | None = None
) -> t.Iterator[dict[str, t.Any] | Unreadable]:
    for journal in journals:
        for recorded in recorded_in(journal, disk, max_output_objects, of_host):
            yield recorded.result.as_dict()
            if recorded.unreadable:
                count = len(recorded.unreadable)
                yield Unreadable(
                    f"{journal} has {'a message' if count == 1 else f'{count} messages'} of the command in session "
                    f"{recorded.result.session.place} that could not be read: {recorded.unreadable[0]}"
                )


class RecordedOfHosts:
    """The results of hosts in a journal or a folder of journals. For a host only its own journals are read.

    Args:
        path: The file of a journal, or a folder with journals.
        notes: As for `journals_by_host`.
    """

    def __init__(self, path: str, notes: str | None = None, disk: Disk | None = None) -> None:
        self._path = path
        self._notes = notes
        self._disk = disk or LocalDisk()

    def of(self, host: str, own: str | None) -> tuple[list[t.Mapping[str, t.Any]], list[str]]:
        """Return the results of a host, and the unreadable parts.

        Args:
            own: The path of a journal that has this host and no other, or None.

        Raises:
            JournalError, FormatError, MissingLibraryError: See `read_journals`.
        """
        require_libraries()
        if own is None:
            entries = list(_read(self._by_host.get(host.lower(), ()), self._disk, of_host=host.lower()))
        else:
            entries = list(_read([own], self._disk))
        results: list[t.Mapping[str, t.Any]] = [entry for entry in entries if isinstance(entry, dict)]
        if own is not None:
            results = [{**entry, "inventory_hostname": host} for entry in results]
        return results, [entry.message for entry in entries if isinstance(entry, Unreadable)]

    @functools.cached_property
    def _by_host(self) -> dict[str, list[str]]:
        return journals_by_host(_journals_at(self._path), self._disk, self._notes)


def knows_session(path: str, names: t.Iterable[str]) -> bool:
    """Return whether a journal, or one of a folder, has a session with one of these names or ids, without its output.

    Args:
        path: As for `read_journals`; one that is not there has none.
        names: With wildcards.

    Raises:
        OSError: A journal cannot be read.
    """
    patterns = [WildcardPattern.of_name(name) for name in names]
    try:
        journals = _journals_at(path)
    except JournalError:
        return False
    for journal in journals:
        with open(open_own_file(journal, os.O_RDONLY), "rb") as file:
            known = (str(each) for line in file if b'"name"' in line for each in _names_in(line))
            if any(pattern.selects(each) for each in known for pattern in patterns):
                return True
    return False


def _names_in(line: bytes) -> t.Iterator[t.Any]:
    """Yield name and id of the session of a line. Half a line has none."""
    with contextlib.suppress(ValueError, AttributeError):
        entry = json.loads(line)
        yield from (entry.get("name"), entry.get("session"))


def _journals_at(path: str) -> list[str]:
    """Return the paths of the journals that a path means."""
    try:
        if os.path.isdir(path):
            return [os.path.join(path, name) for name in sorted(os.listdir(path)) if name.endswith(_ENDING)]
    except OSError as error:
        raise JournalError(f"journal: {path} cannot be read: {error.strerror}") from error
    if not os.path.exists(path):
        raise JournalError(f"journal: there is no {path} on this controller")
    return [path]
