"""Collecting: the command line that receives the output of scripts that go on after an interrupted run."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import re
import shlex
import typing as t

from ansible import context

RECEIVE = "Receive its output with the module psremoting.fleet.receive_pssession."
_OURS = "psremoting.fleet."
# Names that need no quotes in a variable on the command line.
_PLAIN_NAMES = re.compile(r"[\w.,*?/-]+")


def sentence_for(job: str, names: t.Sequence[str] | None, journal: str | None = None) -> str:
    """Return advice to receive the output of a job later, with the current playbook or one of the collection's.

    Values of extra variables are not repeated, because they may contain passwords.

    Args:
        job: The job of pssession_job.
        names: Names of its sessions.
        journal: Its folder for journals; the playbook collect needs one.
    """
    arguments = context.CLIARGS.get("args") or ()
    playbooks = [] if isinstance(arguments, str) or "module_name" in context.CLIARGS else list(arguments)
    if not playbooks:
        return RECEIVE
    if all(playbook.startswith(_OURS) for playbook in playbooks) and job != "resume" and names:
        variables = {"pssession_name": ",".join(names), "pssession_journal": journal or "FOLDER"}
        command = [*_command(), f"{_OURS}collect"]
        command += [part for name, value in variables.items() for part in ("-e", _variable(name, value))]
        return f"Receive its output with: {shlex.join(command)}"
    with_variables = ", with the same extra variables" if context.CLIARGS.get("extra_vars") else ""
    return f"Receive its output with: {shlex.join([*_command(), *playbooks])}{with_variables}"


def _command() -> list[str]:
    """Return the command line of ansible-playbook, with the selection of hosts."""
    inventories = context.CLIARGS.get("inventory") or ()
    limit = context.CLIARGS.get("subset")
    return [
        "ansible-playbook",
        *(part for inventory in inventories for part in ("-i", inventory)),
        *(("--limit", limit) if limit else ()),
    ]


def _variable(name: str, value: str) -> str:
    return f"{name}={value}" if _PLAIN_NAMES.fullmatch(value) else json.dumps({name: value})
