# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions that run in a real PowerShell: their life, their output, and the end of their processes."""

from __future__ import annotations

import base64
import os
import re
import signal
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from .. import SimulatedComputer, SimulatedFleet, SimulatedSession
from ..waiting import until
from .conftest import ADMIN
from .powershell_client import HOST_CALL, PATIENT, STOP, TERMINATE, TIMED_OUT, PowerShellClient, is_alive
from .raw_client import (
    END_OF_INPUT,
    PIPELINE_INPUT,
    PIPELINE_OUTPUT,
    PIPELINE_STATE,
    PRIVATE_DATA,
    fragment,
    message,
    unpack,
)

HOST_PROCESS_ENDED, UNKNOWN_SHELL, ABORTED, QUOTA = 0x80338104, 0x8033805B, 995, 0x803381E6
SET_MAX_RUNSPACES, SET_MIN_RUNSPACES, AVAILABILITY = 0x00021002, 0x00021003, 0x00021004
STOPPED, COMPLETED = ('<I32 N="PipelineState">3</I32>', '<I32 N="PipelineState">4</I32>')


@pytest.fixture(scope="module")
def fleet(powershell: str) -> Iterator[SimulatedFleet]:
    """One computer; each test removes its sessions."""
    with SimulatedFleet.build(["srv01"], [ADMIN], switches=PATIENT, powershell=powershell) as started:
        yield started


@pytest.fixture
def computer(fleet: SimulatedFleet) -> Iterator[SimulatedComputer]:
    """The computer without a session; afterwards, no process is left."""
    computer = fleet["srv01"]
    yield computer
    computer.buffer_size = type(computer).buffer_size
    pids = [session.process_id for session in computer.sessions]
    for session in computer.sessions:
        session.close()
    until(lambda: not any(is_alive(pid) for pid in pids), "the end of the sessions' processes")


@pytest.fixture
def client(computer: SimulatedComputer) -> PowerShellClient:
    """A client that is not connected to anything."""
    return PowerShellClient(computer, ADMIN)


def test_life_of_a_session(computer: SimulatedComputer, client: PowerShellClient, tmp_path: Path) -> None:
    """Open, run, disconnect; list, connect, receive, remove by another client."""
    go = tmp_path / "go"
    shell_id = client.open(name='Name="ITTask"')
    script = f"'one'; while (-not (Test-Path {go})) {{ Start-Sleep -Milliseconds 10 }}; $PID; $null"
    command_id = client.start(shell_id, script)
    assert client.first(shell_id, command_id) == "<S>one</S>"
    assert client.disconnect(shell_id).status == 200

    other = PowerShellClient(computer, ADMIN)
    pid = int(other.get(shell_id).text("rsp:ProcessId") or "")
    assert is_alive(pid)
    assert other.enumerate().texts("rsp:State") == ["Disconnected"]
    assert other.enumerate_commands(shell_id).texts("rsp:CommandId") == [command_id]
    (listed,) = computer.session("ITTask").commands
    assert (listed.script, listed.state, listed.collected) == (script, "Running", False)
    connected = other.connect(shell_id)
    assert connected.status == 200
    private = next(part for part in other.messages(shell_id) if part.type == PRIVATE_DATA)
    assert '<S N="Value">Core</S>' in private.clixml or ">Core<" in private.clixml
    other.connect_command(shell_id, command_id)
    go.touch()
    received = list(other.messages(shell_id, command_id))
    assert [part.clixml for part in received[:-1]] == [f"<I32>{pid}</I32>", ""]
    assert received[-1].type == PIPELINE_STATE
    assert COMPLETED in received[-1].clixml
    assert private.object_id < received[0].object_id < received[-1].object_id
    assert other.enumerate_commands(shell_id).texts("rsp:CommandId") == []
    assert [command.state for command in computer.session("ITTask").commands] == ["Completed"]
    assert other.signal(shell_id, command_id, TERMINATE).status == 200
    assert other.run(shell_id, "'again'") == ["<S>again</S>"]
    assert other.delete(shell_id).status == 200
    assert other.get(shell_id).fault == UNKNOWN_SHELL
    until(lambda: not is_alive(pid), "the end of the process")


def test_session_state_lives_in_the_process(client: PowerShellClient) -> None:
    shell_id = client.open()
    assert client.run(shell_id, "$answer = 42; function f { 'of f' }") == []
    assert client.disconnect(shell_id).status == 200
    assert client.reconnect(shell_id).status == 200
    assert client.run(shell_id, "$answer; f") == ["<I32>42</I32>", "<S>of f</S>"]


