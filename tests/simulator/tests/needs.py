# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the tests that need a real PowerShell or a real KDC can run here."""

from __future__ import annotations

import importlib.util
import os

import pytest

from .. import Realm
from ..powershell_process import find_powershell

POWERSHELL_ADVICE = "there is no PowerShell 7 here: put pwsh on PATH, or its path into PSSESSION_TEST_POWERSHELL"


def need_powershell() -> str:
    """Return the path of `pwsh`. Without one, skip the test; with PSSESSION_REQUIRE_POWERSHELL set, fail it."""
    path = find_powershell()
    if path is not None:
        return path
    if os.environ.get("PSSESSION_REQUIRE_POWERSHELL"):
        pytest.fail(POWERSHELL_ADVICE)
    pytest.skip(POWERSHELL_ADVICE)


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
