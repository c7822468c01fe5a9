# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Windows PowerShell 5.1 does with scripts, seen so far of PowerShell 7 only."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.library import CommandEvent, Script
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.events import (
    BeginningKnown,
    ExitCodeSet,
    Finished,
    HostTextReceived,
    RecordReceived,
    StatusReceived,
)

from ..lab import Lab, outputs, run
from ..verdicts import Verdict, check, verdict


def _state(events: Sequence[CommandEvent]) -> str:
    return next((event.state.value for event in events if isinstance(event, Finished)), "no end")


def _exit_codes(events: Sequence[CommandEvent]) -> list[int]:
    return [event.rc for event in events if isinstance(event, ExitCodeSet)]


def _host_text(events: Sequence[CommandEvent]) -> list[str]:
    return [event.text.strip() for event in events if isinstance(event, HostTextReceived)]


def _records(events: Sequence[CommandEvent]) -> list[str]:
    return [event.stream for event in events if isinstance(event, RecordReceived)]


@check("A13", "exit sends SetShouldExit, and the pipeline ends as Completed")
def exit_code(lab: Lab) -> Verdict:
    with lab.client() as client, lab.session(client) as session:
        events = run(client, session, "'before'; exit 3; 'after'")
    seen = outputs(events), _exit_codes(events), _state(events)
    return verdict(seen == (["before"], [3], "Completed"), f"output, exit codes and state: {seen}")


@check("A14", "input comes after CREATE_PIPELINE, many objects in one request")
def many_objects(lab: Lab) -> Verdict:
    with lab.client() as client, lab.session(client) as session:
        script = Script("$all = @($input); $all.Count; $all[-1]", input=list(range(2000)))
        events = run(client, session, script)
    seen, sent = outputs(events), len(lab.recorder.of("Send"))
    return verdict(seen == [2000, 1999] and sent == 1, f"objects and the last one: {seen}, in {sent} request")


@check("A15", "a PIPELINE_INPUT message without data is null")
def null_input(lab: Lab) -> Verdict:
    with lab.client() as client, lab.session(client) as session:
        script = Script("$input | ForEach-Object { $null -eq $_ }", input=["a", None, 1])
        seen = outputs(run(client, session, script))
        output = outputs(run(client, session, "1; $null; 2"))
    return verdict(
        seen == [False, True, False] and output == [1, None, 2], f"is it null? {seen}; null in the output: {output}"
    )


_TALK = """
Write-Host 'record'; 'text' | Out-Host
try { [void] $Host.UI.RawUI.ReadKey() } catch { 'no key' }
try { Read-Host } catch { 'no answer' }
"""


@check("A17", "text for a host comes once with a user interface, never without one, and prompts fail at once")
def user_interface(lab: Lab) -> Verdict:
    with lab.client() as client, lab.session(client) as session:
        without_raw = run(client, session, Script(_TALK, has_ui=True))
        without = run(client, session, Script(_TALK))
    seen = [(outputs(events), _records(events), _host_text(events)) for events in (without_raw, without)]
    answers = ["no key", "no answer"]
    return verdict(
        seen == [(answers, ["information"], ["text"]), (answers, ["information"], [])],
        f"output, records and text without a raw interface: {seen[0]}; without any: {seen[1]}",
    )


@check("A22", "the statements of a pipeline run as in PowerShell 7")
def statements(lab: Lab) -> Verdict:
    scripts = {
        "success": "$Ansible.Changed = $false; 'x'",
        "throw": "'x'; throw 'broken'",
        "error record": "Write-Error 'wrong'; 'x'",
        "exit": "'x'; exit 4",
    }
    seen = {}
    with lab.client() as client, lab.session(client) as session:
        for name, text in scripts.items():
            events = run(client, session, text)
            begins = [event.is_received for event in events if isinstance(event, BeginningKnown)]
            changed = [event.changed for event in events if isinstance(event, StatusReceived)]
            seen[name] = (outputs(events), _state(events), _records(events), _exit_codes(events), begins[-1:], changed)
    return verdict(
        seen
        == {
            "success": (["x"], "Completed", [], [], [True], [False]),
            "throw": (["x"], "Failed", [], [], [True], []),
            "error record": (["x"], "Completed", ["error"], [], [True], [True]),
            "exit": (["x"], "Completed", [], [4], [True], [True]),
        },
        f"output, state, records, exit codes, is the beginning known, $Ansible.Changed: {seen}",
    )


@check("A26", "#requires is ignored, and a text that begins with U+FEFF is not recognized")
def texts(lab: Lab) -> Verdict:
    with lab.client() as client, lab.session(client) as session:
        requires = run(client, session, "#requires -Version 99.0\n'ran'")
        mark = run(client, session, "\ufeff'ran'")
    seen = outputs(requires), (outputs(mark), _state(mark), _records(mark))
    return verdict(
        seen[0] == ["ran"] and seen[1][0] == [],
        f"#requires: {seen[0]}; U+FEFF: {seen[1]}",
    )


@check("A27", "a second answer to the same host call is passed over")
def second_answer(lab: Lab) -> Verdict:
    def twice(envelope: str) -> list[str]:
        return [envelope, envelope] if 'Name="pr"' in envelope else [envelope]

    with lab.client(edit=twice) as client, lab.session(client) as session:
        events = run(client, session, Script("try { Read-Host } catch { 'no answer' }; 'after'", has_ui=True))
    seen, answers = (outputs(events), _state(events)), len(lab.recorder.of("Send"))
    return verdict(seen == (["no answer", "after"], "Completed") and answers == 2, f"{answers} answers, then {seen}")


@check("A31", "a transcript has a dictionary among arguments by the name of its type")
def dictionary_in_a_transcript(lab: Lab) -> Verdict:
    begin = "$path = [IO.Path]::GetTempFileName(); [void] (Start-Transcript -Path $path -Force)"
    end = "[void] (Stop-Transcript); [IO.File]::ReadAllText($path); [IO.File]::Delete($path)"
    work = Script("param($work) $work['text'].Length", arguments=({"text": "canary"},))
    with lab.client() as client, lab.session(client) as session:
        run(client, session, begin)
        length = outputs(run(client, session, work))
        (text,) = outputs(run(client, session, end))
    has_arguments = "$work['text']" in str(text)
    return verdict(
        length == [6] and has_arguments and "canary" not in str(text),
        f"is the command in it? {has_arguments}; is the text of its dictionary? {'canary' in str(text)}",
    )
