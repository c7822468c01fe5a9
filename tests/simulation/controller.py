# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A controller: its disk outlives its processes, and each task or job is a process of its own."""

from __future__ import annotations

import asyncio
import datetime
import json
import random
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.codes import Code
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.endpoints import Endpoint
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import TransportError
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.output.recorded import recorded_in
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.world import (
    LogonObserver,
    Unobserved,
    World,
)
from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs import JOBS
from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs.base import Begun, Call, Order, drive
from ansible_collections.psremoting.fleet.plugins.plugin_utils._work_folder import begun_in
from tests.integration.engine.controller import Controller
from tests.simulation.disk import DiskOfProcess, MemoryDisk
from tests.simulation.history import DISK_FAULTS, IDLE_TIMEOUT, HappeningFault
from tests.simulation.scheduler import Jobs, Killed, Process, Scheduler
from tests.simulation.servers import USER, Servers
from tests.simulator import faults as simulated_faults
from tests.simulator.wsman import Request, read_request

START = datetime.datetime(2026, 3, 1, tzinfo=datetime.timezone.utc)
PLUGINS = {plugin.name: plugin for plugin in _plugins.MODULES}
# Seconds, in which requests of jobs that run side by side overtake each other.
_LATENCY = (0.001, 0.3)
_SLOW_SECONDS = 15.0
_LATE_SECONDS = 30.0
_RESTART_SECONDS = 60.0
_AWAY = {"away": 100.0, "away_long": 500.0}
_TAKEN_SECONDS = 100.0
# So that histories with three computers need two calls.
FEW_JOURNALS = 2
OTHER_CLIENT = "C0FFEE00-0000-4000-8000-000000000001"


class Machine:
    """A computer that Ansible runs on.

    Attributes:
        disk: With the registry, journals and results.
    """

    def __init__(self, name: str, scheduler: Scheduler, servers: Servers) -> None:
        self.name = name
        self.disk = MemoryDisk()
        self.scheduler = scheduler
        self.servers = servers


