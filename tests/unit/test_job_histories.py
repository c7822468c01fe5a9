# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Jobs whose controllers are killed at every step and run again: nothing is lost, started twice or wrongly green."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs import JOBS
from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs.base import Call, Order, drive
from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs.identity import identity_of
from tests.unit.fake_engine import OUTPUT, Command, FakeEngine, Folder

WORK: dict[str, Any] = {"name": ["Nightly"], "script": "work", "idle_timeout": 86400}
# More than any history of these tests has.
ENOUGH = 1000


def steps_of(job: str, hosts: list[str], journal: bool, **options: Any) -> int:
    """How many steps a run has that nothing disturbs."""
    engine = FakeEngine()
    engine.run(job, hosts, folder=journal, **options)
    return engine.steps


def check_work(engine: FakeEngine, told: Any, hosts: list[str], *, journal: bool) -> None:
    """The three promises, for a run that has ended."""
    for host in hosts:
        assert engine.starts.count(host) <= 1, "it was started twice"
        if told[host]["failed"]:
            assert told[host]["msg"]
            continue
        outputs = [result["output"] for result in told[host]["results"]]
        assert len(outputs) == 1, "it is green and not done"
        assert outputs == [OUTPUT] or not journal, "output is lost"
        assert [each for each in engine.sessions.values() if each.host == host] == []


several = pytest.mark.parametrize("hosts", [["a"], ["a", "b", "c"]])


@several
def test_resume_after_a_kill_at_every_step(hosts: list[str]) -> None:
    kills = steps_of("resume", hosts, True, **WORK)
    assert kills > 10
    refused = 0
    for kill_at in range(kills):
        engine = FakeEngine()
        assert engine.run("resume", hosts, kill_at=kill_at, **WORK) == {}
        for _again in range(2):
            told = engine.run("resume", hosts, **WORK)
            check_work(engine, told, hosts, journal=True)
            for host in hosts:
                if told[host]["failed"]:  # it was killed in the instant of asking for the start
                    refused += 1
                    assert "pssession_start_anew" in told[host]["msg"]
                    assert host not in engine.starts
    assert refused == 2 * len(hosts)


@several
def test_resume_without_a_journal_after_a_kill_at_every_step(hosts: list[str]) -> None:
    for kill_at in range(steps_of("resume", hosts, False, **WORK)):
        engine = FakeEngine()
        engine.run("resume", hosts, folder=False, kill_at=kill_at, **WORK)
        if len(engine.starts) == len(hosts) > len(engine.sessions):
            continue  # sessions are removed, so nothing tells another run that the work is done
        told = engine.run("resume", hosts, folder=False, **WORK)
        check_work(engine, told, hosts, journal=False)


def test_resume_after_two_kills_at_every_pair_of_steps() -> None:
    kills = steps_of("resume", ["a"], True, **WORK)
    for first, second in itertools.product(range(kills), repeat=2):
        engine = FakeEngine()
        engine.run("resume", ["a"], kill_at=first, **WORK)
        engine.run("resume", ["a"], kill_at=second, **WORK)
        told = engine.run("resume", ["a"], **WORK)
        check_work(engine, told, ["a"], journal=True)


def test_resume_while_the_work_runs_and_after_it() -> None:
    for kill_at in range(steps_of("resume", ["a"], True, **WORK)):
        engine = FakeEngine(ends=False)
        engine.run("resume", ["a"], kill_at=kill_at, timeout=0, **WORK)
        told = engine.run("resume", ["a"], timeout=0, **WORK)
        assert told["a"]["failed"], "it is green and still runs"
        assert engine.pending == {"a": "still runs" in told["a"]["msg"]}
        assert engine.starts.count("a") <= 1
        for session in engine.sessions.values():
            if session.command:
                session.command.is_running = False
        engine.ends = True
        check_work(engine, engine.run("resume", ["a"], timeout=0, **WORK), ["a"], journal=True)


def test_work_that_failed_is_a_result_and_work_that_was_stopped_is_none() -> None:
    failed, stopped = FakeEngine(state="Failed"), FakeEngine(state="Stopped")
    for _again in range(2):
        assert failed.run("resume", ["a"], **WORK)["a"]["outcome"] == "command_failed"
        told = stopped.run("resume", ["a"], **WORK)["a"]
        assert (told["failed"], len(told["errors"])) == (True, 1)
        assert told["outcome"] == "command_failed"
        assert "was stopped" in told["msg"]
        assert "pssession_start_anew" in told["msg"]
        assert told["results"][0]["output"] == OUTPUT
    assert failed.starts == stopped.starts == ["a"]
    assert (len(failed.sessions), len(stopped.sessions)) == (0, 1)  # what was stopped can still be looked at
    assert stopped.results == {}
    stopped.state = "Completed"
    check = stopped.run("resume", ["a"], start_anew=True, **WORK)["a"]
    assert (check["failed"], check["results"][0]["output"], stopped.starts) == (False, OUTPUT, ["a", "a"])


