# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Windows tasks in kept sessions of simulated computers: requests, ids, and what is refused.

The simulation runs commands side by side. What a real PowerShell does with them is in test_kept_powershell.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.processes import kill, let_time_out
from tests.simulator import Injection, SimulatedComputer, SimulatedFleet, User
from tests.simulator.scripts import ScriptLibrary
from tests.waiting import until

from .controller import PASSWORD, PATIENT, PLUGINS, USER, Controller, inventory_of

OURS = "psremoting.fleet.psrp"


def scripts(steps: list[dict[str, Any]]) -> dict[str, Any]:
    """What held scripts do; the one that puts the process right does nothing."""
    return {
        "held": {"regex": "__pssession_work", "steps": steps},
        "restoring": {"regex": "__pssession_kept", "steps": []},
    }


SCRIPTS = scripts([{"output": "done"}])
OPENED = ["Create", "Receive", "Receive"]
DURABLE = {"ansible_psrp_durable": True, "ansible_psrp_scope": "tests"}
SECRET = {"PSSESSION_CLIENT_SECRET": "a long text for ids of the tests"}


@pytest.fixture
def fleet() -> Iterator[SimulatedFleet]:
    with SimulatedFleet.build(["srv01"], [User(USER, PASSWORD)], SCRIPTS, switches=PATIENT) as started:
        yield started


@pytest.fixture
def srv01(fleet: SimulatedFleet) -> SimulatedComputer:
    return fleet["srv01"]


@pytest.fixture
def controller(fleet: SimulatedFleet, tmp_path: Path) -> Controller:
    modules = {"ANSIBLE_LIBRARY": str(PLUGINS / "modules")}
    return Controller(tmp_path, inventory_of(fleet, ansible_connection=OURS), modules)


def sent(fleet: SimulatedFleet) -> list[str]:
    return [
        request.operation + (f"!{request.fault_code:x}" if request.fault_code else "") for request in fleet.requests
    ]


def command_ids(fleet: SimulatedFleet) -> list[str]:
    return [str(request.command_id) for request in fleet.requests if request.operation == "Command"]


def left(controller: Controller, srv01: SimulatedComputer, task: str, **environment: str) -> None:
    """Start a task and kill its controller while the command runs."""
    process = controller.started(f"[{task}]", **environment)
    until(lambda: any(session.commands for session in srv01.sessions), "the command")
    kill(process)


def test_tasks_share_a_session(fleet: SimulatedFleet, srv01: SimulatedComputer, controller: Controller) -> None:
    """One Create, and three requests for each task; nothing tells the run that its first session is not there."""
    controller.group_variables["ansible_psrp_reuse"] = "always"
    run = controller.run("[{name: One, raw: one}, {name: Two, raw: two}, {name: Three, raw: three}]")
    assert [run[name]["stdout"] for name in ("One", "Two", "Three")] == ["done"] * 3
    of_task = ["Command", "Receive", "Signal"]
    assert sent(fleet) == ["Command!8033805b", *OPENED, *of_task, *of_task, *of_task]
    assert [session.name for session in srv01.sessions] == ["Ansible task"]
    assert [session.idle_timeout for session in srv01.sessions] == [900]


def test_another_run_has_a_session_of_its_own(srv01: SimulatedComputer, controller: Controller) -> None:
    controller.group_variables["ansible_psrp_reuse"] = "always"
    for _run in range(2):
        controller.run("[{name: One, raw: one}]")
    assert len({session.shell_id for session in srv01.sessions}) == 2


@pytest.mark.parametrize("kept", [{"ansible_psrp_reuse": "always"}, DURABLE, {}], ids=["reuse", "durable", "plain"])
def test_a_callback_names_the_sessions_that_a_run_leaves(
    srv01: SimulatedComputer, controller: Controller, kept: dict[str, Any]
) -> None:
    controller.group_variables.update(kept)
    enabled = {"ANSIBLE_CALLBACKS_ENABLED": "recorder,psremoting.fleet.kept_sessions"}
    run = controller.run("[{name: One, raw: one}, {name: Two, raw: two}]", **enabled)
    named = [line.strip() for line in run.stdout.splitlines() if line.strip().startswith("srv01: ")]
    left = [session.shell_id.lower() for session in srv01.sessions]
    assert len(named) == len(left) == bool(kept)
    assert all(f"srv01: {each}, in " in line for line, each in zip(named, left, strict=True))
    assert ("Sessions that tasks have left" in run.stdout) == bool(kept)
    reset = controller.run("[{name: One, raw: one}, {name: Reset, meta: reset_connection}]", **enabled)
    assert "Sessions that tasks have left" not in reset.stdout


