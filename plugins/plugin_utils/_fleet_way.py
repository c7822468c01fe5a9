"""Decides whether one process can do the work of all hosts of a task, and names what prevents it.

Ansible runs a task for each host in a separate process, and no process knows which other hosts run the task. The answer
is known only if all hosts of the batch run each task together and nothing can leave out some of them.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from collections.abc import Mapping, Sequence

from ansible.playbook.block import Block
from ansible.playbook.handler import Handler

IsTemplate = t.Callable[[t.Any], bool]

# Strategies that run each task for all hosts of the batch before the next one.
_IN_STEP = frozenset({"linear", "debug"})
# Keywords that may differ between hosts if they are templates.
_KEYWORDS = (
    "become",
    "become_user",
    "check_mode",
    "connection",
    "delegate_to",
    "diff",
    "environment",
    "no_log",
    "port",
    "remote_user",
    "run_once",
    "throttle",
    "timeout",
)
_MODULE = "psremoting.fleet.pssession_role"
# Names for which module_defaults apply to the task.
_DEFAULTS = (_MODULE, "group/psremoting.fleet.all")


def obstacle(task: t.Any, is_template: IsTemplate) -> str:
    """Return the reason why some hosts may not run the task, or run it differently, or an empty text.

    Args:
        task: The task as its action plugin has it. Keywords are evaluated for its host, and as they were written only
            in the data that task, blocks and includes were made from.
        is_template: Tells whether a text is a template.
    """
    strategy = str(task.get_play().strategy)
    if strategy.rpartition(".")[2] not in _IN_STEP:
        return f"the strategy {strategy} runs each host by itself"
    if task.when:
        return "a condition (when) may leave out some of the hosts"
    if not task.all_parents_static():
        return "it is in a dynamic include (include_role or include_tasks), which some of the hosts may not run"
    if isinstance(task, Handler):
        return "it is in a handler, which only the notified hosts run"
    if task.loop is not None or task.loop_with is not None:
        return "it has a loop"
    if task.until or task.retries:
        return "it has until or retries"
    nodes = list(_with_parents(task))
    return _obstacle_in_blocks(nodes) or _end_of_role(nodes) or _keyword_with_template(nodes, is_template)


def _with_parents(task: t.Any) -> t.Iterator[t.Any]:
    while task is not None:
        yield task
        task = task._parent


def _obstacle_in_blocks(nodes: t.Sequence[t.Any]) -> str:
    """Return the part of a block around a task that may leave out hosts.

    A host that fails in a block goes on with its rescue or always. If the task is the first in the block, no host can
    have failed there.
    """
    below = {nodes[0]._uuid}
    is_first = True
    for node in nodes[1:]:
        if isinstance(node, Block):
            for section in ("rescue", "always"):
                if any(each._uuid in below for each in getattr(node, section)):
                    return f"it is in a block's {section}, which hosts run that have failed"
            is_first = is_first and bool(node.block) and node.block[0]._uuid in below
            if node.rescue and not is_first:
                return "it is in a block with rescue, which hosts run that have failed at a task before it"
        below.add(node._uuid)
    return ""


def _end_of_role(nodes: t.Iterable[t.Any]) -> str:
    found = any(_has_end_of_role(block) for role in _roles(nodes) for block in role._task_blocks or ())
    return "its role has meta: end_role, which may leave out some of the hosts" if found else ""


def _has_end_of_role(part: t.Any) -> bool:
    if isinstance(part, Block):
        return any(map(_has_end_of_role, [*part.block, *part.rescue, *part.always]))
    return str(part.action).rpartition(".")[2] == "meta" and "end_role" in part.args.values()


def _roles(nodes: t.Iterable[t.Any]) -> t.Iterator[t.Any]:
    """Yield the roles of a task, and the roles that these depend on."""
    for role in {id(role): role for node in nodes if (role := getattr(node, "_role", None))}.values():
        yield role
        yield from role.get_parents()


def _keyword_with_template(nodes: t.Sequence[t.Any], is_template: IsTemplate) -> str:
    written = [node._ds for node in nodes if isinstance(getattr(node, "_ds", None), Mapping)]
    keywords = [(name, data.get(name)) for data in written for name in _KEYWORDS]
    keywords += [(name, getattr(role, name, None)) for role in _roles(nodes) for name in _KEYWORDS]
    keywords += [(_MODULE, data.get(_MODULE)) for data in written[:1]]
    # Those of the task have the play's, too, but ansible-core 2.16 has evaluated them.
    defaults = [nodes[0].module_defaults, nodes[0].get_play().module_defaults]
    defaults += [data.get("module_defaults") for data in written]
    defaults += [getattr(role, "module_defaults", None) for role in _roles(nodes)]
    for each in _flat(defaults):
        keywords += [("module_defaults", each.get(name)) for name in _DEFAULTS]
    for name, value in keywords:
        if has_template(value, is_template):
            return f"{name} has a template, which may be another value for each host"
    return ""


def _flat(defaults: t.Iterable[t.Any]) -> t.Iterator[Mapping[str, t.Any]]:
    """Yield the mappings of the keyword module_defaults."""
    for each in defaults:
        yield from (each,) if isinstance(each, Mapping) else each or ()


def has_template(value: t.Any, is_template: IsTemplate) -> bool:
    """Return whether there is a template in a value, at any depth."""
    if isinstance(value, Mapping):
        return any(has_template(each, is_template) for each in value.values())
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return any(has_template(each, is_template) for each in value)
    return isinstance(value, str) and is_template(value)
