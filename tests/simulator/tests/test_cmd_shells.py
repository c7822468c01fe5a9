# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands in shells of the Windows command line, with pywinrm's Protocol and Session and with pypsrp's WinRS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pypsrp.client import Client
from pypsrp.exceptions import WSManFaultError
from pypsrp.shell import Process, SignalCode, WinRS
from pypsrp.wsman import WSMan

from .. import SimulatedComputer, SimulatedFleet
from ..cmd_command import text_of_command
from ..waiting import meanwhile
from .conftest import ADMIN

winrm = pytest.importorskip("winrm")
pytestmark = pytest.mark.timing

SCRIPTS = {
    "hostname": [{"output": "SRV01"}],
    "Restart now": [{"output": "stopping"}, {"error": "it does not stop"}, {"exit": 3}],
    "Get-Date": [{"output": ["Monday", 5]}, {"write_host": "shown"}, {"warning": "late"}],
    "wait": [{"output": "begun"}, {"sleep": 90}, {"output": "ended"}],
    "fail": [{"throw": "it broke"}],
    "sort": [{"output_input": True}],
    "large": [{"output": "x" * 200_000}],
    "whoami": [{"output": "größe"}],
}


@pytest.fixture
def fleet() -> Iterator[SimulatedFleet]:
    with SimulatedFleet.build(["srv01"], [ADMIN], SCRIPTS, authentication=["negotiate"]) as started:
        yield started


@pytest.fixture
def computer(fleet: SimulatedFleet) -> SimulatedComputer:
    return fleet["srv01"]


def protocol(computer: SimulatedComputer, **options: Any) -> Any:
    """Pywinrm's client, with NTLM and encrypted messages."""
    account = {"username": ADMIN.name, "password": ADMIN.password}
    return winrm.protocol.Protocol(
        computer.uri, transport="ntlm", message_encryption="always", proxy=None, **account, **options
    )


def test_protocol(computer: SimulatedComputer) -> None:
    """Pywinrm opens a shell, runs two commands one after another, and closes it."""
    client = protocol(computer)
    shell_id = client.open_shell(codepage=65001)
    (shell,) = computer.sessions
    assert (shell.shell_id, shell.resource_uri.rpartition("/")[2]) == (shell_id, "cmd")
    first = client.run_command(shell_id, "hostname")
    assert client.get_command_output(shell_id, first) == (b"SRV01\r\n", b"", 0)
    client.cleanup_command(shell_id, first)
    second = client.run_command(shell_id, "Restart", ["now"])
    assert client.get_command_output(shell_id, second) == (b"stopping\r\n", b"it does not stop\r\n", 3)
    client.cleanup_command(shell_id, second)
    client.close_shell(shell_id)
    assert computer.sessions == []


def test_protocol_waits_for_a_long_command(fleet: SimulatedFleet, computer: SimulatedComputer) -> None:
    """A Receive that times out is sent again; output comes as it is written."""
    client = protocol(computer, operation_timeout_sec=20, read_timeout_sec=30)
    shell_id = client.open_shell()
    command_id = client.run_command(shell_id, "wait")

    def receives(number: int) -> bool:
        return len(fleet.requests_of("srv01", "Receive")) == number

    with (
        meanwhile(lambda: receives(2), lambda: fleet.clock.advance(21), "the second Receive"),
        meanwhile(lambda: receives(3), lambda: fleet.clock.advance(90), "the third Receive"),
    ):
        output = client.get_command_output(shell_id, command_id)
    assert output == (b"begun\r\nended\r\n", b"", 0)
    assert 0x80338029 in {request.fault_code for request in fleet.requests_of("srv01", "Receive")}
    client.close_shell(shell_id)


def test_protocol_sends_input(computer: SimulatedComputer) -> None:
    client = protocol(computer)
    shell_id = client.open_shell()
    command_id = client.run_command(shell_id, "sort")
    client.send_command_input(shell_id, command_id, "one\r\ntwo\r\n")
    client.send_command_input(shell_id, command_id, "three\r\n", end=True)
    assert client.get_command_output(shell_id, command_id) == (b"one\r\ntwo\r\nthree\r\n", b"", 0)
    client.close_shell(shell_id)


