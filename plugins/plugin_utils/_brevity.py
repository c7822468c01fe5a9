"""Shortens failed results that only the terminal gets, because the lines above them have the errors.

Ansible's default callback prints a failed result whole, in one line: about 760 bytes for each error record and 900 for
each session.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible import constants as C
from ansible.plugins.loader import callback_loader
from ansible.utils.display import Display

display = Display()

# With at most this many records of errors and sessions, the message is still easy to read.
_FEW = 2
# Callbacks that take nothing of the results of tasks.
_WITHOUT_RESULTS = frozenset({"timer", "profile_tasks", "profile_roles", "kept_sessions"})
_KEPT = ("changed", "failed", "msg", "warnings", "diff")


def is_for_terminal_alone(task: t.Any) -> bool:
    """Return whether only the default callback gets the result of a failed task.

    A variable, a rescue, another attempt, another callback or the debugger may need all of it, and ``-v`` prints it.
    """
    _paths, origin = C.config.get_config_value_and_origin("DEFAULT_CALLBACK_PLUGIN_PATH")
    others = (
        display.verbosity,
        task.register or task.until or task.retries,
        task.debugger or C.ENABLE_TASK_DEBUGGER or str(task.get_play().strategy).endswith("debug"),
        {name.rpartition(".")[2] for name in C.CALLBACKS_ENABLED} - _WITHOUT_RESULTS,
        origin != "default" or "callback_plugins" in callback_loader.print_paths(),
        C.DEFAULT_STDOUT_CALLBACK.rpartition(".")[2] != "default",
    )
    return not any(others) and not any(getattr(parent, "rescue", None) for parent in _parents(task))


def is_long(result: t.Mapping[str, t.Any]) -> bool:
    """Return whether a failed result has many records and no output of scripts, which was not shown."""
    parts = [result, *(result.get("hosts") or {}).values()]
    count = sum(len(part.get(key) or ()) for part in parts for key in ("errors", "sessions"))
    return bool(result.get("failed")) and count > _FEW and not any(part.get("results") for part in parts)


def brief(result: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return a failed result without its records, and with the first line of its message."""
    head, *others = str(result["msg"]).splitlines()
    above = "See the lines above; with -v" if others else "With -v"
    kept = {key: result[key] for key in _KEPT if result.get(key)}
    return {"changed": False, **kept, "msg": f"{head.rstrip('.')}. {above} the result has all records."}


def _parents(task: t.Any) -> t.Iterator[t.Any]:
    parent = task._parent
    while parent is not None:
        yield parent
        parent = parent._parent
