"""The registry: sessions this controller has seen, and its client identity, in SQLite.

A cache. The servers are the truth; losing the registry loses the integer ids and nothing else. It holds no secret.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import sqlite3
import typing as t

from ..model.errors import RegistryError
from ..model.events import Event, Warned
from ..model.sessions import PSSession, SessionReference, State
from ..system.world import World

_SCHEMA = """
CREATE TABLE IF NOT EXISTS client (one INTEGER PRIMARY KEY CHECK (one = 1), client_id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS session (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    instance_id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    computer_name TEXT NOT NULL,
    connection_uri TEXT NOT NULL,
    inventory_hostname TEXT,
    state TEXT NOT NULL,
    client_id TEXT,
    seen REAL NOT NULL
);
"""
_UPDATE = """
UPDATE session SET name = :name, computer_name = :computer_name, connection_uri = :connection_uri,
    inventory_hostname = :inventory_hostname, state = :state, client_id = coalesce(:client_id, client_id), seen = :seen
WHERE instance_id = :instance_id
"""
_INSERT = """
INSERT INTO session (instance_id, name, computer_name, connection_uri, inventory_hostname, state, client_id, seen)
VALUES (:instance_id, :name, :computer_name, :connection_uri, :inventory_hostname, :state, :client_id, :seen)
"""


class Registry:
    """The registry of one controller user, safe under parallel workers (SQLite locks the file).

    Args:
        path: The file; its folder is made with mode 0700, the file itself with 0600. None keeps it in memory.

    Raises:
        RegistryError: The file cannot be used.
    """

    def __init__(self, path: str | None, world: World) -> None:
        self.path = path
        self._world = world
        try:
            self._database = world.disk.database(path)
            self._database.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise RegistryError(f"the state file {path} cannot be used: {error}") from error

    @classmethod
    def open(cls, path: str, emit: t.Callable[[Event], None], world: World) -> Registry:
        """Open the registry; where that is impossible go on with an empty one that is forgotten afterwards.

        A damaged file is put aside. Nothing is lost but ids, so this is worth a warning and no failure.
        """
        try:
            return cls(path, world)
        except RegistryError as error:
            if not isinstance(error.__cause__, sqlite3.DatabaseError) or isinstance(
                error.__cause__, sqlite3.OperationalError
            ):
                emit(Warned(f"{error}. Going on without; ids of sessions will not be known to later tasks."))
                return cls(None, world)
        aside = f"{path}.damaged-{world.microseconds() // 1_000_000}"
        emit(Warned(f"The state file {path} was damaged; it is now {aside}, and ids of sessions start again."))
        with contextlib.suppress(OSError):
            world.disk.rename(path, aside)
        return cls.open(path, emit, world) if not world.disk.exists(path) else cls(None, world)

    def close(self) -> None:
        self._database.close()

    def client_id(self) -> str:
        """Return the identity of this controller user on the wire, a GUID made at the first call."""
        with self._transaction() as database:
            database.execute("INSERT OR IGNORE INTO client VALUES (1, ?)", (self._world.new_guid(),))
            row = database.execute("SELECT client_id FROM client").fetchone()
        return str(row[0])

    def sessions(self) -> list[SessionReference]:
        """Return all known sessions by id."""
        columns = "id, instance_id, name, computer_name, connection_uri, inventory_hostname, state, client_id"
        with self._transaction() as database:
            rows = database.execute(f"SELECT {columns} FROM session ORDER BY id").fetchall()
        return [SessionReference(**dict(zip(columns.split(", "), row, strict=True))) for row in rows]

    def remember(self, sessions: t.Iterable[PSSession], client_id: str) -> dict[str, int]:
        """Write down sessions as they are now; a session keeps its id for good.

        Args:
            client_id: The client that is connected to those of them that are Opened.

        Returns:
            The id of each by its instance id.
        """
        now = self._world.now().timestamp()
        rows = [
            {
                "instance_id": session.instance_id,
                "name": session.name,
                "computer_name": session.endpoint.computer_name,
                "connection_uri": session.endpoint.uri,
                "inventory_hostname": session.endpoint.inventory_hostname,
                "state": session.state.value,
                "client_id": client_id if session.state is State.OPENED else None,
                "seen": now,
            }
            for session in sessions
        ]
        with self._transaction() as database:
            for row in rows:  # one statement for both would use up an id even for a session that has one
                if database.execute(_UPDATE, row).rowcount == 0:
                    database.execute(_INSERT, row)
            known = dict(database.execute("SELECT instance_id, id FROM session").fetchall())
        return {str(row["instance_id"]): known[row["instance_id"]] for row in rows}

    def forget(self, instance_ids: t.Iterable[str]) -> None:
        """Drop sessions that no longer exist."""
        with self._transaction() as database:
            database.executemany("DELETE FROM session WHERE instance_id = ?", [(each,) for each in instance_ids])

    @contextlib.contextmanager
    def _transaction(self) -> t.Iterator[sqlite3.Connection]:
        try:
            self._database.execute("BEGIN IMMEDIATE")
            with self._database:  # commits, or rolls back when the block is left by an exception
                yield self._database
        except sqlite3.Error as error:
            raise RegistryError(f"the state file {self.path} cannot be used: {error}") from error
