"""Check mode of scripts that support it: they run in existing sessions, whose state is restored afterwards.

Only in this case check mode sends requests that change something. The task connects to sessions, and disconnects from
those that it was not connected to before. It opens no session and writes nothing to the journal.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses

from ..finding.finding import Found, find
from ..finding.here import only_here
from ..finding.idle import only_idle
from ..model.commands import Script
from ..request.request import Request
from ..state.journals import NoJournal
from ..task.task import Task
from ..verbs.apply import Applied, carry_out, remembered
from ..verbs.connect import Connect
from .disconnecting import disconnect_afterwards, disconnect_on_interrupt
from .foreseeing import foreseen, to_go_on_with
from .running import Outputs, Runner


def run(script: Script, task: Task) -> tuple[Found, Applied, Outputs]:
    """Run a script that supports check mode in each session where a task without check mode would run it.

    Returns:
        The found sessions, the prediction for a run without check mode with the errors of this one, and the output of
        the scripts. A session counts as changed if its script reports that it would change something.
    """
    task = dataclasses.replace(task, request=_changing_nothing(task.request))
    context = dataclasses.replace(task.context, check_mode=False)
    acting = dataclasses.replace(task, context=context, journal=NoJournal())
    found = only_idle(task, only_here(acting, find(task)))
    expected = foreseen(task, found, carry_out(task, Connect(task.request, task.context), found))
    # The script cannot run yet in a session that an earlier task would have opened or changed.
    ahead = {session.key for session in found.sessions if session.foreseen is not None}
    real = dataclasses.replace(found, sessions=tuple(each for each in found.sessions if each.key not in ahead))
    with disconnect_on_interrupt(acting) as connections:
        verb = Connect(acting.request, acting.context)
        applied = carry_out(acting, verb, real, connections.note, connections.during)
        outputs = Runner(acting).invoke(to_go_on_with(acting, real, applied), script)
    left = remembered(acting, real, disconnect_afterwards(acting, applied, outputs, also=applied.changed))
    used = {session.key for session in applied.sessions} | ahead
    return (
        found,
        dataclasses.replace(
            expected,
            sessions=tuple(session for session in expected.sessions if session.key in used),
            after=tuple(session for session in expected.after if session.key in used),
            what_if=tuple((key, line) for key, line in expected.what_if or () if key in used),
            errors=left.errors,
            changed=outputs.changed | (expected.changed & ahead),
        ),
        outputs,
    )


def _changing_nothing(request: Request) -> Request:
    """Return a request that does not change idle timeout and buffering mode of the sessions."""
    changes = {"idle_timeout": None, "output_buffering_mode": None}
    given = dict(request.given.get("session_option") or {})
    return dataclasses.replace(
        request,
        session_option=dataclasses.replace(request.session_option, idle_timeout=None, output_buffering_mode=None),
        change=dataclasses.replace(request.change, when_done="keep"),
        given={**request.given, "session_option": {**given, **changes}},
    )
