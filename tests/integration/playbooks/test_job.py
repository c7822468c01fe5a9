# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module pssession_job: whole jobs, host by host and for a fleet at once, with the settings of the inventory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.unix import LockedFile
from tests.processes import processes_of
from tests.simulator import Injection, SimulatedFleet, User
from tests.waiting import until

from .controller import PASSWORD, PATIENT, USER, Controller, Run, inventory_of

HOSTS = ["srv01", "srv02", "srv03"]
READING = {"Enumerate", "Unauthenticated"}
SCRIPTS: dict[str, Any] = {
    "Work": [{"output": "begun"}, {"output": "done"}],
    "Long work": [{"sleep": 3600}],
    "Lines": [{"output": str(number)} for number in range(12)],
    "Again": [{"output": "again"}],
    # With its parameters.
    "Work -a 1 -key System.Security.SecureString": [{"output": "begun"}, {"output": "done"}],
}


@pytest.fixture
def fleet() -> Iterator[SimulatedFleet]:
    users = [User(USER, PASSWORD, administrator=True), User("alice", "alice-secret")]
    with SimulatedFleet.build(HOSTS, users, SCRIPTS, switches=PATIENT) as started:
        yield started


@pytest.fixture
def controller(fleet: SimulatedFleet, tmp_path: Path) -> Controller:
    return Controller(tmp_path, inventory_of(fleet))


def job(controller: Controller, *arguments: str, keywords: dict[str, Any] | None = None, **options: Any) -> Run:
    """Run one task with the module."""
    task = {"name": "Job", "psremoting.fleet.pssession_job": options, **(keywords or {})}
    return controller.run(yaml.safe_dump([task]), *arguments)


def at_once(controller: Controller, *arguments: str, **options: Any) -> Run:
    """Run one task for all hosts."""
    return job(controller, *arguments, keywords={"run_once": True}, computer_name=HOSTS, **options)


def outcomes(run: Run) -> dict[str, str]:
    return {host: each["outcome"] for result in run.of("Job").values() for host, each in result.values["hosts"].items()}


def operations(fleet: SimulatedFleet) -> set[str]:
    return {request.operation for request in fleet.requests}


@pytest.mark.parametrize("play", [job, at_once])
def test_start_and_resume_host_by_host_and_at_once(controller: Controller, fleet: SimulatedFleet, play: Any) -> None:
    wanted: dict[str, Any] = {"name": "Nightly", "script": "Work", "idle_timeout": 7000}
    for outcome in ("changed", "ok"):
        run = play(controller, job="start", **wanted)
        assert (run.exit_code, outcomes(run)) == (0, dict.fromkeys(HOSTS, outcome)), run.output
        kinds = {line["kind"] for result in run.of("Job").values() for line in result["lines"]}
        assert kinds == (set() if outcome == "changed" else {"nothing"})
    assert {computer.session("Nightly").idle_timeout for computer in fleet} == {7000}
    assert len(fleet.requests_of(operation="Command")) == 3
    for outcome in ("changed", "ok"):
        run = play(controller, job="resume", journal=str(controller.folder / "work"), adopt=True, **wanted)
        assert (run.exit_code, outcomes(run)) == (0, dict.fromkeys(HOSTS, outcome)), run.output
        results = [result.values for result in run.of("Job").values()]
        parts = [(host, part["results"]) for result in results for host, part in result["hosts"].items()]
        assert sorted((host, got["output"]) for host, (got,) in parts) == [(host, ["begun", "done"]) for host in HOSTS]
        assert "output" not in {line["kind"] for result in results for line in result["lines"]}
    assert len(fleet.requests_of(operation="Command")) == 3
    assert {path.name for path in (controller.folder / "work").iterdir()} == {
        f"{host}.{kind}" for host in HOSTS for kind in ("jsonl", "result.json")
    }
    assert all(not list(computer.sessions) for computer in fleet)


