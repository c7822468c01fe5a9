"""The tables of the registry, its format number, and the conversion of files of an older format."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import sqlite3
import typing as t

from ..model.endpoints import key_of_uri
from ..model.errors import FormatError

# The format of the file, kept in PRAGMA user_version. Format 1 was written without a number, so 0 means 1. Format 2 did
# not tell sessions that were removed here from those that ended otherwise.
FORMAT = 3
# A row of format 1 has no time at which its session expires.
_UNKNOWN_LIFE_SECONDS = 30 * 86400.0

# It came without a new number: an older version does not look at it.
_OWNER = """
CREATE TABLE IF NOT EXISTS owner (
    place TEXT NOT NULL, log_on TEXT NOT NULL, owner TEXT NOT NULL, PRIMARY KEY (place, log_on)
)
"""
_TABLES = """
CREATE TABLE IF NOT EXISTS client (one INTEGER PRIMARY KEY CHECK (one = 1), client_id TEXT NOT NULL);
CREATE TABLE session (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    instance_id TEXT NOT NULL,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    computer_name TEXT NOT NULL,
    connection_uri TEXT NOT NULL,
    uri_key TEXT NOT NULL,
    inventory_hostname TEXT,
    host TEXT,
    client_id TEXT,
    connected_at REAL,
    account TEXT,
    task_options TEXT NOT NULL DEFAULT '{}',
    seen REAL NOT NULL,
    expires REAL NOT NULL,
    gone REAL,
    removed INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX session_of_instance ON session (instance_id);
CREATE INDEX session_of_name ON session (name_key) WHERE gone IS NULL;
CREATE INDEX session_of_uri ON session (uri_key) WHERE gone IS NULL;
CREATE INDEX session_of_host ON session (host) WHERE gone IS NULL;
CREATE INDEX session_gone ON session (name_key, gone) WHERE gone IS NOT NULL;
CREATE INDEX session_expires ON session (expires);
"""
_FROM_FORMAT_1 = """
INSERT INTO session (id, instance_id, name, name_key, computer_name, connection_uri, uri_key, inventory_hostname, host,
    client_id, connected_at, seen, expires)
SELECT id, instance_id, name, name_key(name), computer_name, connection_uri, uri_key(connection_uri),
    inventory_hostname, lower(inventory_hostname), client_id, iif(state = 'Opened', seen, NULL), seen, seen + :life
FROM session_1
"""
_FROM_FORMAT_2 = "ALTER TABLE session ADD COLUMN removed INTEGER NOT NULL DEFAULT 0"

# Characters that a pattern without regard to case takes for the ASCII letter, and that lower() leaves as they are.
_LIKE_ASCII = str.maketrans({"\u017f": "s", "\u212a": "k", "\u0130": "i", "\u0131": "i"})


def name_key(name: str) -> str:
    """Return a session's name in the form in which the registry compares it."""
    return name.strip().translate(_LIKE_ASCII).lower()


def prepare(database: sqlite3.Connection, path: str | None, sleep: t.Callable[[float], None]) -> None:
    """Make the tables of a new file, or bring those of an older one to the present format.

    Raises:
        FormatError: The file was written by a newer version.
        sqlite3.Error: The file cannot be used.
    """
    if _format_of(database, path) == FORMAT:
        database.execute(_OWNER)
        return
    if path is not None:
        _write_ahead(database, sleep)
    database.create_function("name_key", 1, name_key, deterministic=True)
    database.create_function("uri_key", 1, key_of_uri, deterministic=True)
    database.execute("BEGIN IMMEDIATE")
    with database:
        found = _format_of(database, path)
        if found == FORMAT:
            return  # another process was quicker
        if found == 2:
            database.execute(_FROM_FORMAT_2)
            database.execute(f"PRAGMA user_version = {FORMAT}")
            return
        is_older = database.execute("SELECT 1 FROM sqlite_master WHERE name = 'session'").fetchone()
        if is_older:
            database.execute("ALTER TABLE session RENAME TO session_1")
        for statement in (*_TABLES.split(";"), _OWNER):
            database.execute(statement)
        if is_older:
            database.execute(_FROM_FORMAT_1, {"life": _UNKNOWN_LIFE_SECONDS})
            # Numbers of sessions that were deleted are not given again.
            (last,) = database.execute("SELECT max(seq) FROM sqlite_sequence WHERE name = 'session_1'").fetchone()
            database.execute("DELETE FROM sqlite_sequence WHERE name = 'session'")
            database.execute("INSERT INTO sqlite_sequence VALUES ('session', ?)", (last or 0,))
            database.execute("DROP TABLE session_1")
        database.execute(f"PRAGMA user_version = {FORMAT}")


def _format_of(database: sqlite3.Connection, path: str | None) -> int:
    (found,) = database.execute("PRAGMA user_version").fetchone()
    if found > FORMAT:
        raise FormatError("state file", path or "", found, FORMAT, "Name another file in state_file.")
    return int(found)


def _write_ahead(database: sqlite3.Connection, sleep: t.Callable[[float], None]) -> None:
    """Let readers and a writer work at the same time. If that is impossible, they wait for each other."""
    for _attempt in range(10):
        try:
            database.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError:  # another process uses the file at this moment
            sleep(0.05)
        else:
            return
