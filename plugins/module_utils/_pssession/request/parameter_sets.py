"""Parameter sets: finds the parameter set of a cmdlet that the given options belong to."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ..model.cmdlets import CMDLETS, CONNECT, LOGON, ParameterSet
from ..model.errors import ParameterBindingError

_TELLING = frozenset(
    option
    for cmdlet in CMDLETS
    for candidate in (*cmdlet.parameter_sets, *cmdlet.opening_sets)
    for option in candidate.options
)


def resolve(
    given: t.Collection[str], sets: tuple[ParameterSet, ...] = CONNECT.parameter_sets, hint: str = ""
) -> ParameterSet:
    """Return the parameter set that PowerShell's rules choose for the options (about_Functions_Advanced_Parameters).

    Args:
        given: Names of all options with a value.
        sets: The table to look in; options that are in no set of any table belong to all of them.
        hint: The next step if no option selects sessions.

    Raises:
        ParameterBindingError: ``AmbiguousParameterSet`` for options that cannot be combined,
            ``MissingMandatoryParameter`` if no option selects sessions.
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
            f"The options given ({_join(telling)}) do not select any sessions. Add the options in parentheses of "
            f"one parameter set: {_join(str(candidate) for candidate in fitting)}.",
        )
    if fitting:
        mandatory = {option for candidate in sets for option in candidate.mandatory}
        # With a hint that would not be enough: the task may run on a Windows host already.
        otherwise = "" if hint else ", or run the task on a Windows host of the inventory"
        raise ParameterBindingError(
            "MissingMandatoryParameter",
            f"The options do not select any sessions: set one of {_join(mandatory)}{otherwise}.",
            hint=hint,
        )
    partial = sorted(
        (candidate for candidate in sets if candidate.options & selecting),
        key=lambda candidate: -len(candidate.options & selecting),
    )
    raise ParameterBindingError(
        "AmbiguousParameterSet",
        f"The options {_join(telling)} cannot be used together: no parameter set has all of them. Use the options of "
        f"one set: {_join(str(candidate) for candidate in partial)}.",
    )


def _join(words: t.Iterable[str]) -> str:
    return ", ".join(sorted(words))