def test_a_session_is_replaced_after_so_many_tasks(
    fleet: SimulatedFleet, srv01: SimulatedComputer, controller: Controller
) -> None:
    controller.group_variables.update({"ansible_psrp_reuse": "always", "ansible_psrp_max_tasks": 2})
    controller.run("[{name: One, raw: one}, {name: Two, raw: two}, {name: Three, raw: three}]")
    assert [each for each in sent(fleet) if each in ("Create", "Delete")] == ["Create", "Delete", "Create"]
    assert len(srv01.sessions) == 1


@pytest.mark.parametrize("keyword", ["no_log: true", "become: true, become_user: other, become_method: runas"])
def test_tasks_that_must_not_share_do_not(
    fleet: SimulatedFleet, srv01: SimulatedComputer, controller: Controller, keyword: str
) -> None:
    controller.group_variables.update({"ansible_psrp_reuse": "always", "ansible_become_password": "secret"})
    run = controller.run(f"[{{name: One, raw: one}}, {{name: Two, raw: two, {keyword}}}]")
    assert run.exit_code == 0, run.output
    assert sent(fleet).count("Create") == 2
    assert sent(fleet).count("Delete") == 1


@pytest.mark.parametrize(
    ("keyword", "environment"),
    [
        ("no_log: true", {}),
        ("become: true, become_user: other, become_method: runas", {}),
        ("vars: {}", {"AWX_PRIVATE_DATA_DIR": "/runner"}),
    ],
)
def test_auto_leaves_out_what_may_be_secret(
    fleet: SimulatedFleet, srv01: SimulatedComputer, controller: Controller, keyword: str, environment: dict[str, str]
) -> None:
    controller.group_variables.update({"ansible_psrp_reuse": "auto", "ansible_become_password": "secret"})
    controller.run(f"[{{name: One, raw: one, {keyword}, ignore_errors: true}}]", **environment)
    assert sent(fleet)[0] == "Create"
    assert sent(fleet)[-1] == "Delete"
    controller.run("[{name: One, raw: one}]")
    assert len(srv01.sessions) == 1


def test_a_durable_run_looks_first_and_its_tasks_then_go_by_what_it_knows(
    fleet: SimulatedFleet, srv01: SimulatedComputer, controller: Controller
) -> None:
    controller.group_variables.update(DURABLE)
    of_task = ["Command", "Receive", "Signal"]
    controller.run("[{name: One, raw: one}, {name: Two, raw: two}]")
    assert sent(fleet) == ["Enumerate", *OPENED, *of_task, *of_task]
    assert [session.idle_timeout for session in srv01.sessions] == [43200]
    fleet.clear_requests()
    controller.run("[{name: One, raw: one}, {name: Two, raw: two}]")  # another controller may have used the session
    assert sent(fleet) == ["Enumerate", "Enumerate", *of_task, *of_task]
    srv01.sessions[0].close()
    fleet.clear_requests()
    controller.run("[{name: One, raw: one}]")
    assert sent(fleet) == ["Enumerate", *OPENED, *of_task]


def test_a_task_whose_controller_was_killed_is_joined(
    fleet: SimulatedFleet, srv01: SimulatedComputer, controller: Controller
) -> None:
    """What a simulated script gives lacks the end that says how much it was: the task says that it is not complete."""
    set_scripts(srv01, [{"output": "begun"}, {"sleep": 60}, {"output": "done"}])
    controller.group_variables.update(DURABLE)
    left(controller, srv01, "{name: Work, raw: work}")
    fleet.clear_requests()
    fleet.clock.advance(60)
    run = controller.run("[{name: Work, raw: work}]")
    assert run["Work"].outcome == "failed"
    assert "Its output may have gone to the controller of that run" in run["Work"].message
    assert sent(fleet) == [
        *("Enumerate", "Enumerate", "Command!803381d7", "Enumerate", "Disconnect", "Connect", "Connect"),
        *("Receive", "Signal"),
    ]


def test_a_result_that_went_to_the_killed_controller_fails_the_task_once(
    fleet: SimulatedFleet, srv01: SimulatedComputer, controller: Controller
) -> None:
    """Between the end of the output and the Signal: the server does not have the result any more, and its id."""
    controller.group_variables.update(DURABLE)
    srv01.inject(Injection("Signal", action="hang"))
    process = controller.started("[{name: Work, raw: work}]")
    until(lambda: "Signal" in sent(fleet), "the Signal")
    kill(process)
    fleet.clear_requests()
    run = controller.run("[{name: Work, raw: work}]")
    assert run["Work"].outcome == "failed"
    assert "Its result may have gone to the controller of that run" in run["Work"].message
    assert [each for each in sent(fleet) if each == "Command"] == []
    assert controller.run("[{name: Work, raw: work}]")["Work"]["stdout"] == "done"


