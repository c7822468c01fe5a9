# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The outcome of a call in a form that is the same on every run and every machine, and short enough to read.

GUIDs become names, addresses the names of computers, times a distance in minutes, process ids a word. Values that
`usual.yml` has are left out; one that it has and the result lacks is recorded as absent. The message of a task with
one error is left out where it is that error's message and hint, and what the only command gave is recorded once.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.simulator import LoggedRequest, SimulatedSession

USUAL: dict[str, dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "usual.yml").read_text(encoding="utf-8"))

_GUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE)
_ADDRESS = re.compile(r"\b127(?:\.\d{1,3}){3}\b")
# The time in a file's name, and how much of an answer came: that depends on the digits of process ids and durations.
_NUMBER = re.compile(r"(?<=\.damaged-)\d+|\d+(?= bytes read)|\d+(?= more expected)")
_TIME = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?")
# Values that no two runs share.
_VOLATILE = frozenset({"process_id", "native_thread_id", "managed_thread_id"})
# Where the parts of a result stand that have usual values.
_PARTS = {
    "sessions": "session",
    "results": "command",
    "errors": "error",
    "failure": "record",
    "error": "record",
    "exception": "exception",
    "category_info": "category",
}
_OF_THE_SCRIPT = frozenset(
    {"result", "output", "error", "warning", "verbose", "debug", "information", "host_out", "host_err"}
)
# Elements and attributes of a request's body that options decide about.
_DETAILS = re.compile(
    r"<(?:\w+:)?(OperationTimeout|MaxEnvelopeSize|IdleTimeOut|BufferMode|Locale|DataLocale|Name)\b([^>]*)>([^<]*)"
    r"|\b(BufferMode|IdleTimeOut)=\"([^\"]*)\""
)
_LANGUAGE = re.compile(r"xml:lang=\"([^\"]*)\"")


@dataclass(frozen=True)
class Observation:
    """A call and what could be seen of it.

    Attributes:
        call: Which module or lookup.
        sessions: Those on each computer afterwards.
        names: By GUID in lower case.
        addresses: Names of computers by address.
        client_id: GUID of our client.
        with_details: Add the headers of each request that options decide about.
    """

    call: str
    result: Mapping[str, Any]
    requests: Sequence[LoggedRequest]
    sessions: Mapping[str, Sequence[SimulatedSession]]
    names: Mapping[str, str]
    addresses: Mapping[str, str]
    paths: Mapping[str, str]
    client_id: str
    with_details: bool = False


def outcome_of(seen: Observation) -> dict[str, Any]:
    """Return the outcome of a call as plain values of YAML."""
    stable = _Stable(seen)
    part = seen.call if seen.call in USUAL else "result"
    requests: dict[str, list[str]] = {}
    for request in seen.requests:
        requests.setdefault(request.computer, []).append(stable.line(request))
    return {
        "call": seen.call,
        "result": _without_usual(stable.value(_without_repeated(seen.result)), part),
        "requests": {name: list(_counted(lines)) for name, lines in sorted(requests.items())},
        "afterwards": [
            stable.state(computer, session) for computer, there in sorted(seen.sessions.items()) for session in there
        ],
    }


