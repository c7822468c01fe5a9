"""The folder of a piece of work on the controller: for each host the journal of its output, and its result."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import os
import secrets
import typing as t

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.unix import open_files, open_own_file
from ansible_collections.psremoting.fleet.plugins.plugin_utils._file_names import FileNames, file_name
from ansible_collections.psremoting.fleet.plugins.plugin_utils._files import write_whole
from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs.base import Begun
from ansible_collections.psremoting.fleet.plugins.plugin_utils._journals import RecordedOfHosts

# Of the result files. It goes up when something that was there is gone or means something else; files of 0.1.0 that
# were written before there was a number have the same content.
FORMAT = 1
_SALT_BYTES = 16
_JOURNAL, _RESULT = ".jsonl", ".result.json"


class WorkFolder:
    """A folder with the files HOST.jsonl and HOST.result.json of each host; a `Folder` for jobs.

    Args:
        path: The folder; it is made when something is written. Journals are read from a file, too.
        run_folder: A folder that all processes of the run have, where they leave each other what they found out.
    """

    def __init__(self, path: str, run_folder: str | None = None) -> None:
        self._path = path
        notes = run_folder and os.path.join(run_folder, f"journals-{hashlib.sha256(path.encode()).hexdigest()[:32]}")
        self._recorded = RecordedOfHosts(path, notes)
        self._stems: dict[str, str] = {}
        self._names: FileNames | None = None

    def journal_of(self, host: str) -> str:
        """Return the path of the host's journal."""
        return self._file(host, _JOURNAL)

    @property
    def most_at_once(self) -> int:
        """Return the number of journals that may be open at once: a quarter of the files that this process may open."""
        return open_files() // 4

    def new_salt(self) -> str:
        """Return a text that nobody can know beforehand."""
        return secrets.token_hex(_SALT_BYTES)

    def begun_of(self, host: str) -> Begun:
        """Return the work on a host according to its journal; see `begun_in`.

        Raises:
            OSError: The journal cannot be read.
        """
        try:
            with open(open_own_file(self.journal_of(host), os.O_RDONLY), "rb") as journal:
                return begun_in(journal)
        except FileNotFoundError:
            return Begun()

    def recorded_of(self, host: str) -> tuple[list[t.Mapping[str, t.Any]], list[str]]:
        """Return the results that the journals there have of a host's commands, and what could not be read.

        The journals may be those of `receive_pssession` as well: one for each session, or one file for all.

        Raises:
            OSError, PSSessionError: A journal is not there, or cannot be read.
        """
        own = self.journal_of(host)
        return self._recorded.of(host, own if os.path.exists(own) else None)

    def result_of(self, host: str) -> t.Mapping[str, t.Any] | None:
        """Return the result that was kept for a host, or None.

        Raises:
            OSError, ValueError: There is one, and it cannot be read.
        """
        path = self._file(host, _RESULT)
        try:
            with open(open_own_file(path, os.O_RDONLY), encoding="utf-8") as file:
                result = json.load(file)
        except FileNotFoundError:
            return None
        number = result.get("format", FORMAT) if isinstance(result, dict) else None
        if not isinstance(number, int):
            raise ValueError(f"{path} is not the result of a job")
        if number > FORMAT:
            raise ValueError(f"{path} has format {number}, and this version of the collection reads up to {FORMAT}")
        return t.cast("dict[str, t.Any]", result)

    def keep_result(self, host: str, result: t.Mapping[str, t.Any]) -> None:
        """Keep the result of a host, whole or not at all; only the user can read it.

        Raises:
            OSError: It cannot be written.
        """
        # A script may return half of a surrogate pair; JSON has it as an escape sequence.
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        content = {"format": FORMAT, "kept_on": now, **result}
        write_whole(self._file(host, _RESULT), json.dumps(content).encode("ascii"), 0o600)

    def _file(self, host: str, ending: str) -> str:
        if host not in self._stems:
            self._stems[host] = self._stem_of(host)
        return os.path.join(self._path, self._stems[host] + ending)

    def _stem_of(self, host: str) -> str:
        """Return the beginning of the names of a host's files.

        Earlier versions used the host's name unchanged, and made folders for a name with a slash. If such files exist,
        they are used for the host.
        """
        if self._names is None:
            self._names = FileNames(self._stems_present())
        is_inside = ".." not in host.split(os.sep) and not os.path.isabs(host)
        if file_name(host) != host and is_inside and "\0" not in host:
            old = os.path.join(self._path, host)
            if any(os.path.lexists(old + ending) for ending in (_JOURNAL, _RESULT)):
                return host
        return self._names.of(host)

    def _stems_present(self) -> t.Iterator[str]:
        with contextlib.suppress(OSError):
            for name in os.listdir(self._path):
                for ending in (_JOURNAL, _RESULT):
                    if name.endswith(ending):
                        yield name.removesuffix(ending)


def begun_in(journal: t.Iterable[bytes]) -> Begun:
    """Return the work that was begun according to the lines of a journal.

    A command and the identity of its work are written before the server is asked to start the command. A command that
    the server refused does not count. Ids are in lower case.
    """
    works: dict[tuple[str, str], t.Mapping[str, t.Any] | None] = {}
    for entry in filter(None, map(_entry, journal)):
        command = (str(entry.get("session")), str(entry.get("command")).lower())
        if "refused" in entry:
            works.pop(command, None)
        elif "command" in entry:
            works[command] = works.get(command) or entry.get("work")
    commands: dict[str, set[str]] = {}
    for session, command_id in works:
        commands.setdefault(session, set()).add(command_id)
    return Begun(commands, next(reversed(works.values()), None))


def _entry(line: bytes) -> dict[str, t.Any] | None:
    """Return a line of a journal, or None for half a line: nothing was asked for before the line was whole."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None
