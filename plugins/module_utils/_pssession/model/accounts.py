"""Accounts: compares the owner of a session, as a server names it, with a user name."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .names import folded

# A server names an owner by its domain, or its computer, and its user. The user name of a log-on may have a domain, a
# dot for the computer itself, a realm, or none of these, and only the server knows for certain which account that is.

# In the option `owner`: the account that the task logs on to the computer with.
OWN = "<own>"
# The longest NetBIOS name of a computer.
_NETBIOS_LENGTH = 15


@dataclass(frozen=True)
class Account:
    r"""A user name, split into its parts. Comparisons ignore case.

    Attributes:
        domain: What was written before a backslash, or None. ``.`` is the computer itself.
        realm: What was written behind an ``@``, or None.
    """

    user: str
    domain: str | None = None
    realm: str | None = None

    @classmethod
    def of(cls, name: str) -> Account:
        domain, backslash, user = folded(name.strip()).rpartition("\\")
        if backslash:
            return cls(user, domain)
        user, at, realm = user.rpartition("@")
        return cls(user, realm=realm) if at else cls(realm)

    @property
    def is_the_same_everywhere(self) -> bool:
        """Return whether the name means the same account on each computer."""
        return bool(self.realm or (self.domain and self.domain != "."))


def is_owner(owner: str, login: str, computer_names: t.Iterable[str]) -> bool | None:
    """Return whether an owner is the account that logged on, as far as the names show it.

    Args:
        owner: As the server names it.
        login: The user name of the log-on.
        computer_names: Names and addresses that the computer has here.

    Returns:
        None if the names do not show it. A user principal name may belong to any account. A name without a domain may
        belong to the computer or to its domain. A domain has a short and a long name.
    """
    one, other = Account.of(owner), Account.of(login)
    if folded(owner.strip()) == folded(login.strip()):
        return True
    is_local = one.domain in {_netbios(name) for name in computer_names}
    if other.realm is not None:
        if is_local:
            return False
        return True if one.user == other.user and one.domain in (other.realm, _netbios(other.realm)) else None
    if one.user != other.user:
        return False
    if other.domain in (None, "."):
        return True if is_local else None
    if one.domain in (other.domain, _netbios(other.domain)):
        return True
    return None if "." in other.domain else False


def _netbios(name: str) -> str:
    """Return the usual short name of a computer or a domain with a long name."""
    return folded(name).partition(".")[0][:_NETBIOS_LENGTH]
