# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The engine imports and works without Ansible and without what only Unix has, as on Windows.

A process hides all of that, imports every module of the engine and runs a command with a journal and a registry.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils import _pssession
from tests.integration.engine.controller import ADMIN
from tests.simulator import SimulatedFleet

SCRIPTS = {"'done'": [{"output": "done"}]}
HIDE = """
import os, signal, socket, sys

UNIX_MODULES = "crypt fcntl grp nis pty pwd readline resource spwd syslog termios tty".split()
UNIX_NAMES = {
    os: "O_CLOEXEC O_DIRECTORY O_NOFOLLOW O_NONBLOCK WNOHANG chown fchmod fchown fork getegid geteuid getgid getgroups"
        " getpgid getuid killpg memfd_create mkfifo openpty pread pwrite register_at_fork setsid statvfs uname",
    signal: "SIGALRM SIGHUP SIGKILL SIGQUIT SIGUSR1 alarm pthread_sigmask setitimer",
    socket: "AF_UNIX socketpair",
}
for name in ["ansible", "ansible.module_utils", "ansible.plugins", *UNIX_MODULES]:
    sys.modules[name] = None
# What the libraries and Python itself use of Unix, they use on Unix only.
import multiprocessing, pypsrp.complex_objects, pypsrp.wsman, requests, spnego, sqlite3, ssl, subprocess, tempfile
for module, names in UNIX_NAMES.items():
    for name in names.split():
        if hasattr(module, name):
            delattr(module, name)

# On Windows, a file is text unless it is opened as binary, and a folder cannot be opened.
os.O_BINARY, really_open = os.O_SYNC, os.open

def open_as_on_windows(path, flags, *rest, **more):
    assert flags & os.O_BINARY, f"{path} is opened as text"
    assert not os.path.isdir(path), f"the folder {path} is opened"
    return really_open(path, flags, *rest, **more)

os.open = open_as_on_windows
"""
IMPORT = """
import importlib, pkgutil
from ansible_collections.psremoting.fleet.plugins.module_utils import _pssession

imported = [each.name for each in pkgutil.walk_packages(_pssession.__path__, f"{_pssession.__name__}.")]
for name in imported:
    importlib.import_module(name)
print(len(imported))
"""
USE = """
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession import library
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.events import OutputReceived
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.state.registry import Registry
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.shared_records import shared_records
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.task.context import real_world

uri, user, password, folder = sys.argv[1:]
computer = library.endpoint_at(uri, credential={"username": user, "password": password}, authentication="negotiate")
for place in ("journal", "journals/"):
    with library.Remoting(journal=os.path.join(folder, place)) as remoting:
        session = remoting.new(computer, "work")
        command = remoting.start(session, library.Script("'done'"))
        print([each.value for each in remoting.receive(session, command) if isinstance(each, OutputReceived)])
        remoting.remove(session)
Registry(os.path.join(folder, "state", "registry"), real_world()).close()
print(shared_records().change("count", lambda record: record.setdefault("value", 1)))
"""


@pytest.fixture(scope="module")
def own_fleet() -> Iterator[SimulatedFleet]:
    with SimulatedFleet.build(["srv01"], [ADMIN], SCRIPTS, authentication=["negotiate"]) as fleet:
        yield fleet


def run(program: str, *arguments: str) -> str:
    ended = subprocess.run(
        [sys.executable, "-c", HIDE + program, *arguments], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_every_module_of_the_engine_imports() -> None:
    files = [path for path in Path(_pssession.__path__[0]).rglob("*.py") if path.parent.name != "__pycache__"]
    assert run(IMPORT) == f"{len(files) - 1}\n"  # but for the package itself


def test_a_command_runs(own_fleet: SimulatedFleet, tmp_path: Path) -> None:
    said = run(USE, own_fleet["srv01"].uri, ADMIN.name, ADMIN.password, str(tmp_path))
    assert said.splitlines() == ["['done']", "['done']", "1"]
    assert sorted(os.listdir(tmp_path)) == ["journal", "journals", "state"]