@pytest.mark.parametrize("state", ["Completed", "Failed"])
def test_work_whose_beginning_another_task_received_is_kept(state: str) -> None:
    engine = FakeEngine(ends=False, state=state)
    engine.run("resume", ["a"], timeout=0, **WORK)
    (session,) = engine.sessions.values()
    assert session.command
    session.command.is_running = False
    for entries in engine.journals.values():  # of another controller
        entries[:] = [each for each in entries if "piece" not in each]
    session.command.rest = OUTPUT[1:]
    for _again in range(3):
        told = engine.run("resume", ["a"], **WORK)["a"]
        assert (told["failed"], told["results"][0]["output"]) == (True, OUTPUT[1:])
        messages = [each["message"] for each in told["errors"]]
        assert sum("received the beginning" in each for each in messages) == 1
        assert sum("the command failed" in each for each in messages) == (state == "Failed")
        assert "pssession_start_anew" in told["msg"]
        assert list(engine.sessions.values()) == [session]
    assert (engine.results, engine.starts) == ({}, ["a"])
    engine.ends = True
    engine.state = "Completed"
    told = engine.run("resume", ["a"], start_anew=True, **WORK)["a"]
    assert (told["failed"], told["results"][0]["output"]) == (False, OUTPUT)
    assert (len(engine.sessions), engine.starts) == (0, ["a", "a"])


def test_work_that_was_stopped_is_not_done_although_its_result_was_kept() -> None:
    engine = FakeEngine(state="Stopped")
    engine.run("resume", ["a"], **WORK)
    session = next(iter(engine.sessions.values()))
    about = {"inventory_hostname": "a", "computer_name": "a", "instance_id": session.instance_id, "name": "Nightly"}
    result = {**about, "state": "Stopped", "output": OUTPUT}
    engine.results["a"] = json.dumps({"sessions": [about], "results": [result], "errors": []})
    engine.sessions.clear()  # as it was removed then
    told = engine.run("resume", ["a"], **WORK)["a"]
    assert (told["failed"], engine.starts) == (True, ["a"])
    assert "its session is gone" in told["msg"]


def test_resume_in_check_mode_changes_nothing() -> None:
    for kill_at in range(steps_of("resume", ["a"], True, **WORK)):
        engine = FakeEngine()
        engine.run("resume", ["a"], kill_at=kill_at, **WORK)
        before = (str(engine.sessions), str(engine.journals), str(engine.results), list(engine.starts))
        told = engine.run("resume", ["a"], check_mode=True, **WORK)
        assert (str(engine.sessions), str(engine.journals), str(engine.results), list(engine.starts)) == before
        assert told


def test_hosts_fare_for_themselves() -> None:
    engine = FakeEngine(down={"b"})
    engine.add("c")
    engine.add("c")
    told = engine.run("resume", ["a", "b", "c"], **WORK)
    assert {host: each["outcome"] for host, each in told.items()} == {
        "a": "changed",
        "b": "unreachable",
        "c": "failed",
    }
    assert "2 sessions" in told["c"]["msg"]
    assert engine.starts == ["a"]


def test_a_session_that_could_not_be_removed_is_an_error_beside_the_result() -> None:
    engine = FakeEngine()
    refused = {"computer_name": "a", "inventory_hostname": "a", "message": "refused", "reason": "access_denied"}
    engine.failing["remove_pssession"] = [refused]
    told = engine.run("resume", ["a"], **WORK)["a"]
    assert (told["outcome"], told["results"][0]["output"]) == ("access_denied", OUTPUT)
    again = engine.run("resume", ["a"], **WORK)["a"]
    assert (again["outcome"], again["results"][0]["output"], engine.sessions) == ("changed", OUTPUT, {})
    # Once it is removed, nothing needs to be asked any more.
    last = engine.run("resume", ["a"], **WORK)["a"]
    assert (last["outcome"], last["results"][0]["output"], engine.calls) == ("ok", OUTPUT, [])


@pytest.mark.parametrize(
    ("module", "starts"),
    [("pssession_info", 0), ("invoke_command", 0), ("receive_pssession", 1), ("remove_pssession", 1)],
)
def test_an_error_of_a_call_is_one_error_and_ends_the_work_of_the_run(module: str, starts: int) -> None:
    engine = FakeEngine()
    refused = {"computer_name": "a", "inventory_hostname": "a", "message": "refused", "reason": "access_denied"}
    engine.failing[module] = [refused]
    told = engine.run("resume", ["a"], **WORK)["a"]
    assert ([each["message"] for each in told["errors"]], told["outcome"]) == (["refused"], "access_denied")
    assert (engine.calls[-1].module, len(engine.starts)) == (module, starts)
    check_work(engine, engine.run("resume", ["a"], **WORK), ["a"], journal=True)


