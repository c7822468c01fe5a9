# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role in all kinds of plays."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
from ansible.release import __version__

from tests.processes import processes_of
from tests.simulator import Injection, SimulatedFleet, User
from tests.waiting import until

from .controller import PASSWORD, PATIENT, SILENCE, USER, Controller, Run, inventory_of
from .test_role_ways import WAYS, recap

HOSTS = ["srv01", "srv02"]
ROLE = """
- hosts: windows
  gather_facts: false
  roles:
    - role: psremoting.fleet.pssession
      vars: {pssession_name: [ITTask], pssession_way: WAY}
"""
TASK = "psremoting.fleet.pssession : Connect to the sessions"
ways = pytest.mark.parametrize("way", WAYS)


@pytest.fixture
def controller(fleet: SimulatedFleet, tmp_path: Path) -> Controller:
    """A controller that knows two computers: each task of the role costs a process for each of them."""
    inventory = inventory_of(fleet)
    del inventory["all"]["children"]["windows"]["hosts"]["srv03"]
    return Controller(tmp_path, inventory)


def connected(fleet: SimulatedFleet) -> set[str]:
    return {
        f"{computer.name}/{session.name}"
        for computer in fleet
        for session in computer.sessions
        if session.state == "Connected"
    }


def holders_of_awaited_locks(pids: list[int]) -> list[int]:
    """Which of some processes hold a lock on a file that another one waits for."""
    lines = [line.split() for line in Path("/proc/locks").read_text(encoding="utf-8").splitlines()]
    awaited = {line[0] for line in lines if line[1] == "->"}
    return [int(line[4]) for line in lines if line[0] in awaited and line[1] != "->" and int(line[4]) in pids]


def changed(run: Run) -> dict[str, int]:
    return {host: count for host, (count, _rescued) in recap(run).items()}


@ways
def test_check_then_connect_then_change_nothing(controller: Controller, fleet: SimulatedFleet, way: str) -> None:
    play = ROLE.replace("WAY", way)
    checked = controller.run(play, "--check")
    assert (checked.exit_code, changed(checked)) == (0, dict.fromkeys(HOSTS, 1)), checked.output
    assert {request.operation for request in fleet.requests} == {"Enumerate"}
    assert connected(fleet) == set()

    first, second = controller.run(play), controller.run(play)
    assert (first.exit_code, changed(first)) == (0, dict.fromkeys(HOSTS, 1)), first.output
    assert (second.exit_code, changed(second)) == (0, dict.fromkeys(HOSTS, 0)), second.output
    assert connected(fleet) == {f"{host}/ITTask" for host in HOSTS}
    assert len(fleet.requests_of(operation="Connect")) == len(HOSTS)


@ways
def test_a_batch_at_a_time(tmp_path: Path, fleet: SimulatedFleet, way: str) -> None:
    controller = Controller(tmp_path, inventory_of(fleet))
    fleet["srv01"].sessions[0].close()
    play = ROLE.replace("WAY", way).replace("gather_facts", "serial: 2\n  gather_facts")
    run = controller.run(play)
    assert (run.exit_code, changed(run)) == (2, {"srv01": 0, "srv02": 1, "srv03": 1}), run.output
    connects = [request.computer for request in fleet.requests_of(operation="Connect")]
    assert connects == ["srv02", "srv03"]  # one batch after the other
    assert len(fleet.requests_of("srv02", "Enumerate")) == 1  # and none twice


@pytest.mark.parametrize("strategy", ["free", "host_pinned"])
def test_each_host_works_by_itself_where_none_waits_for_the_others(
    controller: Controller, fleet: SimulatedFleet, strategy: str
) -> None:
    refused = controller.run(ROLE.replace("WAY", "fleet"), ANSIBLE_STRATEGY=strategy)
    assert refused.exit_code == 2
    assert set(refused.of(TASK)) == set(HOSTS)
    for result in refused.of(TASK).values():
        assert f"the strategy {strategy} runs each host by itself" in result.message
        assert "pssession_way: per_host" in result.message
    assert fleet.requests == []
    for way in ("per_host", "null"):
        run = controller.run(ROLE.replace("WAY", way), ANSIBLE_STRATEGY=strategy)
        assert run.exit_code == 0, run.output
    assert connected(fleet) == {f"{host}/ITTask" for host in HOSTS}


