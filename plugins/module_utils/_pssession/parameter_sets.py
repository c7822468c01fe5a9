# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to psremoting.fleet: may change at any time, import it from nowhere else.

"""The cmdlets' parameter sets as a table, and which one the given options mean.

Names of sets, of options and of errors are those of the cmdlets ($PSCmdlet.ParameterSetName, the parameter binder);
options are in snake case.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .errors import ParameterBindingError

LOGON = frozenset({"credential", "authentication", "certificate_thumbprint", "session_option"})
COMPUTER = frozenset({"port", "use_ssl", "application_name", "configuration_name"})
URI = frozenset({"allow_redirection", "configuration_name"})
MATCHING = frozenset({"match_each_computer"})


@dataclass(frozen=True)
class ParameterSet:
    """One way of saying which sessions are meant.

    Attributes:
        mandatory: Options that must be given.
        optional: Further options that only some sets have. Options of all sets are not listed.
        is_local: Whether the sessions are looked up among those this controller knows.
    """

    name: str
    mandatory: frozenset[str]
    optional: frozenset[str]
    is_local: bool = False

    @property
    def options(self) -> frozenset[str]:
        return self.mandatory | self.optional

    def __str__(self) -> str:
        return f"{self.name} ({', '.join(sorted(self.mandatory))})"


def _local(name: str, option: str) -> ParameterSet:
    # The cmdlet's local sets know no log-on options: its objects carry them. A task is stateless and may need them.
    return ParameterSet(name, frozenset({option}), LOGON, is_local=True)


CONNECT_PSSESSION: tuple[ParameterSet, ...] = (
    _local("Session", "session"),
    _local("Name", "name"),
    _local("Id", "id"),
    _local("InstanceId", "instance_id"),
    ParameterSet("ComputerName", frozenset({"computer_name"}), frozenset({"name"}) | COMPUTER | MATCHING | LOGON),
    ParameterSet("ComputerNameGuid", frozenset({"computer_name", "instance_id"}), COMPUTER | MATCHING | LOGON),
    ParameterSet("ConnectionUri", frozenset({"connection_uri"}), frozenset({"name"}) | URI | MATCHING | LOGON),
    ParameterSet("ConnectionUriGuid", frozenset({"connection_uri", "instance_id"}), URI | MATCHING | LOGON),
)

NEW_PSSESSION: tuple[ParameterSet, ...] = (
    ParameterSet("ComputerName", frozenset({"computer_name", "name"}), COMPUTER | LOGON),
    ParameterSet("Uri", frozenset({"connection_uri", "name"}), URI | LOGON),
)

_TELLING = frozenset(option for candidate in (*CONNECT_PSSESSION, *NEW_PSSESSION) for option in candidate.options)


def resolve(given: t.Collection[str], sets: tuple[ParameterSet, ...] = CONNECT_PSSESSION) -> ParameterSet:
    """Return the parameter set that the given options mean (the binder's rules, about_Functions_Advanced_Parameters).

    Args:
        given: Names of all options that were given a value.
        sets: The table to look in; options that are in no set of any table belong to all of them.

    Raises:
        ParameterBindingError: ``AmbiguousParameterSet`` for options that do not go together,
            ``MissingMandatoryParameter`` when nothing says which sessions are meant.
    """
    telling = _TELLING.intersection(given)
    fitting = [candidate for candidate in sets if telling <= candidate.options]
    complete = [candidate for candidate in fitting if candidate.mandatory <= telling]
    if complete:
        # At most one: what is mandatory in one set is foreign to every set that does not need it, but for `name`
        # and `instance_id`, and those stand alone only in the local sets.
        return complete[0]
    selecting = telling - LOGON
    if fitting and selecting:
        raise ParameterBindingError(
            "AmbiguousParameterSet",
            f"The options given ({_join(telling)}) do not say which sessions are meant. They could belong to the "
            f"parameter sets {_join(str(candidate) for candidate in fitting)}; give the options in parentheses, too.",
        )
    if fitting:
        mandatory = {option for candidate in sets for option in candidate.mandatory}
        raise ParameterBindingError(
            "MissingMandatoryParameter",
            f"Nothing says which sessions are meant: give one of {_join(mandatory)}, or run the task on a Windows "
            "host of the inventory.",
        )
    partial = sorted(
        (candidate for candidate in sets if candidate.options & selecting),
        key=lambda candidate: -len(candidate.options & selecting),
    )
    raise ParameterBindingError(
        "AmbiguousParameterSet",
        f"The options {_join(telling)} cannot be used together. Each of them belongs to some of the parameter sets "
        f"{_join(str(candidate) for candidate in partial)}, and no set has them all.",
    )


def _join(words: t.Iterable[str]) -> str:
    return ", ".join(sorted(words))
