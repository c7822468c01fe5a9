# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A program in a forked process runs as in a process of its own: with its own settings, folder, output and end."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import ansible
import pytest

from tests import forked, forked_server
from tests.waiting import until

PLAYBOOK = """
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - debug:
        msg: "{{ lookup('env', 'WORD') }} {{ 'x' * 100000 }}"
    - pause:
    - fail:
"""
SCRIPT = """
import atexit, json, os, random, sys
atexit.register(print, "the end")
print(json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ), sys.path[0], __name__, sys.stdin.read()]))
print(random.random(), file=sys.stderr)
sys.exit(int(sys.argv[1]))
"""


def apart(command: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a program in a process of its own."""
    return subprocess.run(
        command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


def test_ansible_has_the_settings_of_its_run(tmp_path: Path) -> None:
    (tmp_path / "play.yml").write_text(PLAYBOOK, encoding="utf-8")
    command = ["ansible-playbook", "-i", "localhost,", "play.yml"]
    kept = {name: value for name, value in os.environ.items() if name != "WORD"}
    for settings in ({"ANSIBLE_DISPLAY_ARGS_TO_STDOUT": "1"}, {"WORD": "given"}):
        environment = {**kept, "ANSIBLE_HOME": str(tmp_path / "home"), **settings}
        expected = apart(command, cwd=tmp_path, env=environment)
        for _time in range(3):
            ended = forked.run(command, cwd=tmp_path, env=environment)
            assert (ended.returncode, ended.stdout, ended.stderr) == (2, expected.stdout, expected.stderr)
        assert ("[debug msg=" in ended.stdout) is ("ANSIBLE_DISPLAY_ARGS_TO_STDOUT" in settings)
        assert ("given xxx" in ended.stdout) is ("WORD" in settings)


def test_runs_share_what_was_imported_and_nothing_else(tmp_path: Path) -> None:
    """Also when the settings are in a file, which changes."""
    told = "{{ [lookup('config', 'DEFAULT_FORKS'), lookup('env', 'RECORDER_PATH'), lookup('pipe', 'ls home/tmp')] }}"
    task = f'- {{hosts: localhost, gather_facts: false, tasks: [{{name: Show, debug: {{msg: "{told}"}}}}]}}'
    (tmp_path / "play.yml").write_text(task, encoding="utf-8")
    command = ["ansible-playbook", "-i", "localhost,", "-c", "local", "play.yml"]
    folders = set()
    for number, forks in enumerate((2, 2, 2, 3, 3, 2)):
        (tmp_path / "ansible.cfg").write_text(f"[defaults]\nforks = {forks}\n", encoding="utf-8")
        settings = {"ANSIBLE_HOME": str(tmp_path / "home"), "ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg")}
        differs = {"RECORDER_PATH": f"path {number}", "PYTEST_CURRENT_TEST": f"test {number}"}
        environment = {**os.environ, **settings, **differs}
        ended = forked.run(command, cwd=tmp_path, env=environment)
        shown = re.findall(r"\w[-\w ]*", ended.stdout.partition('"msg":')[2].partition("]")[0])
        assert shown[:2] == [str(forks), f"path {number}"], ended.stdout + ended.stderr
        folders.add(tuple(shown[2:]))
        assert list((tmp_path / "home" / "tmp").iterdir()) == []
    assert {len(names) for names in folders} == {1}, "a run finds no temporary folder but its own"
    assert len(folders) == number + 1
    environment["PYTEST_CURRENT_TEST"] = "a test that has not run"
    assert forked._server_with_settings(tmp_path, environment), "the runs came from a process with their settings"


def test_routing_of_ansible_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    finder = importlib.import_module("ansible.utils.collection_loader._collection_finder")
    parse = finder._meta_yml_to_dict
    parsed = []

    def record_and_parse(content: bytes, name: tuple[str, str]) -> object:
        parsed.append(name)
        return parse(content, name)

    monkeypatch.setattr(finder, "_meta_yml_to_dict", record_and_parse)
    forked_server.remember_routing()
    content = Path(ansible.__file__).with_name("config").joinpath("ansible_builtin_runtime.yml").read_bytes()
    for _time in range(2):
        assert finder._meta_yml_to_dict(content, ("ansible.builtin", "runtime.yml")) == parse(content, ("", ""))
    assert finder._meta_yml_to_dict(b"a: b", ("another", "file")) == {"a": "b"}
    assert parsed == [("ansible.builtin", "runtime.yml"), ("another", "file")]


def test_each_run_reads_the_variables_of_its_hosts(tmp_path: Path) -> None:
    task = "- {hosts: all, gather_facts: false, tasks: [{debug: {msg: '{{ told }}'}}]}"
    (tmp_path / "play.yml").write_text(task, encoding="utf-8")
    (tmp_path / "hosts.yml").write_text("all: {hosts: {web1: }}", encoding="utf-8")
    (tmp_path / "host_vars").mkdir()
    environment = {**os.environ, "ANSIBLE_HOME": str(tmp_path / "home")}
    for number in range(4):
        (tmp_path / "host_vars" / "web1.yml").write_text(f"told: number {number}", encoding="utf-8")
        ended = forked.run(["ansible-playbook", "-i", "hosts.yml", "play.yml"], cwd=tmp_path, env=environment)
        assert f"number {number}" in ended.stdout, ended.stdout + ended.stderr


def test_what_is_imported_beforehand_of_the_collection_is_there() -> None:
    for name in forked_server.PARTS_OF_COLLECTION:
        assert importlib.util.find_spec(name), name


def test_what_importing_ansible_prints_is_printed_by_each_run(tmp_path: Path) -> None:
    (tmp_path / "play.yml").write_text(PLAYBOOK, encoding="utf-8")
    command = ["ansible-playbook", "-i", "localhost,", "play.yml"]
    environment = {**os.environ, "ANSIBLE_HOME": str(tmp_path / "home"), "ANSIBLE_FORKS": "many"}
    expected = apart(command, cwd=tmp_path, env=environment)
    assert "many" in expected.stderr
    for _time in range(3):
        ended = forked.run(command, cwd=tmp_path, env=environment)
        assert (ended.returncode, ended.stdout, ended.stderr) == (
            expected.returncode,
            expected.stdout,
            expected.stderr,
        )


def test_a_program_finds_what_it_was_given_and_ends_by_itself(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text(f"#!{sys.executable}\n{SCRIPT}", encoding="utf-8")
    script.chmod(0o700)
    environment = {**forked._read_at_start(os.environ), "PATH": f"{tmp_path}:{os.environ['PATH']}", "WORD": "ü"}
    ended = [forked.run(["script", code, "two"], cwd=tmp_path, env=environment) for code in ("3", "0")]
    assert [each.returncode for each in ended] == [3, 0]
    told, end = ended[0].stdout.splitlines()
    assert json.loads(told) == [["3", "two"], str(tmp_path), environment, str(tmp_path), "__main__", ""]
    assert end == "the end"
    assert ended[0].stderr != ended[1].stderr


@pytest.mark.parametrize("end", ["pass", "raise SystemExit", "raise SystemExit(3)", "raise SystemExit('why')", "1 / 0"])
def test_a_program_ends_as_in_a_process_of_its_own(tmp_path: Path, end: str) -> None:
    """With its exit code, after its other threads and what it has registered for the end."""
    script = tmp_path / "script"
    lines = [
        *(f"#!{sys.executable}", "import atexit, sys, threading"),
        'atexit.register(sys.stdout.write, "registered")',
        'steps = [threading.main_thread().join, lambda: sys.stdout.write("another thread, ")]',
        "threading.Thread(target=lambda: [each() for each in steps]).start()",
        end,
    ]
    script.write_text("\n".join(lines), encoding="utf-8")
    script.chmod(0o700)
    ended, expected = (run([str(script)], cwd=tmp_path, env=dict(os.environ)) for run in (forked.run, apart))
    assert (ended.returncode, ended.stdout) == (expected.returncode, expected.stdout)
    assert ended.stdout == "another thread, registered"
    assert ended.stderr.splitlines()[-1:] == expected.stderr.splitlines()[-1:]


def test_a_program_that_takes_too_long_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "script"
    script.write_text("import signal\nsignal.pause()\n", encoding="utf-8")
    script.chmod(0o700)
    killed: list[int] = []
    kill = os.kill

    def record_and_kill(pid: int, number: int) -> None:
        killed.append(pid)
        kill(pid, number)

    monkeypatch.setattr(os, "kill", record_and_kill)
    with pytest.raises(subprocess.TimeoutExpired):
        forked.run([str(script)], cwd=tmp_path, env=os.environ, timeout=0)
    (pid,) = killed
    until(lambda: not alive(pid), "the end of the program")


def alive(pid: int) -> bool:
    """Tell whether a process is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_what_is_read_at_the_start_of_a_process_gets_one(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text(f"#!{sys.executable}\nimport sys\nprint(sys.path)\n", encoding="utf-8")
    script.chmod(0o700)
    ended = forked.run([str(script)], cwd=tmp_path, env={**os.environ, "PYTHONPATH": "/given"})
    assert "'/given'" in ended.stdout
