# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the tests of Kerberos can run here."""

from __future__ import annotations

import importlib.util
import os

import pytest

from tests.simulator import Realm


def need_kerberos() -> None:
    """Skip the test without a KDC or the libraries; with PSSESSION_REQUIRE_KERBEROS set, fail it."""
    usable, reason = Realm.available()
    if importlib.util.find_spec("kerberos") is None:
        usable, reason = False, f"{reason}, the Python package pykerberos" if reason else "Kerberos needs pykerberos"
    if usable:
        return
    advice = f"{reason} (tests/requirements-kerberos.txt)"
    if os.environ.get("PSSESSION_REQUIRE_KERBEROS"):
        pytest.fail(advice)
    pytest.skip(advice)
