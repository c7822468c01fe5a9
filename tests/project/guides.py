# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files in the guides, and what runs them as their readers would."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

from tests import forked

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def files_of(page: Path) -> dict[str, str]:
    """Return the files that a page shows: blocks that begin with a comment that names them."""
    blocks = re.findall(r"^```(?:yaml|powershell)\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return {name: text for text in blocks for name in re.findall(r"\A# (\S+)$", text, re.MULTILINE)}


def commands_of(page: Path) -> list[str]:
    """Return the commands that a page shows."""
    blocks = re.findall(r"^```shell\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return [line for text in blocks for line in text.splitlines()]


def run_to_end(folder: Path, home: Path, command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, on a controller whose home is its own, so that it knows nothing of others.

    Args:
        variables: Of its environment.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PSSESSION_")}
    variables = {"ANSIBLE_HOME": str(home), "ANSIBLE_REMOTE_TEMP": str(home / "tmp"), **variables}
    return forked.run(shlex.split(command), cwd=folder, env={**environment, **variables})


def run(folder: Path, home: Path, command: str, exit_code: int = 0, **variables: str) -> str:
    """Run a command as `run_to_end` does; it has to end with an exit code. Returns what it printed."""
    ended = run_to_end(folder, home, command, **variables)
    assert ended.returncode == exit_code, f"{command}\n{ended.stdout}{ended.stderr}"
    return ended.stdout
