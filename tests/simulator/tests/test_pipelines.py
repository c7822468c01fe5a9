# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands: their streams, input, host calls, buffers and ends."""

from __future__ import annotations

import base64
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from psrpcore import PSRemotingCrypto

from .. import SimulatedComputer, SimulatedFleet, SimulatedSession
from ..waiting import PATIENCE, until
from .conftest import ADMIN
from .raw_client import (
    END_OF_INPUT,
    PIPELINE_INPUT,
    PIPELINE_OUTPUT,
    PIPELINE_STATE,
    SHELL,
    RawClient,
    Received,
    create_pipeline,
    fragment,
    message,
)

pytestmark = pytest.mark.timing

HOST_CALL, HOST_RESPONSE = 0x00041100, 0x00041101
PUBLIC_KEY, ENCRYPTED_SESSION_KEY, PUBLIC_KEY_REQUEST = 0x00010005, 0x00010006, 0x00010007
ERROR, DEBUG, VERBOSE, WARNING, PROGRESS, INFORMATION = 0x41005, 0x41007, 0x41008, 0x41009, 0x41010, 0x41011
UNKNOWN = 0x8033805B


@pytest.fixture
def client(computer: SimulatedComputer) -> RawClient:
    """A client of the first computer."""
    return RawClient(computer, ADMIN)


@pytest.fixture
def session(computer: SimulatedComputer, client: RawClient) -> SimulatedSession:
    """A session the client holds."""
    return computer.add_session("s", state="Connected", client_session_id=client.session_id)


def collect(client: RawClient, shell_id: str, command_id: str, size: int = 153600) -> list[Received]:
    """Everything a command says until it is done."""
    parts: list[Received] = []
    while True:
        reply = client.receive(shell_id, command_id, size=size)
        assert reply.status == 200
        assert len(reply.content) <= size
        parts += reply.fragments
        if reply.done:
            return parts


def run(client: RawClient, session: SimulatedSession, script: str) -> list[Received]:
    """Run a script and return its messages, each of one fragment."""
    command_id, reply = client.command(session.shell_id, script)
    assert reply.status == 200
    return collect(client, session.shell_id, command_id)


def state_of(part: Received) -> int:
    """The number in a PIPELINE_STATE."""
    assert part.type == PIPELINE_STATE
    return int(part.clixml.partition('N="PipelineState">')[2].partition("<")[0])


def test_streams(client: RawClient, session: SimulatedSession) -> None:
    """Every stream has its message; objects are serialized by their type; ids go up by one."""
    parts = run(client, session, "streams")
    assert [part.type for part in parts] == [
        *[PIPELINE_OUTPUT] * 7,
        ERROR,
        WARNING,
        VERBOSE,
        DEBUG,
        INFORMATION,
        PROGRESS,
        PIPELINE_STATE,
    ]
    assert [part.object_id for part in parts] == list(range(4, 18))
    assert [part.clixml for part in parts[:5]] == [
        "<S>text</S>",
        "<I32>1</I32>",
        "<Db>2.5</Db>",
        "<B>true</B>",
        "<Nil />",
    ]
    assert '<MS><S N="name">value</S></MS>' in parts[5].clixml
    assert "<T>System.Collections.Hashtable</T>" in parts[6].clixml
    assert "<ToString>an error</ToString>" in parts[7].clixml
    assert '<S N="FullyQualifiedErrorId">NotThere</S>' in parts[7].clixml
    assert '<I32 N="PercentComplete">50</I32>' in parts[12].clixml
    assert state_of(parts[13]) == 4


def test_failure(client: RawClient, session: SimulatedSession) -> None:
    """What a script throws is in its last message."""
    before, state = run(client, session, "fail")
    assert before.clixml == "<S>before</S>"
    assert state_of(state) == 5
    assert "<ToString>it broke</ToString>" in state.clixml


def test_undeclared_script(client: RawClient, session: SimulatedSession) -> None:
    """A script nobody declared fails like an unknown command."""
    (state,) = run(client, session, "nobody declared this")
    assert state_of(state) == 5
    assert "CommandNotFoundException" in state.clixml


def test_variables_live_in_the_session(
    client: RawClient, computer: SimulatedComputer, session: SimulatedSession
) -> None:
    """One command's variables are there for the next, and not in another session."""
    assert run(client, session, "recall")[0].clixml == "<Nil />"
    run(client, session, "remember")
    assert run(client, session, "recall")[0].clixml == "<I32>42</I32>"
    assert session.variables == {"number": 42}
    other = computer.add_session("t", state="Connected", client_session_id=client.session_id)
    assert run(client, other, "recall")[0].clixml == "<Nil />"


