"""Error records about commands."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import typing as t

from ..model.codes import HINTS, Code, Reason, reason_of
from ..model.commands import CommandResult, Delivery, Output, PipelineState
from ..model.errors import (
    EndedWithoutState,
    ErrorRecord,
    JournalError,
    LimitExceeded,
    TransportError,
    error_record,
)
from ..model.sessions import PSSession
from ..psrp.records import message_of
from ..psrp.starting import IncompleteStart
from ..request.request import Request
from .last_look import Fate, Seen

_RECEIVED = "The result has the output received until then."
_MAY_BE_OPENING = (
    "A client is connected to the session. If that was an earlier run of this task, run the task again in a minute; it "
    "starts the command then."
)
_MAY_BE_DONE = (
    "Either its command ended and was received, or no command was ever started in it. To start the command, remove the "
    "session (remove_pssession) and run the task again. A task with a journal does this itself if the journal proves "
    "that nothing was started."
)
_HINTS_OF_FAILURES: t.Mapping[object, str] = {
    "ScriptsNotAllowed": "The session configuration allows no scripts. Run a function or cmdlet that it allows, with "
    "the option command.",
}
_REASON_OF_FATE = {Fate.EXPIRED: Reason.EXPIRED, Fate.BUSY: Reason.BUSY, Fate.WITHOUT_COMMAND: Reason.EXPIRED}
_FATES_OF_SESSIONS = {
    Fate.EXPIRED: "The session no longer exists: it expired, was removed, or ended with its process or the computer.",
    Fate.BUSY: "Another client is connected to the session now.",
    Fate.WITHOUT_COMMAND: "The session still exists, but the server does not list the command.",
    Fate.DISCONNECTED: "The session still exists and is disconnected.",
    Fate.CONNECTED: "The session still exists, and this controller is connected to it.",
    Fate.REMOVED: "The task removed the session that it had opened for the command. Run the task again.",
}


def error_of(session: PSSession, output: Output, request: Request) -> ErrorRecord | None:
    """Return the record for a command whose script ended without success, or None."""
    command, failure = f"the command in session {session.place}", output.failure or {}
    if output.state is PipelineState.FAILED:
        return _record(
            str(failure.get("fully_qualified_error_id") or "PipelineFailed"),
            f"{command} failed: {message_of(output.failure)}",
            session,
            request,
            category=str((failure.get("category_info") or {}).get("category") or "NotSpecified"),
            reason=Reason.COMMAND_FAILED,
            hint=_HINTS_OF_FAILURES.get(failure.get("fully_qualified_error_id"), ""),
        )
    if output.state is PipelineState.COMPLETED and output.rc not in (None, *request.run.expected_return_codes):
        return _record(
            "CommandExitCode",
            f"{command} ended with exit code {output.rc}",
            session,
            request,
            category="InvalidResult",
            reason=Reason.COMMAND_FAILED,
            hint=f"If {output.rc} is a success, add it to expected_return_code.",
        )
    if output.failed:
        return _record(
            "ScriptFailed",
            f"{command} reported that it failed ($Ansible.Failed)",
            session,
            request,
            category="InvalidResult",
            reason=Reason.COMMAND_FAILED,
            hint="The result has the output of the script.",
        )
    if output.state is PipelineState.STOPPED and not request.run.stop:
        return _record(
            "PipelineStopped",
            f"{command} was stopped before its end",
            session,
            request,
            reason=Reason.COMMAND_FAILED,
            hint="A user or a program stopped it, not this task. The result has its output until then.",
        )
    return None


def unreadable(session: PSSession, reasons: t.Sequence[str], request: Request) -> ErrorRecord:
    """Return the record for messages of a command that could not be read."""
    messages = "a message" if len(reasons) == 1 else f"{len(reasons)} messages"
    kept = f"The journal has {'it' if len(reasons) == 1 else 'them'}." if request.run.journal else ""
    return _record(
        "ReceivePSSessionPipelineFailed",
        f"{messages} of the command in session {session.place} could not be read: {reasons[0]}",
        session,
        request,
        category="InvalidData",
        reason=Reason.FAILED,
        hint=f"The rest of the output is in the result. {kept}".rstrip(),
    )


def missing_beginning(session: PSSession, output: Output, request: Request) -> ErrorRecord | None:
    """Return the record for a command that has ended, and whose output lacks its beginning in the journal, or None.

    That is for tasks with a journal; one without may receive in pieces on purpose. A session that drops output may have
    dropped the beginning, so there it is no error.
    """
    is_missing = output.is_finished and output.beginning_received is False
    if not is_missing or session.shell.buffer_mode == "Drop":
        return None
    return _record(
        "ReceivePSSessionPipelineFailed",
        f"the beginning of the output of the command in session {session.place} was received by another task or client",
        session,
        request,
        reason=Reason.FAILED,
        hint="It is in the result of that task or in its journal, which the lookup psremoting.fleet.journal reads. The "
        "rest is in this result and in the journal of this task. The session is kept; remove_pssession removes it.",
    )


def incomplete(
    session: PSSession, delivery: Delivery, cause: TransportError | None, is_stopped: bool, request: Request
) -> ErrorRecord:
    """Return the record for a command that exists without all of its script or of its input.

    Args:
        cause: The failure of the request that would have brought more; None if an earlier task was killed.
        is_stopped: Whether it was stopped for that.
    """
    command = f"the command in session {session.place}"
    if not delivery.has_begun:
        message = f"{command} did not start, because its script was not delivered completely"
        hint = "Run the task again." if is_stopped else "Remove the session (remove_pssession), and run the task again."
    elif delivery.total is None:
        message = f"it is not known whether {command} started, because the server's answer was lost"
        hint = "If the command started, receive_pssession receives its output; with stop, it stops the command."
    else:
        message = f"{command} did not get all of its input, only {delivery.objects} objects"
        hint = (
            "The task stopped the script, and started nothing else. The script may have done some of its work; "
            "receive_pssession receives its output."
            if is_stopped
            else "The script waits for the rest of its input. To stop it, use receive_pssession with stop. "
            "Without stop, receive_pssession ends its input, and the script goes on with the objects that it has."
        )
    return _record("PSSessionStateBroken", message, session, request, cause=cause, hint=hint)


def broken_off(session: PSSession, command_id: str | None, cause: TransportError, request: Request) -> ErrorRecord:
    """Return the record for a command that could not be started, or not be received to its end.

    The state of the session is added later: see `with_fate`.
    """
    hint = ""
    if isinstance(cause, EndedWithoutState):
        hint = f"The command may have failed. {_RECEIVED}"
    limit = cause.error_id if isinstance(cause, LimitExceeded) else None
    if limit is not None:
        doubt = "It is not known whether the command stopped. " if request.run.stop else ""
        hint = f"Raise the limit. {doubt}receive_pssession receives the rest."
    doing = "receiving from" if command_id else "starting a command in"
    return _record(
        limit or ("ReceivePSSessionPipelineFailed" if command_id else "PSSessionStateBroken"),
        f"{doing} session {session.place} failed",
        session,
        request,
        cause=cause,
        hint=hint,
    )


def with_fate(result: CommandResult, seen: Seen, request: Request) -> CommandResult:
    """Return a result whose error reports the state of the session, as far as a server has reported it."""
    error = result.error
    if error is None:
        return result
    is_there = seen.fate in (Fate.DISCONNECTED, Fate.CONNECTED)
    is_receiving = _is_receiving(result)
    reason = error.reason
    if seen.fate is Fate.UNKNOWN:
        reason = reason_of(seen.cause.code if seen.cause else None)
    elif is_there and reason in (Reason.EXPIRED, Reason.BUSY):
        reason = Reason.FAILED  # that is what the refusal said, and not what was seen
    elif not is_there and (is_receiving or seen.fate is not Fate.WITHOUT_COMMAND):
        reason = _REASON_OF_FATE.get(seen.fate, reason)
    keeps_hint = not is_receiving and seen.session is not None and reason is error.reason
    hints = [
        error.hint if keeps_hint else "",
        _fate(result, seen, request),
        _RECEIVED if is_receiving and not is_there else "",
    ]
    hint = " ".join(filter(None, hints))
    return dataclasses.replace(result, error=dataclasses.replace(error, reason=reason, hint=hint))


def _fate(result: CommandResult, seen: Seen, request: Request) -> str:
    """Return a text about the state of a session after a failure."""
    if seen.fate is Fate.UNKNOWN:
        why = f" ({seen.cause.message})" if seen.cause else ""
        later = " If the session exists later, receive_pssession receives the rest." if result.command_id else ""
        return f"The state of the session is unknown: the computer does not answer{why}.{later}"
    if seen.fate is Fate.EXPIRED and result.cause is not None and result.cause.code == Code.HOST_PROCESS_ENDED:
        return HINTS[Code.HOST_PROCESS_ENDED]
    if _is_receiving(result) and seen.fate is Fate.WITHOUT_COMMAND:
        return "The session still exists, but the command does not: another client received or removed it."
    if _is_receiving(result) and seen.fate is Fate.DISCONNECTED:
        doubt = "It is not known whether the command stopped. " if request.run.stop else ""
        return f"{doubt}The session and its command still exist, disconnected; receive_pssession receives the rest."
    return _FATES_OF_SESSIONS[seen.fate]


def _is_receiving(result: CommandResult) -> bool:
    """Return whether the command was started, as far as is known, so that it was being received."""
    return result.command_id is not None and not isinstance(result.cause, IncompleteStart)


def journal_failed(session: PSSession, command_id: str | None, error: JournalError, request: Request) -> ErrorRecord:
    """Return the record for a command that could not be started or received, since the journal cannot be written."""
    doing = "receiving from" if command_id else "starting a command in"
    hint = (
        "The result has the output received before, and the server has the rest. Make room for the journal, and run "
        "the task again."
        if command_id
        else "The task does nothing more in this session. Make room for the journal, and run the task again."
    )
    return _record(
        "InvalidOperation",
        f"{doing} session {session.place} failed: {error}",
        session,
        request,
        reason=Reason.FAILED,
        hint=hint,
    )


def nothing_started(session: PSSession, request: Request, *, is_unstarted: bool) -> ErrorRecord:
    """Return the record for a session of the wanted name that has no command, and in which nothing is started.

    Args:
        is_unstarted: Whether nothing ever was to be started in it, and some client is connected to it.
    """
    return _record(
        "PSSessionStateBroken",
        f"nothing was started in session {session.place}: it already exists and has no command",
        session,
        request,
        reason=Reason.BUSY if is_unstarted else Reason.FAILED,
        hint=_MAY_BE_OPENING if is_unstarted else _MAY_BE_DONE,
    )


def rest_lost(session: PSSession, request: Request) -> ErrorRecord:
    """Return the record for a command that is no longer in its session and whose end is not in the journal."""
    return _record(
        "ReceivePSSessionPipelineFailed",
        f"session {session.place} no longer has the command, and the journal does not have the end of its output",
        session,
        request,
        reason=Reason.EXPIRED,
        hint="Another client received the rest or removed the command, or the command never started. The "
        "result has the output received here.",
    )


def _record(error_id: str, message: str, session: PSSession, request: Request, **details: t.Any) -> ErrorRecord:
    details = {"category": "OperationStopped", "target": session.instance_id, "about": session.subject, **details}
    return error_record(error_id, message, cmdlet=request.cmdlet, **details)
