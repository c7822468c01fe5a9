# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What scripts of a real PowerShell tell their host and ask of it: exit codes, text, progress, questions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from tests.integration.engine.controller import Controller, Result
from tests.integration.engine.real_powershell import Run, one_computer, open_session, shared_controller
from tests.simulator import SimulatedFleet
from tests.waiting import until

fleet = pytest.fixture(one_computer, scope="module", name="fleet")
controller = pytest.fixture(shared_controller, scope="module", name="controller")
CHOICES = "[System.Management.Automation.Host.ChoiceDescription[]]@('&Yes', '&No')"


@pytest.fixture(scope="module")
def invoke(controller: Controller) -> Run:
    """Run a script in a session that all tests share, and return its result."""
    open_session(controller, "job")

    def run(script: str, **options: Any) -> Result:
        result = controller.run(_plugins.INVOKE, "srv01", name=["job"], script=script, timeout=60, **options)
        (got,) = result["results"]
        return {**got, "errors": result["errors"]}

    return run


@pytest.mark.parametrize(
    ("script", "code", "output"),
    [
        ("'a'", None, ["a"]),
        ("exit 3", 3, []),
        ("'a'; exit 5; 'b'", 5, ["a"]),
        ("function f { exit 7 }; f; 'never'", 7, []),
        ("Invoke-Expression 'exit 2'", 2, []),
        ("1, 2 | ForEach-Object { exit $_ }", 1, []),
        ("try { exit 4 } finally { 'cleaned up' }", 4, ["cleaned up"]),
        ("trap { exit 8 }; throw 'trouble'", 8, []),
        ("exit", 0, []),
        ("exit -1", -1, []),
        ("exit 3010", 3010, []),
        ("exit 'abc'", 0, []),
        ("exit 4294967295", 0, []),
        ("$Host.SetShouldExit(4); $Host.SetShouldExit(6); 'on'", 6, ["on"]),
        ("& /bin/sh -c 'exit 5'; 'on'", None, ["on"]),
        ("& /bin/sh -c 'exit 5'; exit $LASTEXITCODE", 5, []),
        ("Start-ThreadJob { exit 6 } | Receive-Job -Wait -AutoRemoveJob", None, []),
    ],
)
@pytest.mark.parametrize("host_ui", [True, False], ids=["with a user interface", "without"])
def test_exit_code(invoke: Run, script: str, code: int | None, output: list[Any], host_ui: bool) -> None:
    got = invoke(script, host_ui=host_ui)
    assert (got["state"], got["rc"], got["output"], got["host_out"]) == ("Completed", code, output, "")
    assert len(got["errors"]) == (code not in (None, 0))


@pytest.mark.parametrize(
    ("script", "out", "error"),
    [
        (
            "$Host.UI.WriteLine('a'); $Host.UI.Write('b'); $Host.UI.Write('Red', 'Blue', 'c'); $Host.UI.WriteLine()",
            "a\nbc\n",
            "",
        ),
        ("$Host.UI.WriteLine('Red', 'Blue', 'a'); $Host.UI.WriteErrorLine('b')", "a\n", "b\n"),
        ("'x', 5 | Out-Host", "x\n5\n", ""),
        ("[pscustomobject]@{ a = 1; b = 'two' } | Out-Default", "\na b\n- -\n1 two\n\n", ""),
        ("Write-Error 'wrong' 2>&1 | Out-Host", "", "Write-Error: wrong\n"),
    ],
)
def test_text_for_the_host(invoke: Run, script: str, out: str, error: str) -> None:
    got = invoke(script)
    assert [got["host_out"], got["host_err"]] == [out, error]
    assert [got["output"], got["error"], got["information"]] == [[], [], []]
    lost = invoke(script, host_ui=False)
    assert [lost["host_out"], lost["host_err"]] == ["", ""]


