# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may do what with a shell, and what time does to it."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from .. import SimulatedComputer, SimulatedFleet, User
from ..waiting import until
from .conftest import ADMIN, ALICE, BOB
from .raw_client import (
    INIT_DATA,
    INIT_RUNSPACEPOOL,
    POWERSHELL,
    PRIVATE_DATA,
    RUNSPACEPOOL_STATE,
    SESSION_CAPABILITY,
    SHELL,
    RawClient,
    Received,
    Reply,
    capability,
    connect_data,
    fragment,
    limits,
    message,
    unpack,
)

pytestmark = pytest.mark.timing

TIMED_OUT, UNKNOWN = 0x80338029, 0x8033805B
SHELL_DISCONNECTED, MISMATCH, IN_USE, ALREADY = 0x803381C4, 0x803381C6, 0x803381CD, 0x803381CF
STREAM_DISCONNECTED, ABORTED, CONNECT_FAILED = 0x803381DE, 995, 0x80540FA3

OPERATIONS: dict[str, Callable[[RawClient, str], Reply]] = {
    "Get": lambda client, shell: client.get(shell),
    "Disconnect": lambda client, shell: client.disconnect(shell),
    "Reconnect": lambda client, shell: client.reconnect(shell),
    "Connect": lambda client, shell: client.connect(shell),
    "Command": lambda client, shell: client.command(shell, "hello")[1],
    "Receive": lambda client, shell: client.receive(shell, timeout="PT0S"),
    "Send": lambda client, shell: client.stream(shell, b""),
    "Delete": lambda client, shell: client.delete(shell),
}
#: Faults by operation: the holder; another client of a connected shell; the last and another client of a disconnected
#: one. A Receive without data is carried out when it times out.
TABLE = {
    "Get": (None, None, None, None),
    "Disconnect": (None, MISMATCH, ALREADY, ALREADY),
    "Reconnect": (None, IN_USE, None, MISMATCH),
    "Connect": (IN_USE, IN_USE, None, None),
    "Command": (None, MISMATCH, SHELL_DISCONNECTED, SHELL_DISCONNECTED),
    "Receive": (TIMED_OUT, MISMATCH, SHELL_DISCONNECTED, SHELL_DISCONNECTED),
    "Send": (None, MISMATCH, SHELL_DISCONNECTED, SHELL_DISCONNECTED),
    "Delete": (None, None, None, None),
}
STANDINGS = ("holder", "stranger", "last holder", "newcomer")


@pytest.mark.parametrize("operation", TABLE)
@pytest.mark.parametrize("standing", STANDINGS)
def test_operation_and_state(computer: SimulatedComputer, operation: str, standing: str) -> None:
    """Each operation is carried out or refused by the state of the shell and the client's identity."""
    client = RawClient(computer, ADMIN)
    state = "Connected" if standing in ("holder", "stranger") else "Disconnected"
    ours = standing in ("holder", "last holder")
    session = computer.add_session("s", state=state, client_session_id=client.session_id if ours else None)
    reply = OPERATIONS[operation](client, session.shell_id)
    expected = TABLE[operation][STANDINGS.index(standing)]
    assert reply.fault == expected
    assert reply.status == (500 if expected else 200)


@pytest.mark.parametrize("operation", TABLE)
def test_unknown_shell(computer: SimulatedComputer, operation: str) -> None:
    """An id that names nothing is a wrong selector, with the shell provider's own fault inside."""
    reply = OPERATIONS[operation](RawClient(computer, ADMIN), str(uuid.uuid4()))
    assert (reply.status, reply.fault, reply.subcode) == (500, UNKNOWN, "InvalidSelectors")
    provider = reply.find("f:ProviderFault")
    assert provider is not None
    assert provider.get("provider") == "Shell provider"


@pytest.mark.parametrize("operation", [name for name in TABLE if name != "Get"])
def test_wrong_resource(computer: SimulatedComputer, operation: str) -> None:
    """A shell is addressed by its own resource URI; of all operations only Get takes the general one."""
    client = RawClient(computer, ADMIN)
    session = computer.add_session("s", owner="admin", configuration="JEARole")
    reply = OPERATIONS[operation](client, session.shell_id)
    assert reply.fault == UNKNOWN
    assert session.state == "Disconnected"


