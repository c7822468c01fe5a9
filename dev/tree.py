# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Put this checkout where Ansible looks for a collection.

Ansible finds `psremoting.fleet` only below a folder `ansible_collections/psremoting/fleet`, and a checkout may lie
anywhere. Two answers:

    python dev/tree.py link            a tree of links in .cache: what Ansible, pytest and mypy use
    python dev/tree.py copy FOLDER     a copy of the files that git knows or would add: for tools that refuse links
                                       (ansible-test) and for looking at the collection without a developer's litter
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache"
INSIDE = Path("ansible_collections", "psremoting", "fleet")


def link() -> Path:
    """Make the tree of links if it is not there yet.

    Returns:
        The folder to put on `ANSIBLE_COLLECTIONS_PATH` or on `sys.path`: the parent of `ansible_collections`.
    """
    if ROOT.parts[-3:] == INSIDE.parts:  # checked out in its place already
        return ROOT.parents[2]
    tree = CACHE / "collections"
    place = tree / INSIDE
    target = os.path.relpath(ROOT, place.parent)  # relative, so that a moved checkout still works
    if place.is_symlink() and os.readlink(place) == target:
        return tree
    place.parent.mkdir(parents=True, exist_ok=True)
    # Several test processes may start at once: each makes a link under a name of its own and renames it into place.
    own = place.with_name(f".fleet-{os.getpid()}")
    own.unlink(missing_ok=True)
    own.symlink_to(target)
    own.replace(place)
    return tree


def copy(parent: Path) -> Path:
    """Copy the checkout's files to `parent/ansible_collections/psremoting/fleet`, replacing what is there.

    What ansible-test keeps there between two runs (.git, tests/output) stays.

    Returns:
        The folder of the copied collection.
    """
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
    ).stdout
    destination = parent / INSIDE
    names = set(os.fsdecode(listing).split("\0")) - {""}
    kept = (destination / ".git", destination / "tests" / "output")
    for old in [path for path in destination.rglob("*") if not path.is_dir() or path.is_symlink()]:
        if not any(folder in old.parents for folder in kept):
            old.unlink()
    for name in sorted(names):
        source = ROOT / name
        if not (source.is_file() or source.is_symlink()):  # deleted, and the deletion not yet committed
            continue
        target = destination / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target, follow_symlinks=False)
    return destination


def main(arguments: list[str]) -> int:
    """Run the command line described at the top; prints the folder that was made."""
    if arguments == ["link"]:
        print(link())
    elif len(arguments) == 2 and arguments[0] == "copy":
        print(copy(Path(arguments[1]).resolve()))
    else:
        print(__doc__, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