@pytest.mark.parametrize("play", [job, at_once])
def test_a_job_of_several_calls_logs_on_once_to_each_computer(
    controller: Controller, fleet: SimulatedFleet, play: Any
) -> None:
    for computer in fleet:
        computer.configure({"authentication": ["negotiate"]})
    controller.inventory = inventory_of(fleet, ansible_psrp_auth="ntlm", ansible_psrp_message_encryption=None)
    wanted = {"name": "Nightly", "script": "Work", "journal": str(controller.folder / "work")}
    run = play(controller, job="resume", **wanted)
    assert (run.exit_code, outcomes(run)) == (0, dict.fromkeys(HOSTS, "changed")), run.output
    assert len(fleet.requests_of(operation="Delete")) == len(HOSTS)  # the last call of four
    assert len(fleet.requests_of(operation="Unauthenticated")) == len(HOSTS)  # the first token of NTLM


@pytest.mark.parametrize("play", [job, at_once])
def test_resume_knows_what_start_began_with_its_journal(
    controller: Controller, fleet: SimulatedFleet, play: Any
) -> None:
    wanted = {"name": "Nightly", "script": "Work", "journal": str(controller.folder / "work")}
    assert outcomes(play(controller, job="start", **wanted)) == dict.fromkeys(HOSTS, "changed")
    fleet.clear_requests()
    again = play(controller, job="start", **wanted)
    assert (again.exit_code, outcomes(again), fleet.requests) == (0, dict.fromkeys(HOSTS, "ok"), []), again.output
    run = play(controller, job="resume", **wanted)
    assert (run.exit_code, outcomes(run)) == (0, dict.fromkeys(HOSTS, "changed")), run.output
    outputs = [host["results"][0]["output"] for one in run.of("Job").values() for host in one["hosts"].values()]
    assert outputs == [["begun", "done"]] * len(HOSTS)
    assert fleet.requests_of(operation="Command") == []


def test_a_rerun_of_work_that_is_done_sends_nothing(controller: Controller, fleet: SimulatedFleet) -> None:
    wanted: dict[str, Any] = {
        "job": "resume",
        "name": "Nightly",
        "script": "Work",
        "journal": str(controller.folder / "work"),
    }
    assert job(controller, **wanted).exit_code == 0
    fleet.clear_requests()
    run = job(controller, **wanted)
    assert (run.exit_code, outcomes(run), fleet.requests) == (0, dict.fromkeys(HOSTS, "ok"), [])


def test_hosts_fare_for_themselves(controller: Controller, fleet: SimulatedFleet) -> None:
    fleet["srv02"].inject(Injection("Enumerate", action="status", times=None))
    run = at_once(controller, job="start", name="Nightly", script="Work")
    assert run.exit_code == 2
    result = run["Job"]
    assert outcomes(run) == {"srv01": "changed", "srv02": "unreachable", "srv03": "changed"}
    assert result.message.startswith("1 of 3 hosts failed.\nunreachable: srv02\n    the sessions on srv02 ")
    assert result["changed"]
    run = at_once(controller, job="start", name="Nightly", script="Work", on_error="report")
    assert (run.exit_code, outcomes(run)["srv02"]) == (0, "unreachable")


def test_two_spellings_of_a_host_are_one_computer(controller: Controller, fleet: SimulatedFleet) -> None:
    wanted: dict[str, Any] = {"job": "start", "name": "Nightly", "script": "Work", "computer_name": ["srv01", "SRV01"]}
    run = job(controller, keywords={"run_once": True}, **wanted)
    assert (run.exit_code, outcomes(run)) == (0, {"srv01": "changed", "SRV01": "changed"}), run.output
    assert [len(computer.sessions) for computer in fleet] == [1, 0, 0]