def test_resource_in_other_letter_case(computer: SimulatedComputer) -> None:
    """Resource URIs are compared ignoring case."""
    client = RawClient(computer, ADMIN)
    session = computer.add_session("s", client_session_id=client.session_id)
    assert client.send("Reconnect", "", session.shell_id, resource=POWERSHELL.upper()).status == 200


def test_effects_on_the_session(computer: SimulatedComputer) -> None:
    """Connect makes the client the holder; Disconnect sets what it brings; Reconnect and Delete do what they say."""
    first, second = RawClient(computer, ADMIN), RawClient(computer, ADMIN)
    session = computer.add_session("s")
    assert first.connect(session.shell_id, extra="<rsp:BufferMode>Drop</rsp:BufferMode>").status == 200
    assert (session.state, session.owner_client, session.buffer_mode) == ("Connected", first.session_id, "Drop")
    options = "<rsp:IdleTimeOut>PT5M</rsp:IdleTimeOut><rsp:BufferMode>Block</rsp:BufferMode>"
    assert first.disconnect(session.shell_id, options).status == 200
    assert (session.state, session.idle_timeout, session.buffer_mode) == ("Disconnected", 300.0, "Block")
    assert second.reconnect(session.shell_id).fault == MISMATCH
    assert first.reconnect(session.shell_id).status == 200
    assert first.reconnect(session.shell_id).status == 200
    assert session.state == "Connected"
    assert first.delete(session.shell_id).status == 200
    assert session.state == "Closed"
    assert computer.sessions == []


@pytest.mark.parametrize("seconds", ["PT59S", "PT2147484S", "soon"])
def test_idle_timeout_out_of_range(computer: SimulatedComputer, seconds: str) -> None:
    """Create and Disconnect refuse an idle timeout outside the range, and change nothing."""
    client = RawClient(computer, ADMIN)
    wanted = f"<rsp:IdleTimeOut>{seconds}</rsp:IdleTimeOut>"
    assert client.create(extra=wanted).fault == 0x803381F2
    session = computer.add_session("s", state="Connected", client_session_id=client.session_id)
    assert client.disconnect(session.shell_id, wanted).fault == 0x803381F2
    assert (session.state, session.idle_timeout) == ("Connected", 7200.0)


# Accounts


def test_visibility(computer: SimulatedComputer) -> None:
    """Users see their own shells, administrators all."""
    own = {user.name: computer.add_session(user.name, owner=user.name).shell_id for user in (ADMIN, ALICE)}
    assert RawClient(computer, ALICE).enumerate().texts("rsp:ShellId") == [own["alice"]]
    assert RawClient(computer, BOB).enumerate().texts("rsp:ShellId") == []
    seen = RawClient(computer, ADMIN).enumerate()
    assert seen.texts("rsp:ShellId") == [own["admin"], own["alice"]]
    assert seen.texts("rsp:Owner") == ["SRV01\\admin", "SRV01\\alice"]


@pytest.mark.parametrize("operation", TABLE)
@pytest.mark.parametrize("user", [ADMIN, BOB], ids=lambda user: user.name)
def test_other_users_shell(computer: SimulatedComputer, operation: str, user: User) -> None:
    """Only the owner connects; an administrator may look and remove."""
    session = computer.add_session("s", owner="alice")
    reply = OPERATIONS[operation](RawClient(computer, user), session.shell_id)
    if user.administrator and operation in ("Get", "Delete"):
        assert reply.status == 200
    else:
        assert (reply.fault, reply.subcode) == (5, "AccessDenied")


# Time


