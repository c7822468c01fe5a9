# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Build the collection's artefact into dist/, from the files that git knows or would add.

Built from a copy, so that nothing that merely lies about in a developer's checkout can get into it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from dev import tree


def build(output: Path) -> Path:
    """Build the artefact of this checkout into the folder `output` and return its path."""
    with tempfile.TemporaryDirectory(prefix="psremoting-fleet-build-") as scratch:
        return build_from(tree.copy(Path(scratch)), output)


def build_from(source: Path, output: Path) -> Path:
    """Build the artefact of the collection in the folder `source` into the folder `output` and return its path."""
    command = [str(Path(sys.executable).with_name("ansible-galaxy")), "collection", "build", "--force"]
    done = subprocess.run(
        [*command, "--output-path", str(output), str(source)],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        raise SystemExit(done.stdout)
    return Path(done.stdout.strip().splitlines()[-1].rpartition(" at ")[2])


if __name__ == "__main__":
    print(f"Built {build(tree.ROOT / 'dist').relative_to(tree.ROOT)}")