@pytest.mark.parametrize("keyword", ["", "throttle: 1", "serial: 1", "strategy: debug"])
@pytest.mark.parametrize("forks", ["1", "100"])
def test_forks_and_keywords_of_plays(controller: Controller, fleet: SimulatedFleet, keyword: str, forks: str) -> None:
    play = ROLE.replace("WAY", "fleet").replace("gather_facts", f"{keyword}\n  gather_facts") if keyword else ROLE
    run = controller.run(play.replace("WAY", "fleet"), "--forks", forks)
    assert (run.exit_code, changed(run)) == (0, dict.fromkeys(HOSTS, 1)), run.output
    assert len(fleet.requests_of(operation="Connect")) == len(HOSTS)


@pytest.mark.parametrize("strategy", ["linear", "free", "host_pinned"])
def test_run_once_is_once_or_refused(controller: Controller, fleet: SimulatedFleet, strategy: str) -> None:
    run = controller.run(
        f"""
        - hosts: windows
          strategy: {strategy}
          gather_facts: false
          tasks:
            - name: Look
              psremoting.fleet.pssession_info: {{name: ITTask}}
              run_once: true
            - name: Remove
              psremoting.fleet.remove_pssession: {{computer_name: srv01, name: Patch}}
              run_once: true
        """
    )
    removed = run.of("Remove").values()
    if strategy == "linear":
        assert [result["changed"] for result in removed] == [True]
    else:
        assert {result.outcome for result in removed} == {"failed"}
        assert fleet.requests_of(operation="Delete") == []


@pytest.mark.parametrize("way", ["per_host", "null"])
@pytest.mark.parametrize("how", ["import_role", "include_role"])
def test_only_hosts_that_take_part_are_touched(
    controller: Controller, fleet: SimulatedFleet, way: str, how: str
) -> None:
    run = controller.run(
        f"""
        - name: Connect
          ansible.builtin.{how}: {{name: psremoting.fleet.pssession}}
          when: inventory_hostname != 'srv01'
          vars: {{pssession_name: [ITTask], pssession_way: {way}}}
        - name: Then the other one
          ansible.builtin.{how}: {{name: psremoting.fleet.pssession}}
          when: inventory_hostname == 'srv01'
          vars: {{pssession_name: [Patch], pssession_way: {way}}}
        """
    )
    assert run.exit_code == 0, run.output
    assert connected(fleet) == {"srv01/Patch", "srv02/ITTask"}


IMPORT = "ansible.builtin.import_role: {name: psremoting.fleet.pssession, rolespec_validate: false}"
OBSTACLES = {
    "a condition": (f"- {IMPORT}\n  when: true", "a condition (when)"),
    "a condition of a block": (f"- block: [{{{IMPORT}}}]\n  when: true", "a condition (when)"),
    "an include": ("- ansible.builtin.include_role: {name: psremoting.fleet.pssession}", "a dynamic include"),
    "a rescue": (f"- block: [ansible.builtin.fail:]\n  rescue: [{{{IMPORT}}}]", "a block's rescue"),
    "a rescue beside it": (
        f"- block: [ansible.builtin.debug:, {{{IMPORT}}}]\n  rescue: [ansible.builtin.debug:]",
        "a block with rescue",
    ),
    "an always": (f"- block: [ansible.builtin.debug:]\n  always: [block: [{{{IMPORT}}}]]", "a block's always"),
    "a loop": ("- psremoting.fleet.pssession_role: {entry_point: main}\n  loop: [1]", "it has a loop"),
    "retries": ("- psremoting.fleet.pssession_role: {entry_point: main}\n  retries: 1", "until or retries"),
    "a template": (
        f"- {IMPORT}\n  check_mode: '{{{{ inventory_hostname == \"srv01\" }}}}'",
        "check_mode has a template",
    ),
    "defaults with templates": (
        f"- {IMPORT}\n  module_defaults: {{group/psremoting.fleet.all: {{port: '{{{{ 5985 }}}}'}}}}",
        "module_defaults has a template",
    ),
    "defaults of the play": (
        "- hosts: windows\n  gather_facts: false\n"
        "  module_defaults: {group/psremoting.fleet.all: {port: '{{ 5985 }}'}}\n"
        f"  tasks:\n    - {IMPORT}",
        "module_defaults has a template",
    ),
}