def test_silent_client_loses_the_shell(fleet: SimulatedFleet, computer: SimulatedComputer) -> None:
    """After 60 silent seconds a shell is Disconnected, with the inactivity since the last request."""
    client = RawClient(computer, ADMIN)
    session = computer.add_session("s", state="Connected", client_session_id=client.session_id)
    fleet.clock.advance(59)
    assert client.get(session.shell_id).text("rsp:State") == "Connected"
    fleet.clock.advance(3)
    reply = client.get(session.shell_id)
    assert (reply.text("rsp:State"), reply.text("rsp:ShellInactivity")) == ("Disconnected", "P0DT0H1M2S")
    assert client.receive(session.shell_id).fault == SHELL_DISCONNECTED
    assert client.reconnect(session.shell_id).status == 200


def test_silence_timeout_is_a_switch(fleet: SimulatedFleet, computer: SimulatedComputer) -> None:
    """The period of the silence rule can be set."""
    computer.silence_timeout = 10
    session = computer.add_session("s", state="Connected")
    fleet.clock.advance(11)
    assert session.state == "Disconnected"


def test_activity_and_pending_receive_keep_the_shell(fleet: SimulatedFleet, computer: SimulatedComputer) -> None:
    """Requests start the silence anew; a Receive that waits is no silence at all."""
    client = RawClient(computer, ADMIN)
    session = computer.add_session("s", state="Connected", client_session_id=client.session_id)
    fleet.clock.advance(50)
    client.command(session.shell_id, "hello")
    fleet.clock.advance(50)
    assert session.state == "Connected"
    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(client.receive, session.shell_id, timeout="PT300S")
        _wait_for_operation(fleet, "Receive")
        fleet.clock.advance(200)
        assert (session.state, session.inactivity) == ("Connected", 0.0)
        fleet.clock.advance(200)
        assert pending.result().fault == TIMED_OUT
    assert session.state == "Connected"


def test_held_session_stays_connected(fleet: SimulatedFleet, computer: SimulatedComputer) -> None:
    """A session planted as held belongs to a client that never falls silent."""
    session = computer.add_session("s", state="Connected", held=True)
    fleet.clock.advance(10_000)
    assert session.state == "Connected"


def test_idle_timeout_closes_disconnected_shells(fleet: SimulatedFleet, computer: SimulatedComputer) -> None:
    """A disconnected shell is closed by a coarse timer: still there two seconds late, gone half a minute later."""
    session = computer.add_session("s", idle_timeout=60, inactivity=62)
    client = RawClient(computer, ADMIN)
    assert client.enumerate().texts("rsp:ShellId") == [session.shell_id]
    fleet.clock.advance(30)
    assert client.enumerate().texts("rsp:ShellId") == []
    assert client.get(session.shell_id).fault == UNKNOWN
    assert session.state == "Closed"


# Pending Receives


def _wait_for_operation(fleet: SimulatedFleet, operation: str) -> None:
    """Return once the simulator works on such a request: it has been read and has no answer yet."""
    pending = f"a pending {operation}"
    until(lambda: any(request.ended is None for request in fleet.requests_of(operation=operation)), pending)


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        (lambda client, shell, _command: client.disconnect(shell), STREAM_DISCONNECTED),
        (lambda client, shell, _command: client.delete(shell), ABORTED),
        (lambda client, shell, command: client.signal(shell, command, f"{SHELL}/signal/terminate"), ABORTED),
    ],
    ids=["Disconnect", "Delete", "Signal"],
)
def test_pending_receive_ends(
    fleet: SimulatedFleet, computer: SimulatedComputer, ending: Callable[[RawClient, str, str], Reply], code: int
) -> None:
    """What ends a Receive that waits, and with which fault."""
    client = RawClient(computer, ADMIN)
    session = computer.add_session("s", state="Connected", client_session_id=client.session_id)
    command, _reply = client.command(session.shell_id, "forever")
    client.receive(session.shell_id, command)
    fleet.clear_requests()
    with ThreadPoolExecutor(1) as pool:
        other = RawClient(computer, ADMIN, client.session_id)
        pending = pool.submit(other.receive, session.shell_id, command)
        _wait_for_operation(fleet, "Receive")
        assert ending(client, session.shell_id, command).status == 200
        assert pending.result().fault == code


