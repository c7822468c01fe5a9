# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Diffs of the calls of a job, and those of each host."""

from __future__ import annotations

from typing import Any

from ansible_collections.psremoting.fleet.plugins.plugin_utils._diffs import Diffs

OF_SESSIONS = {
    "before_header": "sessions found",
    "after_header": "sessions now",
    "before": "Work on srv02 on srv01: Disconnected, None\n",
    "after": "Work on srv02 on srv01: Opened, Available\nX: y on SRV02: Opened, Available\n",
}


def of_script(host: str, diff: dict[str, str]) -> dict[str, Any]:
    return {"inventory_hostname": host, "computer_name": host, "name": "Nightly", "diff": diff}


def test_a_host_has_the_lines_about_its_sessions() -> None:
    diffs = Diffs()
    diffs.add({"sessions": []})
    diffs.add({"diff": OF_SESSIONS, "results": [of_script("srv01", {})]})
    assert diffs.everything == [OF_SESSIONS]
    assert diffs.of("SRV01") == [{**OF_SESSIONS, "after": "Work on srv02 on srv01: Opened, Available\n"}]
    assert diffs.of("srv02") == [{**OF_SESSIONS, "before": "", "after": "X: y on SRV02: Opened, Available\n"}]
    assert diffs.of("srv03") == []


def test_a_host_has_what_its_scripts_left_of_each_call() -> None:
    first, second = of_script("srv01", {"prepared": "+ new"}), of_script("srv02", {"before": "a", "after": "b"})
    diffs = Diffs()
    diffs.add({"diff": first["diff"], "results": [first, of_script("srv03", {})]})
    diffs.add({"diff": [first["diff"], second["diff"]], "results": [first, second]})
    assert diffs.everything == [first["diff"], first["diff"], second["diff"]]
    header = {"before_header": "Nightly on srv01", "after_header": "Nightly on srv01"}
    assert diffs.of("srv01") == [{**header, "prepared": "+ new"}] * 2
    assert [each["after"] for each in diffs.of("srv02")] == ["b"]
    assert diffs.of("srv03") == []
