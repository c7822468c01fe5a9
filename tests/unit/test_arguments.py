# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Argument specs, return values and documentation agree, for each module and the lookup."""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.psremoting.fleet.plugins.module_utils import _arguments, _plugins
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model import cmdlets
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.commands import (
    CommandResult,
    Output,
    PipelineState,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import error_record
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.report import Report
from tests.unit.builders import session

SPECS = {
    **{("module", each.name): each.spec for each in _plugins.MODULES},
    ("module", "pssession_job"): _arguments.PSSESSION_JOB,
    ("module", "pssession_report"): _arguments.REPORT,
    ("module", "pssession_summary"): _arguments.SUMMARY,
    ("lookup", _plugins.LOOKUP.name): _plugins.LOOKUP.spec,
}
plugins = pytest.mark.parametrize("plugin", SPECS, ids=lambda plugin: plugin[1])
Options = Mapping[str, Any]


@functools.cache
def pages(kind: str) -> Any:
    """What ansible-doc shows of the plugins of a kind, with their fragments; by full name."""
    program = Path(sys.executable).with_name("ansible-doc")
    names = [f"psremoting.fleet.{name}" for each, name in SPECS if each == kind]
    shown = subprocess.run([program, "--json", "-t", kind, *names], check=True, capture_output=True, text=True).stdout
    return json.loads(shown)


def page(plugin: tuple[str, str]) -> Any:
    kind, name = plugin
    return pages(kind)[f"psremoting.fleet.{name}"]


def documented(plugin: tuple[str, str]) -> Options:
    options: Options = page(plugin)["doc"]["options"]
    return {name: option for name, option in options.items() if name != "_terms"}


def comparable(options: Options, suboptions: str) -> dict[str, Any]:
    """What must be the same of each option, and of each suboption below it."""
    return {
        name: {
            "type": option.get("type", "str"),
            "elements": option.get("elements"),
            "choices": option.get("choices"),
            "aliases": option.get("aliases") or [],
            "default": option.get("default"),
            "required": bool(option.get("required")),
            "suboptions": comparable(option.get(suboptions) or {}, suboptions),
        }
        for name, option in options.items()
    }


@plugins
def test_spec_and_documentation_agree(plugin: tuple[str, str]) -> None:
    expected = comparable(SPECS[plugin], "options")
    if plugin[0] == "lookup":
        expected["on_missing"]["default"] = "skip"  # a lookup that finds nothing returns an empty list
    assert comparable(documented(plugin), "suboptions") == expected


@plugins
def test_environment_variables_are_documented(plugin: tuple[str, str]) -> None:
    variables = {name: option["fallback"][1][0] for name, option in SPECS[plugin].items() if "fallback" in option}
    if plugin[1] in ("pssession_report", "pssession_summary"):
        assert variables == {}
        return
    assert variables == {
        "certificate_store": "PSSESSION_CERTIFICATE_STORE",
        "state_file": "PSSESSION_STATE_FILE",
        "client_id": "PSSESSION_CLIENT_ID",
    }
    for name, variable in variables.items():
        assert f"E({variable})" in json.dumps(documented(plugin)[name])


def test_results_and_documentation_agree() -> None:
    returned = page(("module", "connect_pssession"))["return"]
    record = error_record("PSSessionConnectFailed", "message")
    result = Report("Name", sessions=[session()], errors=[record]).as_dict()
    # What costs extra requests appears only when it was asked for.
    optional = {"commands", "application_private_data", "what_if"}
    assert set(returned["sessions"]["contains"]) - optional == set(result["sessions"][0])
    assert set(returned["errors"]["contains"]) - {"computers"} == set(result["errors"][0])


@pytest.mark.parametrize("plugin", _plugins.MODULES, ids=lambda plugin: plugin.name)
def test_every_return_value_is_documented(plugin: _plugins.Plugin) -> None:
    ended = CommandResult(session(), "id", Output(state=PipelineState.COMPLETED, rc=0))
    returned = page(("module", plugin.name))["return"]
    accounts = [(session().endpoint, "LAB\\operator")] if plugin.cmdlet.is_reading else []
    result = Report("Name", results=[ended] if "timeout" in plugin.spec else None, accounts=accounts).as_dict()
    # Ansible documents `changed` itself. The action plugins add what the task shows.
    added, left_out = {"stdout", "stdout_lines"}, {"changed", "what_if"} if plugin.cmdlet.is_reading else {"changed"}
    assert set(returned) == set(result) - left_out | added
    for entry in result.get("results", ()):
        assert set(returned["results"].get("contains") or entry) == set(entry)


def test_every_option_of_the_parameter_sets_can_be_given() -> None:
    for plugin in _plugins.MODULES:
        for each in plugin.cmdlet.parameter_sets or plugin.cmdlet.opening_sets:
            assert each.options <= set(plugin.spec), plugin.name


def test_every_narrowing_option_can_be_given() -> None:
    for plugin in _plugins.MODULES:
        cmdlet = plugin.cmdlet
        assert set(cmdlet.narrowing) <= set(plugin.spec), plugin.name
        assert all(name in cmdlet.narrowing_hint for name in (plugin.name, *cmdlet.narrowing) if cmdlet.narrowing)


def test_a_script_runs_in_all_sessions_of_the_own_computer_only_if_the_task_says_so() -> None:
    named = {name: _plugins.INVOKE.may_take_own_computer({name: ["x"]}) for name in ("name", "session_name", "owner")}
    assert named == {"name": True, "session_name": True, "owner": False}
    refused = _plugins.INVOKE({"script": "x"})
    (error,) = refused["errors"]
    assert (refused["failed"], error["fully_qualified_error_id"].partition(",")[0]) == (
        True,
        "MissingMandatoryParameter",
    )
    assert "name ('*'" in refused["msg"]
    assert "session_name with in_disconnected_session" in refused["msg"]


def test_every_cmdlet_has_a_module() -> None:
    assert {plugin.cmdlet for plugin in _plugins.MODULES} == set(cmdlets.CMDLETS)


def secrets(options: Options) -> list[str]:
    found = [name for name, option in options.items() if option.get("no_log")]
    for option in options.values():
        found += secrets(option.get("options") or {})
    return found


def test_every_password_is_kept_out_of_logs() -> None:
    text = json.dumps(_arguments.CONNECT_PSSESSION, default=str)
    passwords = re.findall(r'"(\w*password)": {', text)
    assert len(passwords) >= 5
    assert sorted(secrets(_arguments.CONNECT_PSSESSION)) == sorted(passwords)


def test_aliases_disappear_on_all_levels() -> None:
    given = {
        "computer_name": ["a"],
        "cn": ["a"],
        "session_option": {"open_timeout": 1, "output_buffering_mode": None, "unknown": 1},
        "endpoints": [{"computer_name": "a"}],
        "credential": None,
        "unknown": 1,
    }
    assert _arguments.without_aliases(given, _arguments.CONNECT_PSSESSION) == {
        "computer_name": ["a"],
        "session_option": {"open_timeout": 1},
        "endpoints": [{"computer_name": "a"}],
        "credential": None,
    }


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"name": "Nightly, Week*"}, ["Nightly", "Week*"]),
        ({"name": [" Nightly", "Week*"]}, [" Nightly", "Week*"]),
        ({"name": " Nightly"}, [" Nightly"]),
        ({"name": "Nightly\n"}, ["Nightly"]),
        ({"name": "Nightly\r\nJob [123]\r\n\r\n"}, ["Nightly", "Job [123]"]),
        ({"name": ["Nightly\n", "a\nb"]}, ["Nightly", "a", "b"]),
        ({"name": "Nightly, a\nb\n"}, ["Nightly", "a", "b"]),
        ({"name": "\n"}, ["\n"]),
    ],
)
def test_commas_and_lines_separate_names_and_are_no_part_of_them(given: Options, names: list[str]) -> None:
    spec = _arguments.CONNECT_PSSESSION
    validated = ArgumentSpecValidator(spec).validate(dict(given)).validated_parameters
    assert _arguments.lists_of_text(validated, given, spec)["name"] == names


def test_a_list_of_text_under_its_alias() -> None:
    spec, given = _arguments.CONNECT_PSSESSION, {"cn": "srv01, srv02", "id": "1, 2"}
    validated = ArgumentSpecValidator(spec).validate(dict(given)).validated_parameters
    options = _arguments.lists_of_text(validated, given, spec)
    assert (options["computer_name"], options["id"]) == (["srv01", "srv02"], [1, 2])


ONE = {"instance_id": "1", "computer_name": "srv01"}


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (ONE, [ONE]),
        ([ONE, ONE], [ONE, ONE]),
        (json.dumps(ONE), [ONE]),
        (f" {json.dumps([ONE, ONE])}", [ONE, ONE]),
        ("[]", []),
        ("{broken", "{broken"),
        ("text", "text"),
        (7, 7),
    ],
    ids=str,
)
def test_one_session_or_json_is_a_list_of_sessions(given: Any, read: Any) -> None:
    assert _arguments.list_of_sessions(given) == read
