# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write extensions/awx/requirements.lock: each Python library of the execution environment with version and hashes.

    python dev/lock.py UV [OPTION ...]

UV is the path of uv, which resolves the requirements. Options are those of `uv pip compile`. `make lock` calls this.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from dev import tree

AWX = tree.ROOT / "extensions" / "awx"
LOCK = AWX / "requirements.lock"
HEADER = """\
# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# The Python libraries of execution-environment.yml, with the hashes of their files. Written by `make lock`.
"""


def wanted() -> list[str]:
    """Return the requirements of the image: those of its definition and those of the collection."""
    definition = yaml.safe_load((AWX / "execution-environment.yml").read_text(encoding="utf-8"))["dependencies"]
    collection = (tree.ROOT / "meta" / "ee-requirements.txt").read_text(encoding="utf-8").splitlines()
    return [
        definition["ansible_core"]["package_pip"],
        definition["ansible_runner"]["package_pip"],
        *definition["python"],
        *(line for line in collection if line and not line.startswith("#")),
    ]


def python_version() -> str:
    """Return the version of the image's Python."""
    definition = yaml.safe_load((AWX / "execution-environment.yml").read_text(encoding="utf-8"))["dependencies"]
    return str(definition["python_interpreter"]["package_system"]).removeprefix("python")


def main(arguments: list[str]) -> int:
    """Run the command line described at the top."""
    if not arguments:
        print(__doc__, file=sys.stderr)
        return 2
    uv, *options = arguments
    with tempfile.NamedTemporaryFile("w", suffix=".in", encoding="utf-8") as file:
        file.write("\n".join(wanted()) + "\n")
        file.flush()
        command = [uv, "pip", "compile", "--quiet", "--generate-hashes", "--no-header", "--no-annotate"]
        platform = ["--python-version", python_version(), "--python-platform", "linux"]
        done = subprocess.run([*command, *platform, *options, file.name], check=True, stdout=subprocess.PIPE, text=True)
    LOCK.write_text(f"{HEADER}\n{done.stdout}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