@pytest.mark.parametrize("play", [job, at_once])
def test_check_mode_sends_only_reading_requests(controller: Controller, fleet: SimulatedFleet, play: Any) -> None:
    wanted: dict[str, Any] = {"name": "Nightly", "script": "Work"}
    journal = controller.folder / "work"
    for options in ({"job": "start", **wanted}, {"job": "resume", **wanted, "journal": str(journal)}):
        run = play(controller, "--check", "--diff", **options)
        assert (run.exit_code, outcomes(run)) == (0, dict.fromkeys(HOSTS, "changed")), run.output
        assert all(result["changed"] and result["diff"] for result in run.of("Job").values())
    assert operations(fleet) <= READING
    assert not journal.exists()


def test_start_does_not_pass_over_a_session_without_a_command(controller: Controller, fleet: SimulatedFleet) -> None:
    fleet["srv01"].add_session("Nightly")
    for arguments in (["--check"], []):
        run = job(controller, *arguments, job="start", name="Nightly", script="Work")
        assert outcomes(run) == {"srv01": "failed", "srv02": "changed", "srv03": "changed"}
        assert "remove the session (remove_pssession) and run the task again" in run.on("Job", "srv01").message


def test_cleanup_without_remove_only_shows(controller: Controller, fleet: SimulatedFleet) -> None:
    fleet["srv01"].add_session("Left", inactivity=3700)
    fleet["srv01"].add_session("Hers", inactivity=3700, owner="alice")
    for remove in (False, True):
        run = at_once(controller, job="cleanup", name="*", remove=remove)
        assert (run.exit_code, run["Job"]["changed"]) == (0, remove), run.output
        lines = [(line["host"], line["kind"], line["value"]) for line in run["Job"]["lines"]]
        assert [value["name"] for _host, kind, value in lines if kind == "left_behind"] == ["Left"]
        assert all(line in run.stdout.splitlines() for line in run["Job"]["stdout_lines"])
        assert any(line.split()[:2] == ["Left", "srv01"] for line in run["Job"]["stdout_lines"])
        assert [line for line in lines if line[1] == "nothing"] == [
            (
                host,
                "nothing",
                f"nothing to remove: looked for sessions of {USER} that are disconnected for 1 h and have no command",
            )
            for host in HOSTS[1:]
        ]
        assert [value for _host, kind, value in lines if kind == "looked_for"] == [
            f"sessions of SRV01\\{USER} that are disconnected for 1 h and have no command"
        ]
        if not remove:
            assert operations(fleet) <= READING
    assert [session.name for session in fleet["srv01"].sessions] == ["Hers"]


def test_defaults_of_the_action_group_count_for_every_call(controller: Controller, fleet: SimulatedFleet) -> None:
    registry = controller.folder / "other.sqlite3"
    run = controller.run(
        f"""
        - hosts: windows
          gather_facts: false
          module_defaults: {{group/psremoting.fleet.all: {{state_file: {registry}, throttle_limit: 2}}}}
          tasks:
            - psremoting.fleet.pssession_job: {{job: start, name: Nightly, script: Work}}
        """
    )
    assert run.exit_code == 0, run.output
    assert registry.exists()
    assert not controller.registry.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"job": "start", "name": "Nightly"}, "one of script (the text), path (a file) and command"),
        ({"job": "start", "name": "Nightly", "script": "a", "path": "b"}, "one of script (the text), path"),
        ({"job": "start", "script": "a"}, "needs name"),
        ({"job": "start", "name": " ", "script": "a"}, "needs name"),
        ({"job": "start", "name": "One,Two", "script": "a"}, "name must be one name, without a comma"),
        ({"job": "start", "name": "Night*", "script": "a"}, "name cannot have * or ?"),
        ({"job": "resume", "name": "Why?", "script": "a"}, "name cannot have * or ?"),
        ({"job": "resume", "name": ["One", "Two"], "script": "a"}, "name must be one name, without a comma"),
        ({"job": "collect"}, "the job collect needs name or instance_id"),
        ({"job": "extend"}, "needs idle_timeout"),
        ({"job": "extend", "idle_timeout": 30}, "idle_timeout"),
        ({"job": "connect", "when_done": "remove"}, "when_done: remove is for the jobs collect and harvest"),
        ({"job": "cleanup", "remove": True}, "to remove sessions, name them"),
        ({"job": "cleanup", "on_error": "stop"}, "on_error: stop"),
        ({"job": "harvest"}, "the job harvest needs name or instance_id"),
        ({"job": "reap"}, "value of job must be one of"),
        ({"job": "connect", "instance_id": ["not-a-guid"]}, "'not-a-guid' is not a GUID"),
    ],
)
def test_what_makes_no_job_is_refused(
    controller: Controller, fleet: SimulatedFleet, options: dict[str, Any], message: str
) -> None:
    run = job(controller, **options)
    assert run.exit_code == 2
    assert message in run.output
    assert fleet.requests == []