def test_large_output_is_split(client: RawClient, session: SimulatedSession) -> None:
    """An object larger than the envelope comes in fragments over several answers and is whole again together."""
    command_id, _reply = client.command(session.shell_id, "large")
    parts = collect(client, session.shell_id, command_id, size=16384)
    pieces, state = parts[:-1], parts[-1]
    assert len(pieces) > 6
    assert [part.fragment_id for part in pieces] == list(range(len(pieces)))
    assert [part.flags for part in pieces] == [1, *[0] * (len(pieces) - 2), 2]
    whole = b"".join(part.data for part in pieces)
    assert whole[40:].decode("utf-8-sig") == f"<S>{'y' * 100_000}</S>"
    assert state.object_id == pieces[0].object_id + 1


def test_input(client: RawClient, session: SimulatedSession) -> None:
    """Input reaches the script, also in pieces, until the client ends it."""
    command_id, _reply = client.command(session.shell_id, "echo", no_input=False)
    first = message(PIPELINE_INPUT, session.shell_id, "<S>in pieces</S>", command_id)
    assert client.stream(session.shell_id, fragment(4, first[:50], 0, 1), command_id).status == 200
    assert client.receive(session.shell_id, command_id, timeout="PT0S").fragments == []
    client.stream(session.shell_id, fragment(4, first[50:], 1, 2), command_id)
    second = fragment(5, message(PIPELINE_INPUT, session.shell_id, "<I32>7</I32>", command_id))
    end = fragment(6, message(END_OF_INPUT, session.shell_id, "", command_id))
    client.stream(session.shell_id, second + end, command_id)
    parts = collect(client, session.shell_id, command_id)
    assert [part.clixml for part in parts[:-1]] == ["<S>in pieces</S>", "<I32>7</I32>"]
    assert state_of(parts[-1]) == 4


def test_script_in_pieces(client: RawClient, session: SimulatedSession) -> None:
    """CREATE_PIPELINE may begin in Command and end in a Send; the script starts when it is whole."""
    command_id = str(uuid.uuid4()).upper()
    whole = message(0x00021006, session.shell_id, create_pipeline("hello"), command_id)
    begin = base64.b64encode(fragment(3, whole[:100], 0, 1)).decode()
    arguments = f"<rsp:Command/><rsp:Arguments>{begin}</rsp:Arguments>"
    body = f'<rsp:CommandLine CommandId="{command_id}">{arguments}</rsp:CommandLine>'
    assert client.send("Command", body, session.shell_id).status == 200
    assert session.commands[0].state == "NotStarted"
    client.stream(session.shell_id, fragment(3, whole[100:], 1, 2), command_id)
    assert collect(client, session.shell_id, command_id)[0].clixml == "<S>hello</S>"


@pytest.mark.parametrize(
    "data",
    [b"nonsense", fragment(9, b"x" * 60, 3, 2), fragment(9, message(0x00012345, str(uuid.uuid4()), ""))],
    ids=["no fragment", "not the first fragment", "unknown type"],
)
def test_malformed_data(client: RawClient, session: SimulatedSession, data: bytes) -> None:
    """What is no PSRP is refused, and the session lives on."""
    assert client.stream(session.shell_id, data).fault == 0x80540FA0
    assert run(client, session, "hello")[0].clixml == "<S>hello</S>"


@pytest.mark.parametrize("named", [True, False], ids=["command in the request", "command in the message only"])
def test_host_call(client: RawClient, session: SimulatedSession, named: bool) -> None:
    """A script asks the client's host and waits for the answer, which pypsrp sends without the command's id."""
    command_id, _reply = client.command(session.shell_id, "ask")
    (call,) = client.receive(session.shell_id, command_id).fragments
    assert call.type == HOST_CALL
    assert "<ToString>ReadLine</ToString>" in call.clixml
    answer = (
        '<Obj RefId="0"><MS><I64 N="ci">1</I64><Obj N="mi" RefId="1"><ToString>ReadLine</ToString><I32>11</I32></Obj>'
        '<S N="mr">forty-two</S></MS></Obj>'
    )
    answered = fragment(4, message(HOST_RESPONSE, session.shell_id, answer, command_id))
    assert client.stream(session.shell_id, answered, command_id if named else None).status == 200
    assert collect(client, session.shell_id, command_id)[0].clixml == "<S>forty-two</S>"


# Ends


def test_stop(client: RawClient, session: SimulatedSession) -> None:
    """The one stop signal ends the script as Stopped, and the command can still be received from."""
    command_id, _reply = client.command(session.shell_id, "forever")
    assert client.receive(session.shell_id, command_id).fragments[0].clixml == "<S>begun</S>"
    assert client.signal(session.shell_id, command_id, "powershell/signal/crtl_c").status == 200
    (state,) = collect(client, session.shell_id, command_id)
    assert state_of(state) == 3
    assert "PipelineStopped" in state.clixml
    assert session.commands[0].state == "Stopped"


