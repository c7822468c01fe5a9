# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pages are true: examples of README.md and guide_tasks.md run as written, links lead to files, names exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.psremoting.fleet.plugins.module_utils import _arguments
from tests.integration.playbooks.controller import PATIENT
from tests.project import guides
from tests.simulator import SimulatedFleet, User
from tests.waiting import meanwhile

ROOT = Path(__file__).resolve().parents[2]
ENGINE = ROOT / "plugins" / "module_utils" / "_pssession"
README = (ROOT / "README.md").read_text(encoding="utf-8")
TASKS = (ROOT / "docs" / "guide_tasks.md").read_text(encoding="utf-8")
PAGES = ["README.md", "CONTRIBUTING.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
WEB_TREE = re.compile(r"https://github\.com/psremoting/fleet/(?:blob|tree)/main/")

BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README + TASKS, re.MULTILINE | re.DOTALL)
FILES = {
    text.split("\n", 1)[0].removeprefix("# "): text
    for kind, text in BLOCKS
    if kind == "yaml" and text.startswith("# ") and text.split("\n", 1)[0].endswith(".yml")
}
PLAYBOOKS = [name for name in FILES if name != "inventory.yml"]
# Commands about the examples. Installing, the demo and the playbooks of the collection have tests of their own.
COMMANDS = [
    line
    for kind, text in BLOCKS
    if kind == "shell"
    for line in text.splitlines()
    if line.split()[0] in ("ansible", "ansible-playbook")
    and "psremoting.fleet.start" not in line
    and "psremoting.fleet.collect" not in line
]
SHOWN = [text for kind, text in BLOCKS if kind == "text" and text.startswith("TASK [Connect")]

USER, PASSWORD = "operator", "not-a-secret"
# How Windows lets in by default.
OFFERED = ("negotiate", "kerberos")
SESSIONS = {
    "server01": ("ITTask", "ITReport", "Nightly"),
    "server02": ("ITTask", "Nightly"),
}
# Each playbook, and the sessions that are connected after it.
CONNECTED = {
    "connect.yml": {("server01", "ITTask"), ("server02", "ITTask")},
    "several.yml": {(computer, session) for computer, sessions in SESSIONS.items() for session in sessions},
    "limited.yml": {(computer, session) for computer, sessions in SESSIONS.items() for session in sessions},
    "takeover.yml": {("server01", "Nightly"), ("server02", "Nightly")},
    "list.yml": set(),
    "expiring.yml": {("server01", "Nightly"), ("server02", "Nightly")},
    "optional.yml": {("server01", "ITReport")},
    "extend.yml": set(),
    "cleanup.yml": set(),
}


class Folder:
    """A user's folder with the files of both pages in it, and a simulated fleet that answers to the names in them."""

    def __init__(self, path: Path, fleet: SimulatedFleet) -> None:
        self.path = path
        self.fleet = fleet
        self.variables = {"OPERATOR_PASSWORD": PASSWORD}
        for name, text in FILES.items():
            (path / name).write_text(text, encoding="utf-8")
        # What DNS and the certificate store of a real network would know.
        (path / "host_vars").mkdir()
        for computer in fleet:
            variables = {"ansible_host": computer.address, "ansible_psrp_ca_cert": str(fleet.ca_file)}
            (path / "host_vars" / f"{computer.name}.yml").write_text(yaml.safe_dump(variables), encoding="utf-8")

    def run(self, command: str) -> str:
        """Run a command as written; it has to succeed."""
        return guides.run(self.path, self.path / "home", command, 0, **self.variables)

    def connected(self) -> set[tuple[str, str | None]]:
        """Computer and name of the sessions that the servers call connected."""
        return {
            (computer.name, session.name)
            for computer in self.fleet
            for session in computer.sessions
            if session.state == "Connected"
        }


