# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The artefact that users install: what is in it, and that it works with this checkout out of sight."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from dev import build

ROOT = Path(__file__).resolve().parents[2]
# Files and folders at the top of the artefact. A new one belongs here or into galaxy.yml's build_ignore.
SHIPPED = {
    "CHANGELOG.md",
    "CHANGELOG.rst",
    "COPYING",
    "FILES.json",
    "LICENSES",
    "MANIFEST.json",
    "README.md",
    "REUSE.toml",
    "changelogs",
    "docs",
    "extensions",
    "meta",
    "playbooks",
    "plugins",
    "roles",
}


@pytest.fixture(scope="module")
def artefact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build.build(tmp_path_factory.mktemp("dist"))


def test_it_holds_what_users_need_and_nothing_else(artefact: Path) -> None:
    with tarfile.open(artefact) as archive:
        names = archive.getnames()
    assert {name.split("/")[0] for name in names} <= SHIPPED
    assert {"meta/runtime.yml", "meta/ee-requirements.txt", "meta/ee-bindep.txt", "README.md"} <= set(names)
    assert {"extensions/audit/event_query.yml", "extensions/awx/execution-environment.yml"} <= set(names)
    assert {"playbooks/resume.yml", "roles/pssession/tasks/resume.yml"} <= set(names)
    assert [name for name in names if "molecule" in name or "__pycache__" in name or "/." in name] == []


def test_installed_elsewhere_it_documents_itself_and_writes_a_report(artefact: Path, tmp_path: Path) -> None:
    programs = Path(sys.executable).parent
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(tmp_path), "ANSIBLE_HOME": str(tmp_path / "home")}
    install: list[str | Path] = [
        programs / "ansible-galaxy",
        "collection",
        "install",
        "--offline",
        "--force",
        "-p",
        tmp_path,
        artefact,
    ]
    subprocess.run(install, cwd=tmp_path, env=environment, check=True, stdout=subprocess.DEVNULL)
    modules = [f"psremoting.fleet.{path.stem}" for path in (ROOT / "plugins" / "modules").glob("[!_]*.py")]
    shown = subprocess.run(
        [programs / "ansible-doc", "--json", "-t", "module", *modules],
        cwd=tmp_path,
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
    ).stdout
    pages = json.loads(shown)
    assert sorted(pages) == sorted(modules)
    for page in pages.values():
        assert Path(page["doc"]["filename"]).is_relative_to(tmp_path), "found this checkout, not what was installed"
        empty = [part for part in ("doc", "examples", "return") if not page[part]]
        assert empty == []
    # What is no Python is in it as well: the page's template, style and script.
    report = tmp_path / "report.html"
    subprocess.run(
        [
            programs / "ansible",
            *("-i", "localhost,", "localhost"),
            *("-m", "psremoting.fleet.pssession_report", "-a", json.dumps({"results": [], "dest": str(report)})),
        ],
        cwd=tmp_path,
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    assert "<!DOCTYPE html>" in report.read_text(encoding="utf-8")
