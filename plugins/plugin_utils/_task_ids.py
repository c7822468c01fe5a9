"""Ids of sessions and commands that are derived from their work, so that a later run finds them without a registry.

A secret is part of each id. Every administrator of a computer can see the ids. Without the secret, an administrator
could guess a short password in the arguments and check the guess by the id.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import datetime
import hmac
import json
import os
import re
import secrets
import typing as t
import uuid

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system import unix
from ansible_collections.psremoting.fleet.plugins.plugin_utils._task_work import Work

# Of a secret: characters, at least. An environment variable with a word in it would be guessed.
_LEAST = 16
_TITLE = re.compile(r"^Ansible task: (?P<name>.*), started (?P<started>\S+Z)(?P<repeatable>, repeatable)?$")
_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"


class SecretError(Exception):
    """There is no secret that can be used."""


class Ids:
    """The ids of one scope on one computer.

    Args:
        secret: See `secret_at`.
        identity: What the sessions belong to: scope, endpoint, account and so on.
    """

    def __init__(self, secret: str, identity: t.Sequence[object]) -> None:
        self._key = hmac.digest(secret.encode(), _canonical("identity", *identity), "sha256")

    def session(self, slot: int) -> str:
        """Return the GUID of a session."""
        return self._guid(b"session", str(slot).encode())

    def command(self, work: Work) -> str:
        """Return the GUID of a command: a new one for work that is repeated."""
        return str(uuid.uuid4()) if work.content is None else self._guid(b"command", work.content)

    @property
    def name(self) -> str:
        """A short name for files."""
        return self._guid(b"name", b"")

    def _guid(self, kind: bytes, content: bytes) -> str:
        return str(uuid.UUID(bytes=hmac.digest(self._key, kind + b"\0" + content, "sha256")[:16], version=4))


def secret_at(path: str, given: str | None) -> str:
    """Return the secret: one that was given and is not empty, or that of a file, which is made if need be.

    Of several processes that write at the same moment, the first line counts.

    Raises:
        SecretError: The one that was given is too short, or the file cannot be used.
    """
    if given:  # AWX sets a variable to nothing where a credential lacks the value
        if len(given) < _LEAST:
            raise SecretError(f"PSSESSION_CLIENT_SECRET has less than {_LEAST} characters. Set a long random text.")
        return given
    try:
        unix.make_own_folder(os.path.dirname(path))
        with contextlib.closing(_File(path)) as file:
            return file.first_line() or file.written(secrets.token_hex(32))
    except OSError as error:
        raise SecretError(
            f"The file with the secret of this controller cannot be used: {error}. Set PSSESSION_CLIENT_SECRET instead."
        ) from error


def title_of(work: Work, now: datetime.datetime) -> str:
    """Return the title of work in lists of commands: its name, and the time, so that each start has another title."""
    repeatable = ", repeatable" if work.is_repeatable else ""
    return f"Ansible task: {work.name}, started {now.strftime(_TIME)}{repeatable}"


class Title(t.NamedTuple):
    """The title of a task's command in lists of commands."""

    name: str
    started: datetime.datetime
    is_repeatable: bool


def read_title(title: str) -> Title | None:
    """Read the title of a command in a list of commands. Return None if it is not the command of a task."""
    match = _TITLE.match(title)
    if match is None:
        return None
    with contextlib.suppress(ValueError):
        started = datetime.datetime.strptime(match["started"], _TIME).replace(tzinfo=datetime.timezone.utc)
        return Title(match["name"], started, match["repeatable"] is not None)
    return None


def _canonical(*values: object) -> bytes:
    return json.dumps(values, sort_keys=True, default=str).encode()


class _File:
    def __init__(self, path: str) -> None:
        self._descriptor = unix.open_own_file(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)

    def first_line(self) -> str:
        """Return the first whole line, or an empty text."""
        lines = os.pread(self._descriptor, 4096, 0).decode("ascii", errors="replace").splitlines(keepends=True)
        return lines[0].strip() if lines and lines[0].endswith("\n") else ""

    def written(self, line: str) -> str:
        """Append a line, and return the one that is the first."""
        os.write(self._descriptor, f"{line}\n".encode())
        return self.first_line()

    def close(self) -> None:
        os.close(self._descriptor)
