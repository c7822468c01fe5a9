"""A session that is kept for the next tasks, and in which a later run finds the commands of a run that was killed.

    a task of this run left the session free, and no other session has leftover commands
        |------------------------> start the command; open the session again if it no longer exists
    otherwise
        +--> list the sessions and their commands
                           |-- the command exists ------> join it
                           |-- no commands -------------> start the command
                           +-- leftover commands -------> start the command in another session

Only one process of a controller works with a session (`_kept_state`). The server decides which client may connect.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import typing as t

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.library import (
    Claimed,
    Endpoint,
    ListedCommand,
    PSSession,
    PSSessionError,
    Remoting,
    Script,
    TransportError,
    WSManFault,
    session_at,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp.starting import TooLarge
from ansible_collections.psremoting.fleet.plugins.plugin_utils import _kept_script
from ansible_collections.psremoting.fleet.plugins.plugin_utils._core_pipeline import CorePipeline
from ansible_collections.psremoting.fleet.plugins.plugin_utils._interruption import tidy_interruption
from ansible_collections.psremoting.fleet.plugins.plugin_utils._kept_results import KeptResult, KeptResults
from ansible_collections.psremoting.fleet.plugins.plugin_utils._kept_state import KeptState, Known
from ansible_collections.psremoting.fleet.plugins.plugin_utils._live.text import duration
from ansible_collections.psremoting.fleet.plugins.plugin_utils._task_ids import Ids, Title, read_title, title_of
from ansible_collections.psremoting.fleet.plugins.plugin_utils._task_session import NAME, TaskSession
from ansible_collections.psremoting.fleet.plugins.plugin_utils._task_work import TRANSFER, Work

# The maximum number of sessions for the tasks of one host: one, and further ones if sessions have leftover commands.
_SLOTS = 4


@dataclasses.dataclass(frozen=True)
class Keeping:
    """Settings for sessions that are kept.

    Attributes:
        is_durable: Whether a later run joins commands. Otherwise sessions are for one run only.
        ids: The source of the ids of sessions and commands.
        kind: As in `Known`.
        run: Identity of this run.
        state: The state file of the session, which this process has locked.
        client_id: The identity of this controller, a GUID.
        wait: Seconds to wait for a session that another client is connected to.
        max_age: The maximum age, in seconds since its start, of a command that a task joins.
        max_tasks: The maximum number of tasks in one session.
        results: Results that earlier runs received and could not use. None for sessions of one run.
    """

    is_durable: bool
    ids: Ids
    kind: str
    run: str
    state: KeptState
    client_id: str
    wait: float
    max_age: float
    max_tasks: int
    results: KeptResults | None = None


class KeptSession(TaskSession):
    """A kept session that one task uses.

    Args:
        endpoint, resource_uri, recovery_timeout, tell: As for `TaskSession`.

    Nothing is sent before the first command.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        resource_uri: str,
        recovery_timeout: float,
        tell: t.Callable[[str], None],
        keeping: Keeping,
    ) -> None:
        self._prepare(Remoting(keeping.client_id), endpoint, recovery_timeout, tell)
        self._endpoint = endpoint
        self._resource_uri = resource_uri
        self._keeping = keeping
        self._is_restored = False
        self._is_beside = False
        self._is_too_large_told = False
        self._session = self._at(0)

    def run(self, script: Script, take: t.Callable[[t.Any], None] | None = None, work: Work = TRANSFER) -> CorePipeline:
        """Run a script to its end, or join an earlier run's command for the same work, and return the output.

        Args:
            take: Gets each object of the output. Without it, the returned output has the objects.
            work: The work of the script.

        Raises:
            Unfinished: The command was started, and it is unknown whether it has ended.
            PSSessionError: The command was not started, or cannot be joined.
        """
        self._check_parent()
        command_id = self._keeping.ids.command(work)
        with tidy_interruption():
            self._session = self._chosen(command_id, work)
            with self._stopped_by_user(lambda: self._stop(command_id)):
                self._note(is_free=False)
                pipeline = self._ran(script, take, work, command_id)
        self._note(is_free=True)
        return pipeline

    def close(self) -> None:
        """Free the session for the next task, and remove the results of this task.

        If the run is killed before, a later run can use the results.
        """
        if self._keeping.results is not None and self._has_parent():
            self._keeping.results.end()
        known = self._keeping.state.read()
        if known is not None and known.is_free:
            self._keeping.state.write(dataclasses.replace(known, tasks=known.tasks + 1))
        self._keeping.state.release()
        self._remoting.close()

    def remove(self) -> None:
        """Remove the session of the previous task, unless it has a command that may still run."""
        known = self._known()
        if known is not None and known.is_free:
            with contextlib.suppress(TransportError):
                self._remoting.remove(session_at(self._endpoint, known.instance_id, NAME))
            self._keeping.state.write(None)

    def _ran(self, script: Script, take: t.Callable[[t.Any], None] | None, work: Work, command_id: str) -> CorePipeline:
        can_be_held = take is None and script.has_own_scope and isinstance(script.input, (tuple, type(None)))
        if can_be_held:
            try:
                return self._held(script, work, command_id)
            except TooLarge as error:
                self._tell_too_large(error)
        if not self._is_restored:
            self._restore()
        self._start(dataclasses.replace(script, title=title_of(TRANSFER, _now())), command_id)
        return self._followed(command_id, CorePipeline(self.host, take), confirms=True)

    def _held(self, script: Script, work: Work, command_id: str) -> CorePipeline:
        """Run a script with its input in one request, or join the command that does the same work."""
        if (kept := self._kept(work, command_id)) is not None:
            return self._taken(kept, work, command_id)
        ready = _kept_script.held(script, command_id, title_of(work, _now()), restores=not self._is_restored)
        claimed = self._claimed(ready, command_id)
        self._is_restored = True
        if not claimed.is_started:
            self._check_that_it_gives_something(claimed, command_id)
        pipeline = CorePipeline(self.host, is_recorded=work.content is not None and not work.is_secret)
        had_early = self._watched(command_id, pipeline, work, is_started=claimed.is_started)
        self._followed(command_id, pipeline, claimed.needs, confirms=True)
        _kept_script.without_wrapping(pipeline)
        amount = _kept_script.amount_of(pipeline, command_id)
        if had_early:
            raise PSSessionError(_lost("Some of its errors, or of what it wrote to its host,"))
        if not claimed.is_started:
            self._join(pipeline, amount, claimed.title, work)
        return pipeline

    def _watched(self, command_id: str, pipeline: CorePipeline, work: Work, *, is_started: bool) -> bool:
        """Have it noted if a command gives something before its end; tell whether an earlier run received such."""
        results = self._keeping.results
        if results is None or work.content is None or work.is_module:  # modules give all in their result
            return False
        return results.watch(command_id, pipeline, is_started=is_started)

    def _received(self, command_id: str, pipeline: CorePipeline) -> None:
        results, messages = self._keeping.results, pipeline.recorded
        if results is None or messages is None or not _kept_script.is_complete(pipeline, command_id):
            return
        with contextlib.suppress(OSError):  # then the next run has what it would have without it
            results.keep(command_id, self.id, messages)

    def _kept(self, work: Work, command_id: str) -> KeptResult | None:
        results = self._keeping.results
        return None if results is None or work.content is None else results.found(command_id)

    def _taken(self, kept: KeptResult, work: Work, command_id: str) -> CorePipeline:
        """Use the result that an earlier run received for a command, and make the server forget the command."""
        results = t.cast(KeptResults, self._keeping.results)
        with contextlib.suppress(WSManFault):  # it has, or its session is gone
            self._remoting.end(self._of(kept.instance_id), command_id, busy_timeout=self._keeping.wait)
        pipeline = CorePipeline(self.host)
        for kind, data in kept.messages:
            pipeline.feed(kind, data)
        _kept_script.without_wrapping(pipeline)
        amount = _kept_script.amount_of(pipeline, command_id)
        if _kept_script.lost(pipeline, amount, is_module=work.is_module):  # no later run can use it either
            results.remove(command_id)
        self._join(pipeline, amount, None, work, f"remove the file {results.path(command_id)} first")
        results.remove(command_id)
        return pipeline

    def _claimed(self, script: Script, command_id: str) -> Claimed:
        keeping = self._keeping
        try:
            claimed = self._remoting.claim(
                self._session,
                script,
                command_id,
                busy_timeout=keeping.wait,
                recovery_timeout=self._recovery_timeout,
            )
        except TransportError as error:
            self._may_work = error.delivered
            if not error.delivered:
                raise
            raise self._unfinished(error) from error
        if claimed.is_opened:
            self._keeping.state.write(Known(self._session.instance_id, keeping.kind, 0, is_free=False, run=keeping.run))
        return claimed

    def _check_that_it_gives_something(self, claimed: Claimed, command_id: str) -> None:
        """Check that a command of an earlier run may be joined.

        Raises:
            PSSessionError: The command is too old, or a client has received its end, so the server may forget it.
        """
        if claimed.title is not None:
            self._check_age(claimed.title)
            return
        with contextlib.suppress(TransportError):
            self._remoting.end(self._session, command_id, busy_timeout=self._keeping.wait)
        if self._keeping.results is not None:
            self._keeping.results.remove(command_id)
        raise PSSessionError(_lost("Its result"))

    def _join(
        self,
        pipeline: CorePipeline,
        amount: _kept_script.Amount | None,
        title: str | None,
        work: Work,
        way: str = "",
    ) -> None:
        """Use the output of an earlier run's command as the result of this task, and report that.

        Args:
            way: As for `_check_age`.

        Raises:
            PSSessionError: The output is too old, or a part is missing.
        """
        if lost := _kept_script.lost(pipeline, amount, is_module=work.is_module):
            raise PSSessionError(_lost(lost))
        known = self._check_age(title or t.cast(_kept_script.Amount, amount).title, way)
        pipeline.started = known.started
        since = f"{_age_of(known)} ago ({known.started.strftime('%Y-%m-%dT%H:%M:%SZ')})"
        self._tell(f"joined {known.name}, which an earlier run started {since}")

    def _check_age(self, text: str, way: str = "") -> Title:
        """Return the entry of a command in a list of commands.

        Args:
            way: How a user can remove its result. Without this text, the result is in the session.

        Raises:
            PSSessionError: The command does not belong to a task, or is too old.
        """
        title = read_title(text)
        if title is None:
            raise PSSessionError(f"The session has a command of the same id that is not of a task: {text}.")
        if (_now() - title.started).total_seconds() > self._keeping.max_age:
            raise PSSessionError(
                f"The same command was started by an earlier run {_age_of(title)} ago, which is more than "
                f"ansible_psrp_durable_max_age ({self._keeping.max_age:.0f} seconds). Its result was not taken, and "
                "nothing was started. Raise ansible_psrp_durable_max_age to take it. To run the command again, "
                f"{way or f'end session {self.id} with remove_pssession first'}."
            )
        return title

    def _restore(self) -> None:
        command_id = self._keeping.ids.command(TRANSFER)
        claimed = self._claimed(_kept_script.restoring(title_of(TRANSFER, _now())), command_id)
        self._followed(command_id, CorePipeline(self.host), claimed.needs, confirms=True)
        self._is_restored = True

    def _chosen(self, command_id: str, work: Work) -> PSSession:
        """Return the session for a command. If it does not exist, starting the command opens it."""
        keeping, known = self._keeping, self._known()
        if known is not None and known.is_free:
            is_full = known.tasks >= keeping.max_tasks and not self._is_restored
            if known.kind != keeping.kind or is_full:
                self.remove()
            elif not known.is_beside:
                return self._of(known.instance_id)
        elif known is None and not keeping.is_durable:
            return self._at(0)  # no earlier run has sessions of this one
        return self._looked_for(command_id, work)

    def _known(self) -> Known | None:
        """Return the state in which an earlier task of this run left the session."""
        known = self._keeping.state.read()
        return known if known is not None and known.run == self._keeping.run else None

    def _looked_for(self, command_id: str, work: Work) -> PSSession:
        """List the sessions on the server, and return the one that has a command, or else one in which nothing runs.

        Raises:
            PSSessionError: The server has neither, and no further session is allowed.
        """
        self._is_beside = True  # as far as it has not looked
        listed = {each.instance_id: each for each in self._remoting.get(self._endpoint)}
        clear: list[PSSession] = []
        new: list[PSSession] = []
        leftovers: list[tuple[PSSession, ListedCommand]] = []
        for session in map(self._at, range(_SLOTS)):
            if session.instance_id not in listed:
                new.append(session)
                continue
            commands = self._remoting.commands(session)
            if any(command.command_id == command_id for command in commands):
                return session
            left = [each for each in commands if not self._is_cleared(session, each)]
            leftovers += [(session, each) for each in left]
            if not left:
                clear.append(session)
        self._is_beside = bool(leftovers)
        if work.content is not None:
            self._tell_of_leftovers(leftovers)
        if not clear and not new:
            raise PSSessionError(f"Each of the {_SLOTS} sessions for tasks has commands that earlier runs left.")
        return clear[0] if clear else self._opened(new[0])

    def _opened(self, session: PSSession) -> PSSession:
        opened = self._remoting.new(
            self._endpoint, NAME, resource_uri=self._resource_uri, instance_id=session.instance_id
        )
        self._keeping.state.write(Known(opened.instance_id, self._keeping.kind, 0, is_free=True, run=self._keeping.run))
        return session

    def _is_cleared(self, session: PSSession, command: ListedCommand) -> bool:
        """Stop a leftover command if it may be run again at any time, and return whether it no longer exists."""
        title = read_title(command.command_line)
        if title is None or not title.is_repeatable:
            return False
        self._remoting.end(session, command.command_id, busy_timeout=self._keeping.wait)
        return True

    def _tell_of_leftovers(self, leftovers: t.Iterable[tuple[PSSession, ListedCommand]]) -> None:
        for session, command in leftovers:
            title = read_title(command.command_line)
            what = command.command_line if title is None else f"{title.name}, {_age_of(title)} old"
            self._tell(
                f"an earlier run left a command in session {session.instance_id}: {what}. This task has a session of "
                "its own. The task of the command joins it when it runs again; receive_pssession collects its output, "
                "and remove_pssession ends it"
            )

    def _stop(self, command_id: str) -> None:
        if self._keeping.is_durable:
            self._remoting.end(self._session, command_id)
        else:
            self._remoting.abort(self._session, command_id)
            self._keeping.state.write(None)

    def _note(self, *, is_free: bool) -> None:
        known = self._keeping.state.read()
        tasks = known.tasks if known is not None and known.instance_id == self.id else 0
        keeping = self._keeping
        keeping.state.write(Known(self.id, keeping.kind, tasks, is_free, keeping.run, self._is_beside))

    def _tell_too_large(self, error: TooLarge) -> None:
        if self._keeping.is_durable and not self._is_too_large_told:
            self._is_too_large_told = True
            self._tell(f"this task is not durable, and a rerun does not join it: {error}")

    def _at(self, slot: int) -> PSSession:
        return self._of(self._keeping.ids.session(slot))

    def _of(self, instance_id: str) -> PSSession:
        return session_at(self._endpoint, instance_id, NAME, resource_uri=self._resource_uri)


def _lost(what: str) -> str:
    return (
        f"The command was started by an earlier run, and has ended. {what} may have gone to the controller of that "
        "run. See on the computer what the command did; a rerun starts it again."
    )


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)


def _age_of(title: Title) -> str:
    return duration(max(0.0, (_now() - title.started).total_seconds()))
