"""Rerun to resume: completes work in any state. It is started once, and no output is lost."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.cmdlets import RECEIVE
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.codes import Reason
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.names import is_same_name
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.wildcard import escaped
from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs.base import (
    Call,
    Commands,
    Entry,
    Folder,
    Job,
    Order,
    Result,
    Step,
    Told,
    error,
    is_busy,
    is_owner_unknown,
    unreadable,
    whose,
)
from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs.identity import (
    difference,
    identity_of,
    is_elsewhere,
    noted_in,
)
from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs.reconnect import not_collected
from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs.start import (
    batches,
    granted,
    starting,
    with_journals,
)
from ansible_collections.psremoting.fleet.plugins.plugin_utils._jobs.work import (
    ENDED,
    GONE,
    INCOMPLETE,
    OTHER_WORK,
    STOPPED,
    Act,
    Case,
    Refusal,
    decide,
)
from ansible_collections.psremoting.fleet.plugins.plugin_utils._outcome import parts_of

Phase: t.TypeAlias = t.Generator[Step, Result, None]


def resume(order: Order) -> Job:
    """Complete the work of each host. Each phase is one call for all hosts that need it."""
    works = [_Work(order, host) for host in order.hosts]
    resumer = _Resumer(order)
    while pending := [work for work in works if not work.is_over]:
        acts = {work.host: decide(work.case)[0] for work in pending}
        act = min(acts.values())
        yield from resumer.phase(act, [work for work in pending if acts[work.host] is act])
    still_running = {work.host: int(work.received == "Running") for work in works}
    return Told({work.host: work.told for work in works}, still_running)


@dataclass
class _Work:
    """The work on one host, with the progress of this run."""

    order: Order
    host: str
    told: list[Result] = field(default_factory=list)
    is_over: bool = False
    # The files as last read, the identity of the folder's work, and the difference to this work.
    kept: Result | None = None
    noted: Entry | None = None
    difference: str = ""
    # The kept result, and whether its session is known to be removed.
    result: Result | None = None
    is_kept: bool = False
    # The identity of that result's work. A result of an earlier version does not have it.
    of_work: Entry | None = None
    is_removed: bool = False
    sessions: list[Entry] | None = None
    # The owners whose sessions were looked for.
    account: str = ""
    # The commands in the journal, and those that this run started.
    known: Commands = field(default_factory=dict)
    started: set[str] = field(default_factory=set)
    is_asked_to_start: bool = False
    received: str | None = None
    # The last received output. It is the result if the work has ended.
    last: Result | None = None

    def __post_init__(self) -> None:
        if self.order.folder is not None:
            self._read(self.order.folder)

    @property
    def case(self) -> Case:
        return Case(
            is_other=bool(self.difference),
            is_elsewhere=bool(self.noted and is_elsewhere(self.noted, self.order, self.host)),
            has_result=self.is_kept,
            may_have_session=not self.is_removed,
            sessions=None if self.sessions is None else len(self.sessions),
            has_command=any(session.get("commands") for session in self.sessions or ()),
            is_known=self.order.folder is None or self._knows_the_command(),
            adopts=bool(self.order.options.get("adopt")),
            was_started=bool(self.known),
            is_asked_to_start=self.is_asked_to_start,
            received=self.received,
            lacks_beginning=self.order.folder is not None and _lacks_beginning(self.last),
            starts_anew=bool(self.order.options.get("start_anew")),
            check_mode=self.order.check_mode,
        )

    def _knows_the_command(self) -> bool:
        found = {
            (str(session.get("instance_id")), str(command.get("command_id")).lower())
            for session in self.sessions or ()
            for command in session.get("commands") or ()
        }
        return any(command in self.started or command in self.known.get(session, ()) for session, command in found)

    def fail(self, part: Result) -> None:
        """Report an error and do nothing on the host."""
        self.told.append(part)
        self.is_over = True

    def leave_to_another_run(self) -> bool:
        """Fail if another run has worked on the host meanwhile, and return whether that is so.

        The journal is only locked during each call. Between looking and starting, the other run may have started and
        completed the work.
        """
        before = (self.kept, self.known)
        folder = self.order.folder
        if folder is None or self._is_unreadable(folder) or before == (self.kept, self.known):
            return self.is_over
        self.fail(
            error(
                self.host,
                f"another run has worked on {self.host} at the same time, and nothing was started now",
                hint="Run this again for the result.",
            )
        )
        return True

    def is_of_another_run(self) -> bool:
        """Fail if the received output belongs to other work, which another run has started meanwhile."""
        folder = self.order.folder
        if folder is None or self._is_unreadable(folder):
            return self.is_over
        self.of_work = self.noted or self.identity(folder)
        self.difference = difference(self.of_work, self.order, self.host)
        return bool(self.difference)

    def identity(self, folder: Folder) -> dict[str, str]:
        """Return the identity of this run's work."""
        return identity_of(self.order, self.host, folder.new_salt())

    def _is_unreadable(self, folder: Folder) -> bool:
        """Read the files about the work, and fail if that is not possible. Return whether it failed."""
        try:
            self.kept = folder.result_of(self.host)
            begun = folder.begun_of(self.host)
        except (OSError, ValueError) as reason:
            self.fail(unreadable(self.host, reason))
            return True
        self.known = begun.commands
        self.noted = noted_in(self.kept, begun.work)
        return False

    def _read(self, folder: Folder) -> None:
        """Read the files of earlier runs."""
        if self._is_unreadable(folder):
            return
        if self.noted is not None:
            self.difference = difference(self.noted, self.order, self.host)
        kept = self.kept
        part = parts_of(kept or {}, [self.host])[self.host]
        # Versions before 0.1.0 kept stopped work as a result, although it is not done.
        self.is_kept = any(result.get("state") in ENDED for result in part["results"][:1])
        if self.is_kept and not self.difference:
            self.result, self.of_work = part, (kept or {}).get("work")
            self.told.append({**part, "sessions": []})
            self.sessions = list(part["sessions"])
            self.is_removed = all(session.get("state") == "Closed" for session in self.sessions)


