# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Programs of Ansible in processes that need not import its libraries again.

To start ansible-playbook and to import what it needs takes most of the time of a test that runs a small playbook. One
process for each process of pytest imports the libraries once; it is forked for each set of settings that runs have, and
that process, which has imported Ansible with these settings, for each run: see `tests.forked_server`. The program that
runs there is the real one, with the environment, folder and output of its run; but its command line, and its
environment as others see it in /proc, are those of the process that was forked, and it takes no signals from a
terminal. Tests of these, of open files and of memory start a process with `subprocess`.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.waiting import PATIENCE

SERVER = Path(__file__).with_name("forked_server.py")
# Variables that the interpreter and libraries read when they start, hence before a run can give them a value.
READ_AT_START = ("LANG", "LC_", "LD_", "OPENSSL_", "PYPSRP_", "PYSPNEGO_", "PYTHON", "PY_SAX_", "TZ", "UNIX")
# Variables that only the collection, the tests' own plugins or pytest read, and only when they run.
READ_IN_RUNS = ("PSSESSION_", "PYTEST_", "RECORDER_")
_CHUNK = 65536
# Each server with settings takes some 100 MiB, most of them shared.
_MOST_SERVERS = 4
_servers: dict[bytes, socket.socket | None] = {}
_choice = threading.Lock()


def run(
    command: Sequence[str], *, cwd: Path, env: Mapping[str, str], timeout: float = PATIENCE
) -> subprocess.CompletedProcess[str]:
    """Run a Python program of this environment to its end, without input, and take what it prints.

    Args:
        command: The program, by its name on `PATH`, and its arguments.
        cwd: Folder to run it in.
        env: All variables of its environment. If one of `READ_AT_START` is not as here, the program gets a process of
            its own.
        timeout: Seconds until it is killed.

    Raises:
        subprocess.TimeoutExpired: It took too long.
    """
    if _read_at_start(env) != _read_at_start(os.environ):
        return subprocess.run(
            command,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    path = shutil.which(command[0], path=env.get("PATH"))
    assert path, f"{command[0]} is not on the run's PATH"
    program = {"command": [path, *command[1:]], "folder": str(cwd), "environment": dict(env)}
    with _choice:
        server = (path.endswith("/ansible-playbook") and _server_with_settings(cwd, env)) or _server()
    return _collect(server, command, json.dumps(program).encode() + b"\n", timeout)


def same_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty folder that has the same path in each test, so that the runs of different tests have the same settings.

    Where tests run playbooks, this is the fixture `tmp_path`.
    """
    path = tmp_path_factory.getbasetemp() / "folder"
    path.mkdir()
    yield path
    path.rename(tmp_path_factory.mktemp("folder") / "folder")


def _read_at_start(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name.startswith(READ_AT_START)}


def _collect(
    server: socket.socket, command: Sequence[str], program: bytes, timeout: float
) -> subprocess.CompletedProcess[str]:
    """Give a program to a server, and read what it prints and how it ends."""
    with ExitStack() as stack:
        reply, theirs = socket.socketpair()
        (stdout, printed), (stderr, complained) = os.pipe(), os.pipe()
        socket.send_fds(server, [b"."], [theirs.fileno(), printed, complained])
        theirs.close()
        os.close(printed)
        os.close(complained)
        stack.callback(reply.close)
        reply.sendall(program)
        contents = {reply.fileno(): b"", stdout: b"", stderr: b""}
        with reply.makefile("rb", buffering=0) as lines:
            pid = int(lines.readline())
        selector = stack.enter_context(selectors.DefaultSelector())
        for file in contents:
            selector.register(file, selectors.EVENT_READ)
        stack.callback(os.close, stdout)
        stack.callback(os.close, stderr)
        give_up_at = time.monotonic() + timeout
        while selector.get_map():
            ready = selector.select(max(give_up_at - time.monotonic(), 0))
            if not ready:
                os.kill(pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired(command, timeout, contents[stdout], contents[stderr])
            for key, _events in ready:
                chunk = os.read(key.fd, _CHUNK)
                contents[key.fd] += chunk
                if not chunk:
                    selector.unregister(key.fd)
        code = int(contents[reply.fileno()])
        return subprocess.CompletedProcess(command, code, contents[stdout].decode(), contents[stderr].decode())


def _server_with_settings(cwd: Path, env: Mapping[str, str]) -> socket.socket | None:
    """Return a server that has imported Ansible with the settings of a run.

    Returns:
        None if settings may come from more than the environment and one file, or if Ansible cannot be imported with
        these in silence: the run has to import it, and print what there is to be said.
    """
    if "ANSIBLE_CONFIG" not in env:
        return None
    settings = {name: value for name, value in env.items() if not name.startswith(READ_IN_RUNS)}
    file = Path(env["ANSIBLE_CONFIG"])
    content = file.read_text(encoding="utf-8") if file.is_file() else None
    key = json.dumps([str(cwd), settings, content], sort_keys=True).encode()
    if key in _servers:
        _servers[key] = _servers.pop(key)  # the one that was not used for the longest time is the first
        return _servers[key]
    while len(_servers) >= _MOST_SERVERS:
        if (oldest := _servers.pop(next(iter(_servers)))) is not None:
            oldest.close()
    ours, theirs = socket.socketpair()
    socket.send_fds(_server(), [b"."], [theirs.fileno()])
    theirs.close()
    ours.sendall(json.dumps({"command": [], "folder": str(cwd), "environment": settings}).encode() + b"\n")
    if ours.recv(1):
        _servers[key] = ours
    else:
        ours.close()
        _servers[key] = None
    return _servers[key]


@functools.cache
def _server() -> socket.socket:
    """Start the server of this process; it ends with it."""
    ours, theirs = socket.socketpair()
    process = subprocess.Popen(
        [sys.executable, str(SERVER), str(theirs.fileno())],
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,  # never a terminal: programs would print line by line
    )
    theirs.close()

    def end() -> None:
        for each in (*_servers.values(), ours):
            if each is not None:
                each.close()
        process.wait()

    atexit.register(end)
    return ours
