# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make the documentation site in dist/docs: the guides as they stand, and a page for each plugin, module and role.

Everything comes from this checkout and nothing from the network; a warning is an error. How the site looks is in
dev/site.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from dev import tree

SITE = tree.ROOT / "dev" / "site"
# Made anew each time: a page that was read before would keep its warnings to itself.
SOURCE = tree.CACHE / "docs"
OUTPUT = tree.ROOT / "dist" / "docs"


def gather(source: Path) -> None:
    """Lay out what Sphinx reads: the pages where they are in the checkout, and those made from the plugins."""
    shutil.rmtree(source, ignore_errors=True)
    (source / "reference").mkdir(parents=True)
    (source / "docs").mkdir()
    for page in [tree.ROOT / "README.md", tree.ROOT / "CONTRIBUTING.md", *tree.ROOT.glob("docs/*.md")]:
        shutil.copy(page, source / page.relative_to(tree.ROOT))
    shutil.copytree(tree.ROOT / "docs" / "images", source / "docs" / "images")
    index = (SITE / "index.md").read_text(encoding="utf-8")
    (source / "index.md").write_text(index.replace("@guides@", "\n".join(guides())), encoding="utf-8")
    options = ["--use-current", "--squash-hierarchy", "--fail-on-error", "--no-add-antsibull-docs-version"]
    run("antsibull-docs", "collection", *options, "--dest-dir", str(source / "reference"), "psremoting.fleet")


def guides() -> list[str]:
    """Return the guides in the order in which README.md lists them; a new one that it does not name yet comes last."""
    listed = (tree.ROOT / "README.md").read_text(encoding="utf-8").partition("<!-- The guides. -->")[2]
    found = sorted(f"docs/{path.stem}" for path in (tree.ROOT / "docs").glob("guide_*.md"))
    return sorted(found, key=lambda name: len(listed.partition(f"]({name}.md)")[0]))


def run(program: str, *arguments: str) -> None:
    """Run a program of the environment; its words are shown only if it fails."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name(program)), *arguments],
        cwd=tree.ROOT,
        env={**os.environ, "PYTHONPATH": str(tree.ROOT)},
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        raise SystemExit(done.stdout)


def main() -> None:
    gather(SOURCE)
    shutil.rmtree(OUTPUT, ignore_errors=True)
    options = ["--quiet", "--fail-on-warning", "--builder", "html"]
    folders = ["--conf-dir", str(SITE), "--doctree-dir", str(SOURCE / ".doctrees"), str(SOURCE), str(OUTPUT)]
    run("sphinx-build", *options, *folders)
    print(f"docs: {(OUTPUT / 'index.html').relative_to(tree.ROOT)}")


if __name__ == "__main__":
    main()
