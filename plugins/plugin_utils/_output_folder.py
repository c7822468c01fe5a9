"""The folder for output, with a text file and a JSON file for each command."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import itertools
import json
import os
import typing as t

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system import unix
from ansible_collections.psremoting.fleet.plugins.plugin_utils._file_names import FileNames, file_name
from ansible_collections.psremoting.fleet.plugins.plugin_utils._files import write_whole
from ansible_collections.psremoting.fleet.plugins.plugin_utils._output_text import Entry, lines_of

FORMAT = 1
_DIGITS = 8
_LISTS = ("output", "error", "warning", "verbose", "debug", "information")
_TEXTS = ("host_out", "host_err")


class OutputFolder:
    """A folder with the files HOST/SESSION.txt and HOST/SESSION.json of each command.

    A file is only replaced by one that has at least the same output of the same command. So commands of one name, of
    one run or of several, have files of their own, and so has the rest of a command whose first part was received
    without a journal.

    Args:
        path: The folder.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._names: FileNames | None = None

    def make(self) -> None:
        """Make the folder.

        Raises:
            OSError: It cannot be made, or others may change what is in it.
        """
        _make(self._path)

    def write(self, host: str, results: t.Iterable[Entry]) -> dict[str, str]:
        """Write the files of a host, each whole or not at all; only the user can read them.

        Args:
            results: Entries of `results`. Entries without a command are left out.

        Returns:
            The paths of the text files, by the ids of the commands.

        Raises:
            OSError: A file cannot be written.
        """
        places: dict[str, str] = {}
        with_command = [result for result in results if result.get("command_id")]
        if with_command:
            self.make()
            folder = os.path.join(self._path, self._name_of(host))
            _make(folder)
            with unix.locked_folder(folder):  # so that no other run takes the same names
                for result in with_command:
                    places[str(result["command_id"])] = _write(folder, host, result)
        return places

    def _name_of(self, host: str) -> str:
        if self._names is None:
            self._names = FileNames(os.listdir(self._path))
        return self._names.of(host)


def _write(folder: str, host: str, result: Entry) -> str:
    """Write the two files of one command, and return the path of the one with text."""
    # A script may return half of a surrogate pair; JSON has it as an escape sequence.
    text = json.dumps({"format": FORMAT, "host": host, **result}, indent=2)
    as_read = json.loads(text)
    stem = next(path for path in _stems(folder, result) if _is_replaceable(f"{path}.json", as_read))
    write_whole(f"{stem}.json", text.encode("ascii"), 0o600)
    lines = "".join(f"{line}\n" for line in lines_of(result))
    write_whole(f"{stem}.txt", lines.encode(errors="replace"), 0o600)
    return f"{stem}.txt"


def _stems(folder: str, result: Entry) -> t.Iterator[str]:
    """Yield the paths that the files of a command may have, without their endings, in the order they are tried."""
    name = file_name(str(result.get("name") or result.get("instance_id") or "session"))
    plain = os.path.join(folder, name)
    with_digits = f"{plain}-{file_name(str(result['command_id'])[:_DIGITS])}"
    yield plain
    yield with_digits
    for number in itertools.count(2):
        yield f"{with_digits}-{number}"


def _is_replaceable(path: str, result: Entry) -> bool:
    """Return whether a file does not exist, or has a part of the output of this very command.

    Raises:
        OSError: No file of the folder can be opened, so no other name would do.
    """
    try:
        with open(unix.open_own_file(path, os.O_RDONLY), encoding="utf-8") as file:
            there = json.load(file)
    except FileNotFoundError:
        return not os.path.lexists(path)
    except (OSError, ValueError):
        if not os.path.lexists(path):
            raise
        return False
    if not isinstance(there, dict) or there.get("command_id") != result["command_id"]:
        return False
    return all(_begins_with(result.get(name) or [], there.get(name) or []) for name in _LISTS) and all(
        str(result.get(name) or "").startswith(str(there.get(name) or "")) for name in _TEXTS
    )


def _begins_with(whole: t.Sequence[t.Any], part: t.Sequence[t.Any]) -> bool:
    return list(whole[: len(part)]) == list(part)


def _make(path: str) -> None:
    unix.make_own_folder(path)
    unix.check_own_folder(path)