@pytest.mark.parametrize("code", ["powershell/signal/ctrl_c", f"{SHELL}/signal/terminate", f"{SHELL}/signal/ctrl_c"])
def test_other_signals_close_the_command(client: RawClient, session: SimulatedSession, code: str) -> None:
    """Any other code closes the command without a word."""
    command_id, _reply = client.command(session.shell_id, "forever")
    assert client.signal(session.shell_id, command_id, code).status == 200
    assert session.commands == []
    reply = client.receive(session.shell_id, command_id)
    assert (reply.fault, reply.find("f:ProviderFault")) == (UNKNOWN, None)
    assert client.signal(session.shell_id, command_id, code).fault == UNKNOWN


def test_nothing_after_done(client: RawClient, session: SimulatedSession) -> None:
    """A command whose end was received knows no further Receive, but takes its last signal."""
    command_id, _reply = client.command(session.shell_id, "hello")
    collect(client, session.shell_id, command_id)
    assert client.receive(session.shell_id, command_id).fault == UNKNOWN
    assert client.signal(session.shell_id, command_id, f"{SHELL}/signal/terminate").status == 200


def test_work_goes_on_while_disconnected(fleet: SimulatedFleet, computer: SimulatedComputer, client: RawClient) -> None:
    """Another client finds the command, connects to it and receives what it said meanwhile, and its end."""
    session = computer.add_session("s", commands=[{"script": "minute", "state": "running"}])
    fleet.clock.advance(40)
    assert session.commands[0].state == "Running"
    client.connect(session.shell_id)
    command_id = session.commands[0].command_id
    assert client.send("Connect", f'<rsp:Connect CommandId="{command_id}"/>', session.shell_id).status == 200
    assert [part.clixml for part in client.receive(session.shell_id, command_id).fragments] == ["<S>begun</S>"]
    fleet.clock.advance(10)
    ended, state = collect(client, session.shell_id, command_id)
    assert (ended.clixml, state_of(state)) == ("<S>ended</S>", 4)


def test_connect_to_a_command(computer: SimulatedComputer, client: RawClient) -> None:
    """It needs the connected shell and an existing command, and ends the command's input."""
    session = computer.add_session("s", state="Connected", client_session_id=client.session_id)
    command_id, _reply = client.command(session.shell_id, "echo", no_input=False)
    client.disconnect(session.shell_id)
    body = f'<rsp:Connect CommandId="{command_id}"/>'
    assert client.send("Connect", body, session.shell_id).fault == 0x803381C4
    client.connect(session.shell_id)
    assert client.send("Connect", body, session.shell_id).status == 200
    assert state_of(collect(client, session.shell_id, command_id)[-1]) == 4
    body = f'<rsp:Connect CommandId="{uuid.uuid4()}"/>'
    assert client.send("Connect", body, session.shell_id).fault == UNKNOWN
    reconnect = '<rsp:Reconnect CommandId="{}"/>'
    assert client.send("Reconnect", reconnect.format(command_id), session.shell_id).status == 200
    assert client.send("Reconnect", reconnect.format(uuid.uuid4()), session.shell_id).fault == UNKNOWN


# Buffers


def test_block(computer: SimulatedComputer, client: RawClient) -> None:
    """With BufferMode Block a full buffer suspends the script until somebody receives; nothing is lost."""
    computer.buffer_size = 10_000
    shell_id = client.create().text("rsp:ShellId") or ""
    session = computer.session(shell_id)
    command_id, _reply = client.command(shell_id, "flood")
    client.disconnect(shell_id)
    assert session.commands[0].state == "Running"
    assert session.variables == {}
    client.reconnect(shell_id)
    assert len(collect(client, shell_id, command_id)) == 41
    assert session.variables == {"done": True}


def test_drop(computer: SimulatedComputer, client: RawClient) -> None:
    """With BufferMode Drop the script of a disconnected session goes on, and the oldest output is gone."""
    computer.buffer_size = 10_000
    session = computer.add_session("s", buffer_mode="Drop", commands=[{"script": "flood", "state": "running"}])
    until(lambda: session.commands[0].state != "Running", "the end of the command")
    assert session.variables == {"done": True}
    client.connect(session.shell_id)
    parts = collect(client, session.shell_id, session.commands[0].command_id)
    assert 8 <= len(parts) <= 12
    first_output = 4
    assert parts[0].object_id > first_output + 20
    assert state_of(parts[-1]) == 4


# The session key


def test_own_key(client: RawClient, session: SimulatedSession) -> None:
    """By itself a server asks for no key: it makes one, and a client that cares asks for it."""
    (secret, _state) = run(client, session, "secret")
    assert "<SS>" in secret.clixml
    assert "very secret" not in secret.clixml
    assert client.receive(session.shell_id, timeout="PT0S").fragments == []