def test_one_that_is_too_old_is_not_joined(
    fleet: SimulatedFleet, srv01: SimulatedComputer, controller: Controller
) -> None:
    set_scripts(srv01, [{"sleep": 1e9}])
    controller.group_variables.update({**DURABLE, "ansible_psrp_durable_max_age": 0})
    left(controller, srv01, "{name: Work, raw: work}")
    run = controller.run("[{name: Work, raw: work}]")
    assert run["Work"].outcome == "failed"
    assert "which is more than ansible_psrp_durable_max_age" in run["Work"].message
    assert [command.state for command in srv01.sessions[0].commands] == ["Running"]


def test_what_only_reads_is_run_again(fleet: SimulatedFleet, srv01: SimulatedComputer, controller: Controller) -> None:
    """The leftover is ended, and the session is used."""
    set_scripts(srv01, [{"sleep": 1e9}])
    (controller.folder / "library").mkdir()
    module = "#!powershell\n#AnsibleRequires -CSharpUtil Ansible.Basic\n"
    (controller.folder / "library" / "some_info.ps1").write_text(module)
    (controller.folder / "library" / "some_info.py").write_text("DOCUMENTATION = ''\n")
    controller.group_variables.update(DURABLE)
    left(controller, srv01, "{name: Look, some_info: {}}")
    set_scripts(srv01, [{"output": "{}"}])
    fleet.clear_requests()
    run = controller.run("[{name: Look, some_info: {}}]")
    assert run["Look"].outcome == "ok", run.output
    assert sent(fleet) == [
        *("Enumerate", "Enumerate", "Reconnect", "Signal", "Signal", "Command", "Receive", "Signal"),
    ]


def test_a_leftover_of_another_task_is_told_of(
    fleet: SimulatedFleet, srv01: SimulatedComputer, controller: Controller
) -> None:
    set_scripts(srv01, [{"sleep": 1e9}])
    controller.group_variables.update(DURABLE)
    left(controller, srv01, "{name: Work, raw: work}")
    set_scripts(srv01, [{"output": "done"}])
    run = controller.run("[{name: Other, raw: other}]")
    assert run["Other"]["stdout"] == "done"
    assert f"left a command in session {srv01.sessions[0].shell_id.lower()}: raw" in run.stderr
    assert len(srv01.sessions) == 2


def test_the_keyword_timeout_stops_the_command_of_a_durable_task(
    fleet: SimulatedFleet, srv01: SimulatedComputer, controller: Controller
) -> None:
    """Its id is free then, and the session stays."""
    set_scripts(srv01, [{"sleep": 1e9}])
    controller.group_variables.update(DURABLE)
    process = controller.started("[{name: Work, raw: work, timeout: 3600}]")
    until(lambda: any(session.commands for session in srv01.sessions), "the command")
    let_time_out(process)
    run = controller.ended(process)
    assert run["Work"].outcome == "failed"
    assert sent(fleet)[-2:] == ["Signal", "Signal"]
    assert srv01.sessions[0].commands == []


def test_input_that_is_too_large_for_one_request_is_sent_as_core_sends_it(
    fleet: SimulatedFleet, srv01: SimulatedComputer, controller: Controller
) -> None:
    controller.group_variables.update({**DURABLE, "ansible_psrp_max_envelope_size": 40000})
    run = controller.run("[{name: Module, wait_for_go: {log: x}, ignore_errors: true}]")
    assert "this task is not durable, and a rerun does not join it" in run.stderr
    assert "Send" in sent(fleet)


def test_durable_needs_a_scope(fleet: SimulatedFleet, controller: Controller) -> None:
    controller.group_variables["ansible_psrp_durable"] = True
    run = controller.run("[{name: Work, raw: work}]")
    assert run["Work"].outcome == "failed"
    assert "ansible_psrp_scope: monthly-checks" in run["Work"].message
    assert fleet.requests == []


def test_two_runs_of_one_scope_do_not_work_at_the_same_time(
    fleet: SimulatedFleet, srv01: SimulatedComputer, controller: Controller
) -> None:
    set_scripts(srv01, [{"sleep": 1e9}])
    controller.group_variables.update({**DURABLE, "ansible_psrp_durable_wait": 1})
    first = controller.started("[{name: Work, raw: work}]")
    until(lambda: any(session.commands for session in srv01.sessions), "the command")
    run = controller.run("[{name: Work, raw: work}]")
    kill(first)
    assert run["Work"].outcome == "failed"
    assert "Another run with the scope tests works on this host" in run["Work"].message


def test_the_connection_is_reset_by_a_new_session(
    fleet: SimulatedFleet, srv01: SimulatedComputer, controller: Controller
) -> None:
    controller.group_variables["ansible_psrp_reuse"] = "always"
    run = controller.run("[{name: One, raw: one}, {name: Reset, meta: reset_connection}, {name: Two, raw: two}]")
    assert run.exit_code == 0, run.output
    assert [each for each in sent(fleet) if each in ("Create", "Delete")] == ["Create", "Delete", "Create"]


