# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Version, changelog, tags and community files fit together, as the ansible package and Automation Hub require."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import yaml

from dev import release, tree

ROOT = Path(__file__).resolve().parents[2]
VERSION = release.version_of(ROOT)
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PLUGINS = [path for path in sorted((ROOT / "plugins").rglob("*.py")) if "version_added:" in path.read_text("utf-8")]


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_repositories_in_the_documentation_have_a_tag(path: Path) -> None:
    """A branch is other code tomorrow. CONTRIBUTING.md is for those who want that."""
    text = path.read_text(encoding="utf-8")
    for rest in re.findall(r"git\+https://[^\s,`]+((?:,[\d.]*\d)?)", text):
        assert rest == f",{VERSION}"
    for options in re.findall(r"git clone (.*)https://github\.com/psremoting", text):
        assert options == f"--branch {VERSION} "
    for version in re.findall(r"psremoting-fleet-(\d+\.\d+\.\d+)\.tar\.gz", text):
        assert version == VERSION


def test_the_objects_of_awx_have_the_tag_and_the_version() -> None:
    configuration = yaml.safe_load(text_of("extensions/awx/configuration.yml"))
    assert configuration["pssession_awx_project_branch"] == VERSION
    (collection,) = yaml.safe_load(text_of("extensions/awx/execution-environment.yml"))["dependencies"]["galaxy"][
        "collections"
    ]
    assert collection == {"name": "psremoting.fleet", "version": f"=={VERSION}"}


@pytest.mark.parametrize("path", PLUGINS, ids=lambda path: path.stem)
def test_nothing_was_added_in_a_version_that_is_not_released(path: Path) -> None:
    for added in re.findall(r"version_added: '?\"?([\d.]+)", path.read_text(encoding="utf-8")):
        assert tuple(map(int, added.split("."))) <= tuple(map(int, VERSION.split("."))), added
        assert int(added.split(".")[0]) > 0, added


def test_a_tag_has_the_version_and_its_changelog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(ROOT / "galaxy.yml", tmp_path)
    (tmp_path / "changelogs" / "fragments").mkdir(parents=True)
    made = tmp_path / "changelogs" / "changelog.yaml"
    made.write_text("releases: {}\n", encoding="utf-8")
    monkeypatch.setattr(tree, "ROOT", tmp_path)
    with pytest.raises(SystemExit, match=rf"the tag is 0\.0\.1, and galaxy\.yml has the version {VERSION}"):
        release.check_tag("0.0.1")
    with pytest.raises(SystemExit, match=f"no changelog for {VERSION}"):
        release.check_tag(VERSION)
    made.write_text(yaml.safe_dump({"releases": {VERSION: {}}}), encoding="utf-8")
    release.check_tag(VERSION)
    (tmp_path / "changelogs" / "fragments" / "late.yml").touch()
    with pytest.raises(SystemExit, match=r"not in the changelog: late\.yml"):
        release.check_tag(VERSION)


def test_the_notes_of_a_release_are_its_own_section(tmp_path: Path) -> None:
    shutil.copy(ROOT / "galaxy.yml", tmp_path)
    other = '<a id="v99-0-0"></a>\n## v99\\.0\\.0\n\nNewer\n\n'
    heading = "## v" + VERSION.replace(".", "\\.")  # as antsibull-changelog writes it
    text = f"# Notes\n\n{other}<a></a>\n{heading}\n\n### A\n\n- b\n\n{other.replace('99', '0')}"
    (tmp_path / "CHANGELOG.md").write_text(text, encoding="utf-8")
    assert release.notes(tmp_path) == "### A\n\n- b"
    (tmp_path / "CHANGELOG.md").write_text(other, encoding="utf-8")
    with pytest.raises(SystemExit, match="has no section"):
        release.notes(tmp_path)


def test_files_that_the_inclusion_checklist_wants_are_there() -> None:
    for name in ("CODE_OF_CONDUCT.md", "SECURITY.md", "CONTRIBUTING.md", "COPYING", ".github/CODEOWNERS"):
        assert (ROOT / name).is_file(), name
    readme = text_of("README.md")
    section = readme.partition("## Communication")[2].partition("\n## ")[0]
    assert "https://forum.ansible.com" in section
    assert "CODE_OF_CONDUCT.md" in section
    assert "semver.org" in readme


@pytest.mark.parametrize("name", ["bug", "feature"])
def test_forms_for_issues_ask_for_something(name: str) -> None:
    form = yaml.safe_load(text_of(f".github/ISSUE_TEMPLATE/{name}.yml"))
    assert {"name", "description", "body"} <= form.keys()
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert all(field["attributes"]["label"] for field in fields)
    assert len({field["id"] for field in fields}) == len(fields)
    assert any(field.get("validations", {}).get("required") for field in fields)


def test_files_that_the_table_of_requirements_names_exist() -> None:
    section = text_of("CONTRIBUTING.md").partition("### Requirements of the ansible package")[2].partition("\n#")[0]
    for name in re.findall(r"`([\w./-]+/[\w.-]+|\w+\.(?:cfg|yml|md))`", section):
        assert list(ROOT.glob(name)) or list((ROOT / ".github" / "workflows").glob(name)), name
    for target in re.findall(r"`make ([\w-]+)`", section):
        assert f"\n{target}:" in text_of("Makefile"), target
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "project").glob("*.py"))
    for test in re.findall(r"`(test_\w+)`", section):
        assert f"def {test}(" in tests, test