def test_key_exchange(client: RawClient, session: SimulatedSession, computer: SimulatedComputer) -> None:
    """A script that emits a SecureString waits for a session key; a new client needs a new one."""
    computer.asks_for_key = True
    private, blob = _key_pair()
    command_id, _reply = client.command(session.shell_id, "secret")
    assert client.receive(session.shell_id, command_id, timeout="PT0S").fragments == []
    request = client.receive(session.shell_id).fragments[0]
    assert request.type == PUBLIC_KEY_REQUEST
    body = f'<Obj RefId="0"><MS><S N="PublicKey">{blob}</S></MS></Obj>'
    client.stream(session.shell_id, fragment(4, message(PUBLIC_KEY, session.shell_id, body)))
    (answer,) = client.receive(session.shell_id).fragments
    assert answer.type == ENCRYPTED_SESSION_KEY
    sealed = base64.b64decode(answer.clixml.partition('N="EncryptedSessionKey">')[2].partition("<")[0])
    cipher = PSRemotingCrypto()
    cipher.register_key(private.decrypt(sealed[12:][::-1], padding.PKCS1v15()))
    (secret, _state) = collect(client, session.shell_id, command_id)
    encrypted = secret.clixml.partition("<SS>")[2].partition("<")[0]
    assert cipher.decrypt(encrypted) == "very secret"

    client.disconnect(session.shell_id)
    client.connect(session.shell_id)
    command_id, _reply = client.command(session.shell_id, "secret")
    assert client.receive(session.shell_id, command_id, timeout="PT0S").fragments == []


def test_no_key(client: RawClient, session: SimulatedSession, computer: SimulatedComputer) -> None:
    """While the server waits for a key nobody else can connect, and after four minutes it ends the session."""
    computer.asks_for_key = True
    client.command(session.shell_id, "secret")
    assert client.receive(session.shell_id).fragments[0].type == PUBLIC_KEY_REQUEST
    client.disconnect(session.shell_id)
    assert client.connect(session.shell_id).fault == 0x80540FA3
    computer.clock.advance(239)
    assert session.state == "Disconnected"
    computer.clock.advance(1)
    assert session.state == "Closed"


def _key_pair() -> tuple[rsa.RSAPrivateKey, str]:
    private = rsa.generate_private_key(65537, 2048)
    numbers = private.public_key().public_numbers()
    header = bytes.fromhex("06020000 00a40000 52534131 00080000")
    blob = header + numbers.e.to_bytes(4, "little") + numbers.n.to_bytes(256, "little")
    return private, base64.b64encode(blob).decode()


def test_limits_of_the_pool(client: RawClient, session: SimulatedSession) -> None:
    """A client changes the pool's limits and asks for free runspaces."""
    client.receive(session.shell_id, timeout="PT0S")
    set_maximum, set_minimum, available = 0x00021002, 0x00021003, 0x00021007

    def ask(kind: int, content: str) -> str:
        data = message(kind, session.shell_id, f'<Obj RefId="0"><MS>{content}</MS></Obj>')
        assert client.stream(session.shell_id, fragment(4, data)).status == 200
        (answer,) = client.receive(session.shell_id).fragments
        assert answer.type == 0x00021004
        return answer.clixml

    assert '<B N="SetMinMaxRunspacesResponse">true</B>' in ask(
        set_maximum, '<I32 N="MaxRunspaces">4</I32><I64 N="ci">1</I64>'
    )
    client.command(session.shell_id, "forever")
    assert '<I64 N="SetMinMaxRunspacesResponse">3</I64>' in ask(available, '<I64 N="ci">2</I64>')
    # Limits that make no sense are refused; pypsrp writes the call id in capitals (recorded: test_psrp_set_runspaces).
    for kind, limit in ((set_minimum, "MinRunspaces"), (set_maximum, "MaxRunspaces")):
        refused = ask(kind, f'<I32 N="{limit}">-1</I32><I64 N="CI">3</I64>')
        assert '<B N="SetMinMaxRunspacesResponse">false</B>' in refused
    assert '<I64 N="SetMinMaxRunspacesResponse">3</I64>' in ask(available, '<I64 N="ci">4</I64>')


def test_receive_wakes_up(client: RawClient, fleet: SimulatedFleet, session: SimulatedSession) -> None:
    """A waiting Receive answers as soon as there is output."""
    command_id, _reply = client.command(session.shell_id, "minute")
    client.receive(session.shell_id, command_id)
    fleet.clear_requests()
    with ThreadPoolExecutor(1) as pool:
        other = RawClient(fleet["srv01"], ADMIN, client.session_id)
        pending = pool.submit(other.receive, session.shell_id, command_id, timeout="PT300S")
        until(lambda: fleet.requests_of("srv01", "Receive"), "a Receive")
        fleet.clock.advance(50)
        assert pending.result(PATIENCE).done
