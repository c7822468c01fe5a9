# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The end of a worker whose ansible-playbook was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from tests.waiting import until

# A worker that loses what the first signal raises, as Python does in a destructor, and a parent that ends at once.
PROGRAM = """
import os, signal
from ansible_collections.psremoting.fleet.plugins.plugin_utils import _interruption
_interruption.GRACE_SECONDS = 0.1
if os.fork() == 0:
    with _interruption.tidy_interruption():
        print(os.getpid(), flush=True)
        while True:
            try:
                signal.pause()
            except KeyboardInterrupt:
                pass
os.read(0, 1)
os._exit(0)
"""


def test_a_worker_ends_even_if_the_first_signal_is_lost() -> None:
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        parent.stdin.close()
        try:
            until(lambda: not os.path.exists(f"/proc/{worker}"), "the end of the worker")
        finally:
            if os.path.exists(f"/proc/{worker}"):
                os.kill(worker, signal.SIGKILL)
