# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which client may do what to a session, and what the server says of it."""

from __future__ import annotations

import dataclasses

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.library import TransportError, WSManFault
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.codes import Code

from ..lab import Lab, connect, listed, new_id, reconnect, refusal, told
from ..verdicts import Verdict, check, unknown, verdict

_NO_OTHER_ACCOUNT = "no other account is given (PSSESSION_LIVE_OTHER_USER)"


def _means_in_use(fault: WSManFault | None) -> bool:
    if fault is None:
        return False
    if fault.code is None:
        return fault.subcode == "InternalError"
    return fault.code in (Code.CONNECTED_TO_DIFFERENT_CLIENT, Code.CLIENT_SESSION_ID_MISMATCH)


@check("A1", "a client_id is good in another process and over another connection", needs_powershell=False)
def another_process(lab: Lab) -> Verdict:
    client_id = new_id()
    with lab.client(client_id) as first, lab.session(first) as session:
        first.disconnect(session)
        first.close()
        with lab.client(client_id) as second:
            fault = refusal(reconnect, second, session)
    return verdict(fault is None, f"Reconnect over a new connection: {told(fault)}")


@check("A2", "a Reconnect to a session that is still ours changes nothing", needs_powershell=False)
def reconnect_while_connected(lab: Lab) -> Verdict:
    client_id = new_id()
    with lab.client(client_id) as first, lab.session(first) as session:
        first.close()
        with lab.client(client_id) as second:
            fault = refusal(reconnect, second, session)
            found = listed(second, session)
            state = found.shell.state if found else "gone"
    return verdict(fault is None and state == "Connected", f"Reconnect: {told(fault)}; the session is then {state}")


@check("A4", "0x803381CD for Connect, one of three answers for Reconnect mean in use", needs_powershell=False)
def in_use(lab: Lab) -> Verdict:
    with lab.client() as owner, lab.session(owner) as session, lab.client() as other:
        connecting = refusal(connect, other, session)
        reconnecting = refusal(reconnect, other, session)
    is_so = connecting is not None and connecting.code == Code.CONNECTED_TO_DIFFERENT_CLIENT
    return verdict(
        is_so and _means_in_use(reconnecting), f"Connect: {told(connecting)}; Reconnect: {told(reconnecting)}"
    )


@check("A5", "a Reconnect is accepted exactly if our Connect took effect", needs_powershell=False)
def reconnect_tells(lab: Lab) -> Verdict:
    client_id = new_id()
    with lab.client() as owner, lab.session(owner) as session:
        owner.disconnect(session)
        with lab.client(client_id) as client:
            before = refusal(reconnect, client, session)
            connect(client, session)
        with lab.client(client_id) as client:
            after = refusal(reconnect, client, session)
    return verdict(
        before is not None and after is None, f"Reconnect before our Connect: {told(before)}; after it: {told(after)}"
    )


@check("A7", "sessions of other accounts are refused with code 5", needs_powershell=False)
def other_account(lab: Lab) -> Verdict:
    if lab.other_options is None:
        return unknown(_NO_OTHER_ACCOUNT)
    with lab.client() as owner, lab.session(owner, endpoint=lab.other_endpoint()) as session:
        owner.disconnect(session)
        with lab.client() as administrator:
            fault = refusal(connect, administrator, dataclasses.replace(session, endpoint=lab.endpoint()))
    return verdict(fault is not None and fault.code == Code.ACCESS_DENIED, f"Connect: {told(fault)}")


@check("A8", "a session that is listed without a name was opened without one", needs_powershell=False)
def nameless(lab: Lab) -> Verdict:
    with (
        lab.client(edit=lambda envelope: [envelope.replace(' Name=""', "")]) as client,
        lab.session(client, "") as without,
        lab.session(client, "named") as named,
    ):
        names = {each.instance_id: each.shell.name for each in client.get(lab.endpoint())}
    found = names.get(without.instance_id, "not listed"), names.get(named.instance_id, "not listed")
    return verdict(found == (None, "named"), f"listed as {found[0]!r}, and one with a name as {found[1]!r}")


@check("A9", "a client without OperationID and SequenceId is served", needs_powershell=False)
def no_operation_id(lab: Lab) -> Verdict:
    with lab.client() as client, lab.session(client) as session:
        client.disconnect(session)
    sent = lab.recorder.exchanges
    without = all("OperationID" not in each.request and "SequenceId" not in each.request for each in sent)
    refused = [each.operation for each in sent if each.status != 200]
    return verdict(without and not refused, f"{len(sent)} requests, of which refused: {refused or 'none'}")


@check("A10", "a Disconnect without being connected is refused in the known ways", needs_powershell=False)
def foreign_disconnect(lab: Lab) -> Verdict:
    with lab.client() as owner, lab.session(owner) as session, lab.client() as other:
        foreign = refusal(other.disconnect, session)
        refusal(owner.disconnect, session)  # so that it is disconnected, if the other one was refused
        again = refusal(owner.disconnect, session)
    is_so = again is not None and again.code == Code.ALREADY_DISCONNECTED
    return verdict(
        is_so and _means_in_use(foreign),
        f"by another client: {told(foreign)}; of a disconnected session: {told(again)}",
    )


@check("A11", "an administrator can remove a disconnected session of another account", needs_powershell=False)
def foreign_delete(lab: Lab) -> Verdict:
    if lab.other_options is None:
        return unknown(_NO_OTHER_ACCOUNT)
    with lab.client() as owner, lab.session(owner, endpoint=lab.other_endpoint()) as session:
        owner.disconnect(session)
        with lab.client() as administrator:
            fault = refusal(administrator.remove, dataclasses.replace(session, endpoint=lab.endpoint()))
        is_gone = listed(owner, session) is None
    return verdict(fault is None and is_gone, f"Delete: {told(fault)}; the session is {'gone' if is_gone else 'there'}")


@check("A12", "a message with the keys of a closed connection gets a 400, unread", needs_powershell=False)
def closed_connection(lab: Lab) -> Verdict:
    if not lab.endpoint().encrypts_messages:
        return unknown("the messages of this endpoint are not encrypted by the log-on")
    with lab.client() as client, lab.session(client) as session:
        lab.recorder.conversations[-1].cut()
        before = len(lab.recorder.exchanges)
        try:
            client.disconnect(session)
        except TransportError as error:
            return verdict(False, f"a Disconnect with old keys: {told(error)}")
        statuses = [each.status for each in lab.recorder.exchanges[before:] if each.request]
    # Had the first one been carried out, the second one would be refused: the session is disconnected already.
    return verdict(
        statuses == [400, 200], f"HTTP statuses of a Disconnect with old keys and its repetition: {statuses}"
    )