def test_secrets_and_no_log(controller: Controller, fleet: SimulatedFleet) -> None:
    secret = "corr3ct-h0rse"
    options: dict[str, Any] = {
        "name": "Nightly",
        "script": "Long work",
        "sensitive_parameters": [{"name": "Password", "value": secret}],
    }
    run = job(controller, "-vvvv", job="start", **options)
    assert run.exit_code == 0, run.output
    assert secret not in run.output
    hidden = job(controller, job="start", keywords={"no_log": True}, **options)
    assert "srv01" not in str(hidden.on("Job", "srv01").values)


def test_an_interrupted_job_leaves_no_session_connected(controller: Controller, fleet: SimulatedFleet) -> None:
    task = {
        "name": "Job",
        "psremoting.fleet.pssession_job": {"job": "resume", "name": "Nightly", "script": "Long work"},
    }
    process = controller.started(yaml.safe_dump([task]))
    # To the session and to the command: it receives.
    until(lambda: all(len(fleet.requests_of(host, "Connect")) == 2 for host in HOSTS))
    process.terminate()
    assert controller.ended(process).exit_code != 0
    until(lambda: {fleet[host].session("Nightly").state for host in HOSTS} == {"Disconnected"})
    assert len(fleet.requests_of(operation="Command")) == 3


def test_a_killed_run_leaves_no_worker_that_receives(controller: Controller, fleet: SimulatedFleet) -> None:
    """Only ansible-playbook is killed: its workers notice, disconnect and end, and the next run goes on at once."""
    options = {"job": "resume", "name": "Nightly", "script": "Long work", "journal": str(controller.folder / "journal")}
    process = controller.started(yaml.safe_dump([{"name": "Job", "psremoting.fleet.pssession_job": options}]))
    until(lambda: all(len(fleet.requests_of(host, "Connect")) == 2 for host in HOSTS))
    workers = processes_of(process.pid)[1:]
    assert workers
    process.kill()
    until(lambda: not any(Path(f"/proc/{pid}/status").exists() for pid in workers), "the end of the workers")
    assert {fleet[host].session("Nightly").state for host in HOSTS} == {"Disconnected"}
    assert len(fleet.requests_of(operation="Command")) == 3


@pytest.mark.parametrize("play", [job, at_once])
def test_output_is_shown_and_written(controller: Controller, fleet: SimulatedFleet, play: Any) -> None:
    folder = controller.folder / "out"
    wanted: dict[str, Any] = {"name": "Nightly", "output": str(folder), "output_lines": 2}
    assert play(controller, job="start", name="Nightly", script="Lines").exit_code == 0
    run = play(controller, "--check", job="collect", **wanted)
    assert (run.exit_code, folder.exists(), "Completed" in run.stdout) == (0, False, False)
    for script in ("Again", "Again"):
        run = play(controller, job="collect", when_done="remove", **wanted)
        assert run.exit_code == 0, run.output
        assert play(controller, job="start", name="Nightly", script=script).exit_code == 0
    assert "  again" in run.stdout.splitlines()
    shown = [line for result in run.of("Job").values() for line in result["stdout_lines"]]
    of_all = f"{', '.join(HOSTS)}: Nightly, Completed, in {folder}"
    for host in HOSTS:
        first, second = sorted((folder / host).glob("*.txt"), key=lambda path: len(path.name))
        assert (first.name, len(second.stem)) == ("Nightly.txt", len("Nightly-00000000"))
        assert (first.read_text().splitlines(), second.read_text()) == (
            [str(number) for number in range(12)],
            "again\n",
        )
        assert {path.with_suffix(".json") for path in (first, second)} == set((folder / host).glob("*.json"))
        assert (of_all if play is at_once else f"{host}: Nightly, Completed, in {second}") in shown


