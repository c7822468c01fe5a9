"""The registry: the sessions this controller user has seen, and the client's identity.

It is a cache. Only the servers decide. If the registry is lost, only the numbers of sessions are lost. It has no
secrets.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import json
import sqlite3
import typing as t
from dataclasses import dataclass

from ..model.endpoints import Endpoint
from ..model.errors import PSSessionError, RegistryError
from ..model.events import Event, Warned
from ..model.names import is_same_name
from ..model.sessions import Availability, PSSession, SessionReference, State
from ..model.wildcard import WildcardPattern
from ..system.world import World
from . import registry_schema as schema
from .identity import Identity

# The time after which a row is deleted once its session has ended or must have expired.
_KEPT_SECONDS = 30 * 86400.0
# The assumed lifetime of a session without a client if its idle timeout is unknown.
_UNKNOWN_LIFE_SECONDS = 30 * 86400.0
# The time after which a server disconnects a silent client (assumption A3 of docs/protocol.md).
SILENCE_SECONDS = 60.0

_COLUMNS = (
    "id, instance_id, name, computer_name, connection_uri, inventory_hostname, client_id, connected_at, expires, "
    "gone IS NOT NULL, host, task_options, removed"
)
_UPDATE = """
UPDATE session SET name = :name, name_key = :name_key, computer_name = :computer_name,
    connection_uri = :connection_uri, uri_key = :uri_key, inventory_hostname = :inventory_hostname, host = :host,
    client_id = coalesce(:client_id, client_id),
    connected_at = CASE WHEN :is_held THEN connected_at ELSE :connected_at END,
    account = :account, task_options = :task_options, seen = :seen, expires = :expires, gone = NULL, removed = 0
WHERE id = :id
"""
_INSERT = """
INSERT INTO session (instance_id, name, name_key, computer_name, connection_uri, uri_key, inventory_hostname, host,
    client_id, connected_at, account, task_options, seen, expires)
VALUES (:instance_id, :name, :name_key, :computer_name, :connection_uri, :uri_key, :inventory_hostname, :host,
    :client_id, :connected_at, :account, :task_options, :seen, :expires)
