# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A simulated fleet in which one situation of the tables after another takes place."""

from __future__ import annotations

import contextlib
import copy
import itertools
import json
import re
import shutil
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.integration.situations import adapter
from tests.integration.situations.outcome import Observation, outcome_of
from tests.simulator import Injection, SimulatedFleet, SimulatedSession, User
from tests.simulator.switches import Switches

# Beyond Latin-1 and unlike anything else in a result, so that no recorded outcome can hold it by chance.
USERS = (
    User("admin", "Kennwörter-über-πάντα-9", administrator=True),
    User("alice", "alice-secret"),
    User("bob", "bob-secret"),
)
CLIENT_ID = "c0000000-0000-4000-8000-000000000001"
# A computer of the inventory at whose address nothing listens.
DARK = "srv09"

_DETAILS = ("check", "diff", "meanwhile", "host", "unrecorded", "with_endpoints")
_REFERENCE = re.compile(r"\$\{(\w+)(?: ([^}]+))?\}")
_KEYS = frozenset(
    {"situation", "sessions", "switches", "injections", "inventory", "account", "files", "wire", "steps"}
    | {*_DETAILS, *adapter.CALLS}
)

Situation = Mapping[str, Any]


def expanded(situation: Situation) -> Iterator[Situation]:
    """Yield a situation once for each combination of what its `for` lists.

    `for` has values by label for each word. `${word}` anywhere in the situation is such a value, `${word key}` a part
    of it; in the situation's name it is the label.
    """
    choices = situation.get("for") or {}
    labelled = [
        [(word, str(label), value) for label, value in (values.items() if isinstance(values, dict) else _hex(values))]
        for word, values in choices.items()
    ]
    for combination in itertools.product(*labelled):
        labels = {word: label for word, label, _value in combination}
        values = {word: value for word, _label, value in combination}
        rest = {key: value for key, value in situation.items() if key not in ("for", "situation")}
        name = _REFERENCE.sub(lambda found, labels=labels: labels[found[1]], situation["situation"])  # type: ignore[misc]
        yield {"situation": name, **_chosen(rest, values)}


def _hex(numbers: list[int]) -> list[tuple[str, int]]:
    return [(f"{number:#x}", number) for number in numbers]


def _chosen(value: Any, values: Mapping[str, Any]) -> Any:
    """Return a part of a situation with the references to words of `for` replaced; others stay.

    A reference as the name of a value stands for several values, each with its name.
    """
    if isinstance(value, dict):
        chosen: dict[str, Any] = {}
        for name, each in value.items():
            replaced = _chosen(name, values)
            chosen.update(replaced if isinstance(replaced, dict) else {replaced: _chosen(each, values)})
        return chosen
    if isinstance(value, list):
        return [_chosen(each, values) for each in value]
    found = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    if found is None or found[1] not in values:
        return value
    meant = values[found[1]]
    return copy.deepcopy(meant.get(found[2]) if found[2] else meant)