def test_receive_timeout(fleet: SimulatedFleet, computer: SimulatedComputer) -> None:
    """A Receive without data ends after its OperationTimeout on the fleet's clock."""
    client = RawClient(computer, ADMIN)
    session = computer.add_session("s", state="Connected", client_session_id=client.session_id)
    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(client.receive, session.shell_id, timeout="PT20S")
        _wait_for_operation(fleet, "Receive")
        fleet.clock.advance(19)
        assert not pending.done()
        fleet.clock.advance(1)
        reply = pending.result()
    assert (reply.status, reply.fault, reply.subcode) == (500, TIMED_OUT, "TimedOut")
    assert reply.text("s:Code/s:Value") == "s:Receiver"
    computer.empty_receive_on_timeout = True
    reply = client.receive(session.shell_id, timeout="PT0S")
    assert (reply.status, reply.fragments) == (200, [])


# Connect


def test_connect_answer(computer: SimulatedComputer) -> None:
    """INIT_DATA comes with the answer, private data on the stream, and object ids count on."""
    client = RawClient(computer, ADMIN)
    session = computer.add_session("s", min_runspaces=1, max_runspaces=5, application_private_data={"Key": "value"})
    reply = client.connect(session.shell_id)
    assert (reply.text("rsp:InputStreams"), reply.text("rsp:OutputStreams")) == ("stdin pr", "stdout")
    first, second = unpack(_response_xml(reply))
    assert [(part.object_id, part.type) for part in (first, second)] == [(4, SESSION_CAPABILITY), (5, INIT_DATA)]
    assert '<I32 N="MinRunspaces">5</I32><I32 N="MaxRunspaces">1</I32>' in second.clixml
    (private,) = client.receive(session.shell_id).fragments
    assert (private.object_id, private.type) == (6, PRIVATE_DATA)
    assert '<S N="Key">Key</S><S N="Value">value</S>' in private.clixml


def _response_xml(reply: Reply) -> bytes:
    return base64.b64decode(reply.text("ps:connectResponseXml") or "")


def test_connect_switches(computer: SimulatedComputer) -> None:
    """What follows a Connect can be set: limits as they are, no private data, a state, the tail of an old object."""
    computer.configure({"swap_min_max": False, "private_data_after_connect": False})
    computer.configure({"runspacepool_state_after_connect": True, "tail_fragments_after_connect": True})
    client = RawClient(computer, ADMIN)
    session = computer.add_session("s", min_runspaces=1, max_runspaces=5)
    _capability, data = unpack(_response_xml(client.connect(session.shell_id)))
    assert '<I32 N="MinRunspaces">1</I32><I32 N="MaxRunspaces">5</I32>' in data.clixml
    (tail,) = client.receive(session.shell_id).fragments
    assert (tail.fragment_id, tail.flags) == (1, 2)
    (state,) = client.receive(session.shell_id).fragments
    assert state.type == RUNSPACEPOOL_STATE


def test_replay_after_connect(computer: SimulatedComputer) -> None:
    """What the client before did not acknowledge comes first; a request after it would have acknowledged it."""
    computer.replay_after_connect = True
    old, new = RawClient(computer, ADMIN), RawClient(computer, ADMIN)
    for acknowledged, expected in ((False, RUNSPACEPOOL_STATE), (True, PRIVATE_DATA)):
        shell_id = old.create().text("rsp:ShellId") or ""
        old.receive(shell_id)
        old.receive(shell_id)
        if acknowledged:
            old.receive(shell_id, timeout="PT0S")
        old.disconnect(shell_id)
        new.connect(shell_id)
        assert new.receive(shell_id).fragments[0].type == expected