@pytest.mark.parametrize(
    ("script", "written", "out"),
    [
        ("Write-Host a", ["a"], ""),
        ("Write-Host a -NoNewline; Write-Host b -ForegroundColor Red; Write-Host", ["a", "b", ""], ""),
        ("Write-Host a -ForegroundColor Red -BackgroundColor Blue", ["a"], ""),
        ("Write-Host @(1, 2, 3) -Separator ','", ["1,2,3"], ""),
        ('Write-Host "two`nlines"', ["two\nlines"], ""),
        ("1..200 | ForEach-Object { Write-Host same }", ["same"] * 200, ""),
        # The same text by both ways, in any order.
        ("Write-Host a; $Host.UI.WriteLine('a')", ["a"], "a\n"),
        ("$Host.UI.WriteLine('a'); Write-Host a", ["a"], "a\n"),
        ("Write-Host a; Write-Host a; $Host.UI.WriteLine('a'); Write-Host a", ["a"] * 3, "a\n"),
        # A record without a call.
        ("Write-Host a 6>$null; Write-Host b; $Host.UI.WriteLine('c')", ["a", "b"], "c\n"),
        ("Write-Information a; $Host.UI.WriteLine('c')", ["a"], "c\n"),
        ("Write-Information a -InformationAction Continue", ["a"], ""),
        ("Start-ThreadJob { Write-Host a } | Receive-Job -Wait -AutoRemoveJob; $Host.UI.WriteLine('c')", ["a"], "c\n"),
    ],
)
def test_what_write_host_writes_is_there_once(invoke: Run, script: str, written: list[str], out: str) -> None:
    got = invoke(script)
    data = [record["message_data"] for record in got["information"]]
    assert [each["Message"] if isinstance(each, dict) else each for each in data] == written
    assert [got["host_out"], got["host_err"]] == [out, ""]


def test_records_of_other_streams_are_there_once(invoke: Run) -> None:
    got = invoke(
        "Write-Warning w; Write-Warning w; Write-Verbose v -Verbose; Write-Debug d -Debug;"
        "$Host.UI.WriteWarningLine('h');"
        "Write-Progress -Activity first; Write-Progress -Activity last -PercentComplete 40; Write-Warning x 3>$null"
    )
    assert [got[stream] for stream in ("warning", "verbose", "debug")] == [["w", "w", "h", "x"], ["v"], ["d"]]
    assert (got["progress"]["activity"], got["progress"]["percent_complete"]) == ("last", 40)
    assert [got["host_out"], got["host_err"]] == ["", ""]


JOB = (
    "Start-Job { Write-Warning w; Write-Verbose v -Verbose; Write-Debug d -Debug; Write-Host h; 'o';"
    "Write-Progress -Activity p -PercentComplete 3 } | Receive-Job -Wait -AutoRemoveJob"
)


def test_streams_of_a_job_need_a_user_interface(invoke: Run) -> None:
    got = invoke(JOB)
    assert [got[stream] for stream in ("output", "warning", "verbose", "debug")] == [["o"], ["w"], ["v"], ["d"]]
    assert (got["progress"]["activity"], len(got["information"]), got["host_out"]) == ("p", 1, "")
    lost = invoke(JOB, host_ui=False)
    assert [lost[stream] for stream in ("output", "warning", "verbose", "debug")] == [["o"], [], [], []]


def test_a_job_that_writes_to_the_host_itself(invoke: Run) -> None:
    """Its text and warnings come as calls alone, at any moment."""
    got = invoke("Start-ThreadJob -StreamingHost $Host { Write-Host a; Write-Warning w } | Wait-Job | Remove-Job")
    assert (got["warning"], got["host_out"], len(got["information"])) == (["w"], "a\n", 0)


QUESTIONS = {
    "Read-Host": ("Read-Host 'Your name'", "(Prompt): Your name"),
    "Read-Host without a question": ("Read-Host", "(ReadLine)"),
    "secure": ("Read-Host -AsSecureString 'The password'", "(Prompt): The password"),
    "ReadLine": ("$Host.UI.ReadLine()", "(ReadLine)"),
    "ReadLineAsSecureString": ("$Host.UI.ReadLineAsSecureString()", "(ReadLineAsSecureString)"),
    "pause": ("pause", "(Prompt): Press Enter to continue..."),
    "credential": (
        "Get-Credential -UserName bob -Message 'Who are you?'",
        "(PromptForCredential2): PowerShell credential request - Who are you? - bob",
    ),
    "choice": (
        f"$Host.UI.PromptForChoice('Title', 'Go on?', {CHOICES}, 0)",
        "(PromptForChoice): Title - Go on? - [Yes, No]",
    ),
    "choices": (
        f"$Host.UI.PromptForChoice('Title', 'Which?', {CHOICES}, [int[]]@(0))",
        "(PromptForChoiceMultipleSelection): Title - Which? - [Yes, No]",
    ),
    "confirm": ("New-Item -Path ./never -Confirm", "Are you sure you want to perform this action?"),
    "mandatory parameter": (
        "function f { param([Parameter(Mandatory)] $Must) } f",
        "Supply values for the following parameters: - Must",
    ),
    "prompt": (
        "$Host.UI.Prompt('Title', 'Fill in', [System.Management.Automation.Host.FieldDescription[]]@('A', 'B'))",
        "(Prompt): Title - Fill in - A, B",
    ),
}


