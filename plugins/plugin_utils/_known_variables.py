"""Variables with the prefix of the collection: which it knows, and what to say of one that it does not know.

A misspelled variable would have no effect, and its job would do something else than asked for.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import difflib
import enum
import hashlib
import os
import typing as t
from collections.abc import Mapping

from ansible import constants as C
from ansible.errors import AnsibleActionFail

from ansible_collections.psremoting.fleet.plugins.plugin_utils._host_variables import AllVariables

PREFIX = "pssession_"

# Variables of the playbooks, beside those of the role's entry points.
OF_PLAYBOOKS = frozenset(
    {
        "pssession_compare_hosts",
        "pssession_compare_times",
        "pssession_hosts",
        "pssession_report",
        "pssession_report_output_lines",
    }
)
# The result of the role on each host. A user's value would hide it from the tasks that come after.
RESULT = "pssession_result"
# What the playbooks leave with set_stats; AWX gives it to the next node of a workflow as extra variables.
ARTIFACTS = frozenset({"pssession_outcomes", "pssession_pending"})
# Variables of the inventory, for hosts of either connection.
OF_CONNECTIONS = frozenset({"pssession_server_certificate_fingerprint"})
# Variables that lookups take their options from.
OF_LOOKUPS = frozenset(
    {
        "pssession_application_name",
        "pssession_authentication",
        "pssession_ca_cert",
        "pssession_certificate_store",
        "pssession_certificate_thumbprint",
        "pssession_client_id",
        "pssession_configuration_name",
        "pssession_credential",
        "pssession_lockout_guard",
        "pssession_on_error",
        "pssession_port",
        "pssession_session_option",
        "pssession_state_file",
        "pssession_throttle_limit",
        "pssession_transport",
        "pssession_use_ssl",
    }
)
# extensions/awx: all that configure.yml takes begins like this; the other is of check_environment.yml.
_OF_AWX = "pssession_awx_"
_OF_IMAGE = frozenset({"pssession_extras"})
_OUTSIDE_ROLE = OF_PLAYBOOKS | ARTIFACTS | OF_CONNECTIONS | OF_LOOKUPS | _OF_IMAGE | {RESULT}

_REFERENCE = "ansible-doc -t role psremoting.fleet.pssession lists the variables of the role and the playbooks."


class Origin(enum.Enum):
    """The origin of a variable, in words for a message."""

    EXTRA = "an extra variable"
    PLAY = "a variable of the play"
    INVENTORY = "a variable of the inventory"


def unknown_among(names: t.Iterable[str], of_role: t.AbstractSet[str]) -> list[str]:
    """Return the names that have the collection's prefix and that nothing in the collection knows, sorted.

    Args:
        of_role: All variables of the role's entry points.
    """
    return sorted(
        name
        for name in names
        if name.startswith(PREFIX)
        and name not in of_role
        and name not in _OUTSIDE_ROLE
        and not name.startswith(_OF_AWX)
    )


def suggestion(name: str, of_role: t.AbstractSet[str]) -> str:
    """Return the known variable that a name most likely means, or an empty text."""
    # Without the prefix, which all of them share and which would make any two of them similar.
    bare = {known.removeprefix(PREFIX): known for known in sorted(of_role | OF_PLAYBOOKS | OF_LOOKUPS | OF_CONNECTIONS)}
    wanted = name.removeprefix(PREFIX).lower()
    words = sorted(wanted.split("_"))
    reordered = [each for each in bare if sorted(each.split("_")) == words]
    close = reordered or difflib.get_close_matches(wanted, bare, n=1, cutoff=0.6)
    return bare[close[0]] if close else ""


def refusal(unknown: Mapping[str, Origin], of_role: t.AbstractSet[str]) -> str:
    """Return the message that refuses unknown variables of the command line and the play; empty if there are none."""
    refused = {name: origin for name, origin in unknown.items() if origin is not Origin.INVENTORY}
    if not refused:
        return ""
    return f"{_told(refused, of_role)} Nothing was sent. {_REFERENCE}"


def warning(unknown: Mapping[str, Origin], of_role: t.AbstractSet[str]) -> str:
    """Return the warning about unknown variables of the inventory; empty if there are none."""
    warned = {name: origin for name, origin in unknown.items() if origin is Origin.INVENTORY}
    if not warned:
        return ""
    have = "It has" if len(warned) == 1 else "They have"
    return f"{_told(warned, of_role)} {have} no effect. {_REFERENCE}"


def _told(unknown: Mapping[str, Origin], of_role: t.AbstractSet[str]) -> str:
    parts = []
    for name, origin in unknown.items():
        meant = suggestion(name, of_role)
        question = f" Did you mean {meant}?" if meant else ""
        parts.append(f"psremoting.fleet does not know {name} ({origin.value}).{question}")
    return " ".join(parts)


def is_registered(value: object) -> bool:
    """Return whether a value is the registered result of a task, which no job takes for an input."""
    return isinstance(value, Mapping) and ("changed" in value or "skipped" in value)


def refuse_unknown(task_vars: Mapping[str, t.Any], variables: AllVariables, of_role: t.AbstractSet[str]) -> list[str]:
    """Refuse unknown variables of the command line or the play, and return warnings about those of the inventory.

    Each warning is returned once in a run, whichever of its processes asks first.

    Args:
        task_vars: Variables of the task's host, not templated.
        variables: The same, with where they come from.
        of_role: All variables of the role's entry points.

    Raises:
        AnsibleActionFail: A variable is unknown, or it is the result and an extra variable.
    """
    unknown = _unknown_of(variables.own_host or "", task_vars, variables, of_role)
    refused = refusal(unknown, of_role)
    if variables.is_extra(RESULT):
        refused = (
            f"{RESULT} is {Origin.EXTRA.value}, and the role returns its result under that name. Give the variable "
            "another name. Nothing was sent."
        )
    if refused:
        raise AnsibleActionFail(refused)
    return _new_warnings(unknown, of_role)


def unknown_of_other(host: str, variables: AllVariables, of_role: t.AbstractSet[str]) -> tuple[str, list[str]]:
    """Return the refusal and the warnings of `refuse_unknown` for a host other than that of the task."""
    unknown = _unknown_of(host, variables.of(host).raw, variables, of_role)
    refused = refusal(unknown, of_role)
    return refused, [] if refused else _new_warnings(unknown, of_role)


def _unknown_of(
    host: str, raw: Mapping[str, t.Any], variables: AllVariables, of_role: t.AbstractSet[str]
) -> dict[str, Origin]:
    names = (name for name in unknown_among(raw, of_role) if not is_registered(raw[name]))
    return {name: _origin(name, host, variables) for name in names}


def _new_warnings(unknown: Mapping[str, Origin], of_role: t.AbstractSet[str]) -> list[str]:
    text = warning({name: origin for name, origin in unknown.items() if _is_new(name)}, of_role)
    return [text] if text else []


def _origin(name: str, host: str, variables: AllVariables) -> Origin:
    if variables.is_extra(name):
        return Origin.EXTRA
    if host == variables.own_host:
        is_of_play = bool(variables.of_play(host, [name]))
    else:  # where the play overrides the inventory, it does so for the own host as well
        is_of_play = name not in variables.of_inventory(host).raw
    return Origin.PLAY if is_of_play or variables.is_fact(host, name) else Origin.INVENTORY


def _is_new(name: str) -> bool:
    """Return whether no process of this run of Ansible has asked for a name before.

    The run's temporary folder remembers it: Ansible makes one for each run, and all of its processes know it.
    """
    mark = os.path.join(C.DEFAULT_LOCAL_TMP, f"warned-{hashlib.sha256(name.encode()).hexdigest()[:32]}")
    try:
        os.close(os.open(mark, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        return False
    except OSError:
        pass  # a second warning is better than none
    return True
