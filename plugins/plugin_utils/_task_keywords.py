"""Keywords of a task that mean nothing where the engine runs in Ansible's own process: become, async, environment.

Ansible passes over them without a word, and a script would run with an account that the user did not ask for. Where the
module runs on another host, they mean what they mean there.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible import context
from ansible.errors import AnsibleActionFail
from ansible.module_utils.parsing.convert_bool import boolean

from ansible_collections.psremoting.fleet.plugins.plugin_utils._host_variables import VariableError

_BECOME = "ansible_become"
_NOTHING_SENT = "Nothing was sent."
_ENVIRONMENT = (
    "environment has no effect on this task, which works in Ansible's own process. Set the variables of a script in "
    "the script, and a proxy in session_option.proxy."
)


def check(task: t.Any, connection: t.Any, variables: t.Mapping[str, t.Any], *, opens: bool) -> list[str]:
    """Refuse keywords that would change what the task does, and return warnings for those that have no effect.

    Args:
        task, connection: As an action plugin has them; the engine is to run in this process.
        variables: Those of the task's host.
        opens: Whether the task opens sessions or starts scripts. The variable `ansible_become` of an inventory is for
            other tasks as well, so it refuses only such a task.

    Raises:
        AnsibleActionFail: `become` or `async` cannot be obeyed.
    """
    if task.async_val:
        raise AnsibleActionFail(
            f"async is not possible: this task works in Ansible's own process. {_NOTHING_SENT} Remove async and poll. "
            "To start a script and not wait for it, use invoke_command with in_disconnected_session: true; "
            "receive_pssession receives its output later."
        )
    warnings = [_ENVIRONMENT] if any(task.environment or ()) else []
    if getattr(connection, "become", None) is None:
        return warnings
    is_variable = _cause_is_variable(task, variables)
    if opens or is_explicit(task, variables):
        raise AnsibleActionFail(
            "become is not possible: a script runs as the account that opened its session. "
            f"{_NOTHING_SENT} {_remedy(is_variable)}, and give the account in credential (username and password)."
        )
    return [*warnings, f"become has no effect on this task. {_remedy(is_variable)} to hide this warning."]


def check_become(host: str, variables: t.Mapping[str, t.Any]) -> None:
    """Refuse to open a session on a host whose variable asks for another account.

    Args:
        variables: Those of the host, as they apply in the task.

    Raises:
        VariableError: `ansible_become` is true.
    """
    if _BECOME in variables and boolean(variables[_BECOME] or False, strict=False):
        raise VariableError(
            _BECOME,
            host,
            "cannot be obeyed: a script runs as the account that opened its session",
            "Set ansible_become: false in vars of the task, and give the account in credential (username and password)",
        )


def is_explicit(task: t.Any, variables: t.Mapping[str, t.Any]) -> bool:
    """Return whether the play or the task says `become`, and not only the inventory, a setting or the command line."""
    if not _cause_is_variable(task, variables):
        return not context.CLIARGS.get("become")  # a setting is the default of the command line's option
    host = task.delegate_to or variables.get("inventory_hostname")
    hosts = variables.get("hostvars") or {}
    return _BECOME in task.get_vars() or host not in hosts or _BECOME not in hosts[host]


def _cause_is_variable(task: t.Any, variables: t.Mapping[str, t.Any]) -> bool:
    """Return whether the variable decides; it wins over the keyword, but an inventory's null does not."""
    if task.delegate_to:
        variables = (variables.get("ansible_delegated_vars") or {}).get(task.delegate_to) or {}
    return variables.get(_BECOME) is not None


def _remedy(is_variable: bool) -> str:
    if is_variable:
        return "Set ansible_become: false in vars of the task (the variable wins over the keyword become: false)"
    return "Set become: false for the task"