@pytest.mark.parametrize("around", OBSTACLES)
def test_one_process_works_for_all_only_where_all_run_the_task(
    controller: Controller, fleet: SimulatedFleet, around: str
) -> None:
    tasks, why = OBSTACLES[around]
    variables = ["--extra-vars", "pssession_name=ITTask"]
    refused = controller.run(tasks, *variables, "--extra-vars", "pssession_way=fleet")
    assert refused.exit_code == (0 if around == "a rescue beside it" else 2)
    assert why in " ".join(refused.output.split())
    assert fleet.requests == []
    run = controller.run(tasks, *variables)
    assert run.exit_code == 0, run.output
    expected = {"a template": HOSTS[1:]}.get(around, HOSTS)
    assert connected(fleet) == {f"{host}/ITTask" for host in expected}


def test_end_role_may_leave_out_hosts(controller: Controller, fleet: SimulatedFleet) -> None:
    tasks = controller.folder / "roles" / "ours" / "tasks"
    tasks.mkdir(parents=True)
    (tasks / "main.yml").write_text(
        f"- ansible.builtin.meta: end_role\n  when: inventory_hostname == 'srv01'\n- {IMPORT}\n", encoding="utf-8"
    )
    if tuple(map(int, __version__.split(".")[:2])) < (2, 18):
        pytest.skip("this ansible-core has no end_role")
    play = "- hosts: windows\n  gather_facts: false\n  roles: [ours]"
    variables = ["--extra-vars", "pssession_name=ITTask"]
    refused = controller.run(play, *variables, "--extra-vars", "pssession_way=fleet")
    assert "meta: end_role" in refused.output
    assert controller.run(play, *variables).exit_code == 0
    assert connected(fleet) == {"srv02/ITTask"}


def test_hosts_that_ended_or_failed_before_are_not_touched(tmp_path: Path, fleet: SimulatedFleet) -> None:
    controller = Controller(tmp_path, inventory_of(fleet))
    run = controller.run(
        f"""
        - ansible.builtin.meta: end_host
          when: inventory_hostname == 'srv01'
        - block:
            - ansible.builtin.fail:
              when: inventory_hostname == 'srv02'
            - {IMPORT}
              vars: {{pssession_name: ITTask}}
          rescue:
            - ansible.builtin.debug:
        - {IMPORT}
          vars: {{pssession_name: Patch, pssession_way: fleet, pssession_fail_on: [failed]}}
        """
    )
    assert run.exit_code == 0, run.output
    assert connected(fleet) == {"srv03/ITTask"}
    assert {request.computer for request in fleet.requests} == {"srv02", "srv03"}


def test_run_once_is_refused(controller: Controller, fleet: SimulatedFleet) -> None:
    run = controller.run(f"- {IMPORT}\n  run_once: true\n  vars: {{pssession_name: ITTask}}")
    assert run.exit_code == 2
    assert "run_once is not possible" in run.output
    assert fleet.requests == []


def test_hosts_that_ask_for_different_things(controller: Controller, fleet: SimulatedFleet) -> None:
    hosts = controller.inventory["all"]["children"]["windows"]["hosts"]
    hosts["srv01"]["pssession_name"] = ["Patch"]
    hosts["srv02"]["pssession_name"] = ["ITTask"]
    play = ROLE.replace("pssession_name: [ITTask], ", "")
    refused = controller.run(play.replace("WAY", "fleet"))
    messages = {result.message for result in refused.of(TASK).values()}
    assert (refused.exit_code, len(messages), fleet.requests) == (2, 1, [])
    assert "pssession_name differs between srv01 and srv02. Set pssession_way: per_host" in messages.pop()
    assert controller.run(play.replace("WAY", "null")).exit_code == 0
    assert connected(fleet) == {"srv01/Patch", "srv02/ITTask"}


@pytest.mark.parametrize(
    "value", ["IT{{ 'Task' }}", "{{ name_of_each }}", "{{ 'ITTask' if inventory_hostname else '' }}"]
)
def test_templates_that_mean_the_same_for_all_hosts(controller: Controller, fleet: SimulatedFleet, value: str) -> None:
    for host in controller.inventory["all"]["children"]["windows"]["hosts"].values():
        host["name_of_each"] = "ITTask"
    run = controller.run(ROLE.replace("[ITTask]", f'"{value}"').replace("WAY", "fleet"))
    assert (run.exit_code, changed(run)) == (0, dict.fromkeys(HOSTS, 1)), run.output


