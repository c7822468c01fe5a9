# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults of commands, of sessions that end, and the server's own words for them."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.library import (
    CommandEvent,
    PSSession,
    Remoting,
    Script,
    TransportError,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.codes import Code
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.events import ReceiveEnded

from ..lab import DONE, WAITING, Lab, connect, listed, new_id, outputs, receive_first, refusal, run, told
from ..verdicts import Verdict, check, unknown, verdict


def _cause_of_end(lab: Lab, client: Remoting, session: PSSession, script: str, end: Callable[[object], object]) -> str:
    """Have a Receive wait behind the first object of a script, end the session, and return what the Receive got.

    Args:
        end: Ends the session; it gets that object.
    """
    events: list[CommandEvent] = []
    command_id = client.start(session, Script(script))
    first = receive_first(client, session, command_id)
    thread = threading.Thread(target=lambda: events.extend(client.receive(session, command_id)))
    thread.start()
    lab.wait_for_receive()
    end(first)
    thread.join()
    return told(next((event.cause for event in events if isinstance(event, ReceiveEnded)), None))


@check("A16", "a Receive gets 0x80338104 when the process of the session is killed, and the session is gone")
def killed_process(lab: Lab) -> Verdict:
    with lab.client() as client, lab.session(client) as session, lab.client() as other, lab.session(other) as killer:
        got = _cause_of_end(
            lab,
            client,
            session,
            "$PID; Start-Sleep 600",
            lambda process: run(other, killer, f"Stop-Process -Id {process} -Force"),
        )
        is_gone = listed(client, session) is None
    return verdict(got == "0x80338104" and is_gone, f"{got}; the session is {'gone' if is_gone else 'there'}")


@check("A21", "a command is listed as soon as it is accepted, and its id is refused to another one")
def same_id(lab: Lab) -> Verdict:
    command_id = new_id()

    def without_the_rest(envelope: str) -> list[str]:
        if "<rsp:Send>" in envelope:
            raise TransportError(None, "the check keeps the rest of the script", delivered=False)
        return [envelope]

    with lab.client(edit=without_the_rest) as client, lab.session(client) as session:
        try:
            client.start(session, Script("'first'" + "#" * 1_000_000), command_id)
        except TransportError:
            pass
        else:
            return unknown("the server takes a script of 1 MB in one request")
        is_listed = command_id in [each.command_id for each in client.commands(session)]
        client.start(session, Script("'second'"), command_id)
        first, second = (each.fault_code for each in lab.recorder.of("Command"))
    is_so = is_listed and (first, second) == (None, Code.COMMAND_EXISTS)
    return verdict(
        is_so, f"listed before all of its script has come: {is_listed}; a second one of its id: {told(second)}"
    )


@check(
    "A23", "the id of a command that is done is taken until it is signalled, for each client", needs_powershell=False
)
def id_of_a_done_command(lab: Lab) -> Verdict:
    with lab.client() as client, lab.session(client) as session, lab.client() as other:
        command_id = client.start(session, Script(DONE))
        ended = list(client.messages(session, command_id))[-1]
        refusal(client.start, session, Script(DONE), command_id)
        client.disconnect(session)
        connect(other, session)
        refusal(other.start, session, Script(DONE), command_id)
        first, again, of_other = (each.fault_code for each in lab.recorder.of("Command"))
    is_so = isinstance(ended, ReceiveEnded) and ended.cause is None and first is None
    return verdict(
        is_so and again == of_other == Code.COMMAND_EXISTS,
        f"another one of its id, by the same client: {told(again)}; by a new client: {told(of_other)}",
    )


@check("A24", "a Command of a client that is not connected gets one of three faults", needs_powershell=False)
def command_of_a_stranger(lab: Lab) -> Verdict:
    with lab.client() as client, lab.session(client) as session, lab.client() as other:
        refusal(other.start, session, Script(DONE))
        connected = lab.recorder.of("Command")[0].fault_code
        client.disconnect(session)
        before = len(lab.recorder.of("Command"))
        refusal(client.start, session, Script(DONE))  # the engine reconnects and starts it after the fault
        disconnected = lab.recorder.of("Command")[before].fault_code
    return verdict(
        connected in (Code.CLIENT_SESSION_ID_MISMATCH, Code.CONNECTED_TO_DIFFERENT_CLIENT)
        and disconnected == Code.SHELL_DISCONNECTED,
        f"while another client is connected: {told(connected)}; disconnected: {told(disconnected)}",
    )


@check("A30", "a Receive that waits gets 995 when another client removes the session", needs_powershell=False)
def removed_session(lab: Lab) -> Verdict:
    with lab.client() as client, lab.session(client) as session, lab.client() as other:
        got = _cause_of_end(lab, client, session, WAITING, lambda _first: other.remove(session))
    return verdict(got == "995", f"Receive: {got}")


# Codes that the engine acts on (docs/protocol.md, Faults).
_ACTED_ON = (
    Code.CONNECTED_TO_DIFFERENT_CLIENT,
    Code.CLIENT_SESSION_ID_MISMATCH,
    Code.ALREADY_DISCONNECTED,
    Code.SHELL_DISCONNECTED,
    Code.STREAM_DISCONNECTED,
    Code.SHELL_ID_IN_USE,
    Code.COMMAND_EXISTS,
    Code.UNEXPECTED_SELECTORS,
    Code.IDLE_TIMEOUT_OUT_OF_RANGE,
    Code.HOST_PROCESS_ENDED,
    Code.OPERATION_TIMED_OUT,
    Code.OPERATION_ABORTED,
)
_HELP = """
param($codes)
if (Get-Command winrm -ErrorAction Ignore) { foreach ($code in $codes) { (winrm helpmsg $code | Out-String).Trim() } }
"""


@check("Q3", "what does the server call the codes that the engine acts on? It knows all of them")
def names_of_codes(lab: Lab) -> Verdict:
    with lab.client() as client, lab.session(client) as session:
        codes = [f"{code:#x}" for code in _ACTED_ON]
        texts = [str(each) for each in outputs(run(client, session, Script(_HELP, parameters={"codes": codes})))]
    if not texts:
        return unknown("there is no winrm command on the server")
    pairs = dict(zip(codes, texts, strict=False))
    return verdict(len(pairs) == len(codes) and all(texts), "; ".join(f"{code}: {pairs[code]}" for code in pairs))
