# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make a release, or check that one can be made.

    python dev/release.py prepare          write the changelog of the version in galaxy.yml from the fragments
    python dev/release.py check IMPORTER   do this and all that follows it, in a copy: nothing here changes but dist/
    python dev/release.py tagged TAG       check that a tag has the version in galaxy.yml and a changelog for it
    python dev/release.py notes            print the section of this version in the changelog

`check` builds the artefact, imports it as Galaxy does (IMPORTER is the environment of galaxy-importer), installs it
under the oldest and the newest supported ansible-core, and asks there for the documentation of everything in it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from dev import build, cores, importer, tree

NAME = "psremoting.fleet"
# Kinds of plugins, by the folder that has them. ansible-doc knows no others of this collection.
KINDS = {
    "callback": "callback",
    "connection": "connection",
    "filter": "filter",
    "lookup": "lookup",
    "modules": "module",
}


def run(command: list[str | Path], folder: Path, **environment: str) -> str:
    """Run a program and return its standard output; ends with all that it printed if it fails."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def version_of(collection: Path) -> str:
    """Return the version in galaxy.yml."""
    return str(yaml.safe_load((collection / "galaxy.yml").read_text(encoding="utf-8"))["version"])


def has_changelog(collection: Path, version: str) -> bool:
    """Tell whether the changelog of a version was made."""
    made = yaml.safe_load((collection / "changelogs" / "changelog.yaml").read_text(encoding="utf-8"))
    return version in made["releases"]


def prepare(collection: Path) -> None:
    """Make the changelog of the version in galaxy.yml, unless it is there.

    Args:
        collection: A folder ansible_collections/psremoting/fleet, or a checkout.
    """
    version = version_of(collection)
    tool = Path(sys.executable).with_name("antsibull-changelog")
    if not has_changelog(collection, version):
        run([tool, "release", "--version", version], collection)
    run([tool, "lint-changelog-yaml", "changelogs/changelog.yaml"], collection)
    notes(collection)


def notes(collection: Path) -> str:
    """Return the section of the version in galaxy.yml in the changelog.

    Raises:
        SystemExit: There is none.
    """
    version = version_of(collection)
    text = (collection / "CHANGELOG.md").read_text(encoding="utf-8")
    heading = version.replace(".", r"\\?\.")  # antsibull-changelog escapes the dots
    end = r'^(?:<a id="[^"]*"></a>\n)?## |\Z'
    found = re.search(rf"^## v?{heading}\n(.*?)(?={end})", text, re.MULTILINE | re.DOTALL)
    if found is None:
        raise SystemExit(f"CHANGELOG.md has no section for {version}")
    return found[1].strip()


def check_tag(tag: str) -> None:
    """Make sure that a tag and the checkout are the same version.

    Raises:
        SystemExit: They are not, the changelog of the version is missing, or fragments are left over.
    """
    version = version_of(tree.ROOT)
    if tag != version:
        raise SystemExit(f"the tag is {tag}, and galaxy.yml has the version {version}")
    if not has_changelog(tree.ROOT, version):
        raise SystemExit(f"there is no changelog for {version}: make changelog, and commit it before you tag")
    if left := sorted(path.name for path in (tree.ROOT / "changelogs" / "fragments").glob("*.yml")):
        raise SystemExit(f"changelog fragments are not in the changelog: {', '.join(left)}")


def install(artefact: Path, core: str) -> None:
    """Install an artefact under a core, and ask for the documentation of everything in it.

    Raises:
        SystemExit: No Python of this machine runs the core, or a step fails.
    """
    python = cores.interpreter(core)
    if python is None:
        raise SystemExit(f"ansible-core {core} needs Python {' or '.join(cores.CORES[core])}, and none is here")
    environment = tree.CACHE / "release" / core
    programs = environment / "bin"
    run([python, "-m", "venv", environment], tree.ROOT)
    pip: list[str | Path] = [programs / "python", "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
    run([*pip, cores.requirement(core), "-r", "meta/ee-requirements.txt"], tree.ROOT)
    with tempfile.TemporaryDirectory(prefix="psremoting-fleet-release-") as scratch:
        folder = Path(scratch)
        settings = {"ANSIBLE_COLLECTIONS_PATH": scratch, "ANSIBLE_HOME": str(folder / "home")}
        galaxy: list[str | Path] = [programs / "ansible-galaxy", "collection", "install", "--offline", "--force"]
        run([*galaxy, "-p", scratch, artefact], folder, **settings)
        installed = folder / tree.INSIDE
        for kind, names in contents(installed).items():
            shown = run([programs / "ansible-doc", "--json", "--type", kind, *names], folder, **settings)
            documented = json.loads(shown)
            missing = [name for name in names if not documented.get(name) or "error" in documented[name]]
            if missing:
                raise SystemExit(f"ansible-core {core} has no documentation of {kind} {', '.join(missing)}")
        version = run([programs / "ansible", "--version"], folder, **settings).splitlines()[0]
    print(f"release-check: installed and documented under {version}", flush=True)


def contents(collection: Path) -> dict[str, list[str]]:
    """Return the full names of everything in a collection that ansible-doc can document, by kind."""
    found = {
        kind: sorted(f"{NAME}.{path.stem}" for path in (collection / "plugins" / folder).glob("[!_]*.py"))
        for folder, kind in KINDS.items()
    }
    found["role"] = sorted(f"{NAME}.{path.name}" for path in (collection / "roles").iterdir() if path.is_dir())
    return found


def check(importer_environment: Path) -> None:
    """Do all that a release does, in a copy of the checkout.

    Raises:
        SystemExit: A step fails.
    """
    with tempfile.TemporaryDirectory(prefix="psremoting-fleet-release-") as scratch:
        collection = tree.copy(Path(scratch))
        run(["git", "init", "--quiet"], collection)  # antsibull-changelog asks git for the files
        prepare(collection)
        version = version_of(collection)
        artefact = build.build_from(collection, tree.ROOT / "dist")
    print(f"release-check: built {artefact.relative_to(tree.ROOT)} with the changelog of {version}", flush=True)
    if importer.run(importer_environment, artefact):
        raise SystemExit("galaxy-importer refuses the artefact")
    print("release-check: imported as by Galaxy", flush=True)
    oldest, *_others, newest = cores.CORES
    for core in (oldest, newest):
        install(artefact, core)


def main(arguments: list[str]) -> int:
    """Run the command line described at the top."""
    if arguments == ["prepare"]:
        prepare(tree.link() / tree.INSIDE)
    elif len(arguments) == 2 and arguments[0] == "check":
        check(Path(arguments[1]))
    elif len(arguments) == 2 and arguments[0] == "tagged":
        check_tag(arguments[1])
    elif arguments == ["notes"]:
        print(notes(tree.ROOT))
    else:
        print(__doc__, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