"""
_GONE = "UPDATE session SET gone = :now, expires = :now WHERE id = :id AND gone IS NULL"


@dataclass(frozen=True)
class Listed:
    """All sessions that an endpoint listed.

    Attributes:
        at: When it was asked, in seconds since the epoch. What is newer than that, the list cannot have.
        instance_ids: In lower case.
    """

    endpoint: Endpoint
    at: float
    instance_ids: frozenset[str]


class Registry:
    """The registry of one controller user, safe under parallel workers.

    Readers do not wait, and writers only wait for each other (SQLite's write-ahead log). Whatever the number of rows,
    no statement reads rows that it does not need.

    Args:
        path: The file; its folder is made with mode 0700, the file itself with 0600. None keeps it in memory.
        instead_of: The file that cannot be used, for one in memory; the identity is beside that.
        given_up: A file that says that another task of the run waited for the registry in vain. Then this one does not
            wait again; if it waits in vain, it makes the file. None where tasks cannot tell each other.

    Raises:
        RegistryError: The file cannot be used.
        FormatError: The file was written by a newer version.
    """

    def __init__(
        self, path: str | None, world: World, *, instead_of: str | None = None, given_up: str | None = None
    ) -> None:
        self.path = path
        self._world = world
        self._given_up = given_up
        # Where the file is or should be; what is beside it may be usable though the file is not.
        self.place = path or instead_of
        self._identity = Identity(self.place, world.disk)
        try:
            self._database = world.disk.database(path)
            if given_up is not None and world.disk.exists(given_up):
                self._database.execute("PRAGMA busy_timeout = 0")
            self._database.execute("PRAGMA synchronous = NORMAL")
            schema.prepare(self._database, path, world.sleep)
        except (OSError, sqlite3.Error) as error:
            raise self._unusable(error) from error

    @classmethod
    def open(
        cls, path: str | None, emit: t.Callable[[Event], None], world: World, given_up: str | None = None
    ) -> Registry:
        """Open the registry. If that is impossible, return an empty one in memory.

        A damaged file is renamed. Only ids are lost, so this is a warning and not a failure.

        Args:
            path: None if there is no home folder for the file.
            given_up: As for the class.

        Raises:
            FormatError: The file was written by a newer version.
        """
        if path is None:
            emit(without_registry(RegistryError("there is no home folder for the state file")))
            return cls(None, world)
        try:
            return cls(path, world, given_up=given_up)
        except RegistryError as error:
            if not isinstance(error.__cause__, sqlite3.DatabaseError) or isinstance(
                error.__cause__, sqlite3.OperationalError
            ):
                emit(without_registry(error))
                return cls(None, world, instead_of=path)
        aside = f"{path}.damaged-{world.microseconds() // 1_000_000}"
        emit(Warned(f"The state file {path} was damaged; it is now {aside}, and the ids of sessions start again at 1."))
        with contextlib.suppress(OSError):
            world.disk.rename(path, aside)
        return cls.open(path, emit, world) if not world.disk.exists(path) else cls(None, world, instead_of=path)

    @property
    def is_kept(self) -> bool:
        """Return whether the registry outlives the task."""
        return self.path is not None

    def close(self) -> None:
        self._database.close()

    def client_id(self, otherwise: t.Callable[[], str]) -> str:
        """Return the identity of this controller user on the wire, a GUID made at the first call.

        Args:
            otherwise: Gives the identity where neither the registry nor the file beside it can be used.

        Raises:
            RegistryError: The registry cannot be used, and there is no file with the identity.
        """
        known = self._identity.read()
        if known is not None:
            return known
        return self._identity.keep(self._registered_client_id() if self.is_kept else otherwise())

    def _registered_client_id(self) -> str:
        found = self._rows("SELECT client_id FROM client")
        if not found:
            with self._transaction() as database:
                database.execute("INSERT OR IGNORE INTO client VALUES (1, ?)", (self._world.new_guid(),))
            found = self._rows("SELECT client_id FROM client")
        return str(found[0][0])

    def numbered(self, number: int) -> list[SessionReference]:
        """Return the session with a number, if it is known."""
        return self._select("id = ?", number)

    def of_instance(self, instance_id: str) -> list[SessionReference]:
        """Return the sessions with an instance id: one, unless several servers use the same."""
        return self._select("instance_id = ?", instance_id)

    def named(self, pattern: WildcardPattern) -> list[SessionReference]:
        """Return the known sessions that a name or pattern selects and that have not ended, sorted by number.

        Sessions that have the text as their name come before those that the pattern matches. If there are none, it is
        the one of this name that ended last: the text is still its name.
        """
        called: list[SessionReference] = []
        if not pattern.is_everything:
            called = self._called(pattern)
            if (called and pattern.has_wildcards) or (pattern.is_plain and pattern.pattern.isascii()):
                return called
        prefix = schema.name_key(pattern.literal_prefix)
        found = self._select("gone IS NULL AND name_key >= ? AND name_key < ?", prefix, f"{prefix}\U0010ffff")
        return [each for each in found if pattern.selects(each.name)] or called

    def ever_named(self, name: str) -> list[SessionReference]:
        """Return the sessions with a name on all computers, also those that ended in the last 30 days, by number."""
        key = schema.name_key(name)
        # Two searches by an index each.
        conditions = ("gone IS NULL AND name_key = ?", "gone IS NOT NULL AND name_key = ?")
        found = [each for condition in conditions for each in self._select(condition, key)]
        return sorted((each for each in found if is_same_name(name, each.name)), key=lambda each: each.id or 0)

    def owner_of(self, place: str, log_on: str) -> str | None:
        """Return the account of a log-on as a server named it, or None if that is unknown."""
        found = self._rows("SELECT owner FROM owner WHERE place = ? AND log_on = ?", place, log_on)
        return str(found[0][0]) if found else None

    def _called(self, pattern: WildcardPattern) -> list[SessionReference]:
        """Return the sessions that have the text of a pattern as their name, or else the one that ended last."""
        name = schema.name_key(pattern.pattern)
        for condition in (
            "gone IS NULL AND name_key = ?",
            "gone IS NOT NULL AND name_key = ? ORDER BY gone DESC LIMIT 1",
        ):
            called = [each for each in self._select(condition, name) if pattern.is_name(each.name)]
            if called:
                return called
        return []

    def rows_of(self, sessions: t.Iterable[PSSession]) -> dict[tuple[str, str], SessionReference]:
        """Return the rows of sessions, by `PSSession.key`."""
        found = {session.key: self._row_of(session.endpoint, session.instance_id) for session in sessions}
        return {key: reference for key, reference in found.items() if reference is not None}

    def remember(
        self,
        sessions: t.Iterable[PSSession],
        client_id: str,
        listed: t.Iterable[Listed] = (),
        over: t.Iterable[int] = (),
        owners: t.Mapping[tuple[str, str], str] | None = None,
    ) -> dict[tuple[str, str], int]:
        """Write the present state of sessions. A session always keeps its id.

        Sessions that ended stay for 30 days, so that their numbers are known to be over.

        Args:
            client_id: The client that is connected to those of them that are Opened.
            listed: Lists of endpoints. What a list does not have any more, although it was seen by the same account,
                has ended.
            over: Numbers of sessions that have ended in any case.
            owners: The accounts of log-ons, as servers named them, by place and log-on.

        Returns:
            The id of each by its `PSSession.key`.
        """
        now = self._world.now().timestamp()
        ids: dict[tuple[str, str], int] = {}
        with self._transaction() as database:
            for session in sessions:
                known = self._row_of(session.endpoint, session.instance_id)
                row = {"id": known.id if known else None, **self._row(session, client_id, now)}
                number = database.execute(_UPDATE if known else _INSERT, row).lastrowid
                ids[session.key] = t.cast(int, row["id"] or number)
                if session.state is State.CLOSED:
                    database.execute(_GONE, {"id": ids[session.key], "now": now})
                    database.execute("UPDATE session SET removed = 1 WHERE id = ?", (ids[session.key],))
            ended = [*over, *(number for each in listed for number in self._no_longer_listed(each))]
            database.executemany(_GONE, [{"id": number, "now": now} for number in ended])
            database.execute("DELETE FROM session WHERE expires < ?", (now - _KEPT_SECONDS,))
            rows = [(*log_on, owner) for log_on, owner in (owners or {}).items()]
            database.executemany("INSERT OR REPLACE INTO owner (place, log_on, owner) VALUES (?, ?, ?)", rows)
        return ids

    def _row(self, session: PSSession, client_id: str, now: float) -> dict[str, t.Any]:
        endpoint, shell = session.endpoint, session.shell
        is_ours = session.state is State.OPENED
        connected_at = session.connected_at or now
        left = _UNKNOWN_LIFE_SECONDS if shell.idle_timeout is None else shell.idle_timeout
        if session.availability is Availability.NONE:
            left -= shell.shell_inactivity or 0
        else:
            left += SILENCE_SECONDS
        return {
            "instance_id": session.instance_id,
            "name": session.name,
            "name_key": schema.name_key(session.name),
            "computer_name": endpoint.computer_name,
            "connection_uri": endpoint.uri,
            "uri_key": endpoint.key,
            "inventory_hostname": endpoint.inventory_hostname,
            "host": endpoint.own_host,
            "client_id": client_id if is_ours else None,
            "connected_at": connected_at if is_ours else None,
            # The connected client is unknown, so the earlier knowledge about the client is kept.
            "is_held": session.availability is not Availability.NONE and not is_ours,
            "account": endpoint.logon.account,
            "task_options": json.dumps(endpoint.task_options),
            "seen": now,
            "expires": now + left,
        }

    def _row_of(self, endpoint: Endpoint, instance_id: str) -> SessionReference | None:
        found = [each for each in self.of_instance(instance_id) if each.is_at(endpoint)]
        return next((each for each in found if each.uri_key == endpoint.key), next(iter(found), None))

    def _no_longer_listed(self, listed: Listed) -> list[int]:
        """Return the numbers of an endpoint's sessions that should be in a list but are not."""
        # Two searches by an index each: one with OR would read all rows.
        account = listed.endpoint.logon.account
        rows = [
            row
            for column, value in (("uri_key", listed.endpoint.key), ("host", listed.endpoint.own_host))
            for row in self._rows(
                f"SELECT id, instance_id FROM session WHERE gone IS NULL AND {column} = ? "
                "AND seen < ? AND coalesce(account, ?) = ?",
                *(value, listed.at, account, account),
            )
        ]
        return [number for number, instance_id in rows if instance_id not in listed.instance_ids]

    def _select(self, condition: str, *values: t.Any) -> list[SessionReference]:
        suffix = "" if "ORDER BY" in condition else " ORDER BY id"
        return [
            _reference(row) for row in self._rows(f"SELECT {_COLUMNS} FROM session WHERE {condition}{suffix}", *values)
        ]

    def _rows(self, statement: str, *values: t.Any) -> list[t.Any]:
        try:
            return self._database.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    @contextlib.contextmanager
    def _transaction(self) -> t.Iterator[sqlite3.Connection]:
        try:
            self._database.execute("BEGIN IMMEDIATE")
            with self._database:  # commits, or rolls back when the block is left by an exception
                yield self._database
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> RegistryError:
        if self._given_up is not None and isinstance(error, sqlite3.OperationalError):
            with contextlib.suppress(OSError):
                self._world.disk.append(self._given_up, b"")
        return RegistryError(f"the state file {self.path} cannot be used: {error}")


def without_registry(error: PSSessionError) -> Warned:
    """Return the warning for a registry that cannot be used. It is the same for all tasks of a run."""
    return Warned(
        f"{error}. The task continues without it: later tasks do not know the ids of sessions. If the folder cannot be "
        "written either, servers see each run as a different client. Set state_file to a file that can be written and "
        "locked."
    )


def _reference(row: t.Sequence[t.Any]) -> SessionReference:
    names = ("id", "instance_id", "name", "computer_name", "connection_uri", "inventory_hostname", "client_id")
    values = dict(
        zip((*names, "connected_at", "expires", "is_over", "own_host", "task_options", "was_removed"), row, strict=True)
    )
    values["is_over"], values["was_removed"] = bool(values["is_over"]), bool(values["was_removed"])
    values["task_options"] = json.loads(values["task_options"])
    state = State.DISCONNECTED if values["connected_at"] is None else State.OPENED
    return SessionReference(**values, state=state.value, is_registered=True)
