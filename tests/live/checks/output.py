# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the server keeps of the output of commands, and what it sends again."""

from __future__ import annotations

import time
import uuid

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.library import PSSession, Remoting, Script
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.events import (
    Finished,
    MessageUnreadable,
)

from ..lab import (
    PATIENCE,
    WAITING,
    Lab,
    connect,
    new_id,
    outputs,
    receive_first,
    receive_without_connect,
    reconnect,
    run,
)
from ..verdicts import Verdict, check, verdict

# How long to wait for output that is sent again, in seconds.
_WAIT = 1.0


@check("A20", "an answer that no Receive followed comes again after a Connect", needs_powershell=False)
def again_after_connect(lab: Lab) -> Verdict:
    with lab.client() as first, lab.session(first) as session, lab.client() as second:
        command_id = _receive_one(first, session)
        connect(second, session)
        of_both = outputs(second.receive(session, command_id, timeout=_WAIT))
    with lab.client() as first, lab.session(first) as session, lab.client() as second:
        command_id = _receive_one(first, session)
        connect(second, session)
        of_session = outputs(receive_without_connect(second, session, command_id, _WAIT))
    return verdict(
        of_both == ["one"], f"after a Connect of session and command: {of_both}; of the session alone: {of_session}"
    )


def _receive_one(client: Remoting, session: PSSession) -> str:
    """Start a command, receive its first object, disconnect, and return its id."""
    command_id = client.start(session, Script(WAITING))
    receive_first(client, session, command_id)
    client.disconnect(session)
    return command_id


@check("Q1", "what does a command send again after a Reconnect? Nothing is assumed", needs_powershell=False)
def again_after_reconnect(lab: Lab) -> Verdict:
    client_id = new_id()
    with lab.client(client_id) as client, lab.session(client) as session:
        command_id = _receive_one(client, session)
        reconnect(client, session)
        seen = outputs(receive_without_connect(client, session, command_id, _WAIT))
    return verdict(seen in ([], ["one"]), f"after a Reconnect: {seen}")


@check("Q2", "what does a stopped command send? Its state Stopped, and that it is done", needs_powershell=False)
def stopped(lab: Lab) -> Verdict:
    with lab.client() as client, lab.session(client) as session:
        command_id = client.start(session, Script(WAITING))
        receive_first(client, session, command_id)
        client.stop(session, command_id)
        events = list(client.receive(session, command_id))
        last = lab.recorder.of("Receive")[-1]
    state = next((event.state.value for event in events if isinstance(event, Finished)), "none")
    is_done = "/CommandState/Done" in last.response
    return verdict(state == "Stopped" and is_done, f"state {state}, CommandState Done: {is_done}")


@check("A19", "each session has a process of its own and numbers its messages from 1")
def processes(lab: Lab) -> Verdict:
    with lab.client() as client, lab.session(client) as first, lab.session(client) as second:
        numbers = [
            min(number for each in lab.recorder.of("Receive") if session.shell.shell_id in each.request
                for number in each.object_ids)
            for session in (first, second)
        ]  # fmt: skip
        ids = [outputs(run(client, session, "$PID")) for session in (first, second)]
    are_apart = ids[0] != ids[1]
    return verdict(numbers == [1, 1] and are_apart, f"first messages: {numbers}; the processes differ: {are_apart}")


_LINE = 10_000
_FEW_BYTES = 20_000_000
_WRITE = """
param($path, $count)
foreach ($number in 1..$count) { "$number ".PadRight(10000, 'x'); [IO.File]::WriteAllText($path, $number) }
"""


@check("A18", "Block suspends a command after a few megabytes, and Drop drops whole messages")
def buffered(lab: Lab) -> Verdict:
    count = lab.output_bytes // _LINE
    with lab.client() as client, lab.session(client) as observer:
        with lab.session(client, output_buffering_mode="block") as session:
            kept, _command_id = _write_without_client(lab, client, session, observer, count, suspends=True)
        with lab.session(client, output_buffering_mode="drop") as session:
            written, command_id = _write_without_client(lab, client, session, observer, count, suspends=False)
            connect(client, session)
            events = list(client.receive(session, command_id))
    numbers = [int(str(value).split()[0]) for value in outputs(events)]
    torn = sum(isinstance(event, MessageUnreadable) for event in events)
    are_latest = numbers == list(range(count + 1 - len(numbers), count + 1))
    return verdict(
        0 < kept * _LINE <= _FEW_BYTES and written == count and 0 < len(numbers) < count and are_latest and not torn,
        f"Block: suspended after {kept} of {count} objects of {_LINE} bytes; Drop: {len(numbers)} of {written} came, "
        f"the latest ones: {are_latest}, torn ones: {torn}",
    )


def _write_without_client(
    lab: Lab, client: Remoting, session: PSSession, observer: PSSession, count: int, *, suspends: bool
) -> tuple[int, str]:
    """Start a script that writes much, disconnect, and return how far it came, and its id.

    Args:
        suspends: Whether it is expected to stop before its end.
    """
    (folder,) = outputs(run(client, observer, "[IO.Path]::GetTempPath()"))
    place = {"path": f"{folder}pssession-live-{uuid.uuid4()}", "count": count}
    command_id = client.start(session, Script(_WRITE, parameters=place))
    client.disconnect(session)
    look = Script("param($path, $count) [IO.File]::ReadAllText($path)", parameters=place)
    written, same, until = 0, 0, time.monotonic() + PATIENCE
    while written < count and (same < 3 or not suspends) and time.monotonic() < until:
        time.sleep(lab.pause)
        found = outputs(run(client, observer, look))  # nothing while the other one writes
        if found and str(found[0]).isdigit():
            same = same + 1 if int(str(found[0])) == written else 0
            written = int(str(found[0]))
    run(client, observer, Script("param($path, $count) [IO.File]::Delete($path)", parameters=place))
    return written, command_id