def test_a_template_that_only_one_host_cannot_evaluate(controller: Controller, fleet: SimulatedFleet) -> None:
    controller.inventory["all"]["children"]["windows"]["hosts"]["srv01"]["name_of_each"] = "ITTask"
    run = controller.run(f"- {IMPORT}\n  vars: {{pssession_name: '{{{{ name_of_each }}}}'}}")
    assert (run.exit_code, changed(run)) == (2, {"srv01": 1, "srv02": 0}), run.output
    assert "the variable pssession_name of the inventory host srv02 needs a variable" in run.on(TASK, "srv02").message


@ways
def test_a_host_that_is_no_windows_host(controller: Controller, fleet: SimulatedFleet, way: str) -> None:
    hosts = {"linux": {"ansible_connection": "ssh", "ansible_host": "127.0.0.1"}}
    hosts |= controller.inventory["all"]["children"]["windows"]["hosts"]
    controller.inventory["all"]["children"]["windows"]["hosts"] = hosts  # the first of the play
    play = ROLE.replace("WAY", way)
    run = controller.run(play)
    assert (run.exit_code, changed(run)) == (2, {"linux": 0, **dict.fromkeys(HOSTS, 1)}), run.output
    assert "linux is not a Windows host: its ansible_connection is ssh" in run.on(TASK, "linux").message
    skipped = controller.run(play, "--extra-vars", "pssession_other_hosts=skip")
    assert (skipped.exit_code, skipped.on(TASK, "linux").outcome) == (0, "skipped"), skipped.output


@ways
def test_failures_that_are_none(controller: Controller, fleet: SimulatedFleet, way: str) -> None:
    fleet["srv02"].sessions[0].close()
    run = controller.run(
        ROLE.replace("WAY", way).replace("pssession_way", "pssession_fail_on: [busy], pssession_way")
        + "  post_tasks: [{name: Result, debug: {msg: '{{ pssession_result }}'}}]",
    )
    assert run.exit_code == 0, run.output
    result = run.on("Result", "srv02")["msg"]
    assert (result["outcome"], result["failed"], result["missing"]) == ("missing", False, ["ITTask"])
    assert "no session named 'ITTask' was found on srv02" in result["msg"]


@ways
def test_only_sessions_of_an_account(tmp_path: Path, way: str) -> None:
    """An administrator sees the sessions of others, too; a name that only they have is missing."""
    users = [User(USER, PASSWORD, administrator=True), User("alice", "alice-secret")]
    mine, hers = {"name": "ITTask"}, {"name": "ITTask", "owner": "alice"}
    computers = [{"name": "srv01", "sessions": [hers, mine]}, {"name": "srv02", "sessions": [hers]}]
    with SimulatedFleet.build(computers, users, switches=PATIENT) as fleet:
        controller = Controller(tmp_path, inventory_of(fleet))
        play = ROLE.replace("WAY", way).replace("pssession_way", f"pssession_owner: [{USER}], pssession_way")
        run = controller.run(play)
        assert [[session.state for session in computer.sessions] for computer in fleet] == [
            ["Disconnected", "Connected"],
            ["Disconnected"],
        ]
    ended = run.of(TASK)
    assert (ended["srv01"].outcome, ended["srv02"].outcome) == ("ok", "failed")
    assert "no session named 'ITTask' owned by operator was found on srv02" in ended["srv02"].message


