# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Longer sequences of pypsrp, with a real PowerShell in the sessions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pypsrp.client import Client
from pypsrp.complex_objects import ObjectMeta, PSInvocationState, RunspacePoolState
from pypsrp.exceptions import InvalidPSRPOperation
from pypsrp.host import PSHost, PSHostUserInterface
from pypsrp.powershell import PowerShell, RunspacePool
from pypsrp.wsman import WSMan

from .. import SimulatedComputer, SimulatedFleet
from ..waiting import until
from .conftest import ADMIN

pytestmark = pytest.mark.timing


@pytest.fixture(scope="module")
def fleet(powershell: str) -> Iterator[SimulatedFleet]:
    """One computer that offers NTLM, as Windows does; each test removes its sessions."""
    patient = {"silence_timeout": 3600}
    with SimulatedFleet.build(
        ["srv01"], [ADMIN], switches=patient, powershell=powershell, authentication=["negotiate"]
    ) as started:
        yield started


@pytest.fixture
def computer(fleet: SimulatedFleet) -> Iterator[SimulatedComputer]:
    """The computer without a session; afterwards, no process is left."""
    computer = fleet["srv01"]
    yield computer
    for session in computer.sessions:
        session.close()
    until(lambda: fleet.powershell_processes == 0, "the end of the sessions' processes")


def options_for(computer: SimulatedComputer) -> dict[str, Any]:
    """How to reach the computer: NTLM with encrypted messages."""
    account = {"username": ADMIN.name, "password": ADMIN.password}
    return {"port": computer.port, "ssl": False, "auth": "ntlm", "no_proxy": True, **account}


def connection(computer: SimulatedComputer, **options: Any) -> WSMan:
    """A client session of its own."""
    return WSMan(computer.address, **options_for(computer), **options)


def script(pool: RunspacePool, text: str) -> PowerShell:
    """A script that is not started."""
    power_shell = PowerShell(pool)
    power_shell.add_script(text)
    return power_shell


def run(pool: RunspacePool, text: str) -> list[object]:
    """The output of a script that must have no errors."""
    power_shell = script(pool, text)
    output: list[object] = power_shell.invoke()
    assert [str(error) for error in power_shell.streams.error] == []
    return output


def waits_for(path: Path) -> str:
    """A script that writes, waits until a file exists and writes again."""
    return f"'begun'; while (-not (Test-Path '{path}')) {{ Start-Sleep -Milliseconds 20 }}; 'ended'"


def test_a_client_disconnects_while_a_command_runs(computer: SimulatedComputer, tmp_path: Path) -> None:
    """The command ends while no client is connected, and the same client gets all its output."""
    with RunspacePool(connection(computer)) as pool:
        power_shell = script(pool, waits_for(tmp_path / "go"))
        power_shell.begin_invoke()
        pool.disconnect()
        (session,) = computer.sessions
        assert (session.state, power_shell.state) == ("Disconnected", PSInvocationState.DISCONNECTED)
        (tmp_path / "go").touch()
        until(lambda: session.commands[0].state == "Completed", "the end of the command")
        pool.connect()
        assert (session.state, pool.state) == ("Connected", RunspacePoolState.OPENED)
        assert power_shell.connect() == ["begun", "ended"]
        assert run(pool, "'again'") == ["again"]


def test_another_client_connects_to_two_sessions_with_commands(computer: SimulatedComputer, tmp_path: Path) -> None:
    first = connection(computer)
    for name in ("one", "two"):
        pool = RunspacePool(first)
        pool.open()
        script(pool, f"'{name}'; {waits_for(tmp_path / name)}").begin_invoke()
        pool.disconnect()
    found = RunspacePool.get_runspace_pools(connection(computer))
    assert {pool.id.upper() for pool in found} == {session.shell_id for session in computer.sessions}
    outputs = []
    for pool in found:
        pool.connect()
        (command,) = pool.create_disconnected_power_shells()
        assert command.state == PSInvocationState.DISCONNECTED
        for name in ("one", "two"):
            (tmp_path / name).touch()
        outputs.append(command.connect())
        assert command.state == PSInvocationState.COMPLETED
        assert run(pool, "1 + 1") == [2]
        pool.close()
    assert sorted(outputs) == [["one", "begun", "ended"], ["two", "begun", "ended"]]
    assert computer.sessions == []


def test_execute_ps(computer: SimulatedComputer) -> None:
    """A Client opens a session for each script and removes it; the output is text."""
    with Client(computer.address, **options_for(computer)) as client:
        output, streams, had_errors = client.execute_ps("'one'; [pscustomobject]@{ Two = 2 }; Write-Warning 'three'")
        assert output.split() == ["one", "Two", "---", "2"]
        assert [str(warning) for warning in streams.warning] == ["three"]
        assert not had_errors
        output, streams, had_errors = client.execute_ps("Write-Output 'before'; Get-Item /no/such/file")
        assert output.strip() == "before"
        assert [error.reason for error in streams.error] == ["ItemNotFoundException"]
        assert not had_errors
        output, _streams, had_errors = client.execute_ps("'before'; throw 'it broke'")
        assert (output.strip(), had_errors) == ("before", True)
        assert computer.sessions == []


