# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole fleets: hundreds of computers, YAML, the control interface and the program."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import requests
import yaml

from .. import SimulatedFleet
from ..__main__ import inventory as inventory_of
from ..waiting import PATIENCE, until
from .conftest import ADMIN
from .raw_client import SHELL, RawClient

pytestmark = pytest.mark.timing

#: The package by its name here, and the folder from which it can be imported.
PACKAGE = __package__.rpartition(".")[0]
ROOT = Path(__file__).resolve().parents[len(__package__.split("."))]
EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "small.yml"
USERS = [{"name": "admin", "password": "pw", "administrator": True}]


def test_five_hundred_computers() -> None:
    """500 computers start, and each answers for itself when all are asked at once."""
    sessions = [{"name": "ITTask"}]
    fleet = SimulatedFleet({"users": USERS, "computers": [{"name": "srv{:03}", "count": 500, "sessions": sessions}]})

    authorization = {"Authorization": "Basic " + base64.b64encode(b"admin:pw").decode()}

    async def ask_all() -> dict[str, str]:
        timeout = aiohttp.ClientTimeout(PATIENCE)
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as http:

            async def ask(name: str) -> tuple[str, str]:
                client = RawClient(fleet[name], ADMIN)
                body = client.envelope(
                    "Enumerate", "<wsen:Enumerate><wsman:OptimizeEnumeration/></wsen:Enumerate>", resource=SHELL
                )
                async with http.post(fleet[name].uri, data=body, headers=authorization) as response:
                    return name, await response.text()

            return dict(await asyncio.gather(*(ask(computer.name) for computer in fleet)))

    with fleet:
        answers = asyncio.run(ask_all())
        assert len({computer.address for computer in fleet}) == 500
        for computer in fleet:
            assert computer.sessions[0].shell_id in answers[computer.name]
        assert len(fleet.requests) == 500


def test_two_fleets_at_once() -> None:
    """Fleets of several test runs do not get in each other's way, and an address that is given is used."""
    address = f"127.251.{random.randint(0, 255)}.{random.randint(1, 254)}"
    declared: list[dict[str, Any]] = [{"name": "srv01", "address": address}]
    with SimulatedFleet.build(["srv01"], [ADMIN]) as one, SimulatedFleet.build(declared, [ADMIN]) as two:
        assert two["srv01"].address == address
        with pytest.raises(OSError, match="in use"):
            SimulatedFleet.build(declared, [ADMIN]).start()
        RawClient(one["srv01"], ADMIN).enumerate()
        assert (len(one.requests), len(two.requests)) == (1, 0)


def test_taken_block_is_avoided(monkeypatch: pytest.MonkeyPatch) -> None:
    """When a random block is in use, another is tried."""
    with SimulatedFleet.build(["srv01"], [ADMIN]) as one:
        taken = [int(number) for number in one["srv01"].address.split(".")[1:3]]
        choose = random.randint
        monkeypatch.setattr(random, "randint", lambda low, high: taken.pop(0) if taken else choose(low, high))
        two = SimulatedFleet.build(["srv01"], [ADMIN])
        assert two["srv01"].address == one["srv01"].address
        with two:
            assert two["srv01"].address != one["srv01"].address
            assert RawClient(two["srv01"], ADMIN).enumerate().status == 200
            assert one.requests == []


def test_stopped_fleet_continues() -> None:
    """After a stop nothing listens; after another start the sessions are there as before."""
    fleet = SimulatedFleet.build(["srv01"], [ADMIN])
    session = fleet["srv01"].add_session("s")
    with fleet:
        uri = fleet["srv01"].uri
        assert requests.post(uri, timeout=PATIENCE).status_code == 401
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.post(uri, timeout=PATIENCE)
    with fleet:
        assert RawClient(fleet["srv01"], ADMIN).enumerate().texts("rsp:ShellId") == [session.shell_id]