def test_more_lines_are_told_and_no_log_shows_none(controller: Controller, fleet: SimulatedFleet) -> None:
    wanted: dict[str, Any] = {"job": "resume", "script": "Work", "journal": str(controller.folder / "work")}
    run = job(controller, name="Nightly", output_lines=1, **wanted)
    assert (run.exit_code, run.on("Job", "srv01")["stdout_lines"]) == (
        0,
        [
            "srv01: Nightly, Completed",
            "  begun",
            "  ... 1 more line in the journal; the lookup psremoting.fleet.journal reads "
            f"{controller.folder / 'work' / 'srv01.jsonl'}",
        ],
    )
    assert run.stdout.count("  begun\n") == len(HOSTS)
    run = job(controller, name="Nightly", keywords={"no_log": True}, **wanted)
    assert (run.exit_code, "begun" in run.stdout) == (0, False)
    run = job(controller, name="Nightly", output_lines=0, **wanted)
    assert (run.exit_code, run.on("Job", "srv01")["stdout"], "begun\n" in run.stdout) == (0, "", False)


def test_a_folder_for_output_that_cannot_be_used(controller: Controller, fleet: SimulatedFleet) -> None:
    wanted: dict[str, Any] = {"job": "resume", "name": "Nightly", "script": "Work"}
    (controller.folder / "file").touch()
    run = job(controller, output=str(controller.folder / "file" / "out"), **wanted)
    assert (run.exit_code, fleet.requests) == (2, [])
    assert "output: " in run.on("Job", "srv01").message
    assert "Nothing was sent" in run.on("Job", "srv01").message
    # One host's files that cannot be written are an error of that host.
    (controller.folder / "out").mkdir(mode=0o700)
    (controller.folder / "out" / "srv02").touch()
    run = job(controller, output=str(controller.folder / "out"), **wanted)
    assert outcomes(run) == {"srv01": "changed", "srv02": "failed", "srv03": "changed"}
    assert "the output of srv02 could not be written to" in run.on("Job", "srv02").message
    assert run.on("Job", "srv02")["hosts"]["srv02"]["results"][0]["output"] == ["begun", "done"]


@pytest.mark.parametrize("play", [job, at_once])
@pytest.mark.parametrize("journal", ["work/", "journals/", "journal.jsonl"])
def test_a_journal_is_read_without_the_sessions(
    controller: Controller, fleet: SimulatedFleet, play: Any, journal: str
) -> None:
    path = str(controller.folder / journal)
    if journal == "work/":
        run = play(controller, job="resume", name="Nightly", script="Work", journal=path)
    else:
        assert play(controller, job="start", name="Nightly", script="Work").exit_code == 0
        run = play(controller, job="collect", name="Nightly", when_done="remove", journal=path)
    assert run.exit_code == 0, run.output
    fleet.clear_requests()
    wanted = {host: each["results"] for one in run.of("Job").values() for host, each in one["hosts"].items()}
    run = play(controller, job="journal", name="Night*", journal=path, output=str(controller.folder / "out"))
    assert (run.exit_code, outcomes(run), fleet.requests) == (0, dict.fromkeys(HOSTS, "ok"), []), run.output
    assert {host: each["results"] for one in run.of("Job").values() for host, each in one["hosts"].items()} == wanted
    assert (controller.folder / "out" / "srv03" / "Nightly.txt").read_text() == "begun\ndone\n"
    run = play(controller, job="journal", name="Other", journal=path)
    assert (run.exit_code, outcomes(run)) == (2, dict.fromkeys(HOSTS, "missing"))


