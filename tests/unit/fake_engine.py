# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Servers and modules for jobs, without any traffic: sessions in a dictionary, journals that outlive a controller.

Every effect on a server or a disk is a step, and a controller can be killed before or after each of them.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.accounts import OWN
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import JournalError
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.journals import HostJournal
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.sessions import seconds_of
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.wildcard import WildcardPattern
from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs import JOBS
from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs.base import Begun, Call, Order, Result, drive

OUTPUT = ["begun", "done"]
SPECS = {plugin.name: plugin.spec for plugin in _plugins.MODULES}


class Killed(BaseException):
    """The controller is gone."""


@dataclass
class Command:
    """A command on a server: what it has not handed out yet, and how it ends."""

    command_id: str
    rest: list[str]
    state: str = "Completed"
    is_running: bool = False


@dataclass
class Session:
    """A session on a server."""

    instance_id: str
    host: str
    name: str
    owner: str = "me"
    command: Command | None = None
    expires_on: str | None = "2026-11-25T20:00:00Z"
    idle_timeout: int = 7200
    max_idle_timeout: int | None = None
    state: str = "Disconnected"
    availability: str = "None"
    configuration_name: str = "Microsoft.PowerShell"

    def as_dict(self, *, changed: bool = False, commands: bool = False) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in _SHOWN}
        listed = {} if not commands else {"commands": [{"command_id": self.command.command_id}] if self.command else []}
        return {**values, **_about(self.host), "changed": changed, **listed, "output_buffering_mode": "Block"}


_SHOWN = (
    "instance_id",
    "name",
    "configuration_name",
    "owner",
    "state",
    "availability",
    "expires_on",
    "idle_timeout",
    "max_idle_timeout",
)


@dataclass
class Folder:
    """What a job keeps; see `plugin_utils._jobs.base.Folder`. It is on the disk of the engine."""

    engine: FakeEngine

    def journal_of(self, host: str) -> str:
        return f"work/{host}.jsonl"

    @property
    def most_at_once(self) -> int:
        return self.engine.most_at_once

    def new_salt(self) -> str:
        return "salt"

    def begun_of(self, host: str) -> Begun:
        commands: dict[str, set[str]] = {}
        work = None
        for entry in self.engine.journals.get(self.journal_of(host), ()):
            if "command" in entry:
                commands.setdefault(entry["session"], set()).add(entry["command"])
                work = entry.get("work") or work
        return Begun(commands, work)

    def recorded_of(self, host: str) -> tuple[list[Any], list[str]]:
        if "unusable" in host:
            raise JournalError(f"journal: {self.journal_of(host)} cannot be read: Input/output error")
        outputs: dict[tuple[str, str], list[str]] = {}
        for entry in self.engine.journals.get(self.journal_of(host), ()):
            if "command" in entry:
                output = outputs.setdefault((entry["session"], entry["command"]), [])
                output += [entry["piece"]] if "piece" in entry else []
        return [
            {**_about(host), "name": "Nightly", "instance_id": session, "command_id": command, "output": output}
            for (session, command), output in outputs.items()
        ], ["something of it"]

    def result_of(self, host: str) -> Result | None:
        text = self.engine.results.get(host)
        return None if text is None else json.loads(text)

    def keep_result(self, host: str, result: Result) -> None:
        self.engine.step(lambda: self.engine.results.update({host: json.dumps(result)}))


