# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The identity of a run: the same in all of its workers, and in no other process."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import uuid
from concurrent.futures import ProcessPoolExecutor

from ansible_collections.psremoting.fleet.plugins.plugin_utils import _run_identity
from ansible_collections.psremoting.fleet.plugins.plugin_utils._run_identity import run_client_id


def test_workers_have_the_identity_of_their_run() -> None:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as workers:
        found = {workers.submit(run_client_id).result() for _time in range(2)}
    assert found == {run_client_id()}
    assert str(uuid.UUID(run_client_id())) == run_client_id()


def test_another_process_has_another() -> None:
    command = [sys.executable, "-c", f"exec(open({_run_identity.__file__!r}).read()); print(run_client_id())"]
    found = [subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip() for _time in range(2)]
    assert len({run_client_id(), *found}) == 3
