# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What `extensions/awx/configure.yml` makes in AWX fits together, and fits the playbooks."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from dateutil.rrule import rrulestr

from ansible_collections.psremoting.fleet.plugins.doc_fragments import _kept_sessions
from ansible_collections.psremoting.fleet.plugins.module_utils import _arguments
from ansible_collections.psremoting.fleet.plugins.plugin_utils import _known_variables, _role_variables
from tests.integration.awx.controller import AWX, COLLECTIONS, Made, make

ROOT = Path(__file__).resolve().parents[3]
CONFIGURATION: dict[str, Any] = DataLoader().load_from_file(str(AWX / "configuration.yml"))
QUESTIONS: dict[str, dict[str, Any]] = CONFIGURATION["pssession_awx_questions"]
# Types of answers that AWX knows: what a default of theirs is, and which types of variables take them.
ANSWERS = {
    "text": (str, {"str", "path", "list"}),
    "textarea": (str, {"str"}),
    "integer": (int, {"int"}),
    "multiplechoice": (str, {"str", "bool", "list"}),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Made with an identity for all jobs, and slices."""
    folder = tmp_path_factory.mktemp("awx")
    client = "6f5b2a1c-9f0e-4c8e-9a53-0d8f5a4f7b21"
    identity = {"pssession_awx_client_id": client, "pssession_awx_client_secret": "a long text for ids of the tests"}
    return make(folder, COLLECTIONS[0], **identity, pssession_awx_slices=3)


def test_the_other_collection_is_asked_for_the_same(made: Made, tmp_path: Path) -> None:
    other = make(tmp_path, COLLECTIONS[1])
    assert other.of("credential") == [], "no identity was asked for"
    machine = CONFIGURATION["pssession_awx_machine_credential"]
    for theirs, ours in zip(other.of("job_template"), made.of("job_template"), strict=True):
        assert theirs == {**ours, "credentials": [machine], "job_slice_count": 1}
    rest = [call for call in made.calls if call[0] not in ("credential", "job_template")]
    assert [call for call in other.calls if call[0] != "job_template"] == rest


def test_everything_named_is_there_by_then(made: Made) -> None:
    """AWX resolves names when an object is made, so what it is made of has to exist."""
    known = {CONFIGURATION[f"pssession_awx_{what}"] for what in ("organization", "inventory", "machine_credential")} - {
        ""
    }
    references = (
        *("organization", "credential_type", "default_environment", "execution_environment", "inventory", "project"),
        *("credentials", "unified_job_template", "workflow_job_template", "success_nodes", "failure_nodes"),
    )
    for module, options in made.calls:
        for reference in references:
            value = options.get(reference, [])
            for name in value if isinstance(value, list) else [value]:
                assert name in known, f"{module}: {reference}"
        known.add(options.get("name") or options["identifier"])


def test_jobs_get_what_the_collection_reads(made: Made) -> None:
    kind = made.one("credential_type")
    fields = {field["id"] for field in kind["inputs"]["fields"]}
    assert kind["kind"] in ("cloud", "net"), "AWX allows no other kind to users"
    assert set(kind["inputs"]["required"]) <= fields
    read = {
        name
        for options in (_arguments.LOGON, _arguments.FLOW)
        for option in options.values()
        for name in option.get("fallback", (None, []))[1]
    }
    connection = yaml.safe_load(_kept_sessions.ModuleDocFragment.DOCUMENTATION)["options"]
    read |= {variable["name"] for option in connection.values() for variable in option.get("env", [])}
    assert set(kind["injectors"]) == {"env"}
    for variable in kind["injectors"]["env"]:
        assert variable in read
    assert [field["id"] for field in kind["inputs"]["fields"] if field.get("secret")] == ["client_secret"]
    for template in kind["injectors"]["env"].values():
        assert set(re.findall(r"{{ *(\w+) *}}", template)) <= fields
    credential = made.one("credential")
    assert credential["credential_type"] == kind["name"]
    assert set(credential["inputs"]) == fields
    for template in made.of("job_template"):
        assert credential["name"] in template["credentials"]


def variables_of(playbook: Path) -> dict[str, dict[str, Any]]:
    """The variables of a playbook with their specs: those of the role's entry point, and those of playbooks."""
    entry_point = "main" if playbook.stem == "connect" else playbook.stem
    own = {name: {"type": "path"} for name in _known_variables.OF_PLAYBOOKS}
    return {**own, "pssession_hosts": {"type": "str"}, **_role_variables.named(_role_variables.SPECS[entry_point])}


def test_templates_lead_to_playbooks(made: Made) -> None:
    templates = made.of("job_template")
    assert {template["playbook"] for template in templates} == {
        f"playbooks/{path.name}" for path in (ROOT / "playbooks").glob("*.yml") if path.stem != "compare_connections"
    }
    for template in templates:
        # Else AWX does not offer it as a playbook of the project.
        text = (ROOT / template["playbook"]).read_text(encoding="utf-8")
        assert re.search(r"^\s*?-?\s*?(?:hosts|import_playbook):", text, re.MULTILINE)


def test_playbooks_get_what_they_know_and_all_that_they_need(made: Made) -> None:
    for template in made.of("job_template"):
        known = variables_of(ROOT / template["playbook"])
        asked = {question["variable"]: question for question in template["survey_spec"]["spec"]}
        given: dict[str, Any] = template["extra_vars"]
        needed = {name for name, spec in known.items() if spec.get("required")}
        assert needed <= {*asked, *given}, template["name"]
        passed_on = {name for value in given.values() for name in re.findall(r"{{ *(\w+) *}}", value)}
        assert passed_on <= set(asked)
        assert set(given) | set(asked) - passed_on <= set(known), template["name"]
        for name, question in asked.items():
            if name in known:
                spec = known[name]
                assert spec["type"] in ANSWERS[question["type"]][1], name
                assert set(question.get("choices", [])) <= set(spec.get("choices", ["false", "true"])), name


def test_only_jobs_about_single_hosts_are_sliced(made: Made) -> None:
    slices = {template["name"]: template["job_slice_count"] for template in made.of("job_template")}
    assert {name for name, count in slices.items() if count == 1} == {"Sessions: list", "Sessions: journal"}
    assert set(slices.values()) == {1, 3}


def test_surveys_are_well_formed(made: Made) -> None:
    declared = [*CONFIGURATION["pssession_awx_templates"], CONFIGURATION["pssession_awx_workflow"]]
    assert {name for template in declared for name in template["survey"]} == set(QUESTIONS)
    for question in QUESTIONS.values():
        assert isinstance(question["default"], ANSWERS[question["type"]][0])
        assert isinstance(question["required"], bool)
        if question["type"] == "integer":
            assert question["min"] <= question["default"] <= question["max"]
        if question["type"] == "multiplechoice":
            assert question["default"] in question["choices"] or not (question["required"] or question["default"])
    for options in [*made.of("job_template"), *made.of("workflow_job_template")]:
        (survey,) = [template["survey"] for template in declared if template["name"] == options["name"]]
        assert options["survey_spec"]["spec"] == [QUESTIONS[name] for name in survey]


def test_workflow_connects_only_when_the_start_failed(made: Made) -> None:
    nodes = {node["identifier"]: node for node in made.of("workflow_job_template_node")}
    assert {node["unified_job_template"] for node in nodes.values()} <= {
        template["name"] for template in made.of("job_template")
    }
    ways = {name: (node["success_nodes"], node["failure_nodes"]) for name, node in nodes.items()}
    assert ways == {
        "start": (["harvest"], ["connect"]),
        "connect": (["harvest"], []),
        "harvest": ([], []),
    }


def test_workflow_asks_for_all_that_its_nodes_do_not_know(made: Made) -> None:
    """A node cannot be asked: each answer comes from the workflow's survey or is a default."""
    (workflow,) = made.of("workflow_job_template")
    asked = {question["variable"] for question in workflow["survey_spec"]["spec"]}
    nodes = {node["unified_job_template"] for node in made.of("workflow_job_template_node")}
    for template in made.of("job_template"):
        if template["name"] in nodes:
            spec = template["survey_spec"]["spec"]
            assert {each["variable"] for each in spec if each["required"] and each["default"] == ""} <= asked


def interval(schedule: dict[str, Any]) -> timedelta:
    """The time between two runs of a schedule."""
    # AWX writes rules in one line.
    rule = rrulestr(schedule["rrule"].replace(" RRULE:", "\nRRULE:"))
    first, second = rule.xafter(datetime.now(tz=timezone.utc), count=2)
    return second - first


def test_schedules_answer_questions_of_their_templates(made: Made) -> None:
    templates = {each["name"]: each["survey_spec"]["spec"] for each in made.of("job_template")}
    for schedule in made.of("schedule"):
        asked = {question["variable"] for question in templates[schedule["unified_job_template"]]}
        assert set(schedule["extra_data"]) <= asked, "AWX refuses variables that no survey asks for"


def test_schedule_looks_more_than_once_before_a_session_expires(made: Made) -> None:
    (schedule,) = [each for each in made.of("schedule") if each["unified_job_template"] == "Sessions: extend"]
    assert interval(schedule) <= timedelta(seconds=schedule["extra_data"]["pssession_expires_within"]) / 3


def test_a_schedule_waits_for_no_command(made: Made) -> None:
    assert {each["unified_job_template"] for each in made.of("schedule")} == {"Sessions: extend", "Sessions: harvest"}