def test_a_session_of_pywinrm_runs_powershell(computer: SimulatedComputer) -> None:
    """``powershell -encodedcommand`` runs the script that it contains."""
    session = winrm.Session(
        computer.uri, auth=(ADMIN.name, ADMIN.password), transport="ntlm", message_encryption="always", proxy=None
    )
    answer = session.run_ps("Get-Date")
    assert answer.std_out == b"Monday\r\n5\r\nshown\r\nWARNING: late\r\n"
    assert (answer.status_code, answer.std_err) == (0, b"")
    failed = session.run_ps("fail")
    assert (failed.status_code, failed.std_err) == (1, b"it broke\r\n")
    assert session.run_cmd("undeclared").status_code == 1
    assert computer.sessions == []


def options_for(computer: SimulatedComputer) -> dict[str, Any]:
    """How pypsrp reaches the computer."""
    account = {"username": ADMIN.name, "password": ADMIN.password}
    return {"port": computer.port, "ssl": False, "auth": "ntlm", "no_proxy": True, **account}


def connection(computer: SimulatedComputer) -> WSMan:
    """A client session of pypsrp."""
    return WSMan(computer.address, **options_for(computer))


def test_winrs(computer: SimulatedComputer) -> None:
    with WinRS(connection(computer), codepage=65001) as shell:
        for text, output in (("large", b"x" * 200_000 + b"\r\n"), ("whoami", "größe\r\n".encode())):
            process = Process(shell, text)
            process.invoke()
            process.signal(SignalCode.CTRL_C)
            assert (process.rc, process.stdout, process.stderr) == (0, output, b"")


def test_faults(computer: SimulatedComputer) -> None:
    """A Receive without a command (recorded: test_winrs_fail_poll_process), and one of a command that was closed."""
    with WinRS(connection(computer)) as shell:
        process = Process(shell, "wait")
        with pytest.raises(WSManFaultError) as refused:
            process.poll_invoke()
        assert (refused.value.code, refused.value.provider) == (87, "Shell cmd plugin")
        process.begin_invoke()
        (command,) = computer.sessions[0].commands
        assert (command.script, command.state) == ("wait", "Running")
        process.signal(SignalCode.TERMINATE)
        assert computer.sessions[0].commands == []
        with pytest.raises(WSManFaultError) as unknown:
            process.poll_invoke()
        assert unknown.value.code == 0x8033805B


def test_quota_of_commands(computer: SimulatedComputer) -> None:
    computer.max_commands_per_shell = 1
    with WinRS(connection(computer)) as shell:
        Process(shell, "wait").begin_invoke()
        with pytest.raises(WSManFaultError) as refused:
            Process(shell, "wait").begin_invoke()
        assert refused.value.code == 0x803381E9


def test_execute_cmd(computer: SimulatedComputer) -> None:
    with Client(computer.address, **options_for(computer)) as client:
        assert client.execute_cmd("hostname") == ("SRV01\r\n", "", 0)


def test_a_cmd_shell_lives_until_its_idle_timeout(fleet: SimulatedFleet, computer: SimulatedComputer) -> None:
    """It cannot be disconnected, so silence does not disconnect it."""
    client = protocol(computer)
    shell_id = client.open_shell()
    fleet.clock.advance(7100)
    assert [shell.state for shell in computer.sessions] == ["Connected"]
    command_id = client.run_command(shell_id, "hostname")
    assert client.get_command_output(shell_id, command_id)[2] == 0
    fleet.clock.advance(7300)
    assert computer.sessions == []


@pytest.mark.parametrize(
    ("command", "arguments", "text"),
    [
        ("dir", [], "dir"),
        ('"cmd.exe"', ["/c", "dir"], "cmd.exe /c dir"),
        ("powershell -encodedcommand RwBlAHQALQBEAGEAdABlAA==", [], "Get-Date"),
        ("PowerShell.exe", ["-NoProfile", "-EncodedCommand", "RwBlAHQALQBEAGEAdABlAA=="], "Get-Date"),
        ("powershell -enc ===", [], "powershell -enc ==="),
    ],
)
def test_command_lines(command: str, arguments: list[str], text: str) -> None:
    assert text_of_command(command, arguments) == text
