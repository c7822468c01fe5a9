# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lookup journal: output is there without its session, as the tasks that received it had it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.simulator import SimulatedFleet, User

from .controller import PASSWORD, PATIENT, USER, Controller, Run, inventory_of

HOSTS = ["srv01", "srv02"]
SCRIPTS: dict[str, Any] = {
    "Work": [{"output": "begun"}, {"output": {"Updates": 12}}, {"warning": "careful"}],
    "Broken work": [{"output": "begun"}, {"throw": "it broke"}],
    "Long work": [{"output": "begun"}, {"sleep": 3600}],
    "Templates": [{"output": "{{ 1 + 1 }}"}],
}
FORMATS = Path(__file__).resolve().parents[2] / "unit" / "formats"


@pytest.fixture
def fleet() -> Iterator[SimulatedFleet]:
    users = [User(USER, PASSWORD, administrator=True)]
    with SimulatedFleet.build(HOSTS, users, SCRIPTS, switches=PATIENT) as started:
        yield started


@pytest.fixture
def controller(fleet: SimulatedFleet, tmp_path: Path) -> Controller:
    return Controller(tmp_path, inventory_of(fleet))


def read(controller: Controller, *paths: Path, **options: Any) -> Run:
    """Show what the lookup returns, on a host without sessions."""
    arguments = "".join(f", {name}={value!r}" for name, value in options.items())
    given = ", ".join(f"'{path}'" for path in paths)
    query = f"{{{{ query('psremoting.fleet.journal', {given}{arguments}) }}}}"
    return controller.run(
        yaml.safe_dump([{"name": "Read", "ansible.builtin.debug": {"msg": query}}]), hosts="localhost"
    )


def entries(run: Run) -> list[dict[str, Any]]:
    assert run.exit_code == 0, run.output
    return list(run["Read"]["msg"])


def play(controller: Controller, module: str, **options: Any) -> Run:
    return controller.run(yaml.safe_dump([{"name": "Task", f"psremoting.fleet.{module}": options}]))


def test_the_results_of_a_folder_of_journals(controller: Controller, fleet: SimulatedFleet) -> None:
    journal = controller.folder / "journals"
    started = {"in_disconnected_session": True, "session_name": "Nightly"}
    for script in ("Work", "Broken work"):
        run = play(controller, "invoke_command", script=script, **started)
        assert run.exit_code == 0, run.output
        received = play(controller, "receive_pssession", name="Nightly", journal=f"{journal}/", on_error="report")
        assert play(controller, "remove_pssession", name="Nightly").exit_code == 0
        fleet.clear_requests()
        wanted = {each["command_id"]: each for run in received.of("Task").values() for each in run["results"]}
        found = entries(read(controller, journal))
        assert (len(wanted), fleet.requests) == (2, [])
        assert {each["command_id"]: each for each in found if each["command_id"] in wanted} == wanted
    assert len(found) == 4
    assert {each["state"] for each in found} == {"Completed", "Failed"}
    (path, *_others) = sorted(journal.glob("*.jsonl"))
    assert entries(read(controller, path)) == [each for each in found if each["instance_id"] == path.stem]


def test_work_that_has_not_ended_and_its_journal_stays_as_it_is(controller: Controller, fleet: SimulatedFleet) -> None:
    folder = controller.folder / "work"
    options = {"job": "resume", "name": "Nightly", "script": "Long work", "timeout": 0, "journal": str(folder)}
    assert play(controller, "pssession_job", **options).exit_code == 2
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    (entry,) = entries(read(controller, folder / "srv01.jsonl"))
    assert (entry["state"], entry["output"], entry["name"]) == ("Running", ["begun"], "Nightly")
    assert (entry["inventory_hostname"], entry["computer_name"]) == ("srv01", "srv01")
    assert before == {path.name: path.read_bytes() for path in folder.iterdir()}
    assert sorted(path.name for path in controller.folder.glob("*/*.jsonl*")) == ["srv01.jsonl", "srv02.jsonl"]


def test_a_journal_of_an_earlier_version(controller: Controller) -> None:
    shutil.copytree(FORMATS / "1" / "work", controller.folder / "work")
    found = entries(read(controller, controller.folder / "work"))
    assert [each["output"] for each in found if each["state"] == "Completed"] == [["done"]]
    assert {each["inventory_hostname"] for each in found} == {None}


def test_no_template_of_a_script_is_evaluated(controller: Controller, fleet: SimulatedFleet) -> None:
    journal = str(controller.folder / "journal.jsonl")
    for computer in fleet:
        computer.add_session("Nightly")
    assert play(controller, "invoke_command", script="Templates", name="Nightly", journal=journal).exit_code == 0
    found = entries(read(controller, Path(journal)))
    assert [each["output"] for each in found] == [["{{ 1 + 1 }}"]] * 2
    # Also where it goes through a task, in a loop.
    loop = {"loop": f"{{{{ query('psremoting.fleet.journal', '{journal}') }}}}", "name": "Loop"}
    run = controller.run(
        yaml.safe_dump([{**loop, "ansible.builtin.set_fact": {"shown": "{{ item.output[0] }}"}}]), hosts="localhost"
    )
    assert run.exit_code == 0, run.output
    assert "{{ 1 + 1 }}" in str(run["Loop"].values)


def test_limits_and_what_is_refused(controller: Controller, fleet: SimulatedFleet) -> None:
    journal = controller.folder / "journal.jsonl"
    for computer in fleet:
        computer.add_session("Nightly")
    assert play(controller, "invoke_command", script="Work", name="Nightly", journal=str(journal)).exit_code == 0
    found = entries(read(controller, journal, max_output_objects=1))
    assert [each["output"] for each in found] == [["begun", "... 1 more objects are not shown"]] * 2
    for run, message in (
        (read(controller, controller.folder / "none"), "there is no"),
        (read(controller, journal, timeout=3), "the lookup has no option timeout"),
        (read(controller), "name the path of a journal"),
    ):
        assert run.exit_code == 2
        assert message in run["Read"].message, run.output
    assert not (controller.folder / "none").exists()


def test_messages_that_cannot_be_read_are_warned_of(controller: Controller, fleet: SimulatedFleet) -> None:
    journal = controller.folder / "journal.jsonl"
    for computer in fleet:
        computer.add_session("Nightly")
    assert play(controller, "invoke_command", script="Work", name="Nightly", journal=str(journal)).exit_code == 0
    lines = journal.read_text().splitlines(keepends=True)
    pieces = [number for number, line in enumerate(lines) if '"piece"' in line]
    lines[pieces[0]] = lines[pieces[0]].replace('"piece": "', '"piece": "AAAA')
    journal.write_text("".join(lines))
    run = read(controller, journal)
    assert len(entries(run)) == 2
    assert "could not be read" in " ".join(run.stderr.split())
