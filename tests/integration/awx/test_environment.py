# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The execution environment: what ansible-builder makes of the collection and of the definition that comes with it.

No image is built here: that takes a container engine and a way to the internet. The playbook that checks an image runs
in the environment of the tests.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from dev import lock
from tests import forked

ROOT = Path(__file__).resolve().parents[3]
AWX = ROOT / "extensions" / "awx"
DEFINITION = AWX / "execution-environment.yml"
CHECK = AWX / "check_environment.yml"
LOCK = AWX / "requirements.lock"
EXTRAS = {"pypsrp[credssp,kerberos]", "pywinrm[credssp,kerberos]"}


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return forked.run(command, cwd=folder, env={**os.environ, "ANSIBLE_HOME": str(folder / "home")})


def requirements(text: str) -> set[str]:
    """The lines of a list for pip or bindep that are none of a comment, without what is noted behind them."""
    return {line.split("#")[0].strip() for line in text.splitlines()} - {""}


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a container engine would build the image from."""
    folder = tmp_path_factory.mktemp("context")
    ended = run(["ansible-builder", "create", "--file", str(DEFINITION), "--context", str(folder)], folder)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return folder


def test_builder_finds_what_the_collection_needs(tmp_path: Path) -> None:
    lists = tmp_path / "pip.txt", tmp_path / "bindep.txt"
    collections = os.environ["ANSIBLE_COLLECTIONS_PATH"]
    command = ["ansible-builder", "introspect", collections, "--write-pip", str(lists[0]), "--write-bindep"]
    ended = run([*command, str(lists[1])], tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    for name, found in zip(("ee-requirements.txt", "ee-bindep.txt"), lists, strict=True):
        wanted = requirements((ROOT / "meta" / name).read_text(encoding="utf-8"))
        assert requirements(found.read_text(encoding="utf-8")) == wanted


def test_image_has_the_collection_and_its_extras(context: Path) -> None:
    galaxy = yaml.safe_load((context / "_build" / "requirements.yml").read_text(encoding="utf-8"))
    assert [collection["name"] for collection in galaxy["collections"]] == ["psremoting.fleet"]
    extras = requirements((context / "_build" / "requirements.txt").read_text(encoding="utf-8"))
    assert extras == EXTRAS
    system = requirements((context / "_build" / "bindep.txt").read_text(encoding="utf-8"))
    python = yaml.safe_load(DEFINITION.read_text(encoding="utf-8"))["dependencies"]["python_interpreter"]
    assert f"{python['package_system']}-devel [compile platform:rpm]" in system


def test_libraries_of_the_image_are_those_of_the_list_with_hashes(context: Path) -> None:
    """pip takes the list before those of the collection, wherever ansible-builder's scripts call it."""
    (containerfile,) = [context / name for name in ("Containerfile", "Dockerfile") if (context / name).exists()]
    base = containerfile.read_text(encoding="utf-8").partition("# Galaxy build stage")[0]
    (target,) = re.findall(r"^COPY _build/locked/requirements\.lock (\S+)$", base, re.MULTILINE)
    assert f'ENV PIP_OPTS="--requirement {target}"' in base
    assert (context / "_build" / "locked" / "requirements.lock").read_bytes() == LOCK.read_bytes()
    scripts = [context / "_build" / "scripts" / name for name in ("assemble", "install-from-bindep")]
    for script in scripts:
        (call,) = re.findall(
            r"^.*pip.* install .*/requirements\.txt$", script.read_text("utf-8"), re.MULTILINE | re.IGNORECASE
        )
        assert call.index("$PIP_OPTS") < call.index("-r ")


def test_the_list_has_all_that_the_image_needs() -> None:
    """`make lock` writes it; versions are within the bounds, and each file has a hash."""
    blocks = re.split(r"\n(?=\w)", LOCK.read_text(encoding="utf-8"))[1:]
    locked = {}
    for block in blocks:
        first, *hashes = block.replace("\\\n", "\n").split()
        name, version = first.split("==")
        locked[canonicalize_name(name)] = version
        assert hashes, name
        assert all(re.fullmatch("--hash=sha256:[0-9a-f]{64}", each) for each in hashes), name
    for text in lock.wanted():
        requirement = Requirement(text)
        assert requirement.specifier.contains(locked[canonicalize_name(requirement.name)]), text
    assert {"krb5", "gssapi", "requests-credssp", "pykerberos"} <= locked.keys()  # of the extras


def test_image_checks_itself_before_it_is_done(context: Path) -> None:
    (containerfile,) = [context / name for name in ("Containerfile", "Dockerfile") if (context / name).exists()]
    text = containerfile.read_text(encoding="utf-8")
    final = text[text.index("FROM base AS final") :]
    (step,) = [line for line in final.splitlines() if CHECK.name in line]
    assert final.index("COPY --from=builder") < final.index(step) < final.index("USER ")
    words = shlex.split(step)
    (playbook,) = [word for word in words if word.endswith(CHECK.name)]
    assert playbook.endswith(f"/ansible_collections/psremoting/fleet/{CHECK.relative_to(ROOT)}")
    extras = yaml.safe_load(words[words.index("--extra-vars") + 1])["pssession_extras"]
    assert {f"pypsrp[{','.join(extras)}]", f"pywinrm[{','.join(extras)}]"} == EXTRAS


def check(folder: Path, **variables: Any) -> subprocess.CompletedProcess[str]:
    command = ["ansible-playbook", str(CHECK), "--extra-vars", yaml.safe_dump(variables, default_flow_style=True)]
    return run(command, folder)


def test_check_passes_here(tmp_path: Path) -> None:
    ended = check(tmp_path, pssession_extras=["credssp"])
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "ok=4" in ended.stdout
    assert "requests_credssp and the modules connect_pssession," in ended.stdout


def test_check_names_the_library_that_is_missing(tmp_path: Path) -> None:
    ended = check(tmp_path, libraries={"always": ["pypsrp", "no_such_library"]})
    assert ended.returncode == 2
    assert "No module named 'no_such_library'" in ended.stdout
