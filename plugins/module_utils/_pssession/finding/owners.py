"""Owners: decides whether a listed session belongs to the own account, or to an account that the task names."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from urllib.parse import urlsplit

from ..model.accounts import OWN, is_owner
from ..model.cmdlets import Cmdlet
from ..model.endpoints import Endpoint
from ..model.errors import ErrorRecord, TransportError, error_record
from ..model.names import folded
from ..model.sessions import DEFAULT_RESOURCE_URI, PSSession, Shell
from ..psrp import opening
from ..request.request import Query
from ..task.task import Task
from .discovery import Discovery


class KnownOwners(t.Protocol):
    """The accounts of log-ons, as the servers name them."""

    def owner_of(self, endpoint: Endpoint) -> str | None: ...


class Owners:
    """The owners of the listed sessions.

    First count the owners that the server named for sessions that this controller opened or connected to with the same
    log-on. Otherwise the names are compared. If one owner is certainly the own account, all other owners are not.
    """

    def __init__(self, query: Query, discovery: Discovery, known: KnownOwners) -> None:
        self._query = query
        self._discovery = discovery
        self._known = known
        self._owners: dict[Endpoint, str | None] = {}

    def may_mean(self, session: PSSession) -> bool:
        """Return whether the option `owner` selects a session, or may select it."""
        return self._names(session) or (self._means_own and self.is_own(session) is not False)

    def is_in_doubt(self, session: PSSession) -> bool:
        """Return whether the option `owner` selects a session only if the own account owns it, which is unknown."""
        return self._means_own and not self._names(session) and self.is_own(session) is None

    def is_own(self, session: PSSession) -> bool | None:
        """Return whether a session belongs to the account that logs on to its computer, or None if that is unknown."""
        owner = session.shell.owner
        if not owner:
            return True  # nothing speaks against it
        known = self.account_on(session.endpoint)
        return self._shown(session) if known is None else folded(known) == folded(owner)

    def account_on(self, endpoint: Endpoint) -> str | None:
        """Return the own account on a computer as its server names it, or None if that is unknown."""
        if endpoint not in self._owners:
            shown = (each for each in self._discovery.sessions.get(endpoint, ()) if self._shown(each))
            sure = next((each.shell.owner for each in shown if each.shell.owner), None)
            self._owners[endpoint] = self._known.owner_of(endpoint) or sure
        return self._owners[endpoint]

    def accounts(self) -> list[tuple[Endpoint, str]]:
        """Return the own account on each computer that answered, if the task looks for its sessions."""
        return [(each, self.account_text(each)) for each in self._discovery.sessions] if self._means_own else []

    def account_text(self, endpoint: Endpoint) -> str:
        """Return the own account on a computer for messages."""
        logon = endpoint.logon
        certificate = "the client certificate's account" if logon.certificate else "the Kerberos ticket's account"
        return self.account_on(endpoint) or logon.username or certificate

    @property
    def _means_own(self) -> bool:
        return any(pattern.pattern == OWN for pattern in self._query.owners or ())

    def _names(self, session: PSSession) -> bool:
        r"""Return whether the option names the owner of a session. ``user`` means the user in any domain."""
        owner = session.shell.owner or ""
        names = (owner, owner.rpartition("\\")[2])
        return self._query.owners is None or any(
            pattern.selects(name) for pattern in self._query.owners for name in names
        )

    @staticmethod
    def _shown(session: PSSession) -> bool | None:
        endpoint = session.endpoint
        if not endpoint.logon.username:
            return None
        host = urlsplit(endpoint.uri).hostname
        names = filter(None, (endpoint.computer_name, endpoint.inventory_hostname, host))
        return is_owner(session.shell.owner or "", endpoint.logon.username, names)


def owner_unknown(sessions: t.Sequence[PSSession], owners: Owners, cmdlet: Cmdlet) -> ErrorRecord:
    """Return the record for sessions of one owner on one computer that may belong to the own account."""
    first = sessions[0]
    names = ", ".join(dict.fromkeys(session.name or session.instance_id for session in sessions))
    account, owner = owners.account_text(first.endpoint), first.shell.owner
    return error_record(
        "PSSessionOwnerUnknown",
        f"it is not known whether {owner}, the owner of {names} on {first.endpoint.computer_name}, is {account}",
        cmdlet=cmdlet,
        about=first.subject if len(sessions) == 1 else first.endpoint.subject,
        hint=f"Log on as DOMAIN\\user, or set owner to {owner} (pssession_owner in the playbooks).",
    )


def by_owner(sessions: t.Iterable[PSSession]) -> list[list[PSSession]]:
    """Return sessions by computer and owner."""
    groups: dict[tuple[str, str], list[PSSession]] = {}
    for session in dict.fromkeys(sessions):
        groups.setdefault((session.endpoint.key, folded(session.shell.owner or "")), []).append(session)
    return list(groups.values())


def ask_for_owners(task: Task, endpoints: t.Iterable[Endpoint]) -> None:
    """Find out the account of each unknown log-on: open a session, read its owner and remove it.

    One answer may be valid for many computers, so it waits for the first one.
    """
    first, *others = dict.fromkeys(endpoints)
    for group in ([first], others):
        unknown = [endpoint for endpoint in group if task.memory.owner_of(endpoint) is None]
        for endpoint, answer in task.throttle.map(lambda each: _ask(task, each), unknown):
            if isinstance(answer, str):
                task.memory.note_owner(endpoint, answer)


def _ask(task: Task, endpoint: Endpoint) -> str | TransportError | None:
    uri = task.request.query.resource_uri or DEFAULT_RESOURCE_URI
    wanted = Shell(task.context.world.new_guid().upper(), uri, "", "psremoting.fleet: which account")
    with task.pool.lend(endpoint) as client:
        shell = opening.open_session(client, wanted, client.new_deadline())
        client.delete(shell, client.new_deadline())
        return shell.owner