@dataclass
class FakeEngine:
    """Does the calls of jobs.

    Attributes:
        down: Hosts that do not answer.
        ends: Whether commands come to their end; otherwise they run.
        state: How they end.
        most_at_once: How many journals one call may have.
        kill_at: The number of the step before which the controller is killed, or None.
        starts: The hosts on which the script was started, once for each start.
        failing: Error records by module name, in place of the first call of it.
        pending: What the last run told of commands that still run.
        now: The time of jobs, in seconds since 1970: half an hour before sessions expire that do not say when.
    """

    sessions: dict[str, Session] = field(default_factory=dict)
    journals: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    results: dict[str, str] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)
    ends: bool = True
    state: str = "Completed"
    most_at_once: int = 2
    kill_at: int | None = None
    steps: int = 0
    starts: list[str] = field(default_factory=list)
    failing: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    check_mode: bool = False
    pending: dict[str, int] | None = None
    now: float = seconds_of("2026-11-25T19:30:00Z")
    _of_hosts: Mapping[str, HostJournal] = field(default_factory=dict)
    _ids: Iterator[int] = field(default_factory=itertools.count)

    def add(self, host: str, name: str = "Nightly", command: Command | None = None, **fields: Any) -> Session:
        session = Session(f"s{next(self._ids)}", host, name, command=command, **fields)
        self.sessions[session.instance_id] = session
        return session

    def run(
        self, job: str, hosts: list[str], *, folder: bool = True, kill_at: int | None = None, **options: Any
    ) -> dict[str, Any]:
        """Run a job in a new controller and return what each host is told; nothing when it was killed."""
        self.kill_at, self.steps, self.calls = kill_at, 0, []
        self.check_mode = bool(options.pop("check_mode", False))
        order = Order(hosts, options, self.check_mode, Folder(self) if folder else None, self.now)
        try:
            told, self.lines = drive(JOBS[job](order), self.perform)
        except Killed:
            return {}
        self.pending = told.pending
        return told.by_host()

    def step(self, effect: Callable[[], object] = lambda: None) -> None:
        if self.steps == self.kill_at:
            raise Killed
        self.steps += 1
        effect()

    def perform(self, call: Call) -> Result:
        self.calls.append(call)
        _check_options(call)
        self._of_hosts = call.journals or {}
        self.step()
        if self.failing.get(call.module):
            return {"sessions": [], "results": [], "errors": self.failing.pop(call.module)}
        modules: dict[str, Callable[[Mapping[str, Any], bool], Result]] = {
            "pssession_info": self._info,
            "invoke_command": self._invoke,
            "receive_pssession": self._receive,
            "connect_pssession": self._connect,
            "disconnect_pssession": self._disconnect,
            "remove_pssession": self._remove,
        }
        result = modules[call.module](call.options, self.check_mode or call.only_foresee)
        self.step()
        return {"changed": any(each["changed"] for each in result.get("sessions") or ()), **result}

    def _info(self, options: Mapping[str, Any], _check_mode: bool) -> Result:
        hosts, errors = self._answering(options["computer_name"])
        owners = options.get("owner")
        names = ["me" if owner == OWN else owner for owner in owners or ()]
        found = [each for each in self._named(hosts, options) if not owners or each.owner in names]
        listed = bool(options.get("list_commands"))
        return {"sessions": [each.as_dict(commands=listed) for each in found], "errors": errors}

    def _invoke(self, options: Mapping[str, Any], check_mode: bool) -> Result:
        hosts, errors = self._answering(options["computer_name"])
        sessions: list[dict[str, Any]] = []
        results: list[dict[str, Any]] = []
        for host in hosts:
            (name,) = options["session_name"]
            there = next((each for each in self.sessions.values() if (each.host, each.name) == (host, name)), None)
            if there and (there.command or not self._is_unstarted(there, options)):
                sessions.append(there.as_dict(commands=True))
                errors += [] if there.command else [_error(there, "it exists and has no command", "failed")]
                continue
            if check_mode:
                sessions.append({**Session("new", host, name).as_dict(changed=True)})
                continue
            session = there or self._opened(host, name, options)
            results.append(self._started(session, options))
            sessions.append(session.as_dict(changed=True))
        return {"sessions": sessions, "results": None if check_mode else results, "errors": errors}

    def _opened(self, host: str, name: str, options: Mapping[str, Any]) -> Session:
        session = Session(f"s{next(self._ids)}", host, name)
        self._note(session, options, {"session": session.instance_id})
        self.step(lambda: self.sessions.update({session.instance_id: session}))
        return session

    def _started(self, session: Session, options: Mapping[str, Any]) -> dict[str, Any]:
        command = Command(f"c{next(self._ids)}", list(OUTPUT), self.state, is_running=not self.ends)
        self._note(session, options, {"session": session.instance_id, "command": command.command_id})

        def start() -> None:
            session.command = command
            self.starts.append(session.host)

        self.step(start)
        return _result(session, command.command_id, "Running", [])

    def _receive(self, options: Mapping[str, Any], check_mode: bool) -> Result:
        sessions, errors = self._meant(options)
        if check_mode:
            return {"sessions": [each.as_dict(changed=True) for each in sessions], "errors": errors}
        results = []
        for session in sessions:
            result, error = self._taken(session, options)
            results.append(result)
            errors += [error] if error else []
        shown = [each.as_dict(changed=True) for each in sessions]
        if options.get("when_done") == "remove":
            shown = [self._without(session, result) for session, result in zip(shown, results, strict=True)]
        return {"sessions": shown, "results": results, "errors": errors}

    def _without(self, session: dict[str, Any], result: Mapping[str, Any]) -> dict[str, Any]:
        """Remove the session of a command that completed."""
        if result["state"] != "Completed":
            return session
        self.step(lambda: self.sessions.pop(session["instance_id"]))
        return {**session, "state": "Closed"}

    def _taken(self, session: Session, options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any] | None]:
        command = session.command
        if command is None:
            return self._remembered(session, options)
        pieces = [entry["piece"] for entry in self._pieces(session, command.command_id, options)]
        received = list(pieces)
        while command.rest:
            piece = command.rest[0]
            if piece not in pieces:  # a repeated message is known by its number
                received.append(piece)
                self._note(
                    session, options, {"session": session.instance_id, "command": command.command_id, "piece": piece}
                )
            self.step(lambda: command.rest.pop(0))
        if command.is_running:
            return _result(session, command.command_id, "Running", received), None
        end = {"session": session.instance_id, "command": command.command_id, "end": command.state}
        self._note(session, options, end)
        self.step(lambda: setattr(session, "command", None))
        return self._ended(session, command.command_id, command.state, received)

    def _ended(
        self, session: Session, command_id: str, state: str, pieces: list[str]
    ) -> tuple[dict[str, Any], dict[str, Any] | None]:
        """Return the result of a command that has ended; one whose output lacks the beginning is an error."""
        result = {**_result(session, command_id, state, pieces), "beginning_received": pieces[:1] == OUTPUT[:1]}
        lacking = _error(session, "another task received the beginning", "failed")
        return result, _failure(session, state) or (None if result["beginning_received"] else lacking)

    def _remembered(self, session: Session, options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any] | None]:
        entries = [each for each in self._journal(session, options) if each["session"] == session.instance_id]
        started = [each["command"] for each in entries if "command" in each]
        if not started:
            return _result(session, None, None, []), None
        pieces = [each["piece"] for each in entries if "piece" in each]
        state = next((each["end"] for each in entries if "end" in each), None)
        if state is None:
            return _result(session, started[0], "Running", pieces), _error(session, "it has no command", "expired")
        return self._ended(session, started[0], state, pieces)

    def _connect(self, options: Mapping[str, Any], _check_mode: bool) -> Result:
        sessions, errors = self._meant(options)
        for session in sessions:
            if not self.check_mode:
                self.step(lambda each=session: setattr(each, "state", "Opened"))  # type: ignore[misc]
        return {"sessions": [each.as_dict(changed=True) for each in sessions], "errors": errors}

    def _disconnect(self, options: Mapping[str, Any], _check_mode: bool) -> Result:
        sessions, errors = self._meant(options)
        for session in sessions:
            session.idle_timeout = options.get("idle_timeout") or session.idle_timeout
            self.step(lambda each=session: setattr(each, "state", "Disconnected"))  # type: ignore[misc]
        return {"sessions": [each.as_dict(changed=True) for each in sessions], "errors": errors}

    def _remove(self, options: Mapping[str, Any], check_mode: bool) -> Result:
        sessions, errors = self._meant(options, missing_is_fine=True)
        if not check_mode:
            for session in sessions:
                self.step(lambda each=session: self.sessions.pop(each.instance_id))  # type: ignore[misc]
        state = {} if check_mode else {"state": "Closed"}
        return {"sessions": [{**each.as_dict(changed=True), **state} for each in sessions], "errors": errors}

    def _meant(
        self, options: Mapping[str, Any], missing_is_fine: bool = False
    ) -> tuple[list[Session], list[dict[str, Any]]]:
        if "session" not in options:
            hosts, errors = self._answering(options["computer_name"])
            found = self._named(hosts, options)
            without = [host for host in hosts if not any(each.host == host for each in found)]
            if options.get("on_missing") == "skip":
                return found, errors
            return found, errors + [_error(Session("", host, "Nightly"), "missing", "missing") for host in without]
        assert options["session"], "a call for no session at all"
        found, errors = [], []
        for each in options["session"]:
            host = each["inventory_hostname"]
            there = self.sessions.get(each["instance_id"])
            if host in self.down:
                errors.append(_error(Session(each["instance_id"], host, each["name"]), "no answer", "unreachable"))
            elif there is not None:
                found.append(there)
            elif not missing_is_fine:
                errors.append(_error(Session(each["instance_id"], host, each["name"]), "it is gone", "expired"))
        return found, errors

    def _answering(self, hosts: list[str]) -> tuple[list[str], list[dict[str, Any]]]:
        down = [host for host in hosts if host in self.down]
        errors = [{**_about(host), "message": f"{host} does not answer", "reason": "unreachable"} for host in down]
        return [host for host in hosts if host not in down], errors

    def _named(self, hosts: list[str], options: Mapping[str, Any]) -> list[Session]:
        patterns = [WildcardPattern.of_name(name) for name in options.get("name") or ["*"]]
        there = [each for each in self.sessions.values() if each.host in hosts]
        return [each for each in there if any(pattern.selects(each.name) for pattern in patterns)]

    def _is_unstarted(self, session: Session, options: Mapping[str, Any]) -> bool:
        entries = [each for each in self._journal(session, options) if each["session"] == session.instance_id]
        return bool(entries) and not any("command" in each for each in entries)

    def _journal(self, session: Session, options: Mapping[str, Any]) -> list[dict[str, Any]]:
        return self.journals.get(self._path(session, options), [])

    def _path(self, session: Session, options: Mapping[str, Any]) -> str:
        of_host = self._of_hosts.get(session.host.lower())
        return str(options.get("journal") or "") if of_host is None else of_host.path

    def _pieces(self, session: Session, command_id: str, options: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [
            each
            for each in self._journal(session, options)
            if (each["session"], each.get("command")) == (session.instance_id, command_id) and "piece" in each
        ]

    def _note(self, session: Session, options: Mapping[str, Any], entry: dict[str, Any]) -> None:
        of_host, path = self._of_hosts.get(session.host.lower()), self._path(session, options)
        if of_host is not None and of_host.work and "command" in entry:
            entry = {**entry, "work": dict(of_host.work)}
        if path:
            self.step(lambda: self.journals.setdefault(path, []).append(entry))


def _check_options(call: Call) -> None:
    """Check that the module takes the options of a call, for the action plugin does not check them again."""
    checked = ArgumentSpecValidator(SPECS[call.module]).validate(dict(call.options))
    assert not checked.error_messages


def _about(host: str) -> dict[str, Any]:
    return {"computer_name": host, "inventory_hostname": host}


def _result(session: Session, command_id: str | None, state: str | None, output: list[str]) -> dict[str, Any]:
    about = {**_about(session.host), "name": session.name, "instance_id": session.instance_id}
    return {**about, "command_id": command_id, "state": state, "output": output}


def _error(session: Session, message: str, reason: str) -> dict[str, Any]:
    about = {**_about(session.host), "session_name": session.name, "instance_id": session.instance_id or None}
    return {**about, "message": message, "reason": reason, "target": session.name}


def _failure(session: Session, state: str) -> dict[str, Any] | None:
    told = {"Failed": "the command failed", "Stopped": "the command was stopped before its end"}.get(state)
    return _error(session, told, "command_failed") if told else None