@pytest.mark.parametrize(
    ("entry_point", "value", "message"),
    [
        ("main", "pssession_way: either", "value of pssession_way must be one of: per_host, fleet, got: either"),
        ("main", "pssession_when_done: remove", "value of pssession_when_done must be one of: keep, disconnect"),
        ("main", "pssession_instance_id: [not-a-guid]", "'not-a-guid' is not a GUID"),
        ("main", "pssession_busy_timeout: -1", "busy_timeout: -1 is negative"),
        ("main", "pssession_busy_timeout: long", "pssession_busy_timeout"),
        ("main", "pssession_when_done: disconnect, pssession_idle_timeout: 59", "idle_timeout: 59 is less than 60"),
        ("main", "pssession_nmae: ITTask", "Did you mean pssession_name?"),
        ("collect", "pssession_name: ITTask", "missing required arguments: pssession_journal"),
        ("collect", "pssession_journal: journal", "needs pssession_name or pssession_instance_id; '*' means all"),
        ("start", "pssession_script: Get-Date", "missing required arguments: pssession_name"),
        ("start", "pssession_name: 'One,Two', pssession_script: Get-Date", "one name, without a comma"),
        ("start", "pssession_name: Night*, pssession_script: Get-Date", "cannot have * or ?"),
        ("resume", "pssession_name: 'Why?', pssession_script: Get-Date", "cannot have * or ?"),
        ("resume", "pssession_name: Nightly", "needs one of pssession_script (the text), pssession_path (a file)"),
        ("resume", "pssession_name: Nightly, pssession_path: missing.ps1", "missing.ps1 cannot be read"),
        ("cleanup", "pssession_remove: true", "to remove sessions, name them"),
    ],
)
@ways
def test_bad_values_fail_every_host(
    controller: Controller, fleet: SimulatedFleet, way: str, entry_point: str, value: str, message: str
) -> None:
    variables = value if "pssession_way" in value else f"{value}, pssession_way: {way}"
    role = f"{{name: psremoting.fleet.pssession, tasks_from: {entry_point}, rolespec_validate: false}}"
    run = controller.run(f"- ansible.builtin.import_role: {role}\n  vars: {{{variables}}}")
    failed = [result for result in run.results if result.outcome == "failed"]
    assert {result.host for result in failed} == set(HOSTS), run.output
    assert all(message in result.message for result in failed), run.output
    assert fleet.requests == []


def test_on_a_bastion(controller: Controller, fleet: SimulatedFleet) -> None:
    controller.inventory["all"]["hosts"] = {
        "bastion": {"ansible_connection": "bastion", "ansible_python_interpreter": sys.executable}
    }
    registry = controller.folder / "bastion.sqlite3"
    for way in WAYS:
        run = controller.run(
            f"""
            - hosts: windows
              gather_facts: false
              module_defaults: {{group/psremoting.fleet.all: {{state_file: {registry}}}}}
              tasks:
                - ansible.builtin.import_role: {{name: psremoting.fleet.pssession}}
                  delegate_to: bastion
                  vars: {{pssession_name: [ITTask], pssession_way: {way}}}
            """
        )
        expected = 1 if way == "per_host" else 0
        assert (run.exit_code, changed(run)) == (0, dict.fromkeys(HOSTS, expected)), run.output
    assert registry.exists()
    assert not controller.registry.exists()


def test_a_process_that_ends_in_the_middle(controller: Controller, fleet: SimulatedFleet) -> None:
    """The process that works for all hosts is killed: nothing is done twice, and a rerun heals."""
    hang = Injection("Connect", action="hang")
    fleet["srv01"].inject(hang)
    process = controller.started(ROLE.replace("WAY", "fleet"))
    until(lambda: hang.times == 0 and fleet.requests_of("srv02", "Connect"))
    workers = processes_of(process.pid)[1:]
    until(lambda: holders_of_awaited_locks(workers), "the process that waits for the other one")
    os.kill(holders_of_awaited_locks(workers)[0], signal.SIGKILL)
    assert controller.ended(process).exit_code != 0
    assert len(fleet.requests_of(operation="Connect")) == len(HOSTS)
    fleet.clock.advance(SILENCE + 1)
    again = controller.run(ROLE.replace("WAY", "fleet"))
    assert again.exit_code == 0, again.output
    assert connected(fleet) == {f"{host}/ITTask" for host in HOSTS}


@ways
def test_user_and_password_of_the_command_line(controller: Controller, fleet: SimulatedFleet, way: str) -> None:
    """As AWX gives those of a machine credential."""
    variables = controller.inventory["all"]["children"]["windows"]["vars"]
    del variables["ansible_user"], variables["ansible_password"]
    password = controller.write("password", PASSWORD)
    run = controller.run(ROLE.replace("WAY", way), "-u", USER, "--connection-password-file", str(password))
    assert (run.exit_code, changed(run)) == (0, dict.fromkeys(HOSTS, 1)), run.output
