# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run pypsrp's own tests, from its source distribution, against the simulator with a real PowerShell inside.

The tests of pypsrp use a server instead of recorded answers where the environment names one. The run succeeds if the
tests that fail are those in the table of tests/simulator/docs/pypsrp.md, no more and no fewer.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree as ET

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from dev import foreign_tests, tree
from tests.simulator.powershell_process import find_powershell

FOLDER = tree.CACHE / "pypsrp"
TABLE = tree.ROOT / "tests" / "simulator" / "docs" / "pypsrp.md"
VERSION = "0.9.1"
#: What the tests need beside pypsrp. A later pytest or xmldiff makes no difference.
TOOLS = ("pytest", "pytest-mock", "pytest-timeout", "PyYAML", "xmldiff")
#: Files of tests with something to ask a server.
FILES = ("test_powershell.py", "test_host.py", "test_client.py", "test_shell.py", "test_wsman.py")
USER, PASSWORD = "admin", "only-for-these-tests"
FLEET = {
    "authentication": ["negotiate"],
    "users": [{"name": USER, "password": PASSWORD, "administrator": True}],
    # Some of the tests leave their sessions.
    "max_powershells": 16,
    "computers": ["srv01"],
}
START_SECONDS = 120.0


def prepare() -> tuple[Path, Path]:
    """Download and unpack the source distribution and make an environment for it, once.

    Returns:
        The folder of the tests, and the Python to run them with.

    Raises:
        subprocess.CalledProcessError: pip failed.
    """
    sources, environment = FOLDER / f"pypsrp-{VERSION}", FOLDER / f"environment-{VERSION}"
    python = environment / "bin" / "python"
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "-q"]
    ready = environment / ".ready"
    if not ready.exists():
        venv.create(environment, with_pip=True, clear=True)
        subprocess.run([*pip, "install", f"pypsrp[credssp]=={VERSION}", *TOOLS], check=True)
        foreign_tests.unpack("pypsrp", VERSION, FOLDER)
        ready.touch()
    return sources / "tests" / "tests_pypsrp", python


@contextmanager
def simulator(powershell: str) -> Iterator[str]:
    """Run a computer with a PowerShell; yields its address.

    Raises:
        RuntimeError: the simulator did not start.
    """
    with tempfile.TemporaryDirectory(prefix="pypsrp-tests-") as folder:
        fleet, ready = Path(folder) / "fleet.yml", Path(folder) / "ready.json"
        fleet.write_text(json.dumps(FLEET), encoding="utf-8")
        command = [sys.executable, "-m", "tests.simulator", str(fleet), "--ready-file", str(ready)]
        command += ["--powershell", powershell]
        with subprocess.Popen(command, cwd=tree.ROOT, stdout=subprocess.DEVNULL) as process:
            try:
                give_up_at = time.monotonic() + START_SECONDS
                while not ready.exists():
                    if process.poll() is not None or time.monotonic() > give_up_at:
                        raise RuntimeError("the simulator did not start; see the lines above")
                    time.sleep(0.05)
                yield json.loads(ready.read_text(encoding="utf-8"))["computers"][0]["address"]
            finally:
                process.terminate()


def run(tests: Path, python: Path, address: str, arguments: list[str]) -> dict[str, bool]:
    """Run the tests; returns whether each one passed, by file and name.

    Raises:
        RuntimeError: pytest could not run them.
    """
    report = FOLDER / "results.xml"
    report.unlink(missing_ok=True)
    server = {"SERVER": address, "PORT": "5985", "USERNAME": USER, "PASSWORD": PASSWORD, "AUTH": "ntlm"}
    # These would change what clients find by default, which some of the tests look at.
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_CA_BUNDLE")}
    kept = {name: value for name, value in kept.items() if not name.lower().endswith("_proxy")}
    command = [str(python), "-m", "pytest", "-q", "--tb=line", "--timeout=300", "-p", "no:cacheprovider"]
    ended = subprocess.run(
        [*command, f"--junitxml={report}", *(str(tests / name) for name in FILES), *arguments],
        cwd=tests.parent.parent,
        env={
            **kept,
            **{f"PYPSRP_{name}": value for name, value in server.items()},
            "KRB5_CONFIG": str(tree.ROOT / "tests" / "krb5.conf"),
        },
        check=False,
    )
    if not report.exists() or ended.returncode not in (0, 1):
        raise RuntimeError(f"pytest ended with {ended.returncode}")
    results: dict[str, bool] = {}
    for case in ET.parse(report).iter("testcase"):
        name = case.get("name", "").partition("[")[0]
        file = next(part for part in case.get("classname", "").split(".") if part.startswith("test_"))
        if case.find("skipped") is None:
            # A test with parameters has passed when all of its cases have.
            passed = case.find("failure") is None and case.find("error") is None
            results[f"{file}.py {name}"] = results.get(f"{file}.py {name}", True) and passed
    return results


def expected_failures() -> tuple[set[str], set[str]]:
    """File and name of the tests in the table: those that fail, and those that fail sometimes."""
    rows = re.findall(r"^\| `(test_\w+\.py)` \| `(\w+)` \| (\S+)", TABLE.read_text(encoding="utf-8"), re.MULTILINE)
    sometimes = {f"{file} {name}" for file, name, how in rows if how == "sometimes"}
    return {f"{file} {name}" for file, name, _how in rows} - sometimes, sometimes


def main() -> int:
    """Run the tests and compare the failures with the table; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python dev/pypsrp_tests.py", description=__doc__)
    _options, arguments = parser.parse_known_args()
    powershell = find_powershell()
    if powershell is None:
        print("There is no PowerShell here: put pwsh on PATH, or its path into PSSESSION_TEST_POWERSHELL")
        return 2
    FOLDER.mkdir(parents=True, exist_ok=True)
    tests, python = prepare()
    with simulator(powershell) as address:
        results = run(tests, python, address, arguments)
    failed = {name for name, passed in results.items() if not passed}
    print(f"\n{len(results)} tests of pypsrp {VERSION}: {len(results) - len(failed)} passed, {len(failed)} failed")
    always, sometimes = expected_failures()
    return foreign_tests.report(failed, always & set(results), sometimes, TABLE)


if __name__ == "__main__":
    sys.exit(main())