@pytest.mark.parametrize("kind", QUESTIONS)
def test_a_question_is_refused_with_its_text(invoke: Run, fleet: SimulatedFleet, kind: str) -> None:
    script, text = QUESTIONS[kind]
    fleet.clear_requests()
    got = invoke(f"'before'; {script}")
    assert (got["output"][0], len(fleet.requests_of(operation="Send"))) == ("before", 1)
    trouble = got["failure"] or got["error"][0]
    message = trouble["exception"]["message"]
    assert "The script asked for input, which a task cannot give" in message
    assert text in message
    fleet.clear_requests()
    without = invoke(script, host_ui=False)
    assert (without["state"], fleet.requests_of(operation="Send")) == ("Failed", [])
    reason = "missing mandatory" if kind == "mandatory parameter" else "does not support user interaction"
    assert reason in without["failure"]["exception"]["message"]


def test_keys_are_not_asked_for(invoke: Run) -> None:
    """There is no raw user interface in either case."""
    for host_ui in (True, False):
        got = invoke("$Host.UI.RawUI.ReadKey()", host_ui=host_ui)
        assert "does not support user interaction" in got["failure"]["exception"]["message"]


def test_a_script_may_go_on_without_an_answer(invoke: Run) -> None:
    got = invoke("1..3 | ForEach-Object { try { Read-Host $_ } catch { \"no $_\" } }; 'end'")
    assert got["output"][-1] == "end"
    assert [text.rpartition(": ")[2] for text in got["output"][:-1]] == ["1", "2", "3"]


def test_a_question_without_a_client_waits_for_the_next_receive(
    controller: Controller, fleet: SimulatedFleet, tmp_path: Path
) -> None:
    started = controller.run(
        _plugins.INVOKE,
        "srv01",
        session_name=["night"],
        in_disconnected_session=True,
        host_ui=True,
        script="try { Read-Host 'Your name' } catch { \"$_\" }; 'end'",
    )
    assert "failed" not in started, started["msg"]
    journal = str(tmp_path / "journal.jsonl")
    fleet.clear_requests()
    result = controller.run(_plugins.RECEIVE, "srv01", name=["night"], journal=journal, timeout=60)
    (got,) = result["results"]
    assert got["output"] == ["The script asked for input, which a task cannot give (Prompt): Your name", "end"]
    assert len(fleet.requests_of(operation="Send")) == 1
    # The journal brings the question again, and it is not answered again.
    again = controller.run(_plugins.RECEIVE, "srv01", name=["night"], journal=journal, timeout=60)
    assert (again["results"][0]["output"], len(fleet.requests_of(operation="Send"))) == (got["output"], 1)
    controller.run(_plugins.REMOVE, "srv01", name=["night"])


COUNT = 5000
CHATTY = f"foreach ($number in 1..{COUNT}) {{ \"$number \" + 'x' * 10000 }}; 'end'"


@pytest.mark.parametrize("mode", ["block", "drop"])
def test_50_megabytes_without_a_client(
    controller: Controller, fleet: SimulatedFleet, tmp_path: Path, mode: str
) -> None:
    started = controller.run(
        _plugins.INVOKE,
        "srv01",
        session_name=[mode],
        in_disconnected_session=True,
        script=CHATTY,
        session_option={"output_buffering_mode": mode},
    )
    assert "failed" not in started, started["msg"]
    session = fleet["srv01"].session(mode)
    if mode == "block":  # it has written as much as the server keeps, and goes on when a client receives
        until(lambda: session.commands[0].waiting >= fleet["srv01"].buffer_size)
        assert session.commands[0].state == "Running"
    else:
        until(lambda: session.commands[0].state == "Completed")
    result = Controller(fleet, tmp_path / "registry.sqlite3").run(_plugins.RECEIVE, "srv01", name=[mode])
    (got,) = result["results"]
    numbers = [int(text.partition(" ")[0]) for text in got["output"][:-1]]
    assert (got["state"], got["output"][-1], numbers) == ("Completed", "end", list(range(numbers[0], COUNT + 1)))
    assert (numbers[0] > 1, got["output_dropped"]) == ((False, False) if mode == "block" else (True, True))
    assert len([text for text in result["warnings"] if "dropped output" in text]) == (mode == "drop")
    controller.run(_plugins.REMOVE, "srv01", name=[mode])