def test_a_result_that_cannot_be_kept_leaves_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    engine = FakeEngine()
    with monkeypatch.context() as patch:
        patch.setattr(Folder, "keep_result", full)
        told = engine.run("resume", ["a"], **WORK)["a"]
    assert (told["failed"], told["results"][0]["output"], len(engine.sessions)) == (True, OUTPUT, 1)
    assert "No space left" in told["msg"]
    check_work(engine, engine.run("resume", ["a"], **WORK), ["a"], journal=True)


def test_work_whose_session_is_gone_is_not_started_again() -> None:
    engine = FakeEngine(ends=False)
    engine.run("resume", ["a"], timeout=0, **WORK)
    engine.sessions.clear()
    told = engine.run("resume", ["a"], **WORK)["a"]
    assert (told["failed"], engine.starts) == (True, ["a"])
    assert "work/a.jsonl" in told["msg"]


def test_the_output_is_in_the_result_once() -> None:
    engine = FakeEngine()
    told = engine.run("resume", ["a", "b"], **WORK)
    assert {host: [got["output"] for got in each["results"]] for host, each in told.items()} == {
        "a": [OUTPUT],
        "b": [OUTPUT],
    }
    # The sessions of this engine have an idle timeout of two hours, whatever they are asked for.
    granted = [(line.host, line.value["idle_timeout"]) for line in engine.lines if line.kind == "granted"]
    assert granted == [("a", 7200), ("b", 7200)]
    assert len(engine.lines) == len(granted)


@pytest.mark.parametrize("hosts", [["a"], ["a", "b"]])
def test_start_after_a_kill_at_every_step(hosts: list[str]) -> None:
    for kill_at in range(steps_of("start", hosts, False, **WORK)):
        engine = FakeEngine()
        engine.run("start", hosts, folder=False, kill_at=kill_at, **WORK)
        told = engine.run("start", hosts, folder=False, **WORK)
        for host in hosts:
            assert told[host]["failed"] is (engine.starts.count(host) != 1), told


@pytest.mark.parametrize("when_done", ["keep", "remove", "disconnect"])
def test_collect_after_a_kill_at_every_step(when_done: str) -> None:
    hosts = ["a", "b"]
    wanted: dict[str, Any] = {"name": ["Nightly"], "journal": "journals/", "when_done": when_done}

    def sessions() -> FakeEngine:
        engine = FakeEngine()
        for host in hosts:
            engine.add(host, command=Command(f"c-{host}", list(OUTPUT)))
        return engine

    whole = sessions()
    whole.run("collect", hosts, folder=False, **wanted)
    for kill_at in range(whole.steps):
        engine = sessions()
        engine.run("collect", hosts, folder=False, kill_at=kill_at, **wanted)
        told = engine.run("collect", hosts, folder=False, **wanted)
        for host in hosts:
            pieces = [each.get("piece") for each in engine.journals["journals/"] if each["command"] == f"c-{host}"]
            assert list(filter(None, pieces)) == OUTPUT, "output is lost"
            outcome = told[host]["outcome"]
            if outcome == "missing":  # it was removed, so all of it was received before
                assert when_done == "remove"
            else:
                assert [each["output"] for each in told[host]["results"]] == [OUTPUT]
            there = [each for each in engine.sessions.values() if each.host == host]
            assert len(there) == (0 if when_done == "remove" else 1)


def test_collect_is_not_green_where_nothing_was_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an error, too: a session may be left out with a warning."""
    engine = FakeEngine()
    for host in "abc":
        engine.add(host, command=Command("c", list(OUTPUT), "Stopped" if host == "c" else "Completed"))
    receive = FakeEngine._receive

    def without_b(self: FakeEngine, options: Any, check_mode: bool) -> Any:
        return receive(self, {**options, "computer_name": ["a", "c"]}, check_mode)

    monkeypatch.setattr(FakeEngine, "_receive", without_b)
    told = engine.run("collect", ["a", "b", "c"], name=["Nightly"], when_done="remove")
    assert {host: (each["outcome"], each["failed"]) for host, each in told.items()} == {
        "a": ("changed", False),
        "b": ("failed", True),
        "c": ("command_failed", True),
    }
    assert [each.host for each in engine.sessions.values()] == ["b", "c"]


def test_resume_is_not_green_where_the_journal_could_not_be_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session whose commands cannot be listed is left out of a receive with a warning."""
    engine = FakeEngine()
    engine.add("a")

    def left_out(_self: FakeEngine, _options: Any, _check_mode: bool) -> Any:
        return {"sessions": [], "results": [], "errors": []}

    monkeypatch.setattr(FakeEngine, "_receive", left_out)
    told = engine.run("resume", ["a"], **WORK)["a"]
    assert (told["failed"], engine.starts) == (True, [])