@pytest.mark.parametrize(
    ("declared", "complaint"),
    [
        ({"computers": [], "colour": "red"}, "colour"),
        ({"computers": [{"name": "a", "colour": "red"}]}, "colour"),
        ({"computers": ["a", "a"]}, "two computers 'a'"),
        ({"computers": ["a"], "switches": {"colour": 1}}, "colour"),
        ({"computers": ["a"], "scripts": {"x": [{"explode": 1}]}}, "explode"),
        ({"computers": ["a"], "scripts": {"x": {"regex": "(", "steps": []}}}, "script 'x'"),
        ({"computers": ["a"], "scripts": {"x": "output"}}, "must be a list"),
        ({"computers": ["a"], "scripts": {"x": [{"output": 1, "error": 2}]}}, "one key"),
        ({"computers": ["a"], "scripts": {"x": [{"sleep": "long"}]}}, "script 'x'"),
        ({"computers": ["a"], "scripts": {"x": [{"set": 5}]}}, "script 'x'"),
        ({"computers": ["a"], "scripts": {"x": [{"repeat": 5}]}}, "repeat takes"),
        ({"computers": ["a"], "scripts": {"x": [{"error": {"message": "m", "category": "Odd"}}]}}, "Odd"),
        ({"computers": ["a"], "scripts": {"x": [{"prompt": {"method": "Odd"}}]}}, "Odd"),
        ({"computers": ["a"], "scripts": {"x": [{"progress": {"colour": 1}}]}}, "colour"),
        ({"computers": ["a"], "scripts": {"x": {"steps": [], "colour": 1}}}, "colour"),
        ({"computers": [{"name": "a", "sessions": [{"owner": "nobody"}]}]}, "nobody"),
        ({"computers": [{"name": "a", "sessions": [{"state": "Broken"}]}]}, "Broken"),
    ],
)
def test_declaration_that_makes_no_sense(declared: dict[str, Any], complaint: str) -> None:
    """A mistake in a declaration is named."""
    with pytest.raises(ValueError, match=complaint):
        SimulatedFleet({"users": USERS, **declared})


def test_handle_of_a_session(fleet: SimulatedFleet) -> None:
    """Sessions are found by name and id, and know what they were planted with."""
    computer = fleet["srv01"]
    session = computer.add_session(
        "ITTask",
        owner="alice",
        state="Connected",
        configuration="JEARole",
        idle_timeout=600,
        client_session_id="uuid:aaaaaaaa-0000-0000-0000-000000000000",
        commands=[{"script": "hello", "state": "finished"}],
    )
    assert computer.session("ITTask") == session == computer.session(session.shell_id.lower())
    assert (session.owner, session.resource_uri.rpartition("/")[2], session.idle_timeout) == ("alice", "JEARole", 600)
    assert session.owner_client == "AAAAAAAA-0000-0000-0000-000000000000"
    assert [(command.script, command.state) for command in session.commands] == [("hello", "Completed")]
    with pytest.raises(KeyError):
        computer.session("nosuch")
    with pytest.raises(ValueError, match="exists"):
        computer.add_session(shell_id=session.shell_id)


