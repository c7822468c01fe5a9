"""The session of one Windows task: its connection opens it, repairs it after breaks, and removes it at the end.

    connect    Create
    command    Command, Send, Receive until it ends; if the connection breaks, over a new one
    close      Delete

If a command may still run, its session is not removed, because that would kill the command. The exception is a task
that the user interrupts by the keyword timeout or by Ctrl-C.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import os
import time
import types
import typing as t
import uuid

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.library import (
    Endpoint,
    PSSessionError,
    Remoting,
    Script,
    TransportError,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.codes import Reason, reason_of
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.commands import PipelineState
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.events import (
    CommandEvent,
    Finished,
    MessageReceived,
    MessageUnreadable,
    ReceiveEnded,
    Reconnected,
    Reconnecting,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.output.receiving import Needs
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp.starting import IncompleteStart
from ansible_collections.psremoting.fleet.plugins.plugin_utils._core_pipeline import CorePipeline, new_host
from ansible_collections.psremoting.fleet.plugins.plugin_utils._interruption import tidy_interruption
from ansible_collections.psremoting.fleet.plugins.plugin_utils._task_work import TRANSFER, Work

# The name of the sessions of tasks in listings.
NAME = "Ansible task"
# Seconds that a killed process may take to end.
_MOMENT = 0.5
_UNREACHABLE = frozenset({Reason.UNREACHABLE, Reason.ACCESS_DENIED})


class Unfinished(PSSessionError):
    """A command that was started, or may have been, could not be followed to its end.

    Args:
        cause: The failure.
        fate: A sentence about the state of the command.
    """

    def __init__(self, cause: TransportError, fate: str) -> None:
        super().__init__(f"{told(cause)} {fate}")
        self.is_unreachable = is_unreachable(cause)


class TaskSession:
    """A session with one command at a time.

    Args:
        endpoint: The endpoint of its computer.
        resource_uri: The URI of the session configuration.
        recovery_timeout: Seconds to repair one break of the connection.
        tell: Gets a line about each break, and one when the connection is repaired.

    Raises:
        PSSessionError: The session cannot be opened.

    Attributes:
        connection: Has `max_payload_size` in bytes; core's plugin sends files in pieces of this size.
        host: Collects the text that commands write to their host.
    """

    def __init__(
        self, endpoint: Endpoint, resource_uri: str, recovery_timeout: float, tell: t.Callable[[str], None]
    ) -> None:
        self._prepare(Remoting(), endpoint, recovery_timeout, tell)
        self._ended: str | None = None  # the last command, which the server still has
        with tidy_interruption():
            self._session = self._remoting.new(endpoint, NAME, resource_uri=resource_uri)

    def _prepare(
        self, remoting: Remoting, endpoint: Endpoint, recovery_timeout: float, tell: t.Callable[[str], None]
    ) -> None:
        self._recovery_timeout = recovery_timeout
        self._tell = tell
        self._parent = os.getppid()
        self._remoting = remoting
        self._may_work = False
        self.host = new_host()
        self.connection = types.SimpleNamespace(max_payload_size=remoting.payload_bytes(endpoint))

    @property
    def id(self) -> str:
        """The session's GUID, in lower case."""
        return self._session.instance_id

    def run(self, script: Script, take: t.Callable[[t.Any], None] | None = None, work: Work = TRANSFER) -> CorePipeline:
        """Run a script to its end, and return its output.

        Args:
            work: The work of the script; not used here.
            take: Gets each object of the output. Without it, the returned output has the objects. As in core, the
                server is not asked to forget such a command.

        Raises:
            Unfinished: The command was started, and it is unknown whether it has ended.
            PSSessionError: The command was not started.
        """
        self._check_parent()
        if take is None:
            self._forget_ended()
        command_id = str(uuid.uuid4())
        with tidy_interruption(), self._stopped_by_user(lambda: self._remoting.abort(self._session, command_id)):
            self._start(script, command_id)
            pipeline = self._followed(command_id, CorePipeline(self.host, take))
        if take is None:
            self._ended = command_id
        return pipeline

    def close(self) -> None:
        """Remove the session, unless its command may still run."""
        with contextlib.closing(self._remoting):
            if not self._may_work:
                self._remoting.remove(self._session)

    def _check_parent(self) -> None:
        """Check that the run that needs the result still exists.

        Raises:
            PSSessionError: ansible-playbook has ended.
        """
        if not self._has_parent():
            raise PSSessionError("ansible-playbook has ended, so its task ends, too.")

    def _has_parent(self) -> bool:
        return os.getppid() == self._parent

    @contextlib.contextmanager
    def _stopped_by_user(self, stop: t.Callable[[], None]) -> t.Iterator[None]:
        """Stop the command that the block started if a user interrupts it by the keyword timeout or by Ctrl-C."""
        try:
            yield
        except Exception:
            raise
        except BaseException as interruption:
            if not isinstance(interruption, KeyboardInterrupt) or self._is_by_user():
                stop()
            raise

    def _start(self, script: Script, command_id: str) -> None:
        self._may_work = True
        try:
            self._remoting.start(self._session, script, command_id)
        except IncompleteStart as error:
            if not error.delivery.must_be_stopped:
                raise self._unfinished(error) from error
            self._remoting.abort(self._session, command_id)
            fate = "A part of the command's input did not arrive, so the task tried to stop the command."
            raise Unfinished(error, fate) from error
        except TransportError as error:
            self._may_work = error.delivered
            raise

    def _followed(
        self, command_id: str, pipeline: CorePipeline, needs: Needs = Needs.NOTHING, *, confirms: bool = False
    ) -> CorePipeline:
        unreadable, is_stopped = "", False
        for event in self._remoting.messages(
            self._session, command_id, needs=needs, recovery_timeout=self._recovery_timeout, confirms=confirms
        ):
            if isinstance(event, Finished):
                is_stopped = event.state is PipelineState.STOPPED
                if confirms:
                    self._received(command_id, pipeline)
                    self._check_parent()  # else a rerun needs the command
            elif isinstance(event, MessageReceived):
                pipeline.feed(event.kind, event.message)
            elif isinstance(event, MessageUnreadable):
                unreadable = unreadable or event.why
            elif isinstance(event, ReceiveEnded) and event.cause is not None:
                raise self._unfinished(event.cause)
            else:
                self._tell_of(event)
        self._may_work = False
        if is_stopped:
            raise PSSessionError(
                "Somebody stopped the command of the task before its end, so a part of its work may be missing. The "
                "session no longer has the command. Run the task again to begin the work again."
            )
        if unreadable:
            raise PSSessionError(f"The command has ended, but some of its output cannot be read: {unreadable}.")
        return pipeline

    def _received(self, command_id: str, pipeline: CorePipeline) -> None:
        """Note that a command was received to its end, before the server is asked to forget it."""

    def _unfinished(self, cause: TransportError) -> Unfinished:
        return Unfinished(
            cause,
            "The command of the task may have done its work, or may still be doing it; it was not stopped. "
            f"pssession_info shows whether session {self.id} still exists.",
        )

    def _tell_of(self, event: CommandEvent) -> None:
        if isinstance(event, Reconnecting) and event.attempt == 1:
            self._tell(
                f"the connection broke ({event.cause.message}); the command goes on, and the task connects to it "
                f"again for up to {self._recovery_timeout:.0f} seconds"
            )
        elif isinstance(event, Reconnected):
            self._tell("connected to the command again")

    def _forget_ended(self) -> None:
        """Make the server forget the previous command, because a session has one runspace and a limit of commands."""
        if self._ended is not None:
            with contextlib.suppress(TransportError):  # what the session has, the next command tells
                self._remoting.forget(self._session, self._ended)
            self._ended = None

    def _is_by_user(self) -> bool:
        """Return whether a signal comes from an ansible-playbook that ends its tasks after Ctrl-C, and waits for them.

        If ansible-playbook was killed, its commands go on. A signal to all its processes may arrive here before it
        has ended.
        """
        until = time.monotonic() + _MOMENT
        while self._has_parent():
            if time.monotonic() >= until:
                return True
            time.sleep(_MOMENT / 10)
        return False


def is_unreachable(error: PSSessionError) -> bool:
    """Return whether a failure means that the computer cannot be reached, or refuses the log-on."""
    if isinstance(error, Unfinished):
        return error.is_unreachable
    return isinstance(error, TransportError) and (error.is_break or reason_of(error.code) in _UNREACHABLE)


def told(error: PSSessionError) -> str:
    """Return sentences about a failure, with a hint if there is one."""
    text = str(error)
    if isinstance(error, TransportError):
        text = " ".join(filter(None, (f"{error.message.rstrip('.')}.", error.advice)))
    return f"{text[:1].upper()}{text[1:]}"