TASKS = """
    - {name: Raw, raw: work, ignore_errors: true}
    - {name: Another raw, raw: other work, ignore_errors: true}
    - {name: Module, utilities: {text: one}, ignore_errors: true}
    - {name: Other arguments, utilities: {text: two}, ignore_errors: true}
    - {name: Environment, utilities: {text: one}, environment: {SAID: said}, ignore_errors: true}
    - {name: No log, utilities: {text: one}, no_log: true, ignore_errors: true}
    - name: Become
      utilities: {text: one}
      become: true
      become_method: runas
      become_user: other
      vars: {ansible_become_password: secret}
      ignore_errors: true
"""
MODULE = """#!powershell
#AnsibleRequires -CSharpUtil Ansible.Basic
#AnsibleRequires -CSharpUtil Ansible.Privilege
#AnsibleRequires -CSharpUtil Ansible.Process
#AnsibleRequires -CSharpUtil Ansible.AccessToken
#AnsibleRequires -PowerShell Ansible.ModuleUtils.FileUtil
#AnsibleRequires -PowerShell Ansible.ModuleUtils.Backup
"""


def test_two_runs_call_the_same_work_by_the_same_id(fleet: SimulatedFleet, controller: Controller) -> None:
    """With another verbosity, sets in another order, and a second later, which is in compressed parts."""
    (controller.folder / "library").mkdir()
    (controller.folder / "library" / "utilities.ps1").write_text(MODULE)
    (controller.folder / "library" / "utilities.py").write_text("DOCUMENTATION = ''\n")
    controller.group_variables.update(DURABLE)
    seen = []
    for number, verbosity in enumerate(("-v", "-vvv", "-vvvvv"), start=1):
        fleet.clear_requests()
        controller.run(TASKS, verbosity, "--diff" if number == 2 else "-v", PYTHONHASHSEED=str(number))
        seen.append(command_ids(fleet))
    assert seen[0] == seen[1] == seen[2]
    assert len(set(seen[0])) == len(seen[0]) == 7


def test_ids_do_not_follow_from_what_others_know(fleet: SimulatedFleet, controller: Controller) -> None:
    """From arguments and all that a computer shows, without the secret."""
    controller.group_variables.update(DURABLE)
    ids = []
    for secret in ("the first secret of the tests", "the second secret of the tests"):
        fleet.clear_requests()
        controller.run("[{name: Work, raw: work}]", PSSESSION_CLIENT_SECRET=secret)
        (request,) = [each for each in fleet.requests if each.operation == "Command" and not each.fault_code]
        ids.append((request.shell_id, request.command_id))
    assert ids[0][0] != ids[1][0]
    assert ids[0][1] != ids[1][1]
    contents = [json.dumps({"raw": "work", "files": []}, sort_keys=True).encode(), b"work", b"raw work"]
    for content in contents:
        for key in (b"", b"tests", str(ids[0][0]).encode(), str(ids[0][0]).lower().encode()):
            for digest in (hashlib.sha256(key + content).digest(), hmac.digest(key, b"command\0" + content, "sha256")):
                assert str(uuid.UUID(bytes=digest[:16], version=4)) != str(ids[0][1]).lower()


def test_a_short_secret_is_refused(fleet: SimulatedFleet, controller: Controller) -> None:
    controller.group_variables.update(DURABLE)
    run = controller.run("[{name: Work, raw: work}]", PSSESSION_CLIENT_SECRET="short")
    assert "PSSESSION_CLIENT_SECRET has less than 16 characters" in run["Work"].message
    assert fleet.requests == []


def test_an_empty_secret_is_none(controller: Controller) -> None:
    """As AWX gives it to jobs whose credential has no secret."""
    controller.group_variables.update(DURABLE)
    assert controller.run("[{name: Work, raw: work}]", PSSESSION_CLIENT_SECRET="")["Work"].outcome == "ok"
    assert (controller.registry.parent / "tasks" / "secret").exists()


def test_the_secret_is_in_a_file_of_the_user_alone(controller: Controller) -> None:
    controller.group_variables.update(DURABLE)
    run = controller.run("[{name: Work, raw: work}]")
    secret = controller.registry.parent / "tasks" / "secret"
    assert secret.stat().st_mode & 0o777 == 0o600
    assert secret.read_text().strip() not in run.output


def set_scripts(computer: SimulatedComputer, steps: list[dict[str, Any]]) -> None:
    """Say what held scripts do from now on."""
    computer.scripts.scripts[:] = ScriptLibrary.load(scripts(steps)).scripts
