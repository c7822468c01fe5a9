# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clocks of the server, its restart, and what an idle session costs."""

from __future__ import annotations

import time

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.library import Script, TransportError
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.codes import Code

from ..lab import PATIENCE, WAITING, Lab, connect, listed, outputs, run, told
from ..verdicts import Verdict, check, unknown, verdict

_LOOK = 5.0
# What the engine allows by default, in seconds, and what docs/guide_scripts.md says of a session's process, generously.
_OPEN_TIMEOUT = 180.0
_MEGABYTES = 300
# The idle timeout of an assumption about values that the server does not allow, in seconds.
_TOO_LONG = 2_000_000.0


@check("A3", "a silent client loses its session after 60 s, also with a running command", needs_powershell=False)
def silence(lab: Lab) -> Verdict:
    with lab.client() as client, lab.session(client) as idle, lab.session(client) as working, lab.client() as observer:
        client.start(working, Script(WAITING))
        waiting = {idle.instance_id: "idle", working.instance_id: "with a command"}
        seconds: dict[str, float] = {}
        passed = 0.0
        while waiting and passed < PATIENCE:
            lab.wait(_LOOK)
            passed += _LOOK
            for each in observer.get(lab.endpoint()):
                if each.shell.state == "Disconnected" and each.instance_id in waiting:
                    seconds[waiting.pop(each.instance_id)] = passed
    is_so = not waiting and all(55 <= each <= 80 for each in seconds.values())
    seen = ", ".join(f"{name}: {after:g} s" for name, after in seconds.items())
    return verdict(is_so, f"listed as Disconnected after {seen or f'more than {PATIENCE} s'}")


@check("A6", "the idle clock of a session starts anew when a client connects", needs_powershell=False)
def idle_clock(lab: Lab) -> Verdict:
    with lab.client() as first, lab.session(first) as session, lab.client() as second:
        first.disconnect(session)
        lab.wait(20)
        before = listed(second, session)
        connect(second, session)
        after = listed(second, session)
    if before is None or after is None:
        return verdict(False, "the session is not listed")
    seconds = before.shell.shell_inactivity, after.shell.shell_inactivity
    is_so = None not in seconds and (seconds[0] or 0) >= 15 > (seconds[1] or 0)
    return verdict(is_so, f"ShellInactivity before: {seconds[0]} s, after: {seconds[1]} s")


@check(
    "A25", "a Create with too long an idle timeout gets 0x803381F2, and the text has the limit", needs_powershell=False
)
def too_long(lab: Lab) -> Verdict:
    with lab.client() as client:
        before = len(client.get(lab.endpoint()))
        with lab.session(client, idle_timeout=_TOO_LONG) as session:
            after = len(client.get(lab.endpoint()))
    first = lab.recorder.of("Create")[0]
    granted = f"{session.shell.idle_timeout} s granted of {_TOO_LONG:g} s"
    if first.status == 200:
        return unknown(f"the server allows it: {granted}")
    is_so = first.fault_code == Code.IDLE_TIMEOUT_OUT_OF_RANGE and after - before == 1
    tries = len(lab.recorder.of("Create"))
    return verdict(is_so and tries == 2, f"{told(first.fault_code)}; {tries} requests until opened; {granted}")


@check("A28", "a running command does not keep a session past its idle timeout", needs_powershell=False)
def running_command(lab: Lab) -> Verdict:
    with lab.client() as client, lab.session(client, idle_timeout=60) as session:
        client.start(session, Script(WAITING))
        client.disconnect(session)
        passed = 0.0
        while listed(client, session) is not None:
            if passed >= 240:
                return verdict(False, f"still listed after {passed:g} s with an idle timeout of 60 s")
            lab.wait(_LOOK)
            passed += _LOOK
    return verdict(passed >= 55, f"gone after {passed:g} s with an idle timeout of 60 s")


@check("A29", "sessions do not survive a restart of the WinRM service")
def restart(lab: Lab) -> Verdict:
    if lab.restart is None:
        return unknown("no restart is allowed (PSSESSION_LIVE_RESTART)")
    with lab.client() as client, lab.session(client) as session:
        client.disconnect(session)
        lab.restart()
        until = time.monotonic() + PATIENCE
        while True:
            try:
                is_gone = listed(client, session) is None
            except TransportError:
                if time.monotonic() > until:
                    raise
                time.sleep(lab.pause)
            else:
                return verdict(is_gone, f"a disconnected session is {'gone' if is_gone else 'there'} afterwards")


@check("Q4", "how long does it take to open a session? Less than the engine waits", needs_powershell=False)
def time_to_open(lab: Lab) -> Verdict:
    seconds = []
    with lab.client() as client:
        for _number in range(3):
            began = time.monotonic()
            with lab.session(client):
                seconds.append(time.monotonic() - began)
    return verdict(max(seconds) < _OPEN_TIMEOUT, "seconds: " + ", ".join(f"{each:.1f}" for each in seconds))


@check("Q5", f"how much memory does an idle session take? Less than {_MEGABYTES} MB")
def memory(lab: Lab) -> Verdict:
    with lab.client() as client, lab.session(client) as session:
        (octets,) = outputs(run(client, session, "(Get-Process -Id $PID).WorkingSet64"))
    megabytes = int(str(octets)) / 1e6
    return verdict(megabytes < _MEGABYTES, f"working set of its process: {megabytes:.0f} MB")
