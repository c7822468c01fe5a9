# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every test may rely on, however pytest was started.

The collection is importable as `ansible_collections.psremoting.fleet`, the tests' own helpers as `tests`. Ansible
started by a test, in this process or another, finds the collection, keeps its files in this checkout's .cache and reads
no configuration but tests/ansible.cfg.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import hypothesis
import pytest
from hypothesis import configuration

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from dev import tree  # noqa: E402  (importable only from here on)

COLLECTIONS = str(tree.link())
if COLLECTIONS not in sys.path:
    sys.path.insert(0, COLLECTIONS)

os.environ["ANSIBLE_COLLECTIONS_PATH"] = COLLECTIONS
os.environ["ANSIBLE_HOME"] = str(tree.CACHE / "ansible")
os.environ["ANSIBLE_REMOTE_TEMP"] = str(tree.CACHE / "ansible" / "tmp")
os.environ["ANSIBLE_CONFIG"] = str(ROOT / "tests" / "ansible.cfg")
# The fleet is on this machine; no proxy of the company could reach it.
for variable in [name for name in os.environ if name.lower().endswith("_proxy")]:
    del os.environ[variable]
# Logging on by Negotiate would try Kerberos with whatever realm this machine belongs to.
os.environ["KRB5_CONFIG"] = str(ROOT / "tests" / "krb5.conf")
# Programs of the environment that runs pytest come first: its ansible-playbook, not one installed elsewhere.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])

configuration.set_hypothesis_home_dir(str(tree.CACHE / "hypothesis"))
# The same examples on every run in CI; no deadline, the machine may be busy.
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None)
hypothesis.settings.register_profile("local", deadline=None)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.fixture(scope="session")
def powershell() -> str:
    """Path of a PowerShell for the simulated fleet; skips where there is none, see `tests.powershell`."""
    from tests.powershell import need_powershell

    return need_powershell()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    from tests.powershell import tell_skipped

    tell_skipped(terminalreporter)
