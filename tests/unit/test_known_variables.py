# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Variables with the collection's prefix: those that are known, those that are not, and where they come from."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleActionFail

from ansible_collections.psremoting.fleet.plugins.doc_fragments import _sessions
from ansible_collections.psremoting.fleet.plugins.plugin_utils import _known_variables
from ansible_collections.psremoting.fleet.plugins.plugin_utils._host_variables import AllVariables
from ansible_collections.psremoting.fleet.plugins.plugin_utils._known_variables import (
    ARTIFACTS,
    OF_LOOKUPS,
    OF_PLAYBOOKS,
    RESULT,
    Origin,
    refusal,
    refuse_unknown,
    suggestion,
    unknown_among,
    warning,
)

OF_ROLE = frozenset(
    f"pssession_{name}"
    for name in ("name", "instance_id", "owner", "busy_timeout", "idle_timeout", "timeout", "journal", "way", "remove")
)
EXTRA = {"pssession_nmae": Origin.EXTRA}


class Manager:
    """What the collection asks Ansible's variable manager for."""

    def __init__(self, extra: dict[str, Any], facts: dict[str, dict[str, Any]]) -> None:
        self.extra_vars = extra
        self._nonpersistent_fact_cache = facts
        self._vars_cache: dict[str, dict[str, Any]] = {}


class Hosts(dict[str, dict[str, Any]]):
    """Ansible's hostvars, as far as the collection uses it."""

    def __init__(self, inventory: dict[str, Any], extra: dict[str, Any], facts: dict[str, Any]) -> None:
        super().__init__(a={**inventory, **facts, **extra})
        self._variable_manager = Manager(extra, {"a": facts})

    def raw_get(self, host: str) -> dict[str, Any]:
        return self[host]


def asked(
    *,
    inventory: dict[str, Any] | None = None,
    play: dict[str, Any] | None = None,
    extra: dict[str, Any] | None = None,
    facts: dict[str, Any] | None = None,
) -> list[str]:
    """The warnings of a task on host a."""
    hosts = Hosts(inventory or {}, extra or {}, facts or {})
    task_vars = {"inventory_hostname": "a", **hosts["a"], **(play or {}), **(extra or {}), "hostvars": hosts}
    return refuse_unknown(task_vars, AllVariables(task_vars, None, None, None), OF_ROLE)


@pytest.fixture(autouse=True)
def run_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_known_variables, "C", types.SimpleNamespace(DEFAULT_LOCAL_TMP=str(tmp_path)))


def test_all_that_anything_in_the_collection_uses_is_known() -> None:
    known = {*OF_ROLE, *OF_PLAYBOOKS, *OF_LOOKUPS, *ARTIFACTS, RESULT}
    known |= {"pssession_server_certificate_fingerprint", "pssession_awx_slices", "pssession_extras"}
    assert unknown_among(known, OF_ROLE) == []


def test_only_names_with_the_prefix_are_ours() -> None:
    names = ["name", "pssession", "__pssession_x", "my_pssession_name", "pssessions_x", "pssession_x"]
    assert unknown_among(names, OF_ROLE) == ["pssession_x"]


def test_variables_of_lookups_are_those_that_are_documented() -> None:
    documented = (_sessions.ModuleDocFragment.SOURCES, _sessions.ModuleDocFragment.CONTROLLER_SOURCES)
    options = [option for text in documented for option in yaml.safe_load(text)["options"].values()]
    named = {each["name"] for option in options for each in option.get("vars", ())}
    assert {name for name in named if name.startswith("pssession_")} == OF_LOOKUPS


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("pssession_names", "pssession_name"),
        ("pssession_nmae", "pssession_name"),
        ("pssession_Name", "pssession_name"),
        ("pssession_timeout_idle", "pssession_idle_timeout"),
        ("pssession_bussy_timeout", "pssession_busy_timeout"),
        ("pssession_host", "pssession_hosts"),
        ("pssession_use_tls", "pssession_use_ssl"),
        ("pssession_colour", ""),
        ("pssession_", ""),
    ],
)
def test_the_variable_that_was_meant_is_named(name: str, meant: str) -> None:
    assert suggestion(name, OF_ROLE) == meant


def test_the_refusal_has_name_origin_and_suggestion() -> None:
    text = refusal({**EXTRA, "pssession_colour": Origin.PLAY, "pssession_inv": Origin.INVENTORY}, OF_ROLE)
    assert "does not know pssession_nmae (an extra variable). Did you mean pssession_name?" in text
    assert "pssession_colour (a variable of the play). Nothing was sent." in text
    assert "pssession_inv" not in text


def test_the_warning_is_about_the_inventory_alone() -> None:
    text = warning({**EXTRA, "pssession_inv": Origin.INVENTORY}, OF_ROLE)
    assert "does not know pssession_inv (a variable of the inventory)." in text
    assert "It has no effect." in text
    assert "pssession_nmae" not in text
    assert warning(EXTRA, OF_ROLE) == ""
    assert refusal({"pssession_inv": Origin.INVENTORY}, OF_ROLE) == ""


@pytest.mark.parametrize(
    ("where", "origin"), [("extra", "an extra variable"), ("play", "of the play"), ("facts", "of the play")]
)
def test_an_unknown_variable_is_refused_with_its_origin(where: str, origin: str) -> None:
    with pytest.raises(AnsibleActionFail, match=f"pssession_nmae \\(.*{origin}\\). Did you mean pssession_name"):
        asked(**{where: {"pssession_nmae": ["ITTask"]}})


def test_a_play_that_overrides_the_inventory_is_the_origin() -> None:
    with pytest.raises(AnsibleActionFail, match="a variable of the play"):
        asked(inventory={"pssession_nmae": "a"}, play={"pssession_nmae": "b"})


def test_an_unknown_variable_of_the_inventory_is_warned_of_once() -> None:
    (text,) = asked(inventory={"pssession_nmae": "a"})
    assert "a variable of the inventory" in text
    assert asked(inventory={"pssession_nmae": "a"}) == []
    (text,) = asked(inventory={"pssession_nmae": "a", "pssession_other": "b"})
    assert "pssession_other" in text
    assert "pssession_nmae" not in text


def test_a_registered_result_is_not_an_input() -> None:
    assert asked(facts={"pssession_found": {"changed": False, "sessions": []}, RESULT: {"changed": True}}) == []
    assert asked(facts={"pssession_left": {"skipped": True}}) == []


def test_a_result_as_an_extra_variable_is_refused() -> None:
    with pytest.raises(AnsibleActionFail, match="pssession_result is an extra variable"):
        asked(extra={RESULT: {"changed": True}})


def test_artifacts_of_earlier_jobs_pass() -> None:
    assert asked(extra={name: {"changed": ["a"]} for name in ARTIFACTS}) == []
