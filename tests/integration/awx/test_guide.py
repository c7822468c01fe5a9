# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What docs/guide_awx.md shows works as written."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from dev import build
from tests.integration.awx.controller import make
from tests.integration.awx.jobs import Job, Outcome
from tests.integration.playbooks.controller import PASSWORD, PATIENT, USER, inventory_of
from tests.simulator import SimulatedFleet, User
from tests.waiting import PATIENCE

GUIDE = (Path(__file__).resolve().parents[3] / "docs" / "guide_awx.md").read_text(encoding="utf-8")
FILES = {
    re.findall(r"\A# (\S+)$", text, re.MULTILINE)[0]: text
    for text in re.findall(r"^```yaml\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
}
SCRIPTS = {
    "Databases": [{"output": "12 databases"}, {"output": {"RestartNeeded": True}}],
    "No databases": [{"output": {"RestartNeeded": False}}],
    "Restart-Computer -Force": [{"sleep": 60}],
}


@pytest.fixture
def fleet() -> Iterator[SimulatedFleet]:
    computers = [
        {"name": name, "sessions": [{"name": "Nightly", "commands": [{"script": script}]}]}
        for name, script in (("server01", "Databases"), ("server02", "No databases"))
    ]
    with SimulatedFleet.build(computers, [User(USER, PASSWORD)], SCRIPTS, switches=PATIENT) as started:
        yield started


def run(folder: Path, fleet: SimulatedFleet, playbook: str, **variables: Any) -> Outcome:
    """Run a playbook of the guide as a job that knows nothing of others."""
    project = {name: text for name, text in FILES.items() if name == playbook}
    job = Job(folder / "job", inventory_of(fleet), project, playbook, variables=variables)
    (folder / "home").mkdir()
    outcome = job.run(folder / "home")
    assert outcome.code == 0, outcome.stdout
    return outcome


def test_every_example_is_tried() -> None:
    assert set(FILES) == {
        *("from-file.yml", "ours.yml", "identity.yml", "nightly.yml", "collect.yml", "restart.yml", "pod.yml"),
    }


def test_results_lead_to_the_next_node(fleet: SimulatedFleet, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    collected = run(tmp_path / "collect", fleet, "collect.yml", journal_folder=str(journal))
    assert collected.artifacts == {"restart": ["server01"]}
    assert sorted(path.name for path in journal.iterdir()) == ["server01.jsonl", "server02.jsonl"]
    run(tmp_path / "restart", fleet, "restart.yml", **collected.artifacts)
    names = {computer.name: [session.name for session in computer.sessions] for computer in fleet}
    assert names == {"server01": ["Nightly", "Restart"], "server02": ["Nightly"]}


def test_nothing_to_restart_is_fine(fleet: SimulatedFleet, tmp_path: Path) -> None:
    run(tmp_path, fleet, "restart.yml")
    assert fleet.requests == []


def test_a_playbook_that_imports_ours_gets_back(fleet: SimulatedFleet, tmp_path: Path) -> None:
    run(tmp_path, fleet, "nightly.yml")
    assert {computer.sessions[0].state for computer in fleet} == {"Connected"}


def test_variables_of_ones_own_are_used(tmp_path: Path) -> None:
    ours, identity = (yaml.safe_load(FILES[name]) for name in ("ours.yml", "identity.yml"))
    made = make(tmp_path, ours.pop("pssession_awx_collection"), **ours, **identity)
    assert made.one("execution_environment")["image"] == ours["pssession_awx_image"]
    assert made.one("credential")["inputs"] == {"client_id": identity["pssession_awx_client_id"]}
    for template in made.of("job_template"):
        assert template["inventory"] == ours["pssession_awx_inventory"]
        assert template["credentials"][0] == ours["pssession_awx_machine_credential"]
    organizations = {options["organization"] for _module, options in made.calls if "organization" in options}
    assert organizations == {ours["pssession_awx_organization"]}


def test_collection_gets_into_an_image_as_a_file(tmp_path: Path) -> None:
    artefact = build.build(tmp_path)
    definition = tmp_path / "from-file.yml"
    definition.write_text(FILES["from-file.yml"], encoding="utf-8")
    subprocess.run(
        ["ansible-builder", "create", "--file", definition, "--context", tmp_path / "context"],
        cwd=tmp_path,
        env=os.environ,
        check=True,
        stdout=subprocess.DEVNULL,
        timeout=PATIENCE,
    )
    made = tmp_path / "context" / "_build"
    assert (made / artefact.name).read_bytes() == artefact.read_bytes()
    assert yaml.safe_load((made / "requirements.yml").read_text(encoding="utf-8")) == {
        "collections": [{"name": artefact.name, "type": "file"}]
    }


def test_pod_mounts_what_it_names() -> None:
    pod = yaml.safe_load(FILES["pod.yml"])
    (worker,) = pod["spec"]["containers"]
    assert [mount["name"] for mount in worker["volumeMounts"]] == [volume["name"] for volume in pod["spec"]["volumes"]]
    assert worker["args"][:2] == ["ansible-runner", "worker"]
