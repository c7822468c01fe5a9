# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fakes of the collections that configure AWX, which are not on this machine.

They have the same names and options, and write down what they were asked for.
"""

from __future__ import annotations

import json
import os
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import forked

AWX = Path(__file__).resolve().parents[3] / "extensions" / "awx"
COLLECTIONS = ("awx.awx", "ansible.controller")
# What may be said to the modules, as awx.awx 24.6 documents it; `*` marks what has to be said.
OPTIONS = {
    "credential_type": "*name description kind inputs:dict injectors:dict",
    "credential": "*name description organization credential_type inputs:dict update_secrets:bool user team",
    "execution_environment": "*name *image description organization credential pull",
    "project": """
        *name description organization scm_type scm_url scm_branch scm_refspec credential scm_clean:bool
        scm_delete_on_update:bool scm_update_on_launch:bool default_environment allow_override:bool wait:bool
        update_project:bool
    """,
    "job_template": """
        *name description organization job_type inventory project playbook credentials:list execution_environment
        instance_groups:list forks:int limit verbosity:int extra_vars:dict job_tags skip_tags timeout:int
        use_fact_cache:bool diff_mode:bool survey_enabled:bool survey_spec:dict allow_simultaneous:bool
        job_slice_count:int ask_job_type_on_launch:bool ask_limit_on_launch:bool ask_variables_on_launch:bool
        ask_diff_mode_on_launch:bool ask_job_slice_count_on_launch:bool ask_inventory_on_launch:bool
        ask_credential_on_launch:bool ask_verbosity_on_launch:bool ask_forks_on_launch:bool labels:list
    """,
    "workflow_job_template": """
        *name description organization extra_vars:dict allow_simultaneous:bool ask_variables_on_launch:bool inventory
        limit ask_inventory_on_launch:bool ask_limit_on_launch:bool survey_enabled:bool survey_spec:dict labels:list
    """,
    "workflow_job_template_node": """
        *identifier *workflow_job_template organization unified_job_template extra_data:dict inventory limit job_type
        all_parents_must_converge:bool success_nodes:list always_nodes:list failure_nodes:list credentials:list
    """,
    "schedule": """
        *name description organization unified_job_template rrule extra_data:dict inventory limit job_type
        enabled:bool timeout:int credentials:list
    """,
}
# Runs in the worker itself: with a Python process for each call the tests would take many times as long.
STAND_IN = """
    import json
    from ansible.plugins.action import ActionBase
    class ActionModule(ActionBase):
        def run(self, tmp=None, task_vars=None):
            result = super().run(tmp, task_vars)
            _checked, given = self.validate_argument_spec({spec!r})
            told = {{name: value for name, value in given.items() if value is not None}}
            with open({path!r}, "a") as file:
                file.write(json.dumps([{module!r}, told]) + chr(10))
            return {{**result, "changed": True}}
"""


@dataclass(frozen=True)
class Made:
    """What was asked of the modules, in order: module and options."""

    calls: list[tuple[str, dict[str, Any]]]

    def of(self, module: str) -> list[dict[str, Any]]:
        return [options for name, options in self.calls if name == module]

    def one(self, module: str) -> dict[str, Any]:
        (options,) = self.of(module)
        return options


def make(folder: Path, collection: str, **variables: Any) -> Made:
    """Run the playbook with fakes of the modules of that collection, and of no other."""
    record = folder / "calls.jsonl"
    namespace, name = collection.split(".")
    plugins = folder / "collections" / "ansible_collections" / namespace / name / "plugins"
    for kind in ("action", "modules"):
        (plugins / kind).mkdir(parents=True)
    for module, words in OPTIONS.items():
        spec = {}
        for word in words.split():
            option, _colon, kind = word.lstrip("*").partition(":")
            spec[option] = {"type": kind or "str", "required": word.startswith("*")}
        text = textwrap.dedent(STAND_IN).lstrip().format(spec=spec, path=str(record), module=module)
        (plugins / "action" / f"{module}.py").write_text(text, encoding="utf-8")
        (plugins / "modules" / f"{module}.py").touch()  # an action is found by way of its module
    ended = forked.run(
        [
            *("ansible-playbook", str(AWX / "configure.yml")),
            *("--extra-vars", json.dumps({"pssession_awx_collection": collection, **variables})),
        ],
        cwd=folder,
        env={
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(folder / "collections"),
            "ANSIBLE_HOME": str(folder / "home"),
        },
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "DEPRECATION" not in ended.stderr, ended.stderr
    return Made([json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()])