@pytest.mark.parametrize("model", ["never", "shell", "command", "any"])
def test_replay_of_a_command(computer: SimulatedComputer, model: str) -> None:
    """Nobody has recorded it, so each model is there: a lost answer comes again after certain requests only."""
    computer.configure({"replay_after_connect": model})
    session = computer.add_session("job", commands=[{"script": "hello", "state": "finished"}])
    (command,) = session.commands
    old, new = RawClient(computer, ADMIN), RawClient(computer, ADMIN)
    connect_command = f'<rsp:Connect CommandId="{command.command_id}"/>'

    def receive(client: RawClient) -> list[Received]:
        return client.receive(session.shell_id, command.command_id, timeout="PT0S").fragments

    old.connect(session.shell_id)
    old.send("Connect", connect_command, session.shell_id)
    first = receive(old)
    old.disconnect(session.shell_id)
    old.reconnect(session.shell_id)
    old.send("Connect", connect_command, session.shell_id)
    if model in ("command", "any"):
        assert receive(old) == first
    old.disconnect(session.shell_id)
    new.connect(session.shell_id)
    if model == "shell":
        assert receive(new) == first
    else:
        new.send("Connect", connect_command, session.shell_id)
        assert receive(new) == ([] if model == "never" else first)


_POOL = str(uuid.uuid4()).upper()
_CAPABILITY = fragment(1, message(SESSION_CAPABILITY, _POOL, capability()))
_OTHER_POOL = str(uuid.uuid4())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        _CAPABILITY,
        connect_data(_POOL)[:-1],
        connect_data(_POOL) + b"\0",
        connect_data(_POOL) + _CAPABILITY,
        _CAPABILITY[:16] + b"\1" + connect_data(_POOL)[17:],
        connect_data(_POOL)[::-1],
        fragment(1, message(INIT_RUNSPACEPOOL, _POOL, limits())) + connect_data(_POOL)[len(_CAPABILITY) :],
        _CAPABILITY + fragment(2, message(INIT_RUNSPACEPOOL, _POOL, limits())),
        connect_data(_POOL, version="2.1"),
        connect_data(_POOL, version="3.0"),
        connect_data(_OTHER_POOL),
        connect_data(_POOL, limits(5, 1)),
        connect_data(_POOL, limits(3, 4)),
    ],
    ids=[
        "empty",
        "one message",
        "cut",
        "trailing",
        "three",
        "not ended",
        "nonsense",
        "first type",
        "second type",
        "old version",
        "future version",
        "other pool",
        "min above max",
        "both limits differ",
    ],
)
def test_connect_refused(computer: SimulatedComputer, data: bytes) -> None:
    """Each check of the connect data refuses with the plugin's fault and leaves the shell as it was."""
    session = computer.add_session("s", shell_id=_POOL, min_runspaces=1, max_runspaces=2)
    reply = RawClient(computer, ADMIN).connect(_POOL, data)
    assert (reply.status, reply.fault) == (500, CONNECT_FAILED)
    provider = reply.find("f:ProviderFault")
    assert provider is not None
    assert provider.get("provider") == "microsoft.powershell"
    assert session.state == "Disconnected"


@pytest.mark.parametrize(
    "data", [connect_data(_POOL, limits(1, 2)), connect_data(_POOL, limits(1, 9))], ids=["right", "one wrong"]
)
def test_connect_with_limits(computer: SimulatedComputer, data: bytes) -> None:
    """The right limits pass, and so does a single wrong one."""
    computer.add_session("s", shell_id=_POOL, min_runspaces=1, max_runspaces=2)
    assert RawClient(computer, ADMIN).connect(_POOL, data).status == 200


def test_another_client_takes_over(computer: SimulatedComputer) -> None:
    """While the first client holds the shell the second cannot connect; after the Disconnect it can."""
    first, second = RawClient(computer, ADMIN), RawClient(computer, ADMIN)
    session = computer.add_session("s")
    first.connect(session.shell_id)
    assert second.connect(session.shell_id).fault == IN_USE
    first.disconnect(session.shell_id)
    assert second.connect(session.shell_id).status == 200
    assert first.reconnect(session.shell_id).fault == IN_USE
    session.disconnect()
    assert first.reconnect(session.shell_id).fault == MISMATCH
    session.connect_elsewhere()
    assert first.connect(session.shell_id).fault == IN_USE