class Running:
    """A process of a machine: one task or job, with the faults that happen in it.

    Attributes:
        requests: How many were sent of each operation, and of all by "".
        client_id: Of the controller, as the servers know it; None before the first request.
        happened: The faults that happened, with operation and computer of the request, or the path of the write.
    """

    def __init__(
        self,
        machine: Machine,
        seed: str,
        faults: tuple[HappeningFault, ...],
        note: Callable[[HappeningFault, str], None] = lambda _fault, _where: None,
        *,
        buffering_mode: str | None = None,
        inventory: Mapping[str, Any] | None = None,
    ) -> None:
        self.machine = machine
        option: dict[str, Any] = {"idle_timeout": IDLE_TIMEOUT}
        self._session_option = {**option, "output_buffering_mode": buffering_mode} if buffering_mode else option
        self.client_id: str | None = None
        self._note = note
        self.process = Process(has_workers=any(fault.kind == "interrupt" for fault in faults))
        self.chance = random.Random(seed)
        self.requests: Counter[str] = Counter()
        self.writes = 0
        self.happened: list[tuple[HappeningFault, str, str]] = []
        self._faults = faults
        self._disk = DiskOfProcess(machine.disk, self._before_write)
        self.process.on_kill = self._disk.release_locks
        scheduler = machine.scheduler
        self.world = World(
            lambda endpoint: MemoryConversation(self, endpoint),
            monotonic=lambda: scheduler.now,
            now=lambda: START + datetime.timedelta(seconds=scheduler.now),
            sleep=lambda seconds: scheduler.wait_for(asyncio.sleep(seconds)),
            random=self.chance,
            job_pool=lambda limit: Jobs(scheduler, self.process, limit),
            disk=self._disk,
            open_files=lambda: 1024,
        )
        self._controller = Controller(machine.servers, Path("/state/registry.sqlite3"), USER)  # type: ignore[arg-type]
        run = self.world.new_guid()
        self._controller.surroundings |= {"world": self.world, "run_client_id": lambda: run}
        self._controller.inventory = {computer.name: dict(inventory or {}) for computer in machine.servers}

    def verb(self, module: str, /, *, check_mode: bool = False, **options: Any) -> dict[str, Any]:
        """Run a module, and return its result."""
        given = {"on_error": "report", "session_option": self._session_option, **options}
        return self._controller.run(PLUGINS[module], check_mode=check_mode, **given)

    def job(
        self, name: str, hosts: tuple[str, ...], folder: str | None, /, *, check_mode: bool = False, **options: Any
    ) -> dict[str, Any]:
        """Run a job, and return what each host is told."""
        order = Order(
            hosts,
            options,
            check_mode,
            folder=None if folder is None else MemoryFolder(folder, self._disk),
            now=self.world.now().timestamp(),
        )

        def perform(call: Call) -> dict[str, Any]:
            self._controller.surroundings["journals"] = call.journals
            result = self.verb(call.module, check_mode=check_mode or call.only_foresee, **call.options)
            self.seen(result)
            return result

        told, _lines = drive(JOBS[name](order), perform)
        return told.by_host()

    def seen(self, result: Mapping[str, Any]) -> None:
        """Called with the result of each call of a job; a test may look at it."""

    def next_fault(self, operation: str) -> HappeningFault | None:
        """Count a request, and return what happens to it."""
        self.requests.update(("", operation))
        for fault in self._faults:
            is_counted = fault.operation in ("", operation) and fault.kind not in DISK_FAULTS
            if is_counted and fault.at == self.requests[fault.operation]:
                return fault
        return None

    def happen(self, fault: HappeningFault, what: str, where: str) -> None:
        """Note that a fault happens.

        Args:
            what: The operation, or the path of a file.
            where: The computer, or "write".
        """
        self.happened.append((fault, what, where))
        self._note(fault, where)

    def _before_write(self, path: str, data: bytes) -> None:
        self.process.check()
        self.writes += 1
        for fault in self._faults:
            if fault.at != self.writes or fault.kind not in DISK_FAULTS:
                continue
            self.happen(fault, path, "write")
            if fault.kind == "full_disk":
                self.machine.disk.room = len(data) // 2
            else:
                if data:
                    self.machine.disk.append(path, data[: len(data) // 2])
                self.process.kill()
                raise Killed


class MemoryFolder:
    """The folder of a job on a simulated disk; `WorkFolder` is the one on a real disk."""

    def __init__(self, path: str, disk: DiskOfProcess) -> None:
        self._path = path
        self._disk = disk

    def journal_of(self, host: str) -> str:
        return f"{self._path}/{host}.jsonl"

    @property
    def most_at_once(self) -> int:
        return FEW_JOURNALS

    def new_salt(self) -> str:
        return "salt"

    def begun_of(self, host: str) -> Begun:
        path = self.journal_of(host)
        return begun_in(self._disk.read(path)) if self._disk.exists(path) else Begun()

    def recorded_of(self, host: str) -> tuple[list[Mapping[str, Any]], list[str]]:
        found = list(recorded_in(self.journal_of(host), self._disk))
        return [each.result.as_dict() for each in found], [why for each in found for why in each.unreadable]

    def result_of(self, host: str) -> Mapping[str, Any] | None:
        path = f"{self._path}/{host}.result.json"
        return json.load(self._disk.read(path)) if self._disk.exists(path) else None

    def keep_result(self, host: str, result: Mapping[str, Any]) -> None:
        self._disk.write_whole(f"{self._path}/{host}.result.json", json.dumps(result).encode())


def has_work(disk: MemoryDisk, path: str, host: str) -> bool:
    """Tell whether a folder has a start or the result of a host."""
    folder = MemoryFolder(path, DiskOfProcess(disk, lambda _path, _data: None))
    return bool(folder.begun_of(host).commands or folder.result_of(host))


class MemoryConversation:
    """Carries envelopes to a simulated computer and lets happen to them what the history says."""

    def __init__(self, running: Running, endpoint: Endpoint) -> None:
        self.endpoint = endpoint.uri
        self.time_limit = endpoint.answer_timeout
        self.way = ""
        self.mechanism = ""
        self.observer: LogonObserver = Unobserved()
        self._running = running
        self._servers = running.machine.servers
        self._computer = self._servers.at(urlsplit(endpoint.uri).hostname)
        self._exchanging: asyncio.Task[Any] | None = None
        self._is_closed = False

    def send(self, message: bytes) -> str:
        running = self._running
        running.process.check()
        if self._is_closed:
            raise TransportError(Code.HTTP_ERROR, "the conversation was ended", delivered=False)
        request = read_request(message.decode())
        fault = running.next_fault(request.operation)
        running.client_id = request.session_id
        if fault is not None:
            running.happen(fault, request.operation, self._computer.name)
            if fault.kind == "kill_before":
                running.process.kill()
                raise Killed
        kind = "" if fault is None else fault.kind
        try:
            answer = running.machine.scheduler.wait_for(self._exchange(request, kind))
        except asyncio.CancelledError as error:
            raise TransportError(Code.HTTP_ERROR, "the conversation was ended", is_break=True) from error
        if kind == "kill_after":
            running.process.kill()
            raise Killed
        return answer

    def follow(self, uri: str) -> None:
        raise AssertionError(f"nothing redirects to {uri}")

    def close(self) -> None:
        self._is_closed = True
        if self._exchanging is not None:
            self._exchanging.cancel()

    async def _exchange(self, request: Request, kind: str) -> str:
        """Carry a request to the server and its answer back, within the time limit."""
        limit = self.time_limit
        self._exchanging = asyncio.current_task()
        await asyncio.sleep(self._running.chance.uniform(*_LATENCY))
        self._let_happen(kind)
        if kind == "unconnected" or self._servers.is_down(self._computer):
            raise TransportError(Code.CANNOT_CONNECT, "no connection", delivered=False, is_break=True)
        if kind == "status_503":
            raise TransportError(Code.CANNOT_CONNECT_WINRM_SERVICE, "HTTP status 503", is_break=True)
        if kind == "lost_request":
            raise _broken()
        if kind == "refused_logon":
            raise TransportError(Code.ACCESS_DENIED, "the server refused the log-on (HTTP 401)", delivered=False)
        if kind == "stalled_request":
            await asyncio.sleep(limit)
            raise _timed_out(limit)
        if kind == "late":
            asyncio.get_running_loop().create_task(self._serve_late(request))
            raise _broken()
        return await self._served(request, kind, limit)

    async def _served(self, request: Request, kind: str, limit: float) -> str:
        refusal = simulated_faults.QUOTA_OPERATIONS if kind == "quota" else None
        serving = asyncio.ensure_future(self._servers.answer(self._computer, request, refusal))
        try:
            await asyncio.wait({serving}, timeout=limit)
        except asyncio.CancelledError:
            serving.cancel()
            raise
        if not serving.done():
            serving.cancel()  # the server notices that the connection was closed
            raise _timed_out(limit)
        answer = serving.result()
        if self._servers.is_down(self._computer):
            raise _broken()
        if kind == "kill_during":
            self._running.process.kill()
        if kind == "lost_answer":
            raise _broken()
        if kind == "damaged":
            raise TransportError(Code.IMPROPER_RESPONSE, "the answer could not be decrypted", is_break=True)
        if kind == "stalled_answer":
            await asyncio.sleep(limit)
            raise _timed_out(limit)
        if kind == "slow":
            await asyncio.sleep(_SLOW_SECONDS)
        await asyncio.sleep(self._running.chance.uniform(*_LATENCY))
        return answer[: len(answer) // 2] if kind == "garbled" else answer

    async def _serve_late(self, request: Request) -> None:
        await asyncio.sleep(_LATE_SECONDS)
        await self._servers.answer(self._computer, request)

    def _let_happen(self, kind: str) -> None:
        """Let something happen to the computer that the request is for."""
        servers, name = self._servers, self._computer.name
        if kind == "interrupt":
            running = self._running
            soon = running.chance.uniform(*_LATENCY)
            asyncio.get_running_loop().call_later(soon, running.machine.scheduler.interrupt, running.process)
        elif kind == "restart":
            servers.restart(name, _RESTART_SECONDS)
        elif kind in _AWAY:
            servers.down_until[name] = servers.clock.now() + _AWAY[kind]
        elif kind == "remove":
            servers.remove(name, self._running.chance)
        elif kind == "stop":
            servers.stop(name)
        elif kind == "take" and servers.take(name, OTHER_CLIENT):
            asyncio.get_running_loop().call_later(_TAKEN_SECONDS, servers.release, name, OTHER_CLIENT)


def _broken() -> TransportError:
    return TransportError(Code.HTTP_ERROR, "the connection broke before the answer was complete", is_break=True)


def _timed_out(limit: float) -> TransportError:
    return TransportError(Code.OPERATION_TIMEOUT, f"no complete answer within {limit:g} seconds", is_break=True)