def test_limits_are_those_of_the_process(computer: SimulatedComputer, client: PowerShellClient) -> None:
    shell_id = client.open(maximum=3)
    steps = [(SET_MAX_RUNSPACES, "MaxRunspaces", 5, "true"), (SET_MIN_RUNSPACES, "MinRunspaces", 7, "false")]
    for number, (kind, name, wanted, answer) in enumerate(steps):
        clixml = f'<Obj RefId="0"><MS><I32 N="{name}">{wanted}</I32><I64 N="ci">{number}</I64></MS></Obj>'
        client.stream(shell_id, fragment(20 + number, message(kind, shell_id, clixml)))
        told = next(part for part in client.messages(shell_id) if part.type == AVAILABILITY)
        assert f'<B N="SetMinMaxRunspacesResponse">{answer}</B>' in told.clixml
    client.disconnect(shell_id)
    computer.swap_min_max = False
    try:
        connected = PowerShellClient(computer, ADMIN).connect(shell_id)
    finally:
        computer.swap_min_max = True
    _capability, init_data = unpack(base64.b64decode(connected.text("ps:connectResponseXml") or ""))
    assert '<I32 N="MinRunspaces">1</I32><I32 N="MaxRunspaces">5</I32>' in init_data.clixml


def test_input_reaches_the_script_and_a_connect_ends_it(computer: SimulatedComputer, client: PowerShellClient) -> None:
    shell_id = client.open()
    command_id = client.start(shell_id, "$input | ForEach-Object { \"got $_\" }; 'end'", no_input=False)

    def send(number: int, *values: str) -> bytes:
        return b"".join(
            fragment(number + at, message(PIPELINE_INPUT, shell_id, f"<S>{value}</S>", command_id))
            for at, value in enumerate(values)
        )

    assert client.stream(shell_id, send(10, "a", "b"), command_id).status == 200
    client.disconnect(shell_id)
    other = PowerShellClient(computer, ADMIN)
    other.take_over(shell_id, command_id)
    assert other.stream(shell_id, send(10, "too late"), command_id).status == 200
    assert other.collect(shell_id, command_id) == ["<S>got a</S>", "<S>got b</S>", "<S>end</S>"]

    command_id = other.start(shell_id, "@($input).Count", no_input=False)
    end = fragment(3000, message(END_OF_INPUT, shell_id, "", command_id))
    assert other.stream(shell_id, send(20, *map(str, range(2000))) + end, command_id).status == 200
    assert other.collect(shell_id, command_id) == ["<I32>2000</I32>"]


def test_what_programs_write_past_powershell_is_lost(client: PowerShellClient) -> None:
    """There is no console behind a session; what a program writes there disturbs nothing."""
    shell_id = client.open()
    assert client.run(shell_id, "[Console]::WriteLine('a'); [Console]::Error.WriteLine('b'); 1") == ["<I32>1</I32>"]
    script = "[Console]::OpenStandardOutput().Write([byte[]](65, 10, 66), 0, 3)"
    assert client.run(shell_id, f"{script}; 2") == ["<I32>2</I32>"]
    script = "Start-Process sh -ArgumentList '-c', '\"echo out; echo err >&2\"' -Wait"
    assert client.run(shell_id, f"{script}; 3") == ["<I32>3</I32>"]


# Output that nobody fetches

#: Writes 4 MB, and the number of each object into a file.
CHATTER = "0..99 | ForEach-Object {{ '{{0:d4}}' -f $_ + 'x' * 40000; Set-Content '{counter}' $_ }}"


def reached(counter: Path) -> int:
    """Wait until a script makes no progress any more, and return how far it is."""
    seen: list[str] = []

    def stands_still() -> bool:
        seen.append(counter.read_text(encoding="utf-8").strip() if counter.exists() else "")
        return len(seen) > 100 and len(set(seen[-100:])) == 1 and seen[-1] != ""

    until(stands_still, "the script's standstill")
    return int(seen[-1])


def numbers(output: list[str]) -> list[int]:
    return [int(text[3:7]) for text in output]


@pytest.mark.parametrize("state", ["Connected", "Disconnected"])
def test_block_holds_the_script_up(
    computer: SimulatedComputer, client: PowerShellClient, tmp_path: Path, state: str
) -> None:
    """In mode Block, and while a client is connected, a full buffer suspends the script until the client receives."""
    computer.buffer_size = 200_000
    mode = "Block" if state == "Disconnected" else "Drop"
    shell_id = client.open(extra=f"<rsp:BufferMode>{mode}</rsp:BufferMode>")
    command_id = client.start(shell_id, CHATTER.format(counter=tmp_path / "counter"))
    if state == "Disconnected":
        client.disconnect(shell_id)
    until(lambda: computer.sessions[0].commands[0].waiting >= 200_000, "a full buffer")
    assert reached(tmp_path / "counter") < 75
    (command,) = computer.sessions[0].commands
    assert command.state == "Running"
    assert command.waiting < 1_500_000
    other = PowerShellClient(computer, ADMIN) if state == "Disconnected" else client
    if state == "Disconnected":
        other.take_over(shell_id, command_id)
    assert numbers(other.collect(shell_id, command_id)) == list(range(100))


