# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Jobs as AWX runs them: ansible-runner with a folder of its own, here or in a pod that knows nothing else.

The controller packs the folder (`transmit`), the pod unpacks and runs it (`worker`), and the controller reads from the
pod's stream what happened (`process`). Between pod and controller there is nothing but that stream.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.waiting import PATIENCE

ROOT = Path(__file__).resolve().parents[3]
# The collection's repository as a project; the image has the collection itself.
PROJECT = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in (ROOT / "playbooks").rglob("*.yml")
}
# What an image brings along, and what keeps this machine's network out of it.
_OF_THE_IMAGE = ("PATH", "LANG", "ANSIBLE_COLLECTIONS_PATH", "ANSIBLE_CONFIG", "KRB5_CONFIG")


@dataclass(frozen=True)
class Outcome:
    """What the controller has of a job that has ended.

    Attributes:
        code: Exit code of ansible-playbook; None if there was none, as for a pod that was killed.
        events: The job's events, oldest first.
        stdout: What ansible-playbook printed.
    """

    code: int | None
    events: list[dict[str, Any]]
    stdout: str

    def results(self, task: str) -> dict[str, dict[str, Any]]:
        """The results of a task by host."""
        return {data["host"]: data["res"] for data in self.data() if data.get("task") == task and "res" in data}

    def data(self) -> list[dict[str, Any]]:
        """What Ansible says in those events that it sent itself; the others are lines that it printed."""
        return [event["event_data"] for event in self.events if "event_data" in event]

    @property
    def artifacts(self) -> dict[str, Any]:
        """What `set_stats` left: AWX makes it variables of the next nodes of a workflow."""
        (data,) = [event["event_data"] for event in self.events if event["event"] == "playbook_on_stats"]
        artifacts: dict[str, Any] = data.get("artifact_data", {})
        return artifacts


class Job:
    """A job template that is being launched.

    Args:
        folder: The job's private data folder; made here.
        inventory: As in a YAML inventory file.
        project: Names and contents of the project's files.
        playbook: Which of them to run.
        variables: What a survey asked for.
        environment: What a credential injects.
        passwords: What a machine credential types, by prompt.
        arguments: More arguments for ansible-playbook.
    """

    def __init__(
        self,
        folder: Path,
        inventory: Mapping[str, Any],
        project: Mapping[str, str],
        playbook: str,
        *,
        variables: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
        passwords: Mapping[str, str] | None = None,
        arguments: str = "",
    ) -> None:
        self.folder = folder
        self.playbook = playbook
        files: dict[str, Any] = {
            "inventory/hosts.json": inventory,
            "env/extravars": variables or {},
            "env/envvars": environment or {},
            "env/passwords": passwords or {},
            **{f"project/{name}": text for name, text in project.items()},
        }
        if arguments:
            files["env/cmdline"] = arguments
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")

    def run(self, home: Path) -> Outcome:
        """Run it on this machine, without a pod."""
        self._runner("run", str(self.folder), "-p", self.playbook, "--ident", "job", home=home)
        return self.outcome()

    def started(self, home: Path) -> subprocess.Popen[bytes]:
        """Start it on this machine, without a pod, and do not wait for its end."""
        command = ["ansible-runner", "run", str(self.folder), "-p", self.playbook, "--ident", "job"]
        return subprocess.Popen(command, env=_environment(home), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def launch(self, folder: Path) -> Pod:
        """Start it in a new pod, whose home is in `folder`."""
        folder.mkdir(parents=True)
        return Pod(folder, ["transmit", str(self.folder), "-p", self.playbook, "--ident", "job"])

    def process(self, pod: Pod) -> Outcome:
        """Read what a pod that has ended, one way or another, told about the job."""
        with pod.answer.open("rb") as stream:
            self._runner("process", str(self.folder), "--ident", "job", home=pod.folder, stdin=stream)
        return self.outcome()

    def outcome(self) -> Outcome:
        """Read the job's artifacts."""
        artifacts = self.folder / "artifacts" / "job"
        written = artifacts.glob("job_events/*.json")
        paths = sorted(
            (path for path in written if not path.stem.endswith("-partial")),  # such a one is under way
            key=lambda path: int(path.name.split("-")[0]),
        )
        code = artifacts / "rc"
        printed = artifacts / "stdout"
        return Outcome(
            int(code.read_text(encoding="utf-8")) if code.exists() else None,
            [json.loads(path.read_text(encoding="utf-8")) for path in paths],
            printed.read_text(encoding="utf-8") if printed.exists() else "",
        )

    @staticmethod
    def _runner(*arguments: str, home: Path, **streams: Any) -> None:
        """Run one command of ansible-runner to its end. Its own exit code is that of the job, or says nothing."""
        given = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, **streams}
        subprocess.run(["ansible-runner", *arguments], env=_environment(home), timeout=PATIENCE, check=False, **given)


class Pod:
    """An execution node that works on one job: an empty home, and a stream in and a stream out."""

    def __init__(self, folder: Path, transmit: list[str]) -> None:
        self.folder = folder
        self.answer = folder / "answer.stream"
        environment = _environment(folder)
        with self.answer.open("wb") as answer:
            self._controller = subprocess.Popen(
                ["ansible-runner", *transmit], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
            )
            self._worker = subprocess.Popen(
                ["ansible-runner", "worker", "--private-data-dir", str(folder / "runner")],
                env=environment,
                stdin=self._controller.stdout,
                stdout=answer,
            )
        assert self._controller.stdout
        self._controller.stdout.close()  # the worker's end is the only one

    @property
    def runs(self) -> bool:
        """Whether it is still at work."""
        return self._worker.poll() is None

    def wait(self) -> None:
        """Return when it has ended."""
        self._controller.wait(timeout=PATIENCE)
        self._worker.wait(timeout=PATIENCE)

    def kill(self) -> None:
        """Kill it with everything that runs in it, as the kernel ends a pod."""
        doomed = []
        for process in _family(self._worker.pid):
            _send(process, signal.SIGSTOP)  # who stands still has no more children
            doomed.append(process)
        for process in doomed:
            _send(process, signal.SIGKILL)
        self.wait()


def _environment(home: Path) -> dict[str, str]:
    return {**{name: os.environ[name] for name in _OF_THE_IMAGE if name in os.environ}, "HOME": str(home)}


def _send(process: int, what: signal.Signals) -> None:
    """Send a signal to a process, unless it has ended by itself."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, what)


def _family(process: int) -> Iterator[int]:
    """A process and all its descendants; the children are looked for after the parent was yielded."""
    yield process
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for child in children.read_text(encoding="ascii").split():
                yield from _family(int(child))
