# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Import the built artefact as Galaxy would: `python dev/importer.py ENVIRONMENT`.

ENVIRONMENT is the virtual environment that galaxy-importer is installed in. What the importer warns of fails here: a
warning at home is an import log full of them in public.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from dev import pythons, tree

COMPLAINT = re.compile(r"^(WARNING|ERROR|CRITICAL|Traceback)|failed", re.IGNORECASE)


def newest() -> Path:
    """Return the newest artefact in dist/."""
    return max((tree.ROOT / "dist").glob("psremoting-fleet-*.tar.gz"), key=lambda path: path.stat().st_mtime)


def run(environment: Path, artefact: Path) -> int:
    """Run the importer on an artefact; returns an exit code."""
    done = subprocess.run(
        [str(environment / "bin" / "python"), "-m", "galaxy_importer.main", str(artefact)],
        cwd=tree.ROOT / "dist",
        env={
            **os.environ,
            "PATH": os.pathsep.join([str(environment / "bin"), pythons.real_path()]),
            "ANSIBLE_HOME": str(tree.CACHE / "importer"),
            "GALAXY_IMPORTER_CONFIG": str(tree.ROOT / "galaxy-importer.cfg"),
        },
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode or any(COMPLAINT.search(line) for line in done.stdout.splitlines()):
        print(done.stdout)
        return done.returncode or 1
    return 0


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1]), newest()))
