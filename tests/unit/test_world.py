# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The engine takes network, time, chance, threads and files from its world, so that all of them can be replaced."""

from __future__ import annotations

import ast
import datetime
import os
import random
import resource
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils import _pssession
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system import unix
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.disk import LocalDisk
from tests.unit.builders import world

FOLDER = Path(_pssession.__path__[0])
FILES = {str(path.relative_to(FOLDER)): path for path in sorted(FOLDER.rglob("*.py"))}
# The real things. TLS and the store of certificates read files for the real conversation, and the way to a server the
# environment.
REAL = {
    "system/disk.py",
    "system/shared_records.py",
    "system/throttle.py",
    "system/unix.py",
    "system/world.py",
    "target/certificates.py",
    "wsman/connection.py",
    "wsman/http.py",
    "wsman/negotiate.py",
    "wsman/tls.py",
    "wsman/way.py",
}
# Modules that are about the world, with what may be used of them because it only calculates.
MODULES: dict[str, set[str]] = {
    "asyncio": set(),
    "concurrent.futures": set(),
    "fcntl": set(),
    "glob": set(),
    "multiprocessing": set(),
    "os": {"path.basename", "path.dirname", "path.join"},
    "pathlib": {"PurePath", "PurePosixPath"},
    "random": set(),
    "resource": set(),
    "secrets": set(),
    "select": set(),
    "shutil": set(),
    "signal": set(),
    "socket": {"gaierror", "herror", "timeout"},
    "sqlite3": {"Connection", "DatabaseError", "Error", "OperationalError"},
    "subprocess": set(),
    "tempfile": set(),
    "threading": {"Lock"},
    "time": set(),
}
CALLS = {"open", "input"}
METHODS = {"now", "today", "utcnow", "uuid1", "uuid4"}


def dotted(node: ast.AST) -> str:
    """The dotted name of an expression, or an empty text."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (owner := dotted(node.value)):
        return f"{owner}.{node.attr}"
    return ""


def uses_of(source: str) -> Iterator[str]:
    """What Python code uses of the world by itself."""
    tree = ast.parse(source)
    known: dict[str, str] = {}
    inner: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            known |= {alias.asname or alias.name: alias.name for alias in node.names if alias.name in MODULES}
            yield from (alias.name for alias in node.names if MODULES.get(alias.name) == set())
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            allowed = {f"{node.module}.{name}" for name in MODULES.get(node.module or "", ())}
            yield from sorted(names - allowed if node.module in MODULES else names & set(MODULES))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            inner.add(node.value)
        if isinstance(node, ast.Attribute) and node not in inner:
            root, _dot, rest = dotted(node).partition(".")
            if root in known and rest not in MODULES[known[root]]:
                yield f"{known[root]}.{rest}"
            elif node.attr in METHODS and root not in ("self", "task", "context", "client", "world"):
                yield dotted(node) or node.attr
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS:
            yield node.func.id


@pytest.mark.parametrize("name", sorted(FILES.keys() - REAL))
def test_only_the_real_things_use_the_world(name: str) -> None:
    assert list(uses_of(FILES[name].read_text(encoding="utf-8"))) == []


def test_the_real_things_do() -> None:
    assert FILES.keys() >= REAL
    assert all(list(uses_of(FILES[name].read_text(encoding="utf-8"))) for name in REAL)


@pytest.mark.parametrize(
    ("source", "uses"),
    [
        ("import time\ntime.sleep(1)", ["time", "time.sleep"]),
        ("from time import sleep", ["time.sleep"]),
        ("import os\nos.path.exists(os.path.join('a', 'b'))", ["os.path.exists"]),
        ("import os\nos.fsync(3)", ["os.fsync"]),
        ("from os import fsync", ["os.fsync"]),
        ("import threading\nthreading.Lock()\nthreading.Timer(1, f)", ["threading.Timer"]),
        ("from concurrent import futures", ["concurrent.futures"]),
        ("import sqlite3 as db\ndb.connect('x')", ["sqlite3.connect"]),
        ("import datetime\ndatetime.datetime.now()", ["datetime.datetime.now"]),
        ("import uuid\nuuid.uuid4(), uuid.UUID(int=1), uuid.uuid5(a, b)", ["uuid.uuid4"]),
        ("from pathlib import Path", ["pathlib.Path"]),
        ("with open('x') as file: pass", ["open"]),
        ("self.now(), context.world.now(), disk.open()", []),
    ],
)
def test_the_check_sees_uses(source: str, uses: list[str]) -> None:
    assert list(uses_of(source)) == uses


WITHOUT_UNIX = """
import importlib, pkgutil, sys
for name in ("fcntl", "grp", "pwd", "resource", "termios"):
    sys.modules[name] = None  # as where there is none
from ansible_collections.psremoting.fleet.plugins.module_utils import _pssession
names = [each.name for each in pkgutil.walk_packages(_pssession.__path__, _pssession.__name__ + ".")]
for name in names:
    importlib.import_module(name)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system import unix
print(len(names), unix.open_files() == sys.maxsize)
"""


def test_the_engine_can_be_imported_without_unix() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_UNIX], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    count, is_unlimited = done.stdout.split()
    assert int(count) > 40
    assert is_unlimited == "True"


@pytest.mark.parametrize(("limit", "files"), [(256, 256), (resource.RLIM_INFINITY, sys.maxsize)])
def test_the_limit_of_open_files(monkeypatch: pytest.MonkeyPatch, limit: int, files: int) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _resource: (limit, resource.RLIM_INFINITY))
    assert unix.open_files() == files


def test_ids_come_from_the_chance_of_the_world() -> None:
    ids = [world(random=random.Random(seed)).new_guid() for seed in (1, 1, 2)]
    assert ids[0] == ids[1] != ids[2]
    assert all(each == str(uuid.UUID(each)) and uuid.UUID(each).version == 4 for each in ids)
    assert world().new_guid() != world().new_guid()


def test_microseconds_come_from_the_time_of_the_world() -> None:
    moment = datetime.datetime(1970, 1, 1, 0, 0, 2, 345678, tzinfo=datetime.timezone.utc)
    assert world(now=lambda: moment).microseconds() == 2_345_678


class TestLocalDisk:
    disk = LocalDisk()

    def test_a_file_is_made_private_and_only_ever_grows(self, tmp_path: Path) -> None:
        path = tmp_path / "file"
        self.disk.append(str(path), b"")
        assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"", 0o600)
        self.disk.append(str(path), b"one")
        self.disk.append(str(path), b"two")
        with self.disk.read(str(path)) as file:
            assert file.read() == b"onetwo"

    def test_what_was_appended_is_synced(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "file"
        sizes: list[int] = []
        monkeypatch.setattr("os.fsync", lambda _descriptor: sizes.append(path.stat().st_size))
        self.disk.append(str(path), b"one")
        assert sizes == [3]

    def test_a_pipe_is_refused_without_waiting_for_its_other_end(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(OSError, match=r"No such device|not a regular file"):
            self.disk.append(str(tmp_path / "pipe"), b"x")

    def test_a_database_is_private(self, tmp_path: Path) -> None:
        path = tmp_path / "folder" / "database"
        self.disk.database(str(path)).close()
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700

    def test_a_file_below_a_file_is_an_error(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(NotADirectoryError):
            self.disk.make_folder(str(tmp_path / "file" / "folder"))
