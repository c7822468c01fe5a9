# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose a session is, as far as names show it."""

from __future__ import annotations

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.accounts import Account, is_owner


@pytest.mark.parametrize(
    ("owner", "login", "expected"),
    [
        ("LAB\\operator", "LAB\\operator", True),
        ("LAB\\operator", "lab\\Operator", True),
        ("LAB\\operator", "lab.test\\operator", True),
        ("LAB\\operator", "operator@lab.test", True),
        ("LAB\\operator", "operator@LAB", True),
        ("SRV1\\admin", "admin", True),
        ("SRV1\\admin", ".\\admin", True),
        ("SRV1\\admin", "SRV1\\admin", True),
        ("operator@lab.test", "operator@LAB.TEST", True),
        # A domain that was written counts.
        ("LAB\\admin", "SRV1\\admin", False),
        ("SRV1\\admin", "LAB\\admin", False),
        ("OTHER\\operator", "LAB\\operator", False),
        ("LAB\\alice", "LAB\\operator", False),
        ("LAB\\alice", "operator", False),
        ("SRV1\\alice", ".\\operator", False),
        ("SRV1\\operator", "operator@lab.test", False),
        # What names do not show.
        ("LAB\\svc-jobs", "jobs.night@lab.test", None),
        ("LAB\\admin", "admin", None),
        ("WIN-ABC\\admin", ".\\admin", None),
        ("CORP\\operator", "operator@corporation.example", None),
        ("CORP\\operator", "corporation.example\\operator", None),
    ],
)
def test_is_owner(owner: str, login: str, expected: bool | None) -> None:
    assert is_owner(owner, login, ["srv1.lab.test", "192.0.2.7"]) is expected


@pytest.mark.parametrize(
    ("login", "expected"),
    [("LAB\\a", True), ("a@lab.test", True), ("a", False), (".\\a", False), ("", False)],
)
def test_which_names_mean_one_account_everywhere(login: str, expected: bool) -> None:
    assert Account.of(login).is_the_same_everywhere is expected
