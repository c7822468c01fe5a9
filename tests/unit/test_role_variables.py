# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The variables of the role: what counts as given, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleActionFail

from ansible_collections.psremoting.fleet.plugins.plugin_utils import _role_variables
from ansible_collections.psremoting.fleet.plugins.plugin_utils._host_variables import HostVariables


class Plain:
    """A templar that finds no templates."""

    def template(self, value: Any) -> Any:
        return value


def values(entry_point: str, **variables: Any) -> dict[str, Any]:
    raw = {"omit": "__omit__", **{f"pssession_{name}": value for name, value in variables.items()}}
    given = _role_variables.given_to(entry_point, HostVariables("srv01", raw, Plain()))
    return _role_variables.validated(entry_point, given)


@pytest.mark.parametrize("blank", ["", "  ", None, "__omit__"])
@pytest.mark.parametrize("name", ["busy_timeout", "when_done", "way", "instance_id", "fail_on", "owner"])
def test_what_is_blank_has_its_default(name: str, blank: Any) -> None:
    assert values("main", **{name: blank}) == values("main")


def test_defaults_of_entry_points() -> None:
    assert (values("main")["busy_timeout"], values("main")["when_done"]) == (90, "keep")
    assert "busy" in values("main")["fail_on"]
    harvest = values("harvest", journal="/var/lib/nightly")
    assert (harvest["when_done"], "busy" in harvest["fail_on"]) == ("disconnect", False)
    assert (values("start", name="Nightly")["idle_timeout"], values("extend")["idle_timeout"]) == (86400, 86400)
    assert values("main")["idle_timeout"] is None


def test_text_of_surveys_is_a_list() -> None:
    assert values("main", name="ITTask, Nightly")["name"] == ["ITTask", "Nightly"]
    assert values("main", name="ITTask\nNightly\n")["name"] == ["ITTask", "Nightly"]
    assert values("resume", name="Nightly", expected_return_code="0,3")["expected_return_code"] == [0, 3]


@pytest.mark.parametrize(
    ("entry_point", "variables", "message"),
    [
        ("start", {}, "missing required arguments: pssession_name"),
        ("collect", {"name": "*"}, "missing required arguments: pssession_journal"),
        ("main", {"when_done": "remove"}, "value of pssession_when_done must be one of: keep, disconnect"),
        ("main", {"way": "both"}, "value of pssession_way must be one of: per_host, fleet"),
        ("main", {"busy_timeout": "long"}, "pssession_busy_timeout"),
    ],
)
def test_what_is_wrong_is_refused_by_its_name(entry_point: str, variables: dict[str, Any], message: str) -> None:
    with pytest.raises(AnsibleActionFail, match=message):
        values(entry_point, **variables)
