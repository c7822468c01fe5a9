# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Programs of Ansible in processes that need not import its libraries again.

To start ansible-playbook and to import what it needs takes most of the time of a test that runs a small playbook. One
process for each process of pytest imports it once and is forked for each run: see `tests.forked_server`. The program
that runs there is the real one, with the environment, folder and output of its run; but its command line, and its
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
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.waiting import PATIENCE

SERVER = Path(__file__).with_name("forked_server.py")
# Variables that the interpreter and libraries read when they start, hence before a run can give them a value.
READ_AT_START = ("LANG", "LC_", "LD_", "OPENSSL_", "PYPSRP_", "PYSPNEGO_", "PYTHON", "PY_SAX_", "TZ", "UNIX")
_CHUNK = 65536


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
    return _collect(command, json.dumps(program).encode() + b"\n", timeout)


def _read_at_start(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name.startswith(READ_AT_START)}


def _collect(command: Sequence[str], program: bytes, timeout: float) -> subprocess.CompletedProcess[str]:
    """Give a program to the server, and read what it prints and how it ends."""
    with ExitStack() as stack:
        reply, theirs = socket.socketpair()
        (stdout, printed), (stderr, complained) = os.pipe(), os.pipe()
        socket.send_fds(_server(), [b"."], [theirs.fileno(), printed, complained])
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
        ours.close()
        process.wait()

    atexit.register(end)
    return ours