def test_drop_keeps_the_latest(computer: SimulatedComputer, client: PowerShellClient, tmp_path: Path) -> None:
    """In mode Drop, a script without a client runs to its end, and the oldest output is gone."""
    computer.buffer_size = 200_000
    shell_id = client.open()
    command_id = client.start(shell_id, CHATTER.format(counter=tmp_path / "counter"))
    assert reached(tmp_path / "counter") < 75
    client.disconnect(shell_id, "<rsp:BufferMode>Drop</rsp:BufferMode>")
    until(lambda: computer.sessions[0].commands[0].state == "Completed", "the end of the script")
    assert computer.sessions[0].commands[0].waiting <= 250_000
    other = PowerShellClient(computer, ADMIN)
    other.take_over(shell_id, command_id)
    left = numbers(other.collect(shell_id, command_id))
    assert left == list(range(left[0], 100))
    assert 2 < len(left) < 8


@pytest.mark.parametrize("signal_code", [STOP, TERMINATE])
def test_a_blocked_script_can_be_ended(
    computer: SimulatedComputer, client: PowerShellClient, tmp_path: Path, signal_code: str
) -> None:
    computer.buffer_size = 200_000
    shell_id = client.open()
    command_id = client.start(shell_id, CHATTER.format(counter=tmp_path / "counter"))
    assert reached(tmp_path / "counter") < 75
    assert client.signal(shell_id, command_id, signal_code).status == 200
    if signal_code == STOP:
        received = list(client.messages(shell_id, command_id))
        assert STOPPED in received[-1].clixml
        assert client.signal(shell_id, command_id, TERMINATE).status == 200
    assert client.run(shell_id, "'free again'") == ["<S>free again</S>"]


# Commands


def test_stop_runs_finally(client: PowerShellClient) -> None:
    shell_id = client.open()
    command_id = client.start(shell_id, "try { 'begun'; Start-Sleep 1000 } finally { 'finally' }")
    assert client.first(shell_id, command_id) == "<S>begun</S>"
    assert client.signal(shell_id, command_id, STOP).status == 200
    received = [(part.type, part.clixml) for part in client.messages(shell_id, command_id)]
    assert received[0] == (PIPELINE_OUTPUT, "<S>finally</S>")
    assert STOPPED in received[-1][1]


def test_two_commands_queue(client: PowerShellClient, tmp_path: Path) -> None:
    """In a pool of one runspace, the second command waits for the end of the first."""
    go = tmp_path / "go"
    shell_id = client.open()
    first = client.start(
        shell_id, f"'begun'; while (-not (Test-Path {go})) {{ Start-Sleep -Milliseconds 10 }}; 'first'"
    )
    assert client.first(shell_id, first) == "<S>begun</S>"
    second = client.start(shell_id, f"Test-Path {go}")
    assert client.receive(shell_id, second, timeout="PT1S").fault == TIMED_OUT
    go.touch()
    assert client.collect(shell_id, first) == ["<S>first</S>"]
    assert client.collect(shell_id, second) == ["<B>true</B>"]


@pytest.mark.parametrize("named", [True, False], ids=["command in the request", "command in the message only"])
def test_a_prompt_waits_for_the_next_client(computer: SimulatedComputer, named: bool) -> None:
    client = PowerShellClient(computer, ADMIN, with_host=True)
    shell_id = client.open()
    command_id = client.start(shell_id, "'before'; \"said $($Host.UI.ReadLine())\"")
    assert client.first(shell_id, command_id) == "<S>before</S>"
    client.disconnect(shell_id)
    other = PowerShellClient(computer, ADMIN)
    other.take_over(shell_id, command_id)
    call = other.first(shell_id, command_id, HOST_CALL)
    assert "ReadLine" in call
    other.answer(shell_id, command_id, call, '<S N="mr">blue</S>', named)
    assert other.collect(shell_id, command_id) == ["<S>said blue</S>"]


# Ends


