# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What tasks show on the terminal, beside what the callback makes of their results."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from tests.simulator import SimulatedFleet

from .controller import Controller, Run

FLEET_WIDE = """
- name: Connect
  psremoting.fleet.connect_pssession:
    computer_name: [srv01, srv02, srv03]
    name: ITTask
    require_each: true
  run_once: true
"""
HEADINGS = ["Id", "Name", "ComputerName", "State", "Availability"]


def lines(run: Run) -> list[str]:
    return [" ".join(line.split()) for line in run.stdout.splitlines()]


def table(run: Run) -> list[list[str]]:
    """The rows of the only table that a run shows."""
    (start,) = [number for number, line in enumerate(lines(run)) if line.startswith(" ".join(HEADINGS))]
    shown = (line.split() for line in lines(run)[start + 2 :])
    return [row for row in shown if row[1:2] == ["ITTask"]]


def test_a_task_for_all_shows_what_it_has_changed_and_why_the_rest_failed(
    controller: Controller, fleet: SimulatedFleet
) -> None:
    for name in ("srv02", "srv03"):
        fleet[name].session("ITTask").close()
    run = controller.run(FLEET_WIDE)
    assert run.exit_code == 2
    assert [row[2:] for row in table(run)] == [["srv01", "Opened", "Available"]]
    assert run["Connect"]["stdout_lines"] == run["Connect"]["stdout"].splitlines()
    # Once in lines, on all versions of ansible-core: as its own message, or in the lines of the task.
    shown = [" ".join(line.split()) for line in run.output.splitlines()]
    assert shown.count("missing: srv02, srv03") == 1
    hint = "The session may have expired, or belong to another account"
    assert len([line for line in shown if line.startswith(hint)]) == 1
    again = controller.run(FLEET_WIDE.replace("[srv01, srv02, srv03]", "srv01"))
    assert (again.exit_code, again["Connect"]["stdout"]) == (0, "")
    assert " ".join(HEADINGS) not in lines(again)


@pytest.mark.parametrize(
    ("keywords", "arguments", "is_whole"),
    [
        ("", [], False),
        ("register: fleet", [], True),
        ("", ["-v"], True),
        ("rescue", [], True),
        ("until: true", [], True),
    ],
)
def test_a_result_that_only_the_terminal_gets_tells_each_error_once(
    controller: Controller, fleet: SimulatedFleet, keywords: str, arguments: list[str], is_whole: bool
) -> None:
    for name in ("srv02", "srv03"):
        fleet[name].session("ITTask").close()
        fleet[name].add_session("ITTask", state="Connected")
    for name in ("ANSIBLE_CALLBACK_PLUGINS", "ANSIBLE_CALLBACKS_ENABLED"):
        del controller.environment[name]
    task = {"name": "Connect", "run_once": True, **yaml.safe_load(FLEET_WIDE)[0]}
    if keywords == "rescue":
        played: dict[str, Any] = {"block": [task], "rescue": [{"ansible.builtin.meta": "noop"}]}
    else:
        played = {**task, **(yaml.safe_load(keywords) or {})}
    run = controller.run(yaml.safe_dump([played]), *arguments)
    assert '"reason"' in run.stdout if is_whole else '"reason"' not in run.stdout, run.output
    if not is_whole:
        assert run.output.count("If that client no longer runs") == 1
        assert run.output.count("busy: srv02, srv03") == 1
        assert re.search(r'FAILED! => {"changed": true, "msg": "2 errors, 1 session went well. See', run.output)


def test_check_mode_shows_each_line_without_being_asked(controller: Controller) -> None:
    line = 'What if: Performing the operation "Connect" on target "ITTask".'
    for_all = controller.run(FLEET_WIDE, "--check")
    assert [f"{host}: {line}" for host in ("srv01", "srv02", "srv03")] == sorted(
        each for each in lines(for_all) if "What if" in each
    )
    each = controller.run("[{name: Connect, psremoting.fleet.connect_pssession: {name: ITTask}}]", "--check")
    assert [f"{host}: {line}" for host in ("srv01", "srv02", "srv03")] == sorted(
        each for each in lines(each) if "What if" in each
    )


def test_a_task_for_each_host_shows_its_sessions_without_headings(controller: Controller) -> None:
    run = controller.run(
        """
        - name: Look
          psremoting.fleet.pssession_info: {name: ITTask}
        - name: Look for use
          psremoting.fleet.pssession_info: {name: IT*}
          register: found
        - name: Nothing there
          psremoting.fleet.pssession_info: {name: Nowhere}
        """
    )
    assert run.exit_code == 0, run.output
    rows = [line.split()[:3] for line in lines(run) if line.startswith("srv0") and "ITTask" in line]
    assert sorted(rows) == [[host, "ITTask", "Disconnected"] for host in ("srv01", "srv02", "srv03")]
    assert "ComputerName" not in run.stdout
    assert "ITBackup" not in run.stdout
    assert run.on("Look for use", "srv01")["stdout_lines"][0].split()[:5] == HEADINGS


def test_lines_above_the_banner_of_their_task_name_it(controller: Controller) -> None:
    for hides, named in (("true", 0), ("false", 1)):
        run = controller.run(
            FLEET_WIDE.replace("connect_", "disconnect_") if named else FLEET_WIDE,
            ANSIBLE_DISPLAY_SKIPPED_HOSTS=hides,
        )
        assert lines(run).count("Connect:") == named, run.output
        assert len(table(run)) == 3


def test_a_host_whose_errors_do_not_fail_it_is_not_only_ok(controller: Controller, fleet: SimulatedFleet) -> None:
    fleet["srv02"].session("ITTask").close()
    task = "{name: ITTask, on_error: report}"
    run = controller.run(
        f"""
        - name: Connect
          psremoting.fleet.connect_pssession: {task}
        - name: Connect for use
          psremoting.fleet.connect_pssession: {task}
          register: tried
        """
    )
    assert run.exit_code == 0, run.output
    shown = [
        line for line in lines(run) if line.startswith("no session named 'ITTask' was found on srv02 (The session")
    ]
    assert len(shown) == 1


@pytest.mark.parametrize("keywords", ["no_log: true", "until: true"])
def test_some_tasks_show_nothing(controller: Controller, keywords: str) -> None:
    run = controller.run(FLEET_WIDE.rstrip() + f"\n  {keywords}\n")
    assert run.exit_code == 0, run.output
    assert "ITTask" not in run.stdout


def test_standard_output_stays_data_for_a_callback_that_prints_data(controller: Controller) -> None:
    run = controller.run(FLEET_WIDE, ANSIBLE_STDOUT_CALLBACK="document")
    assert run.exit_code == 0, run.output
    assert json.loads(run.stdout)
    assert " ".join(HEADINGS) in [" ".join(line.split()) for line in run.stderr.splitlines()]