def test_a_file_is_copied_there_and_back(computer: SimulatedComputer, tmp_path: Path) -> None:
    """Input of many objects, and an output of one large text."""
    content = bytes(range(256)) * 4000
    (tmp_path / "source").write_bytes(content)
    with Client(computer.address, **options_for(computer)) as client:
        client.copy(str(tmp_path / "source"), str(tmp_path / "there"))
        assert (tmp_path / "there").read_bytes() == content
        client.fetch(str(tmp_path / "there"), str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == content


def test_limits_and_commands_at_the_same_time(computer: SimulatedComputer, tmp_path: Path) -> None:
    """A command does not wait for another one while there is a free runspace."""
    with RunspacePool(connection(computer), max_runspaces=1) as pool:
        assert pool.get_available_runspaces() == 1
        pool.max_runspaces = 3
        assert pool.get_available_runspaces() == 3
        with pytest.raises(InvalidPSRPOperation, match="minimum"):
            pool.min_runspaces = -1
        pool.min_runspaces = 2
        waiting = script(pool, waits_for(tmp_path / "go"))
        waiting.begin_invoke()
        assert run(pool, f"New-Item '{tmp_path / 'go'}' | ForEach-Object Name") == ["go"]
        assert waiting.end_invoke() == ["begun", "ended"]


def test_a_nested_command_sees_the_variables_of_the_running_one(computer: SimulatedComputer, tmp_path: Path) -> None:
    with RunspacePool(connection(computer)) as pool:
        outer = script(pool, "$answer = 42; 'ready'; while ($true) { Start-Sleep -Milliseconds 20 }")
        outer.begin_invoke()
        while not outer.output:
            outer.poll_invoke()
        nested = outer.create_nested_power_shell()
        nested.add_script("$answer")
        assert nested.invoke() == [42]
        outer.stop()
        assert outer.state == PSInvocationState.STOPPED
        assert run(pool, "'usable'") == ["usable"]


class Answers(PSHostUserInterface):
    """A user interface that answers prompts and keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[str] = []

    def ReadLine(self, _pool: object, _pipeline: object) -> str:
        return "blue"

    def PromptForChoice(self, _pool: object, _pipeline: object, *details: object) -> int:
        return int(str(details[-1]))

    def WriteLine2(self, _pool: object, _pipeline: object, value: str) -> None:
        self.written.append(value)


def test_prompts_are_answered_by_the_clients_host(computer: SimulatedComputer) -> None:
    answers = Answers()
    host = PSHost(None, None, False, "a host", None, answers, "1.0")
    with RunspacePool(connection(computer), host=host) as pool:
        asked = run(
            pool,
            "\"said $($Host.UI.ReadLine())\"; $Host.UI.WriteLine('shown'); "
            "$Host.UI.PromptForChoice('caption', 'message', [System.Management.Automation.Host.ChoiceDescription[]]"
            "('&Yes', '&No'), 1); $Host.Name",
        )
    assert asked == ["said blue", 1, "ServerRemoteHost"]
    assert answers.written == ["shown"]


def test_secure_strings_both_ways(fleet: SimulatedFleet, computer: SimulatedComputer) -> None:
    with RunspacePool(connection(computer)) as pool:
        pool.exchange_keys()
        power_shell = PowerShell(pool)
        power_shell.add_script(
            "param($Secret) [pscredential]::new('u', $Secret).GetNetworkCredential().Password; $Secret"
        )
        power_shell.add_parameter("Secret", pool.serialize("sécret", ObjectMeta("SS")))
        assert power_shell.invoke() == ["sécret", "sécret"]
        assert not any("sécret" in request.body for request in fleet.requests)


def test_a_session_is_reset(computer: SimulatedComputer) -> None:
    """Variables are gone, functions stay; the process is the same."""
    with RunspacePool(connection(computer)) as pool:
        (pid,) = run(pool, "$answer = 42; function global:f { 'of f' }; $PID")
        pool.reset_runspace_state()
        assert run(pool, "$null -eq $answer; $PID") == [True, pid]


def test_small_envelopes_carry_large_scripts_and_large_output(computer: SimulatedComputer) -> None:
    with RunspacePool(connection(computer, max_envelope_size=20_000)) as pool:
        text = "x" * 100_000
        assert run(pool, f"$text = '{text}'; $text; $text.Length") == [text, 100_000]


def test_arguments_merges_statements_and_failures(computer: SimulatedComputer) -> None:
    """A command of several parts, and one that fails, leave the session usable."""
    with RunspacePool(connection(computer)) as pool:
        power_shell = PowerShell(pool)
        power_shell.add_cmdlet("Write-Error").add_argument("an error").add_parameter("ErrorId", "Mine")
        power_shell.add_statement().add_cmdlet("Write-Output").add_argument([3, 1, 2])
        power_shell.add_cmdlet("Sort-Object").add_parameter("Descending")
        assert power_shell.invoke() == [3, 2, 1]
        assert [error.fq_error for error in power_shell.streams.error] == [
            "Mine,Microsoft.PowerShell.Commands.WriteErrorCommand"
        ]
        failing = script(pool, "'before'; throw 'it broke'")
        assert failing.invoke() == ["before"]
        assert (failing.state, failing.had_errors) == (PSInvocationState.FAILED, True)
        assert run(pool, "'after'") == ["after"]