def test_resume_tells_of_a_result_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the only host, so the job ends before its first call."""

    def unreadable(_self: Folder, _host: str) -> Any:
        raise ValueError("it has format 2, and this version reads up to 1")

    monkeypatch.setattr(Folder, "result_of", unreadable)
    engine = FakeEngine()
    told = engine.run("resume", ["a"], **WORK)["a"]
    assert (told["failed"], engine.calls, engine.starts) == (True, [], [])
    assert "format 2" in told["msg"]


def test_resume_starts_nothing_that_another_run_started_since_it_looked() -> None:
    engine = FakeEngine()
    job = JOBS["resume"](Order(["a"], WORK, folder=Folder(engine)))
    first = next(job)
    assert isinstance(first, Call)
    looked = engine.perform(first)
    check_work(engine, engine.run("resume", ["a"], **WORK), ["a"], journal=True)
    with pytest.raises(StopIteration) as end:
        job.send(looked)
    told = end.value.value.by_host()["a"]
    assert (told["failed"], engine.starts) == (True, ["a"])
    assert "another run" in told["msg"]
    check_work(engine, engine.run("resume", ["a"], **WORK), ["a"], journal=True)


def test_harvest_tells_where_there_is_no_session_of_the_name() -> None:
    engine = FakeEngine(down={"c"})
    engine.add("a", command=Command("c", list(OUTPUT)))
    told = engine.run("harvest", ["a", "b", "c"], folder=False, name=["Nightly"], journal="journals/")
    assert {host: each["outcome"] for host, each in told.items()} == {"a": "changed", "b": "ok", "c": "unreachable"}
    (line,) = engine.lines
    value = {"names": ["Nightly"], "journal": "journals/"}
    assert (line.kind, line.host, line.value) == ("missing", "b", value)


def test_connect_and_disconnect() -> None:
    engine = FakeEngine(down={"b"})
    engine.add("a")
    told = engine.run("connect", ["a", "b"], name=["Nightly"], when_done="disconnect", idle_timeout=86400)
    assert {host: each["outcome"] for host, each in told.items()} == {"a": "changed", "b": "unreachable"}
    (session,) = engine.sessions.values()
    assert (session.state, session.idle_timeout) == ("Disconnected", 86400)


def test_extend_gives_each_session_its_time_in_as_few_calls_as_there_are_times() -> None:
    engine = FakeEngine(down={"c"})
    engine.add("a")
    engine.add("a", max_idle_timeout=43200)
    engine.add("b")
    engine.add("b", owner="alice")
    options: dict[str, Any] = {"name": ["*"], "expires_within": 3600, "idle_timeout": 86400}
    told = engine.run("extend", ["a", "b", "c"], **{**options, "name": [], "report_only": True})
    assert len(engine.calls) == 1
    assert [line.kind for line in engine.lines] == ["looked_for", "expiring", "expiring", "looked_for", "expiring"]
    assert engine.lines[0].value == "sessions of <own> that expire within 1 h"
    told = engine.run("extend", ["a", "b", "c"], **{**options, "name": []})
    assert {host: each["outcome"] for host, each in told.items()} == {
        "a": "changed",
        "b": "changed",
        "c": "unreachable",
    }
    assert [each.idle_timeout for each in engine.sessions.values()] == [86400, 43200, 86400, 7200]
    assert [call.module for call in engine.calls] == [
        "pssession_info",
        "connect_pssession",
        "disconnect_pssession",
        "disconnect_pssession",
    ]


@pytest.mark.parametrize(("now", "outcome"), [(86400, "changed"), (7200, "failed")])
def test_extend_is_not_green_where_the_server_was_faster(
    monkeypatch: pytest.MonkeyPatch, now: int, outcome: str
) -> None:
    """A server that disconnects a session by itself keeps its idle timeout, and the session is as it should be."""
    engine = FakeEngine()
    session = engine.add("a")
    perform = engine.perform

    def answered(call: Call) -> Any:
        result = dict(perform(call))
        if call.module == "disconnect_pssession":
            session.idle_timeout = now
            result["sessions"] = [{**each, "idle_timeout": now} for each in result["sessions"]]
        return result

    monkeypatch.setattr(engine, "perform", answered)
    told = engine.run("extend", ["a"], name=["*"], expires_within=3600, idle_timeout=86400)
    assert told["a"]["outcome"] == outcome
    messages = [error["message"] for error in told["a"]["errors"]]
    assert all("still has an idle timeout of 7200 seconds instead of 86400" in message for message in messages)
    assert bool(messages) is (outcome == "failed")


@pytest.mark.parametrize(("told_only", "kind"), [({"report_only": True}, "expiring"), ({}, "extended")])
def test_extend_tells_the_time_of_expiry_that_holds_in_the_end(told_only: dict[str, Any], kind: str) -> None:
    engine = FakeEngine()
    engine.add("a")
    engine.run("extend", ["a"], name=["*"], expires_within=3600, idle_timeout=86400, **told_only)
    assert [line.kind for line in engine.lines] == ["looked_for", kind]
    expires = {"session": "Nightly", "expires_on": "2026-11-25T20:00:00Z"}
    assert engine.lines[1].value == (expires if kind == "extended" else "Nightly expires at 2026-11-25T20:00:00Z")


def test_extend_says_why_there_is_nothing_to_extend() -> None:
    engine = FakeEngine()
    engine.add("a")
    engine.add("b", availability="Busy", expires_on=None)
    told = engine.run("extend", ["a", "b", "c"], name=["Nightly"], expires_within=60, idle_timeout=86400)
    assert {each["outcome"] for each in told.values()} == {"ok"}
    assert [(line.kind, line.value) for line in engine.lines] == [
        ("nothing", "no session of <own> named 'Nightly' expires within 1 min"),
        ("nothing", "session Nightly does not expire now: another client is connected to it"),
        ("nothing", "there is no session of <own> named 'Nightly'"),
    ]


@pytest.mark.parametrize(("availability", "client"), [("None", ""), ("Busy", " (another client is connected)")])
def test_start_says_where_it_started_nothing(availability: str, client: str) -> None:
    engine = FakeEngine()
    engine.add("b", command=Command("c", []), availability=availability)
    told = engine.run("start", ["a", "b"], folder=False, **{**WORK, "idle_timeout": None})
    assert {host: each["outcome"] for host, each in told.items()} == {"a": "changed", "b": "ok"}
    (second,) = ((line.kind, line.host, line.value) for line in engine.lines)
    text = f"nothing started on b: session Nightly already exists and has a command{client}"
    assert second == ("nothing", "b", text)


@pytest.mark.parametrize("remove", [False, True])
@pytest.mark.parametrize("with_commands", [False, True])
def test_cleanup_leaves_what_another_client_is_connected_to(remove: bool, with_commands: bool) -> None:
    engine = FakeEngine()
    engine.add("a", availability="Busy")
    told = engine.run("cleanup", ["a"], name=["*"], remove=remove, with_commands=with_commands)["a"]
    assert (told["outcome"], told["what_if"], len(engine.sessions)) == ("ok", [], 1)
    (line,) = engine.lines
    assert (line.kind, line.value) == ("nothing", "session Nightly stays: another client is connected to it")


@pytest.mark.parametrize("remove", [False, True])
def test_cleanup_removes_only_when_it_is_wanted_and_only_what_is_idle(remove: bool) -> None:
    engine = FakeEngine()
    engine.add("a")
    engine.add("a", command=Command("c", []))
    engine.add("b")
    told = engine.run("cleanup", ["a", "b"], remove=remove, minimum_age=3600, busy_timeout=30)
    assert engine.calls[-1].options["busy_timeout"] == 30
    expected = "changed" if remove else "ok"
    assert {host: each["outcome"] for host, each in told.items()} == {"a": expected, "b": expected}
    assert [(each.host, each.command is not None) for each in engine.sessions.values()] == (
        [("a", True)] if remove else [("a", False), ("a", True), ("b", False)]
    )
    assert [line.host for line in engine.lines if line.kind == "left_behind"] == ["a", "b"]


@pytest.mark.parametrize("job", ["cleanup", "extend"])
def test_jobs_say_what_they_have_looked_for(job: str) -> None:
    """Whose sessions, of which names and times; and that brackets were taken as a pattern."""
    engine = FakeEngine()
    engine.add("a", "Job 1")
    engine.add("a", "Job 2")
    options: dict[str, Any] = {"minimum_age": 3600, "expires_within": 5400, "idle_timeout": 86400}
    condition = {
        "cleanup": "that are disconnected for 1 h and have no command",
        "extend": "that expire within 1 h 30 min",
    }[job]
    engine.run(job, ["a"], name=["Job [123]"], **options)
    told = {line.kind: line.value for line in engine.lines}
    assert told["looked_for"] == f"sessions of <own> named 'Job [123]' {condition}"
    assert told["pattern"] == (
        "no session has the name Job [123], so it is used as a pattern. It matches Job 1, Job 2. "
        "For that name only, write Job `[123`]"
    )
    engine.run(job, ["a"], name=["Job 1", "Job*"], **options)
    assert "pattern" not in {line.kind for line in engine.lines}
    engine.run(job, ["a"], name=["Job [34]"], **options)
    (line,) = engine.lines
    assert (line.kind, "of <own>" in line.value, "named 'Job [34]'" in line.value) == ("nothing", True, True)
    assert line.value.endswith("Write the literal name as 'Job `[34`]'.")


NAMES = ["Job [123]", "Job*", "Really?", "a`b", "Job [12"]


@pytest.mark.parametrize("name", NAMES)
def test_the_name_of_work_is_no_pattern(name: str) -> None:
    engine = FakeEngine()
    engine.add("a", "Job 1", Command("other", list(OUTPUT)))
    engine.add("a", "Jobs", Command("more", list(OUTPUT)))
    engine.add("a", "Really!", Command("yet more", list(OUTPUT)))
    others = dict(engine.sessions)
    work = {**WORK, "name": [name]}
    first = engine.run("resume", ["a"], kill_at=steps_of("resume", ["a"], True, **work) // 2, **work)
    assert first == {}
    told = engine.run("resume", ["a"], start_anew=True, **work)["a"]
    assert (told["failed"], engine.starts) == (False, ["a"])
    assert engine.sessions == others


@pytest.mark.parametrize("check_mode", [False, True])
def test_the_work_of_another_journal_is_not_taken(check_mode: bool) -> None:
    monday, tuesday = FakeEngine(ends=False), FakeEngine()
    monday.run("resume", ["a"], **WORK)
    tuesday.sessions = monday.sessions
    before = dict(tuesday.sessions)
    told = tuesday.run("resume", ["a"], check_mode=check_mode, **WORK)["a"]
    assert (told["failed"], told["changed"], tuesday.starts, tuesday.sessions) == (True, False, [], before)
    assert "a command that is not in work/a.jsonl" in told["msg"]
    assert "pssession_adopt" in told["msg"]
    assert told["outcome"] == "failed"
    for session in tuesday.sessions.values():
        session.availability = "Busy"
    assert tuesday.run("resume", ["a"], check_mode=check_mode, **WORK)["a"]["outcome"] == "busy"


def test_the_own_work_is_known_and_what_start_began_is_adopted() -> None:
    engine = FakeEngine(ends=False)
    engine.run("resume", ["a"], **WORK)
    assert "still runs" in engine.run("resume", ["a"], **WORK)["a"]["msg"]
    engine = FakeEngine()
    engine.run("start", ["a"], folder=False, **WORK)
    assert engine.run("resume", ["a"], **WORK)["a"]["failed"]
    told = engine.run("resume", ["a"], adopt=True, **WORK)["a"]
    assert (told["failed"], told["results"][0]["output"], engine.starts) == (False, OUTPUT, ["a"])


def test_resume_knows_what_start_began_with_the_same_journal() -> None:
    engine = FakeEngine(down={"c"})
    hosts = ["a", "b", "c", "d"]
    assert {host: each["outcome"] for host, each in engine.run("start", hosts, **WORK).items()} == {
        **dict.fromkeys(hosts, "changed"),
        "c": "unreachable",
    }
    engine.down.clear()
    again = engine.run("start", hosts, **WORK)
    assert {host: each["outcome"] for host, each in again.items()} == {**dict.fromkeys(hosts, "ok"), "c": "changed"}
    assert [(line.host, line.value) for line in engine.lines if line.kind == "nothing"] == [
        (host, f"nothing started on {host}: work/{host}.jsonl has its start. The job resume finishes that work")
        for host in ("a", "b", "d")
    ]
    check_work(engine, engine.run("resume", hosts, **WORK), hosts, journal=True)
    done = engine.run("start", hosts, **WORK)
    assert (engine.calls, {each["outcome"] for each in done.values()}) == ([], {"ok"})
    assert all("the work is done" in line.value for line in engine.lines)


def test_start_begins_no_other_work_in_a_folder() -> None:
    engine = FakeEngine(ends=False)
    engine.run("start", ["a"], **WORK)
    engine.sessions.clear()
    told = engine.run("start", ["a"], **{**WORK, "script": "other work"})["a"]
    assert (told["failed"], engine.calls, engine.starts) == (True, [], ["a"])
    assert "is the journal of other work on a: its script differs" in told["msg"]


@several
def test_start_with_a_journal_and_resume_after_a_kill_at_every_step(hosts: list[str]) -> None:
    for kill_at in range(steps_of("start", hosts, True, **WORK)):
        engine = FakeEngine()
        engine.run("start", hosts, kill_at=kill_at, **WORK)
        engine.run("start", hosts, **WORK)
        check_work(engine, engine.run("resume", hosts, **WORK), hosts, journal=True)


def test_several_sessions_of_the_name_are_told_with_configurations() -> None:
    engine = FakeEngine()
    engine.add("a", configuration_name="First")
    engine.add("a", configuration_name="Second")
    told = engine.run("resume", ["a"], **WORK)["a"]
    assert "2 sessions of this name on a" in told["msg"]
    assert "First, Second" in told["msg"]


def test_a_journal_is_told_without_its_sessions() -> None:
    engine = FakeEngine(ends=False)
    engine.run("resume", ["a", "b"], timeout=0, **WORK)
    engine.sessions.clear()
    told = engine.run("journal", ["a", "unstarted", "unusable"], journal="work", name=["Night*"])
    assert (engine.calls, told["a"]["outcome"], told["a"]["results"][0]["output"]) == ([], "ok", OUTPUT)
    assert [(line.kind, line.host) for line in engine.lines] == [("unreadable", "a"), ("unreadable", "unstarted")]
    assert told["unstarted"]["outcome"] == "missing"
    assert "the journal work has no command of unstarted in sessions Night*" in told["unstarted"]["msg"]
    assert (told["unusable"]["outcome"], "Input/output error" in told["unusable"]["msg"]) == ("failed", True)
    assert engine.run("journal", ["a"], journal="work", name=["Other"])["a"]["outcome"] == "missing"


FAILURE = {"exception": {"message": "No disk"}}


@pytest.mark.parametrize(
    ("result", "told"),
    [
        ({"state": "Failed", "failure": FAILURE}, "failed: No disk"),
        ({"state": "Completed", "rc": 3}, "ended with exit code 3"),
        ({"state": "Completed", "rc": 3010}, ""),
        ({"state": "Completed", "rc": 0}, ""),
        ({"state": "Completed", "failed": True}, "reported that it failed ($Ansible.Failed)"),
        ({"state": "Stopped"}, "was stopped before its end"),
        ({"state": "Running"}, ""),
    ],
)
def test_a_script_that_failed_is_a_failure_in_its_journal_too(
    monkeypatch: pytest.MonkeyPatch, result: dict[str, Any], told: str
) -> None:
    about = {"inventory_hostname": "a", "name": "Nightly", "instance_id": "s", **result}
    monkeypatch.setattr(Folder, "recorded_of", lambda *_self: ([about], []))
    options: dict[str, Any] = {"journal": "work", "expected_return_code": [0, 3010]}
    host = FakeEngine().run("journal", ["a"], **options)["a"]
    assert host["outcome"] == ("command_failed" if told else "ok")
    assert [each["message"] for each in host["errors"]] == (
        [f"the command in session Nightly on a {told}"] if told else []
    )


OTHER_WORK: dict[str, tuple[dict[str, Any], str]] = {
    "name": ({"name": ["Weekly"]}, "its session is Nightly on a"),
    "script": ({"script": "other work"}, "its script differs"),
    "arguments": ({"arguments": [1]}, "the parameters of its script differ"),
    "parameters": ({"parameters": {"b": 2, "a": [1, None]}}, "the parameters of its script differ"),
    "sensitive": (
        {"sensitive_parameters": [{"name": "key", "value": "secret"}]},
        "the parameters of its script differ",
    ),
    # A command of the same text.
    "command": ({"script": None, "command": "work"}, "its script differs"),
    **{
        name: ({name: value}, "its creates, removes, chdir or error_action differs")
        for name, value in {"creates": "x", "removes": "x", "chdir": "/srv", "error_action": "stop"}.items()
    },
}


@pytest.mark.parametrize("ends", [True, False])
@pytest.mark.parametrize("other", OTHER_WORK)
def test_other_work_is_not_answered_by_what_the_folder_has(other: str, ends: bool) -> None:
    changed, message = OTHER_WORK[other]
    engine = FakeEngine(ends=ends)
    engine.run("resume", ["a"], timeout=0, **WORK)
    journals, sessions = str(engine.journals), str(engine.sessions)
    for check_mode in (True, False):
        for more in ({}, {"start_anew": True}, {"adopt": True}):
            told = engine.run("resume", ["a"], timeout=0, check_mode=check_mode, **{**WORK, **changed, **more})["a"]
            assert (told["outcome"], told["results"]) == ("failed", [])
            # With start_anew it may be that nothing runs there.
            assert {call.module for call in engine.calls} <= ({"pssession_info"} if more.get("start_anew") else set())
            assert f"work/a.jsonl is the journal of other work on a: {message}." in told["msg"]
            assert "Use another name and another journal folder" in told["msg"]
    assert (str(engine.journals), str(engine.sessions), engine.starts) == (journals, sessions, ["a"])
    engine.ends = True
    for session in engine.sessions.values():
        if session.command:
            session.command.is_running = False
    check_work(engine, engine.run("resume", ["a"], **WORK), ["a"], journal=True)


@pytest.mark.parametrize("left", ["session with the end in the journal", "stopped session", "nothing"])
def test_other_work_takes_the_place_of_work_without_a_result_where_the_user_says_so(left: str) -> None:
    engine = FakeEngine(ends=left != "nothing", state="Stopped" if left.startswith("stopped") else "Completed")
    if left.startswith("session"):  # it was killed before it wrote the result
        kills = steps_of("resume", ["a"], True, **WORK)
        for kill_at in range(kills):
            engine = FakeEngine()
            engine.run("resume", ["a"], kill_at=kill_at, **WORK)
            session = next(iter(engine.sessions.values()), None)
            if engine.starts and session is not None and session.command is None and not engine.results:
                break
        else:
            pytest.fail("no such moment")
    else:
        engine.run("resume", ["a"], timeout=0, **WORK)
    if left == "nothing":
        engine.sessions.clear()
    engine.ends, engine.state = True, "Completed"
    other = {**WORK, "script": "other work"}
    refused = engine.run("resume", ["a"], **other)["a"]
    assert ("its script differs" in refused["msg"], refused["results"], engine.starts) == (True, [], ["a"])
    told = engine.run("resume", ["a"], start_anew=True, **other)["a"]
    assert (told["failed"], [result["output"] for result in told["results"]], len(engine.starts)) == (
        False,
        [OUTPUT],
        2,
    )
    assert engine.run("resume", ["a"], **WORK)["a"]["failed"]
    assert engine.run("resume", ["a"], **other)["a"]["results"][0]["output"] == OUTPUT


def test_the_same_work_is_the_same_in_other_words() -> None:
    secret = [{"name": "key", "value": "one"}, {"name": "login", "username": "u", "password": "p"}]
    given: dict[str, Any] = {"parameters": {"a": {"x": 1, "y": (1, 2)}, "b": True}, "sensitive_parameters": secret}
    engine = FakeEngine()
    engine.run("resume", ["a"], **WORK, **given)
    again = {
        **WORK,
        "name": ["NIGHTLY"],
        "parameters": {"b": True, "a": {"y": [1, 2], "x": 1}},
        "sensitive_parameters": [
            {"name": "login", "username": "u", "password": "new"},
            {"name": "key", "value": "two"},
        ],
    }
    assert engine.run("resume", ["a"], **again)["a"]["results"][0]["output"] == OUTPUT
    kept = json.loads(engine.results["a"])["work"]
    assert sorted(kept) == ["conditions", "host", "name", "parameters", "salt", "script"]
    assert (kept["name"], kept["host"]) == ("Nightly", "a")


def test_digests_of_two_folders_cannot_be_compared() -> None:
    order = Order(["a"], WORK)
    one, other = (identity_of(order, "a", salt) for salt in ("1", "2"))
    assert not {one["script"], one["parameters"]} & {other["script"], other["parameters"]}
    assert "work" not in {one["script"], one["parameters"]}


def without_work(engine: FakeEngine) -> None:
    """Leave a folder as the code of before wrote it."""
    for entries in engine.journals.values():
        for entry in entries:
            entry.pop("work", None)
    for host, text in engine.results.items():
        result = json.loads(text)
        del result["work"]
        engine.results[host] = json.dumps(result)


def test_a_result_of_before_is_told_apart_by_its_name_alone() -> None:
    engine = FakeEngine()
    engine.run("resume", ["a"], **WORK)
    without_work(engine)
    told = engine.run("resume", ["a"], **{**WORK, "name": ["Weekly"]})["a"]
    assert (told["outcome"], told["results"], engine.calls) == ("failed", [], [])
    assert "its session is Nightly on a" in told["msg"]
    check_work(engine, engine.run("resume", ["a"], **{**WORK, "script": "other work"}), ["a"], journal=True)
    assert "work" not in json.loads(engine.results["a"])


def test_work_begun_before_goes_on_and_is_told_apart_from_then_on() -> None:
    engine = FakeEngine(ends=False)
    engine.run("resume", ["a"], timeout=0, **WORK)
    without_work(engine)
    next(iter(engine.sessions.values())).command.rest.append("more")  # type: ignore[union-attr]
    assert engine.run("resume", ["a"], timeout=0, **WORK)["a"]["results"][0]["output"] == [*OUTPUT, "more"]
    refused = engine.run("resume", ["a"], timeout=0, **{**WORK, "script": "other work"})["a"]
    assert "its script differs" in refused["msg"]


def test_what_another_run_started_meanwhile_is_not_kept_as_this_work() -> None:
    """The session had no command, and the script of the other run came and ended before its output was asked for."""
    engine = FakeEngine()
    engine.add("a")
    other = identity_of(Order(["a"], WORK), "a", "salt")

    def perform(call: Call) -> Any:
        if call.module == "receive_pssession":
            (session,) = engine.sessions.values()
            start = {"session": session.instance_id, "command": "c1", "work": other}
            engine.journals["work/a.jsonl"] = [start, {**start, "piece": "begun"}, {**start, "end": "Completed"}]
        return engine.perform(call)

    this = Order(["a"], {**WORK, "script": "this work"}, folder=Folder(engine))
    told = drive(JOBS["resume"](this), perform)[0].by_host()["a"]
    assert (told["failed"], engine.results, len(engine.sessions)) == (True, {}, 1)
    assert "its script differs" in told["msg"]


@pytest.mark.parametrize(("most", "calls"), [(100, 1), (2, 3), (0, 5)])
def test_hosts_with_journals_are_worked_with_side_by_side(most: int, calls: int) -> None:
    hosts = ["a", "b", "c", "d", "E"]
    engine = FakeEngine(most_at_once=most)
    check_work(engine, engine.run("resume", hosts, **WORK), hosts, journal=True)
    modules = [call.module for call in engine.calls]
    assert {module: modules.count(module) for module in modules} == {
        "pssession_info": 1,
        "invoke_command": calls,
        "receive_pssession": calls,
        "remove_pssession": 1,
    }
    assert set(engine.journals) == {f"work/{host}.jsonl" for host in hosts}
