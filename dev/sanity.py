# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run ansible-test's sanity tests, all that this ansible-core has, without a container engine.

They run on every Python of this machine that this ansible-core supports, each in an environment that ansible-test makes
and keeps. Arguments are handed on: `python dev/sanity.py --test validate-modules`.

ansible-test wants three things that a checkout does not offer by itself:
 - a real folder ansible_collections/psremoting/fleet, and git to tell the files: it gets a fresh copy;
 - a home of its own, for its environments: they go to .cache, not to the user's ~/.ansible;
 - pip for those environments, which it would download from a host of its own: it is given a script that takes the pip
   that comes with Python and brings it to the wanted version. So the package index is all that must be in reach.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from dev import pythons, tree

GET_PIP = '''\
"""Gives an environment the pip that ansible-test wants, starting with the one that comes with Python."""
import subprocess
import sys

subprocess.check_call([sys.executable, "-m", "ensurepip", "--default-pip"], stdout=subprocess.DEVNULL)
arguments = [argument for argument in sys.argv[1:] if argument not in ("--no-setuptools", "--no-wheel")]
install = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade"]
subprocess.check_call([*install, "pip=={version}", *arguments])
'''
# Programs that some tests need and that no package index has; without them ansible-test has nothing to run.
NEEDED_PROGRAMS = {"pslint": "pwsh", "shellcheck": "shellcheck"}
# What pip says while ansible-test makes its environments, and ansible-test about its own workings.
NOISE = re.compile(
    r"^\s*(Collecting|Downloading|Processing|Preparing|Building|Created|Stored|Installing|Getting|Using|Looking|"
    r"Requirement|Attempting|Found existing|Uninstalling|Successfully|Creating|Initializing|Cached|"
    r"WARNING: (Location|Using locale)|[\u2501\u2578\u257a]|$)|^(>>>|FATAL: Command )"
)


def prepare_home(home: Path) -> None:
    """Lay the pip script into a home for ansible-test, under each name that this ansible-core might look for."""
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    spec = importlib.util.find_spec("ansible_test._internal.python_requirements")
    if spec is None or spec.origin is None:
        raise SystemExit("ansible-test is not installed beside this Python")
    for version in re.findall(r"pip='([0-9.]+)'", Path(spec.origin).read_text(encoding="utf-8")):
        script = cache / f"get_pip_{version.replace('.', '_')}.py"
        script.write_text(GET_PIP.replace("{version}", version), encoding="utf-8")
    # pip's settings of the user (an index of the company's own, say) hold in there as well.
    settings = Path.home() / ".config" / "pip"
    place = home / ".config" / "pip"
    if settings.is_dir() and not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(settings)


def run(arguments: list[str]) -> int:
    """Run the sanity tests and show their progress without the noise; returns ansible-test's exit code."""
    home = tree.CACHE / "ansible-test"
    prepare_home(home)
    collection = tree.copy(tree.CACHE / "sanity")
    subprocess.run(["git", "init", "--quiet"], cwd=collection, check=True)

    command = [str(Path(sys.executable).with_name("ansible-test")), "sanity", "--venv", "--color", "no"]
    for test, program in NEEDED_PROGRAMS.items():
        if shutil.which(program) is None:
            print(f"lint-sanity: {program} is not installed, {test} is left out", flush=True)
            command += ["--skip-test", test]
    path = os.pathsep.join([str(Path(sys.executable).parent), pythons.real_path()])
    environment = {**os.environ, "HOME": str(home), "PATH": path}
    environment.pop("ANSIBLE_COLLECTIONS_PATH", None)
    with subprocess.Popen(
        [*command, *arguments],
        cwd=collection,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if not NOISE.match(line):
                print(line, end="", flush=True)
    return process.returncode


if __name__ == "__main__":
    print("ansible-test sanity: about two minutes the first time, half a minute later on", flush=True)
    sys.exit(run(sys.argv[1:]))
