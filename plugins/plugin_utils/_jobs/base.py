"""The parts of a job: the order it gets, its calls and lines, and the messages for each host."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.accounts import OWN
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.cmdlets import GET, Cmdlet
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.codes import Reason
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import Subject, error_record
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.journals import HostJournal
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.wildcard import (
    WildcardPattern,
    escaped,
    how_to_write,
)
from ansible_collections.psremoting.fleet.plugins.plugin_utils._outcome import (
    REASONS,
    host_of,
    of_host,
    parts_of,
)

Options = t.Mapping[str, t.Any]
# The result of a task, or one host's part of it.
Result = t.Mapping[str, t.Any]
Entry = t.Mapping[str, t.Any]
# Ids of commands, in lower case, by the instance ids of their sessions.
Commands = t.Mapping[str, t.AbstractSet[str]]


@dataclass(frozen=True)
class Begun:
    """The work on a host, as its journal has it.

    Attributes:
        commands: All commands, without those that the server refused to start.
        work: The identity of the last command's work (see `identity`), or None if it was not written.
    """

    commands: Commands = field(default_factory=dict)
    work: Entry | None = None


class Folder(t.Protocol):
    """Files of a job on the controller about the work on each host. A simulation implements it without a disk."""

    def journal_of(self, host: str) -> str:
        """Return the path of the host's journal."""

    @property
    def most_at_once(self) -> int:
        """Return the number of journals that may be open at the same time."""

    def new_salt(self) -> str:
        """Return an unpredictable text, for `identity`."""

    def begun_of(self, host: str) -> Begun:
        """Return the work on a host, as its journal has it.

        Raises:
            OSError: The journal cannot be read.
        """

    def recorded_of(self, host: str) -> tuple[list[Entry], list[str]]:
        """Return the results of a host's commands from the journals there, and messages about unreadable parts.

        Raises:
            OSError, PSSessionError: A journal does not exist or cannot be read.
        """

    def result_of(self, host: str) -> Result | None:
        """Return the result that was kept for a host, or None.

        Raises:
            OSError, ValueError: The result exists but cannot be read.
        """

    def keep_result(self, host: str, result: Result) -> None:
        """Write the result of a host, as a whole or not at all.

        Raises:
            OSError: It cannot be written.
        """


@dataclass(frozen=True)
class Order:
    """The options of a job.

    Attributes:
        hosts: The inventory hosts of the sessions.
        options: The options of the job. Options that were not given are None or missing.
        check_mode: Whether the calls only predict.
        folder: The files about the work, or None.
        now: The time in seconds since 1970.
    """

    hosts: t.Sequence[str]
    options: Options
    check_mode: bool = False
    folder: Folder | None = None
    now: float = 0.0

    def given(self, *names: str) -> dict[str, t.Any]:
        """Return those options of these names that were given."""
        return {name: self.options[name] for name in names if self.options.get(name) not in (None, [], {}, "")}

    @property
    def owners(self) -> list[str]:
        """Return the owners of the sessions: the option `owner`, or the account of the log-on to each host."""
        return list(self.options.get("owner") or [OWN])


@dataclass(frozen=True)
class Call:
    """A call of one of our modules, for all hosts that need it.

    Attributes:
        module: Name of the module in the collection.
        options: Its options. The driver adds the options of log-on and connection, and has errors reported, not raised.
        only_foresee: Whether the call runs in check mode, even if the task does not.
        journals: The journal of each host, by its name in lower case. None if the options have the journal.
    """

    module: str
    options: Options
    only_foresee: bool = False
    journals: t.Mapping[str, HostJournal] | None = None


@dataclass(frozen=True)
class Line:
    """Something to show.

    Attributes:
        kind: The kind of the note; see the documentation of pssession_job. Output is only in the results.
        host: The host that it is about.
        value: A text, or the plain data that is shown.
    """

    kind: str
    host: str
    value: t.Any

    def as_dict(self) -> dict[str, t.Any]:
        return {"kind": self.kind, "host": self.host, "value": self.value}