def test_a_journal_that_is_not_there(controller: Controller, fleet: SimulatedFleet) -> None:
    run = job(controller, job="journal", journal=str(controller.folder / "none"))
    assert (run.exit_code, outcomes(run)) == (2, dict.fromkeys(HOSTS, "failed"))
    assert "there is no" in run.on("Job", "srv01").message
    run = job(controller, job="journal")
    assert "the job journal needs journal" in run.on("Job", "srv01").message
    assert fleet.requests == []


@pytest.mark.parametrize("play", [job, at_once])
def test_other_work_is_not_answered_by_the_result_in_the_folder(
    controller: Controller, fleet: SimulatedFleet, play: Any
) -> None:
    wanted: dict[str, Any] = {"job": "resume", "name": "Nightly", "journal": str(controller.folder / "work")}
    secret = {"sensitive_parameters": [{"name": "key", "value": "secret-value"}]}
    assert play(controller, script="Work", parameters={"a": 1}, **secret, **wanted).exit_code == 0
    fleet.clear_requests()
    others: tuple[dict[str, Any], ...] = (
        {"script": "Lines", "parameters": {"a": 1}, **secret},
        {"script": "Work", "parameters": {"a": 2}, **secret},
        {"script": "Work", "parameters": {"a": 1}},
        {"script": "Work", "parameters": {"a": 1}, **secret, "name": "Weekly"},
    )
    for other in others:
        run = play(controller, **{**wanted, **other})
        assert (run.exit_code, outcomes(run)) == (2, dict.fromkeys(HOSTS, "failed"))
        messages = [host["msg"] for one in run.of("Job").values() for host in one["hosts"].values()]
        assert all("is the journal of other work on srv0" in message for message in messages)
        assert "begun" not in str([one.values for one in run.of("Job").values()])
    secret["sensitive_parameters"][0]["value"] = "rotated-value"
    run = play(controller, script="Work", parameters={"a": 1}, **secret, **wanted)
    assert (run.exit_code, outcomes(run), fleet.requests) == (0, dict.fromkeys(HOSTS, "ok"), [])
    kept = "".join(path.read_text() for path in (controller.folder / "work").iterdir())
    assert "secret-value" not in kept
    assert "rotated-value" not in kept


@pytest.mark.parametrize("play", [job, at_once])
def test_a_journal_that_another_run_holds_is_an_error_of_its_host(
    controller: Controller, fleet: SimulatedFleet, play: Any
) -> None:
    folder = controller.folder / "work"
    folder.mkdir(mode=0o700)
    (folder / "srv02.jsonl").touch(mode=0o600)
    held = LockedFile(str(folder / "srv02.jsonl"))
    assert held.exclusive()
    wanted: dict[str, Any] = {"job": "resume", "name": "Nightly", "script": "Work", "journal": str(folder)}
    try:
        run = play(controller, **wanted)
    finally:
        held.release()
    assert outcomes(run) == {"srv01": "changed", "srv02": "failed", "srv03": "changed"}
    (told,) = [one["hosts"]["srv02"]["msg"] for one in run.of("Job").values() if "srv02" in one["hosts"]]
    assert "nothing was done on srv02: journal: " in told
    assert "is in use: another run works with it" in told
    assert {request.computer for request in fleet.requests_of(operation="Create")} == {"srv01", "srv03"}
    run = play(controller, **wanted)
    assert outcomes(run) == {"srv01": "ok", "srv02": "changed", "srv03": "ok"}