def computers(nightly: dict[str, Any]) -> list[dict[str, Any]]:
    """The computers of the examples; `nightly` says more about the sessions of that name."""
    special = {"ITReport": {"configuration": "ITHelpDesk.JEA"}, "Nightly": nightly}
    return [
        {"name": name, "sessions": [{"name": session, **special.get(session, {})} for session in sessions]}
        for name, sessions in SESSIONS.items()
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    """Every session is free, and the one named Nightly expires in twenty minutes."""
    with SimulatedFleet.build(
        computers({"inactivity": 6000}), [User(USER, PASSWORD)], authentication=OFFERED, switches=PATIENT
    ) as fleet:
        yield Folder(tmp_path, fleet)


@pytest.fixture
def folder_after_a_crash(tmp_path: Path) -> Iterator[Folder]:
    """A client that was killed is connected to the sessions named Nightly, until a request about one comes."""
    declared = computers({"state": "Connected", "held": True})
    with SimulatedFleet.build(declared, [User(USER, PASSWORD)], switches=PATIENT, authentication=OFFERED) as fleet:
        nightly = [session for computer in fleet for session in computer.sessions if session.name == "Nightly"]

        def free() -> None:
            for session in nightly:
                session.disconnect()

        with meanwhile(lambda: fleet.requests_of(operation="Reconnect"), free, "a look at a session in use"):
            yield Folder(tmp_path, fleet)


def test_there_are_examples() -> None:
    assert set(PLAYBOOKS) == set(CONNECTED)
    assert len(COMMANDS) >= 5
    assert len(SHOWN) == 2


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_playbook_runs_as_written(name: str, request: pytest.FixtureRequest) -> None:
    crashed = name == "takeover.yml"
    folder: Folder = request.getfixturevalue("folder_after_a_crash" if crashed else "folder")
    folder.run(f"ansible-playbook -i inventory.yml {name}")
    assert folder.connected() == CONNECTED[name]


def test_what_is_extended_lives_longer(folder: Folder) -> None:
    folder.run("ansible-playbook -i inventory.yml extend.yml")
    lifetimes = {(session.name, session.idle_timeout) for computer in folder.fleet for session in computer.sessions}
    assert lifetimes == {("ITTask", 7200), ("ITReport", 7200), ("Nightly", 86400)}


def test_what_is_cleaned_up_is_only_what_was_left_alone(folder: Folder) -> None:
    folder.run("ansible-playbook -i inventory.yml cleanup.yml")
    assert {session.name for computer in folder.fleet for session in computer.sessions} == {"ITTask", "ITReport"}


def test_commands_run_as_written(folder: Folder) -> None:
    for command in COMMANDS:
        folder.run(command)


def test_first_and_second_run_look_as_shown(folder: Folder) -> None:
    """Hosts may answer in any order; everything else is what README.md shows."""
    first, second = (set(filter(None, text.splitlines())) for text in SHOWN)
    for shown in (first, second):
        output = folder.run("ansible-playbook -i inventory.yml connect.yml")
        assert shown <= {line.rstrip() for line in output.splitlines()}, output


def test_table_of_sessions_looks_as_shown(folder: Folder) -> None:
    """With Ansible's default settings; how long the sessions live depends on the moment."""
    (shown,) = [text for kind, text in BLOCKS if kind == "text" and text.startswith("TASK [List")]
    printed = folder.run("ansible-playbook -i inventory.yml list.yml")
    before_last_column = len("  1 ITTask          server01        Disconnected           None ")
    rows = {line[:before_last_column].rstrip() for line in printed.splitlines()}
    assert {line[:before_last_column].rstrip() for line in shown.splitlines()} <= rows, printed


def test_started_tonight_and_collected_tomorrow(tmp_path: Path) -> None:
    """With the playbooks of the collection, on computers without sessions."""
    start, collect = (line for line in README.splitlines() if "pssession_name=Nightly" in line)
    scripts = {"nightly": {"regex": "database", "steps": [{"output": "12 databases checked"}]}}
    with SimulatedFleet.build(list(SESSIONS), [User(USER, PASSWORD)], scripts, authentication=OFFERED) as fleet:
        folder = Folder(tmp_path, fleet)
        (tmp_path / "nightly.ps1").write_text("Test-Everything # each database", encoding="utf-8")
        folder.run(start.replace("$PWD", str(tmp_path)))
        assert "2 changed" in folder.run(collect)
    texts = {path.parent.name: path.read_text("utf-8") for path in tmp_path.glob("output/*/Nightly.txt")}
    assert {host: text.splitlines()[-1] for host, text in texts.items()} == dict.fromkeys(
        SESSIONS, "12 databases checked"
    )


def test_every_option_of_the_cmdlet_is_told() -> None:
    page = (ROOT / "docs" / "cmdlet.md").read_text(encoding="utf-8")
    groups = (_arguments.SELECTION, _arguments.COMPUTER, _arguments.LOGON)
    untold = [option for group in groups for option in group if f"`{option}`" not in page]
    assert untold == []


def test_documentation_lists_every_page() -> None:
    """The list is the start of the documentation site as well, and the order of its guides."""
    listed = README.partition("<!-- The guides. -->")[2].partition("<!-- The end of the guides. -->")[0]
    pages = {path.name for path in (ROOT / "docs").glob("*.md")}
    assert set(re.findall(r"\]\(docs/(\w+\.md)\)", listed)) == pages


def links(page: str) -> Iterator[str]:
    """Targets of the links of a page that lead into this repository, relative to the page or on the web."""
    text = re.sub(r"^```.*?^```$", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if WEB_TREE.match(target) or not re.match(r"[a-z]+:", target):
            yield target


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files(page: str) -> None:
    folder = (ROOT / page).parent
    broken = []
    for target in links(page):
        web = WEB_TREE.match(target)
        name = target[web.end() :] if web else target
        path, _sign, _anchor = name.partition("#")
        place = (ROOT if web else folder) / path
        if not place.exists():
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("page", PAGES)
def test_files_named_in_passing_exist(page: str) -> None:
    """A name in code marks that looks like a file of this repository is one, in full or as the engine knows it."""
    text = (ROOT / page).read_text(encoding="utf-8")
    bases = (ROOT, ROOT / "plugins", ENGINE.parent, ENGINE)
    named = re.findall(r"`((?:[\w-]+/)*[\w-]+\.(?:py|txt|sh)|(?:tests|docs|meta|dev|demo|plugins)/[\w/.*-]+)`", text)
    # What is written in capitals stands for names of others: `HOST/SESSION.txt`.
    of_others = re.compile(r"\*|^[A-Z]{2,}")
    missing = [
        name for name in named if not of_others.search(name) and not any((each / name).exists() for each in bases)
    ]
    assert missing == []
