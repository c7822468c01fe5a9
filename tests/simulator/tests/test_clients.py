# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client that shares nothing with the simulator can use it: pypsrp."""

from __future__ import annotations

import pytest
from pypsrp.complex_objects import PSInvocationState, RunspacePoolState
from pypsrp.exceptions import WSManFaultError
from pypsrp.powershell import PowerShell, RunspacePool
from pypsrp.wsman import WSMan

from .. import SimulatedComputer, SimulatedFleet
from .conftest import ADMIN


def connection(fleet: SimulatedFleet, computer: SimulatedComputer, tls: bool = False) -> WSMan:
    """A client session."""
    return WSMan(
        computer.address,
        port=computer.https_port if tls else computer.port,
        ssl=tls,
        auth="basic",
        username=ADMIN.name,
        password=ADMIN.password,
        encryption="never",
        cert_validation=str(fleet.ca_file) if tls else True,  # type: ignore[arg-type]  # a path is fine
        no_proxy=True,
    )


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_life_of_a_pool(fleet: SimulatedFleet, computer: SimulatedComputer, tls: bool) -> None:
    """Open, run, disconnect, reconnect, run again, close."""
    pool = RunspacePool(connection(fleet, computer, tls))
    pool.open()
    assert pool.state == RunspacePoolState.OPENED
    assert pool.application_private_data is not None
    assert pool.application_private_data.data["PSVersionTable"]["PSVersion"] == "5.1.14393.2248"
    shell = PowerShell(pool)
    shell.add_script("streams")
    output = shell.invoke()
    assert output[:5] == ["text", 1, 2.5, True, None]
    assert output[5].extended_properties == {"name": "value"}
    assert output[6] == {"key": [1, 2]}
    assert [str(error) for error in shell.streams.error] == ["an error"]
    assert [record.message for record in shell.streams.warning] == ["a warning"]
    assert [record.message for record in shell.streams.verbose] == ["a verbose record"]
    assert [record.message for record in shell.streams.debug] == ["a debug record"]
    assert [record.message_data for record in shell.streams.information] == ["an information record"]
    assert [record.percent_complete for record in shell.streams.progress] == [50]
    assert shell.state == PSInvocationState.COMPLETED

    pool.disconnect()
    assert computer.sessions[0].state == "Disconnected"
    pool.connect()
    assert computer.sessions[0].state == "Connected"
    failing = PowerShell(pool)
    failing.add_script("fail")
    assert failing.invoke() == ["before"]
    assert failing.state == PSInvocationState.FAILED
    pool.close()
    assert computer.sessions == []
    assert "Unknown" not in {request.operation for request in fleet.requests}


def test_input_and_secrets(fleet: SimulatedFleet, computer: SimulatedComputer) -> None:
    """Input objects arrive, and a SecureString can be read after the key exchange."""
    with RunspacePool(connection(fleet, computer)) as pool:
        shell = PowerShell(pool)
        shell.add_script("echo")
        sent = ["one", 2, {"three": 3}]
        assert shell.invoke(sent) == sent  # type: ignore[arg-type]  # a list is fine
        pool.exchange_keys()
        shell = PowerShell(pool)
        shell.add_script("secret")
        assert shell.invoke() == ["very secret"]


def test_stop(fleet: SimulatedFleet, computer: SimulatedComputer) -> None:
    """A pipeline that never ends can be stopped, and the pool is usable afterwards."""
    with RunspacePool(connection(fleet, computer)) as pool:
        shell = PowerShell(pool)
        shell.add_script("forever")
        shell.begin_invoke()
        shell.stop()
        assert shell.state == PSInvocationState.STOPPED
        shell = PowerShell(pool)
        shell.add_script("hello")
        assert shell.invoke() == ["hello"]


def test_another_client_takes_over(fleet: SimulatedFleet, computer: SimulatedComputer) -> None:
    """A disconnected session with a finished command is found, connected and collected from by a new client."""
    computer.replay_after_connect = True
    computer.add_session("s", commands=[{"script": "hello", "state": "finished"}])
    (pool,) = RunspacePool.get_runspace_pools(connection(fleet, computer))
    pool.connect()
    assert pool.state == RunspacePoolState.OPENED
    (shell,) = pool.create_disconnected_power_shells()
    shell.connect()
    assert shell.output == ["hello"]
    pool.close()
    assert computer.sessions == []


def test_fault_is_understood(fleet: SimulatedFleet, computer: SimulatedComputer) -> None:
    """The client reads code, machine and provider of a fault."""
    session = computer.add_session("s", state="Connected")
    (pool,) = RunspacePool.get_runspace_pools(connection(fleet, computer))
    with pytest.raises(WSManFaultError) as refused:
        pool.connect()
    assert (refused.value.code, refused.value.machine) == (0x803381CD, "SRV01")
    session.close()
    with pytest.raises(WSManFaultError) as unknown:
        pool.connect()
    assert (unknown.value.code, unknown.value.provider) == (0x8033805B, "Shell provider")