def _without_repeated(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a result without what it has in `results`, too, where there is one."""
    if len(result.get("results") or ()) != 1:
        return result
    (only,) = result["results"]
    return {name: each for name, each in result.items() if name not in _OF_THE_SCRIPT or each != only[name]}


def _counted(lines: Sequence[str]) -> Iterable[str]:
    """Yield lines; a run of equal lines, or of equal pairs of lines, becomes one line with its length."""
    position = 0
    while position < len(lines):
        for length, least in ((1, 2), (2, 3)):
            part = lines[position : position + length]
            count = 1
            while lines[position + count * length :][:length] == part:
                count += 1
            if count >= least:
                yield f"{', '.join(part)} (x{count})"
                position += count * length
                break
        else:
            yield lines[position]
            position += 1


def _without_usual(value: Any, part: str) -> Any:
    """Return a part of a result without the values that are as usual."""
    if not isinstance(value, Mapping):
        return value
    if "refused" in value:
        return value
    computer = str(value.get("computer_name"))
    usual = {
        name: each.format(computer=computer, COMPUTER=computer.upper()) if isinstance(each, str) else each
        for name, each in USUAL[part].items()
    }
    left: dict[str, Any] = {name: "(absent)" for name in usual if name not in value}
    for name, each in value.items():
        if name in usual and usual[name] == each and type(usual[name]) is type(each):
            continue
        if name == "msg" and value.get("errors") and each == _message(value["errors"]):
            continue
        left[name] = each
        if name in _PARTS and each:
            left[name] = (
                [_without_usual(one, _PARTS[name]) for one in each]
                if isinstance(each, list)
                else _without_usual(each, _PARTS[name])
            )
    return left


def _message(errors: Sequence[Mapping[str, Any]]) -> str | None:
    """Return what a task says about its only error; None where there are several."""
    (error, *more) = errors
    hint = f" ({error['hint']})" if error["hint"] else ""
    return None if more else f"{error['message']}{hint}"


class _Stable:
    """Gives everything that changes from run to run a name, in the order of its appearance."""

    def __init__(self, seen: Observation) -> None:
        self._seen = seen
        self._now = datetime.datetime.now(datetime.timezone.utc)
        self._names = dict(seen.names)
        for computer, sessions in sorted(seen.sessions.items()):
            for session in sessions:
                self._names.setdefault(session.shell_id.lower(), f"{session.name or 'nameless'}@{computer}")
        self._counts: dict[str, int] = {}
        for session in seen.result.get("sessions", ()):  # what is gone by now, or was never there
            name = f"{session.get('name')}@{session.get('computer_name')}"
            self._names.setdefault(str(session.get("instance_id")).lower(), name)

    def _name(self, guid: str, kind: str = "guid") -> str:
        guid = guid.lower()
        if guid not in self._names:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._names[guid] = f"{kind} {self._counts[kind]}"
        return self._names[guid]

    def value(self, value: Any) -> Any:
        """Return a value of a result without anything volatile."""
        if isinstance(value, Mapping):
            return {
                self.value(str(name)): "(volatile)" if name in _VOLATILE and each is not None else self.value(each)
                for name, each in value.items()
            }
        if isinstance(value, (list, tuple)):
            return [self.value(each) for each in value]
        return self._text(value) if isinstance(value, str) else value

    def _text(self, text: str) -> str:
        for path, name in self._seen.paths.items():
            text = text.replace(path, name)
        text = _NUMBER.sub("(number)", text)
        text = _GUID.sub(lambda found: f"({self._name(found[0])})", text)
        text = _ADDRESS.sub(lambda found: self._seen.addresses.get(found[0], found[0]), text)
        return _TIME.sub(lambda found: self._time(found[0]), text)

    def _time(self, text: str) -> str:
        """Return a time as its distance from now, to the minute: planted sessions have whole minutes."""
        try:
            moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
        except ValueError:
            return text
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=datetime.timezone.utc)
        minutes = round((moment - self._now).total_seconds() / 60)
        return "(now)" if minutes == 0 else f"(now {'+' if minutes > 0 else '-'} {abs(minutes)} min)"

    def line(self, request: LoggedRequest) -> str:
        """Return one request as a line: what, about which session and command, and what came of it."""
        words = [request.operation]
        if request.operation == "Enumerate":
            words.append("commands" if "command" in request.resource_uri.lower().rpartition("/")[2] else "sessions")
        if request.shell_id:
            words.append(self._name(request.shell_id, "session"))
        if request.command_id:
            words.append(self._name(request.command_id, "command"))
        if request.secure:
            words.insert(0, "HTTPS")
        if request.scheme not in (None, "basic"):
            words.append(f"[{request.scheme}]")
        if request.fault_code is not None:
            words.append(f"-> {request.fault_code:#x}")
        elif request.status != 200:
            words.append(f"-> {'no answer' if request.status is None else f'HTTP {request.status}'}")
        return " ".join([*words, *(self._details(request.body) if self._seen.with_details else ())])

    def _details(self, body: str) -> Iterable[str]:
        for name, attributes, text, attribute, value in _DETAILS.findall(body):
            language = _LANGUAGE.search(attributes)
            yield f"{name or attribute}={language[1] if language else text or value}"

    def state(self, computer: str, session: SimulatedSession) -> str:
        """Return how a session is on its server, as one line."""
        name = self._names[session.shell_id.lower()]
        if session.state != "Connected":
            return f"{name}: {session.state}"
        return f"{name}: Connected, {'ours' if session.owner_client == self._seen.client_id.upper() else 'not ours'}"