def left_behind(client: PowerShellClient, shell_id: str) -> list[int]:
    """Processes of a session: its own, and one that a script has left running."""
    (own,) = client.run(shell_id, "$PID")
    (started,) = client.run(shell_id, "sh -c 'sleep 1000 > /dev/null 2>&1 & echo $!'")
    pids = [int(re.sub(r"</?\w+>", "", text)) for text in (own, started)]
    assert all(is_alive(pid) for pid in pids)
    return pids


@pytest.mark.parametrize("way", ["kill", "exit", "delete", "close"])
def test_pending_receives_hear_of_the_end(computer: SimulatedComputer, client: PowerShellClient, way: str) -> None:
    """A process that ends takes its session along, as Windows' host process does, and a session its processes."""
    shell_id = client.open()
    pids = left_behind(client, shell_id)
    home = client.run(shell_id, "$HOME")[0][3:-4]
    if way == "exit":
        script = "'begun'; while (-not (Test-Path $HOME/go)) { Start-Sleep -Milliseconds 10 }; [Environment]::Exit(1)"
    else:
        script = "'begun'; Start-Sleep 1000"
    command_id = client.start(shell_id, script)
    client.first(shell_id, command_id)
    with ThreadPoolExecutor(1) as executor:
        pending = executor.submit(client.receive, shell_id, command_id)
        until(lambda: is_pending(computer), "the Receive")
        if way == "kill":
            os.kill(pids[0], signal.SIGKILL)
        elif way == "exit":
            Path(home, "go").touch()
        elif way == "delete":
            PowerShellClient(computer, ADMIN).delete(shell_id)
        else:
            computer.sessions[0].close()
        assert pending.result().fault == (HOST_PROCESS_ENDED if way in ("kill", "exit") else ABORTED)
    assert computer.sessions == []
    assert client.receive(shell_id, command_id).fault == UNKNOWN_SHELL
    assert client.enumerate().texts("rsp:ShellId") == []
    until(lambda: not any(is_alive(pid) for pid in pids), "the end of the session's processes")
    until(lambda: not Path(home).exists(), "the clean-up")


def is_pending(computer: SimulatedComputer) -> bool:
    """Whether a Receive waits."""
    return computer.running_operations[f"user {ADMIN.name}"] > 0


def test_an_expired_session_ends_although_nobody_looks(fleet: SimulatedFleet, client: PowerShellClient) -> None:
    shell_id = client.open(extra="<rsp:IdleTimeOut>PT60S</rsp:IdleTimeOut>")
    pids = left_behind(client, shell_id)
    client.disconnect(shell_id)
    fleet.clock.advance(100)
    until(lambda: not any(is_alive(pid) for pid in pids), "the end of the session's processes")
    assert client.get(shell_id).fault == UNKNOWN_SHELL


def test_the_clock_moves_timers_only(fleet: SimulatedFleet, client: PowerShellClient) -> None:
    shell_id = client.open()
    script = "'begun'; $watch = [Diagnostics.Stopwatch]::StartNew(); Start-Sleep 1; $watch.Elapsed.TotalSeconds -ge 1"
    command_id = client.start(shell_id, script)
    client.first(shell_id, command_id)
    client.disconnect(shell_id)
    fleet.clock.advance(1000)
    assert fleet["srv01"].sessions[0].inactivity >= 1000
    client.take_over(shell_id, command_id)
    assert client.collect(shell_id, command_id) == ["<B>true</B>"]


def test_planted_sessions(computer: SimulatedComputer, client: PowerShellClient) -> None:
    """A planted session was opened by the simulator, with commands that run or have run."""
    running, finished = str(uuid.uuid4()).upper(), str(uuid.uuid4()).upper()
    session = computer.add_session(
        "ITTask",
        inactivity=30,
        max_runspaces=2,
        commands=[
            {"script_text": "'a'; $PID; Start-Sleep 1000", "command_id": running},
            {"script_text": "'b'; $PID", "command_id": finished, "state": "finished"},
        ],
    )
    assert (session.state, session.inactivity >= 30) == ("Disconnected", True)
    assert [(command.script, command.state) for command in session.commands] == [
        ("'a'; $PID; Start-Sleep 1000", "Running"),
        ("'b'; $PID", "Completed"),
    ]
    client.take_over(session.shell_id, finished)
    assert client.collect(session.shell_id, finished) == ["<S>b</S>", f"<I32>{session.process_id}</I32>"]
    client.connect_command(session.shell_id, running)
    assert client.first(session.shell_id, running) == "<S>a</S>"


def test_no_process_is_left(fleet: SimulatedFleet) -> None:
    """The last test of the module: what the others have opened is gone."""
    sessions: list[SimulatedSession] = fleet["srv01"].sessions
    assert sessions == []
    until(lambda: fleet.powershell_processes == 0, "the end of the processes")