def _flat(steps: list[Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the steps of a list in which lists may stand for some of them."""
    for step in steps:
        if isinstance(step, list):
            yield from _flat(step)
        elif step is not None:
            yield step


class Lab:
    """The fleet, and a controller with an inventory that knows it.

    Args:
        folder: For the controller's files; each situation begins without any.
    """

    def __init__(self, fleet: SimulatedFleet, folder: Path) -> None:
        self.fleet = fleet
        self.folder = folder
        self._situation: Situation = {}
        self._now = 0.0
        self._last: dict[str, Any] = {}
        self._results: list[dict[str, Any]] = []
        self._planted: dict[str, str] = {}
        self._names: dict[str, str] = {}

    @classmethod
    @contextlib.contextmanager
    def running(cls, scripts: Mapping[str, Any], folder: Path) -> Iterator[Lab]:
        """Provide a lab with three computers."""
        with SimulatedFleet.build(["srv01", "srv02", "srv03"], USERS, scripts) as fleet:
            yield cls(fleet, folder)

    def observe(self, situation: Situation) -> list[dict[str, Any]]:
        """Let a situation take place; return the outcome of each call in it that is to be recorded.

        Raises:
            ValueError: The table says something that does not exist.
        """
        if unknown := set(situation) - _KEYS:
            raise ValueError(f"a situation has no {', '.join(sorted(unknown))}")
        self._prepare(situation)
        outcomes = []
        for step in _flat(situation.get("steps") or [situation]):
            called = [name for name in step if name in adapter.CALLS]
            if not called:
                self._happens(step)
                continue
            (name,) = called
            observation = self._call(name, step)
            if not step.get("unrecorded"):
                outcomes.append(outcome_of(observation))
        return outcomes

    def _prepare(self, situation: Situation) -> None:
        """Forget the situation before, and plant the sessions of this one."""
        self._situation, self._last, self._results, self._planted = situation, {}, [], {}
        self._names = {CLIENT_ID: "our client"}
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        for computer in self.fleet:
            for session in computer.sessions:
                session.close()
            computer.injections.clear()
            computer.redirect(None)
            computer.configure({**asdict(Switches()), **(situation.get("switches") or {}).get(computer.name, {})})
        for name in list(self.fleet.failed_logons):
            self.fleet.unlock(name)
        for computer_name, sessions in (situation.get("sessions") or {}).items():
            for declared in sessions:
                self._plant(computer_name, {"name": declared} if isinstance(declared, str) else dict(declared))
        for path, content in (situation.get("files") or {}).items():
            lines = content if isinstance(content, str) else "".join(f"{json.dumps(line)}\n" for line in content)
            (self.folder / path).write_text(str(self._resolved(lines)), encoding="utf-8")
        for computer_name, injections in (situation.get("injections") or {}).items():
            for injection in injections:
                self._inject(computer_name, injection)

    def _plant(self, computer_name: str, declared: dict[str, Any]) -> None:
        """Plant a session; `client: ours` and `client: other` say who is, or was last, its client."""
        client = declared.pop("client", "other")
        name = f"{declared.get('name') or 'nameless'}@{computer_name}"
        while name in self._planted:
            name += "'"
        commands = []
        for number, command in enumerate(declared.pop("commands", ()), start=1):
            command_id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{name} command {number}"))
            commands.append({**command, "command_id": command_id})
            self._names[command_id] = f"planted command {number} of {name}"
        session = self.fleet[computer_name].add_session(
            shell_id=str(uuid.uuid5(uuid.NAMESPACE_OID, name)),
            client_session_id=CLIENT_ID if client == "ours" else None,
            commands=commands,
            **declared,
        )
        self._planted[name] = session.shell_id
        self._names[session.shell_id.lower()] = name

    def _inject(self, computer_name: str, injection: Mapping[str, Any]) -> None:
        resolved = self._resolved(injection)
        self.fleet[computer_name].inject(Injection(**resolved))

    def _happens(self, event: Mapping[str, Any]) -> None:
        """Let something happen that no call does; the README lists the kinds."""
        for kind, what in event.items():
            match kind:
                case "advance":
                    self.fleet.clock.advance(float(what))
                case "close":
                    self._session(what).close()
                case "take":
                    self._session(what).connect_elsewhere()
                case "leave":
                    self._session(what).disconnect()
                case "inject":
                    for computer_name, injections in what.items():
                        for injection in injections:
                            self._inject(computer_name, injection)
                case "redirect":
                    for computer_name, url in what.items():
                        self.fleet[computer_name].redirect(self._resolved(url), times=1)
                case "forget":
                    (self.folder / what).unlink()
                case _:
                    raise ValueError(f"nothing is called {kind}")

    def _call(self, name: str, step: Mapping[str, Any]) -> Observation:
        meanwhile = step.get("meanwhile")
        waiting = [meanwhile] if meanwhile else []

        def confirm(*_about: object) -> bool:
            while waiting:
                self._happens(waiting.pop())
            return True

        surroundings = adapter.Surroundings(
            state_file=str(self.folder / "state"),
            client_id=CLIENT_ID,
            settings_of=None if step.get("with_endpoints") else self._settings_of,
            clock=lambda: self._now,
            sleep=self._sleep,
            confirm=confirm if meanwhile else None,
            host=step.get("host"),
        )
        self.fleet.clear_requests()
        # As in a playbook that omits an option: null is for what is not given.
        options = {option: value for option, value in self._resolved(step[name]).items() if value is not None}
        result = adapter.call(name, options, surroundings, check=bool(step.get("check")), diff=bool(step.get("diff")))
        if waiting:
            raise ValueError("nothing was changed, so nothing happened meanwhile")
        self._last = result
        if "sessions" in result:
            self._results.append(result)
        return Observation(
            call=name,
            result=result,
            requests=self.fleet.requests,
            sessions={computer.name: computer.sessions for computer in self.fleet},
            names=self._names,
            addresses={computer.address: computer.name for computer in self.fleet},
            paths={str(self.folder): "FOLDER", str(self.fleet.ca_file): "CA"},
            client_id=CLIENT_ID,
            with_details=bool(self._situation.get("wire")),
        )

    def _sleep(self, seconds: float) -> None:
        self._now += seconds
        self.fleet.clock.advance(seconds)

    def _settings_of(self, computer_name: str, inventory_hostname: str | None) -> Mapping[str, Any]:
        """Return what the inventory knows of a computer; `inventory` of a situation adds to it or takes away."""
        name = computer_name.lower()
        changed = self._resolved(self._situation.get("inventory") or {}).get(inventory_hostname or name)
        if name == DARK:
            known = {"address": self.fleet["srv01"].address, "port": 1}
        elif name in {computer.name for computer in self.fleet}:
            known = {"address": self.fleet[name].address}
        elif changed is None:
            return {}
        else:
            known = {}
        account = next(user for user in USERS if user.name == self._situation.get("account", "admin"))
        settings = {
            **known,
            "authentication": "basic",
            "username": account.name,
            "password": account.password,
            "message_encryption": "never",
            **(changed or {}),
        }
        return {option: value for option, value in settings.items() if value is not None}

    def _session(self, where: str) -> SimulatedSession:
        name, _at, computer_name = where.partition("@")
        if where in self._planted:
            return self.fleet[computer_name].session(self._planted[where])
        return self.fleet[computer_name].session(name)

    def _resolved(self, value: Any) -> Any:
        """Return a value of a table with its references, such as `${address srv01}`, replaced."""
        if isinstance(value, Mapping):
            return {self._resolved(name): self._resolved(each) for name, each in value.items()}
        if isinstance(value, list):
            return [self._resolved(each) for each in value]
        if not isinstance(value, str):
            return value
        if whole := _REFERENCE.fullmatch(value):
            return self._reference(*whole.groups())
        return _REFERENCE.sub(lambda found: str(self._reference(*found.groups())), value)

    def _reference(self, kind: str, about: str | None) -> Any:
        match kind, about:
            case "sessions", None:
                return self._last["sessions"]
            case "results", None:
                return self._results
            case "guid", str(where):
                return (self._planted.get(where) or self._session(where).shell_id).lower()
            case "address", str(name):
                return self.fleet[name].address
            case "uri", str(name):
                return self.fleet[name].uri
            case "https", str(name):
                return self.fleet[name].https_uri
            case "password", str(name):
                return next(user.password for user in USERS if user.name == name)
            case "ca", None:
                return str(self.fleet.ca_file)
            case "folder", None:
                return str(self.folder)
        raise ValueError(f"there is no ${{{kind} {about}}}")