@dataclass
class Told:
    """The results of the hosts at the end of a job.

    Attributes:
        parts: For each host, its parts of the valid results, in their order.
        pending: For each host, the number of commands that still run, or None if the job does not know it.
    """

    parts: dict[str, list[Result]]
    pending: dict[str, int] | None = None

    @classmethod
    def of(cls, hosts: t.Iterable[str]) -> Told:
        return cls({host: [] for host in hosts})

    def add(self, result: Result) -> dict[str, dict[str, list[t.Any]]]:
        """Add the result of a call to all hosts, and return its part for each host."""
        parts = parts_of(result, self.parts)
        for host, part in parts.items():
            self.parts[host].append(part)
        return parts

    def by_host(self, fail_on: t.Container[str] = REASONS) -> dict[str, dict[str, t.Any]]:
        """Return the result of each host: `of_host` applied to its parts."""
        return {host: of_host(parts, host, fail_on) for host, parts in self.parts.items()}


Step: t.TypeAlias = "Call | Line"
Job: t.TypeAlias = t.Generator[Step, Result, Told]


def drive(job: Job, perform: t.Callable[[Call], Result]) -> tuple[Told, list[Line]]:
    """Drive a job to its end.

    Args:
        perform: Does a call and returns the result of the task.
    """
    lines: list[Line] = []
    reply: Result = {}
    try:
        step = next(job)
        while True:
            if isinstance(step, Call):
                reply = perform(step)
            else:
                lines.append(step)
                reply = {}
            step = job.send(reply)
    except StopIteration as end:  # perhaps before the first step, if there is nothing to do
        return end.value, lines


def error(
    host: str,
    message: str,
    *,
    cmdlet: Cmdlet = GET,
    reason: Reason = Reason.FAILED,
    session: Entry | None = None,
    hint: str = "",
    category: str = "InvalidOperation",
) -> dict[str, t.Any]:
    """Return a part of a result with one error of a host, in the form of the engine's results."""
    about = Subject(host, host, *((session.get("name"), session.get("instance_id")) if session else ()))
    record = error_record(
        "InvalidOperation",
        message,
        cmdlet=cmdlet,
        reason=reason,
        category=category,
        target=about.instance_id,
        about=about,
        hint=hint,
    )
    return {"errors": [record.as_dict()]}


def unreadable(host: str, reason: Exception) -> dict[str, t.Any]:
    """Return the error of a host whose journal, or result in the journal folder, cannot be read."""
    return error(
        host,
        f"what is kept of the work on {host} cannot be read: {reason}",
        hint="Make the file readable, or restore it: without it, it is not known whether the work was done. Other work "
        "needs a journal folder of its own.",
    )


def is_owner_unknown(record: Entry) -> bool:
    """Return whether an error is about sessions whose owner may or may not be the own account."""
    return str(record.get("fully_qualified_error_id") or "").startswith("PSSessionOwnerUnknown,")


def is_busy(session: Entry) -> bool:
    """Return whether another client is connected to a session that was listed."""
    return (session.get("state"), session.get("availability")) == ("Disconnected", "Busy")


def whose(order: Order, result: Result) -> dict[str, str]:
    """Return for each host the owners whose sessions a call looked for, for messages."""
    own: dict[str | None, list[str]] = {}
    for entry in result.get("accounts") or ():
        own.setdefault(host_of(entry), []).append(entry["account"])
    return {host: ", ".join(own.get(host) or order.owners) for host in order.hosts}


def with_names(order: Order) -> str:
    """Return the names that a job looks for, for messages. Empty if it accepts any name."""
    names = [name for name in order.options.get("name") or () if name != "*"]
    return f" named {' or '.join(map(repr, names))}" if names else ""


def how_to_write_names(order: Order) -> str:
    """Return advice on writing names with brackets, for the end of the message that nothing was found."""
    patterns = map(WildcardPattern.of_name, order.options.get("name") or ())
    return "".join(f". {hint}" for hint in map(how_to_write, patterns) if hint)


def as_patterns(order: Order, host: str, sessions: t.Sequence[Entry]) -> t.Iterator[Line]:
    """Yield a note for each name with brackets that was used as a pattern, because the user may have meant a name."""
    for name in order.options.get("name") or ():
        pattern = WildcardPattern.of_name(name)
        matches = [str(each.get("name") or "") for each in sessions]
        matches = [each for each in matches if pattern.selects(each) and not pattern.is_name(each)]
        if matches and "[" in name:
            text = f"no session has the name {name}, so it is used as a pattern. It matches {', '.join(matches)}"
            yield Line("pattern", host, f"{text}. For that name only, write {escaped(name)}")


def place(session: Entry) -> str:
    """Return the name of a session as lines show it."""
    return str(session.get("name") or session.get("instance_id"))
