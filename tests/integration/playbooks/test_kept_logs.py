# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Logs of a real PowerShell have no more of Windows tasks in kept sessions than of tasks by core's psrp.

Transcripts are files. PowerShell for Linux sends script block logging and module logging to the system log, which these
tests can only be where there is none.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulator import SimulatedFleet, User
from tests.system_log import SystemLog, system_log

from .controller import PASSWORD, PATIENT, PLUGINS, USER, Controller, inventory_of
from .windows_machine import for_windows, windows_machine

DURABLE: dict[str, object] = {"ansible_psrp_durable": True, "ansible_psrp_scope": "tests"}
CONNECTIONS: dict[str, dict[str, object]] = {
    "core": {"ansible_connection": "psrp"},
    "kept": {"ansible_connection": "psremoting.fleet.psrp", **DURABLE},
}
MODULES = {"ANSIBLE_LIBRARY": str(PLUGINS / "modules")}
POLICY = """{"PowerShellPolicies": {
    "Transcription": {"EnableTranscripting": true, "OutputDirectory": "%s"},
    "ScriptBlockLogging": {"EnableScriptBlockLogging": true, "EnableScriptBlockInvocationLogging": true},
    "ModuleLogging": {"EnableModuleLogging": true, "ModuleNames": ["*"]}
}, "LogLevel": "verbose"}"""
# Each has its word in another place, so that a log says which place it shows.
TASKS = """
    - name: Arguments and environment
      wait_for_go: {{log: "{folder}/arguments-{word}"}}
      environment: {{HIDDEN: "environment-{word}"}}
    - name: Secret and become
      wait_for_go: {{log: "{folder}/secret-{word}"}}
      no_log: true
      become: true
      become_method: runas
      become_user: other
      vars: {{ansible_become_password: "password-{word}"}}
    - name: Raw
      raw: "'script-{word}'"
      environment: {{HIDDEN: "raw-{word}"}}
"""
# Script block logging, and module logging, by the names of their events.
KINDS = {"script blocks": "[ScriptBlock_", "commands": "[Pipeline_"}
PLACES = ("arguments", "environment", "secret", "password", "script", "raw")


@pytest.fixture
def log() -> Iterator[SystemLog | None]:
    with system_log() as started:
        yield started


def transcripts_of(folder: Path, powershell: str, connection: dict[str, object], word: str) -> str:
    """Run the tasks on a computer with all logging on, and return its transcripts."""
    machine, settings = Path(windows_machine(folder / "machine", powershell)), folder / "settings.json"
    settings.write_text(POLICY % (folder / "transcripts"), encoding="utf-8")
    text = machine.read_text(encoding="utf-8")
    machine.write_text(text.replace(' "$@"', f" -SettingsFile '{settings}' \"$@\""))
    with SimulatedFleet.build(["srv01"], [User(USER, PASSWORD)], switches=PATIENT, powershell=str(machine)) as fleet:
        controller = for_windows(Controller(folder / "controller", inventory_of(fleet, **connection), MODULES))
        run = controller.run(TASKS.format(folder=folder, word=word))
        assert run.exit_code == 0, run.output
        for session in fleet["srv01"].sessions:
            session.close()
    return "".join(each.read_text("utf-8") for each in (folder / "transcripts").rglob("*.txt"))


def test_logs_have_no_more_than_with_core(powershell: str, tmp_path: Path, log: SystemLog | None) -> None:
    """Of arguments, environment, secrets and the password of become, as often as core's psrp has them logged.

    Core does: module logging has what it gives to ConvertFrom-Json. The system log ends a message at its first NUL.
    """
    shown = {}
    for name, connection in CONNECTIONS.items():
        word = f"{name}-{secrets.token_hex(8)}"
        transcripts = transcripts_of(tmp_path / name, powershell, connection, word)
        assert "PowerShell transcript start" in transcripts
        assert ("__pssession_work" in transcripts) == (name == "kept")
        logs = {"transcripts": transcripts, **messages_of(log, word)}
        shown[name] = Counter(
            {(place, kind): text.count(f"{place}-{word}") for kind, text in logs.items() for place in PLACES}
        )
    assert shown["kept"] - shown["core"] == {}
    if log is None:
        pytest.skip("transcripts alone: this machine has a system log already, or this user must not make one")
    assert any("__pssession_work" in each for each in log.messages)
    for kind in KINDS:
        assert any(shown["core"][place, kind] for place in PLACES), f"{kind} are not logged"


def messages_of(log: SystemLog | None, word: str) -> dict[str, str]:
    """Return the messages with a word, by kind."""
    messages = [] if log is None else [each for each in log.messages if word in each]
    return {kind: "".join(each for each in messages if event in each) for kind, event in KINDS.items()}