def test_control_from_many_threads(fleet: SimulatedFleet) -> None:
    """Tests may work on a fleet from several threads at once."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: fleet["srv01"].add_session(str(number)), range(50)))
    assert {session.name for session in fleet["srv01"].sessions} == {str(number) for number in range(50)}


# The program


def test_program(tmp_path: Path) -> None:
    """The program writes an inventory and a ready file, obeys the control interface, and ends cleanly."""
    inventory, ready = tmp_path / "inventory.yml", tmp_path / "ready.json"
    command = [sys.executable, "-m", PACKAGE, str(EXAMPLE)]
    command += ["--inventory", str(inventory), "--ready-file", str(ready)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            _wait_for(ready, process)
            details = json.loads(ready.read_text())
            _check_inventory(yaml.safe_load(inventory.read_text()), details)
            _use_control(details["control_url"], details["computers"][0])
            requests.post(details["control_url"] + "/stop", timeout=PATIENCE)
            output, errors = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
    assert (process.returncode, errors) == (0, "")
    assert "2 computers ready" in output
    assert not Path(details["ca_file"]).exists()


@pytest.mark.parametrize(
    ("offered", "logon"),
    [
        (["basic"], ("basic", "never")),
        (["negotiate"], ("ntlm", "auto")),
        (["kerberos", "negotiate", "basic"], ("ntlm", "auto")),
    ],
)
def test_the_inventory_follows_what_the_computers_offer(offered: list[str], logon: tuple[str, str]) -> None:
    with SimulatedFleet.build(["srv01"], [ADMIN], authentication=offered) as fleet:
        variables = inventory_of(fleet, with_passwords=True)["all"]["children"]["windows"]["hosts"]["srv01"]
    assert (variables["ansible_psrp_auth"], variables["ansible_psrp_message_encryption"]) == logon
    assert variables["ansible_password"] == ADMIN.password


def _wait_for(path: Path, process: subprocess.Popen[Any]) -> None:
    until(lambda: path.exists() or process.poll() is not None, "the start of the program")
    assert process.poll() is None, "the program has ended"


def _check_inventory(inventory: dict[str, Any], details: dict[str, Any]) -> None:
    group = inventory["all"]["children"]["windows"]
    assert group["vars"]["ansible_connection"] == "psrp"
    assert group["hosts"]["srv01"]["ansible_host"] == details["computers"][0]["address"]
    assert group["hosts"]["srv01"]["ansible_user"] == "admin"
    logon = [group["hosts"]["srv01"][f"ansible_psrp_{name}"] for name in ("auth", "message_encryption")]
    assert logon == ["basic", "never"]
    assert "ansible_password" not in group["hosts"]["srv01"]
    assert Path(details["ca_file"]).is_file()


def _use_control(url: str, computer: dict[str, Any]) -> None:
    def post(path: str, **arguments: Any) -> requests.Response:
        return requests.post(url + path, json=arguments, timeout=PATIENCE)

    session = post("/sessions", computer="srv01", name="New", owner="admin", state="Connected").json()
    assert post("/clock", advance=61).status_code == 200
    assert post("/settings", computer="srv01", switches={"page_size": 1}).status_code == 200
    assert post("/inject", computer=None, operation="Get", action="status", status=503).status_code == 200
    assert post("/settings", switches={"colour": 1}).status_code == 400
    assert post("/sessions", computer="nosuch").status_code == 400
    state = requests.get(url + "/state", timeout=PATIENCE).json()["computers"][0]
    assert state["switches"]["page_size"] == 1
    found = {item["name"]: item for item in state["sessions"] if item["name"]}
    assert found["New"]["shell_id"] == session["shell_id"]
    assert found["New"]["state"] == "Disconnected"
    assert found["Busy"]["state"] == "Connected"
    assert found["ITTask"]["commands"][0]["state"] == "Running"

    uri = f"http://{computer['address']}:{computer['port']}/wsman"
    assert requests.post(uri, timeout=PATIENCE).status_code == 401
    logged = requests.get(url + "/requests", params={"operation": "Unauthenticated"}, timeout=PATIENCE).json()[
        "requests"
    ]
    assert [entry["computer"] for entry in logged] == ["srv01"]
    post("/requests/clear")
    assert requests.get(url + "/requests", timeout=PATIENCE).json() == {"requests": []}


def test_program_ends_on_signal_and_by_time(tmp_path: Path) -> None:
    """SIGTERM and the given duration end the program with success, a bad file with 2."""
    ready = tmp_path / "ready.json"
    command = [sys.executable, "-m", PACKAGE, str(EXAMPLE), "--ready-file", str(ready)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        _wait_for(ready, process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    timed = [sys.executable, "-m", PACKAGE, str(EXAMPLE), "--duration", "0.1", "--inventory-passwords"]
    timed += ["--inventory", str(tmp_path / "inventory.yml")]
    assert subprocess.run(timed, cwd=ROOT, stdout=subprocess.DEVNULL, timeout=PATIENCE, check=False).returncode == 0
    hosts = yaml.safe_load((tmp_path / "inventory.yml").read_text())["all"]["children"]["windows"]["hosts"]
    assert hosts["srv01"]["ansible_password"] == "not-a-secret"
    assert (tmp_path / "inventory.yml").stat().st_mode & 0o077 == 0
    (tmp_path / "bad.yml").write_text("computers: [{name: a, colour: red}]")
    bad = [sys.executable, "-m", PACKAGE, str(tmp_path / "bad.yml")]
    finished = subprocess.run(bad, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert finished.returncode == 2
    assert "colour" in finished.stderr
