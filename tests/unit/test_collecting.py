# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How to collect what goes on after an interrupted run."""

from __future__ import annotations

from typing import Any

import pytest
from ansible import context

from ansible_collections.psremoting.fleet.plugins.plugin_utils._collecting import RECEIVE, sentence_for

COLLECT = "Receive its output with: "


@pytest.mark.parametrize(
    ("job", "names", "arguments", "expected"),
    [
        (
            "start",
            ["Nightly"],
            {"args": ("psremoting.fleet.start",), "inventory": ("hosts.yml",), "extra_vars": ("pssession_path=x",)},
            f"{COLLECT}ansible-playbook -i hosts.yml psremoting.fleet.collect -e pssession_name=Nightly "
            "-e pssession_journal=FOLDER",
        ),
        (
            "collect",
            ["IT Task", "b"],
            {"args": ("psremoting.fleet.collect",), "subset": "web*"},
            f"{COLLECT}ansible-playbook --limit 'web*' psremoting.fleet.collect -e "
            """'{"pssession_name": "IT Task,b"}' -e pssession_journal=FOLDER""",
        ),
        (
            "resume",
            ["Nightly"],
            {"args": ("psremoting.fleet.resume",), "extra_vars": ("password=secret",)},
            f"{COLLECT}ansible-playbook psremoting.fleet.resume, with the same extra variables",
        ),
        ("collect", ["Nightly"], {"args": ("site.yml",)}, f"{COLLECT}ansible-playbook site.yml"),
        (
            "collect",
            None,
            {"args": ("psremoting.fleet.collect",)},
            f"{COLLECT}ansible-playbook psremoting.fleet.collect",
        ),
        ("collect", ["Nightly"], {"args": "web*", "module_name": "psremoting.fleet.pssession_job"}, RECEIVE),
        ("collect", ["Nightly"], {}, RECEIVE),
    ],
)
def test_the_command_that_collects(
    monkeypatch: pytest.MonkeyPatch, job: str, names: list[str] | None, arguments: dict[str, Any], expected: str
) -> None:
    monkeypatch.setattr(context, "CLIARGS", arguments)
    assert sentence_for(job, names) == expected


def test_the_command_has_the_journal_of_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "CLIARGS", {"args": ("psremoting.fleet.collect",)})
    assert sentence_for("collect", ["Nightly"], "/var/lib/nightly/").endswith(
        "-e pssession_name=Nightly -e pssession_journal=/var/lib/nightly/"
    )