class _Resumer:
    """Does one act for all hosts that need it, and notes its outcome for each."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._folder = order.folder
        (self._name,) = order.options["name"]

    def phase(self, act: Act, works: t.Sequence[_Work]) -> Phase:
        phases: dict[Act, t.Callable[[t.Sequence[_Work]], Phase]] = {
            Act.REFUSE: self._refuse,
            Act.LOOK: self._look,
            Act.LOOK_BACK: self._look_back,
            Act.CLEAR: self._clear,
            Act.START: self._start,
            Act.RECEIVE: self._receive,
            Act.KEEP: self._keep,
            Act.REMOVE: self._remove,
            Act.FINISH: self._finish,
        }
        return phases[act](works)

    def _refuse(self, works: t.Sequence[_Work]) -> Phase:
        yield from ()
        for work in works:
            refusal = decide(work.case)[1]
            if refusal is None:
                raise ValueError("there is no reason to refuse")
            journal = "no journal" if self._folder is None else self._folder.journal_of(work.host)
            sessions = work.sessions or ()
            names = {
                "host": work.host,
                "name": self._name,
                "account": work.account,
                "journal": journal,
                "difference": work.difference,
                "sessions": len(sessions),
                "configurations": ", ".join(sorted({str(each.get("configuration_name")) for each in sessions})),
            }
            if refusal in (STOPPED, INCOMPLETE) and work.last is not None:  # the module has no hint
                ends = (Reason.COMMAND_FAILED.value,) if refusal is INCOMPLETE else ()
                errors = [each for each in work.last["errors"] if each.get("reason") in ends]
                work.told[-1] = {**work.last, "errors": errors}
            reason = _reason_of(refusal, sessions)
            message = refusal.message.format(**names)
            work.fail(
                error(
                    work.host,
                    message,
                    cmdlet=RECEIVE,
                    reason=reason,
                    hint=refusal.hint.format(**names),
                    category=refusal.category,
                )
            )

    def _look(self, works: t.Sequence[_Work]) -> Phase:
        by_host = {work.host: work for work in works}
        options = {
            "computer_name": list(by_host),
            "list_commands": True,
            "name": [escaped(self._name)],
            "owner": self._order.owners,
            **self._order.given("configuration_name"),
        }
        found = yield Call("pssession_info", options)
        accounts = whose(self._order, found)
        for host, part in parts_of(found, by_host).items():
            work = by_host[host]
            work.account = accounts[host]
            # The name is that of the session to open, so no other name is possible.
            work.sessions = [each for each in part["sessions"] if is_same_name(each["name"], self._name)]
            if any(not is_owner_unknown(each) for each in part["errors"]):
                work.fail(part)
            elif part["errors"]:
                yield from self._look_by_journal(work, part)

    def _look_by_journal(self, work: _Work, doubt: Result) -> Phase:
        """Look for the sessions of the journal, if the sessions of the name may belong to another account.

        If there are none, a start lets the server name their owner, and starts nothing if it is the own account. Check
        mode cannot do this.
        """
        if work.known:
            options = {"computer_name": [work.host], "list_commands": True, "instance_id": list(work.known)}
            found = yield Call("pssession_info", {**options, "on_missing": "skip"})
            part = parts_of(found, [work.host])[work.host]
            work.sessions = part["sessions"]
            if part["errors"]:
                work.fail(part)
        if not work.sessions and self._order.check_mode:
            work.fail(doubt)

    def _look_back(self, works: t.Sequence[_Work]) -> Phase:
        """Wait for sessions without a command, and read the results of their last command from the journal.

        By now another run may have started the work there.
        """
        for batch in batches(self._order, works):
            call = self._receiving(batch, {"when_done": "disconnect", **self._order.given("timeout")})
            for work, part in _parts((yield call), batch):
                state = part["results"][0]["state"] if part["results"] else None
                if not part["results"]:
                    work.fail(part if part["errors"] else not_collected(work.host))
                elif state in ENDED or state == "Stopped":
                    work.told += [] if work.difference else [part]
                    work.received, work.last = state, part
                else:  # an error means that the rest is lost; without an error, another run's command still runs
                    work.received = "" if part["errors"] else str(state or "")

    def _clear(self, works: t.Sequence[_Work]) -> Phase:
        """Remove sessions in which the work may or may not have run."""
        for work, part in _parts((yield self._removing(works)), works):
            work.told = [part]
            work.sessions, work.received, work.last = [], None, None
            work.is_over = bool(part["errors"])

    def _start(self, works: t.Sequence[_Work]) -> Phase:
        for batch in batches(self._order, works):
            batch = [work for work in batch if not work.leave_to_another_run()]
            if not batch:
                continue
            hosts = [each.host for each in batch]
            call = starting(self._order, hosts, **self._order.given("journal"))
            call = with_journals(self._order, call, hosts, {each.host: each.known for each in batch})
            for work, part in _parts((yield call), batch):
                work.is_asked_to_start, work.received, work.difference = True, None, ""
                errors = [each for each in part["errors"] if not _is_about_empty(each, part)]
                work.told.append({**part, "results": [], "errors": errors})
                work.started |= {str(each.get("command_id")).lower() for each in part["results"]}
                yield from granted(self._order, work.host, part["sessions"])
                work.sessions = [_with_start(session, part) for session in part["sessions"]]
                work.is_over = bool(errors)

    def _receive(self, works: t.Sequence[_Work]) -> Phase:
        for batch in batches(self._order, works):
            for work, part in _parts((yield self._receiving(batch, self._order.given("timeout"))), batch):
                work.told.append(part)
                work.last = part
                work.received = str((part["results"][0]["state"] or "") if part["results"] else "")
                if part["errors"] and work.received != "Stopped":
                    work.is_over = work.received not in ENDED
                elif not part["results"] and not self._order.check_mode:
                    work.fail(not_collected(work.host))

    def _keep(self, works: t.Sequence[_Work]) -> Phase:
        """Keep the results of work that has ended. Its session is removed only after that."""
        yield from ()
        for work in works:
            if work.is_of_another_run():
                continue
            work.result = work.last
            work.is_kept = True
            work.sessions = list(work.result["sessions"] if work.result else ())
            work.is_removed = not work.sessions
            self._write(work)

    def _remove(self, works: t.Sequence[_Work]) -> Phase:
        for work, part in _parts((yield self._removing(works)), works):
            work.told.append(part)
            work.is_removed = True
            if part["errors"]:
                work.is_over = True
            elif not self._order.check_mode:
                work.sessions = [{**session, "state": "Closed"} for session in work.sessions or ()]
                self._write(work)

    def _finish(self, works: t.Sequence[_Work]) -> Phase:
        yield from ()
        for work in works:
            work.is_over = True

    def _write(self, work: _Work) -> None:
        if self._folder is None or work.result is None:
            return
        try:
            of_work = {"work": work.of_work} if work.of_work else {}
            self._folder.keep_result(work.host, {**of_work, **work.result, "sessions": work.sessions or []})
        except OSError as reason:
            work.fail(error(work.host, f"the result of the work on {work.host} could not be kept: {reason}"))

    def _receiving(self, batch: t.Sequence[_Work], more: Entry) -> Call:
        options = self._order.given("busy_timeout", "expected_return_code", "journal")
        call = Call("receive_pssession", {"session": _sessions(batch), **options, **more})
        return with_journals(self._order, call, [work.host for work in batch])

    def _removing(self, works: t.Sequence[_Work]) -> Call:
        # A killed controller may still count as connected to the session for about a minute.
        return Call("remove_pssession", {"session": _sessions(works), **self._order.given("busy_timeout")})


def _reason_of(refusal: Refusal, sessions: t.Iterable[Entry]) -> Reason:
    if refusal is OTHER_WORK and any(map(is_busy, sessions)):
        return Reason.BUSY
    return {STOPPED: Reason.COMMAND_FAILED, GONE: Reason.EXPIRED}.get(refusal, Reason.FAILED)


def _lacks_beginning(part: Result | None) -> bool:
    """Return whether another client received the beginning of a command's output, or the session dropped it."""
    if part is None or any(session.get("output_buffering_mode") == "Drop" for session in part["sessions"]):
        return False
    return any(result.get("beginning_received") is False for result in part["results"])


def _sessions(works: t.Sequence[_Work]) -> list[Entry]:
    return [session for work in works for session in work.sessions or ()]


def _parts(result: Result, works: t.Sequence[_Work]) -> list[tuple[_Work, dict[str, list[t.Any]]]]:
    parts = parts_of(result, [work.host for work in works])
    return [(work, parts[work.host]) for work in works]


def _is_about_empty(found: Entry, part: Result) -> bool:
    """Return whether an error is about a session without a command, for which the job decides the next act."""
    started = {result["instance_id"] for result in part["results"]}
    empty = {session["instance_id"] for session in part["sessions"] if session.get("commands") == []}
    return found.get("instance_id") in empty - started


def _with_start(session: Entry, part: Result) -> Entry:
    """Return a session with the command that was just started in it."""
    started = [{"command_id": each["command_id"]} for each in part["results"] if each.get("command_id")]
    return {**session, "commands": session.get("commands") or started}
