"""Error records about commands."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ..model.codes import HINTS, Code, Reason, reason_of
from ..model.commands import Delivery, Output, PipelineState
from ..model.errors import (
    EndedWithoutState,
    ErrorRecord,
    JournalError,
    LimitExceeded,
    TransportError,
    WSManFault,
    error_record,
)
from ..model.sessions import PSSession
from ..psrp.records import message_of
from ..request.request import Request
from .receiving import is_no_longer_ours


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
    if output.state is PipelineState.STOPPED and not request.run.stop:
        return _record(
            "PipelineStopped",
            f"{command} was stopped before its end",
            session,
            request,
            reason=Reason.COMMAND_FAILED,
            hint="A user or a program stopped it, not this task. What it gave until then is in the result.",
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
        message = f"{command} did not start, since its script was not delivered to the end"
        hint = "Run the task again." if is_stopped else "Remove the session (remove_pssession), and run the task again."
    elif delivery.total is None:
        message = f"it is not known whether {command} started, since the answer to the end of its script got lost"
        hint = "If it started, receive_pssession takes its output, and stops it with stop."
    else:
        message = f"{command} has incomplete input, {delivery.objects} objects delivered"
        hint = (
            "The script was stopped, and nothing else was started. It may have done some of its work; "
            "receive_pssession takes what it gave."
            if is_stopped
            else "The script waits for the rest of its input. To stop it, use receive_pssession with stop. "
            "Without stop, receive_pssession ends its input, and the script goes on with the objects that it has."
        )
    return _record("PSSessionStateBroken", message, session, request, cause=cause, hint=hint)


def broken_off(session: PSSession, command_id: str | None, cause: TransportError, request: Request) -> ErrorRecord:
    """Return the record for a command that could not be started, or not be received to its end."""
    if cause.code == Code.HOST_PROCESS_ENDED:
        hint = f"{HINTS[Code.HOST_PROCESS_ENDED]} What was received until then is in the result."
    elif reason_of(cause.code) is Reason.BUSY:
        hint = "Another client took the session. What was received until then is in the result."
    elif isinstance(cause, WSManFault) and is_no_longer_ours(cause):
        hint = "The session ended, or another client took it. What was received until then is in the result."
    elif isinstance(cause, EndedWithoutState):
        hint = "The command may have failed. What was received until then is in the result."
    else:
        fate = "It is not known whether the command stopped" if request.run.stop else "The command goes on"
        hint = f"{fate}; receive_pssession takes the rest." if command_id else ""
    limit = cause.error_id if isinstance(cause, LimitExceeded) else None
    if limit is not None:
        hint = f"Raise the limit. {hint}"
    doing = "receiving from" if command_id else "starting a command in"
    return _record(
        limit or ("ReceivePSSessionPipelineFailed" if command_id else "PSSessionStateBroken"),
        f"{doing} session {session.place} failed",
        session,
        request,
        cause=cause,
        hint=hint,
    )


def journal_failed(session: PSSession, command_id: str | None, error: JournalError, request: Request) -> ErrorRecord:
    """Return the record for a command that could not be started or received, since the journal cannot be written."""
    doing = "receiving from" if command_id else "starting a command in"
    hint = (
        "The result has what was received before that, and the server has the rest. Make room for the journal, and run "
        "the task again."
        if command_id
        else "Nothing goes on in this session. Make room for the journal, and run the task again."
    )
    return _record(
        "InvalidOperation",
        f"{doing} session {session.place} failed: {error}",
        session,
        request,
        reason=Reason.FAILED,
        hint=hint,
    )


def rest_lost(session: PSSession, request: Request) -> ErrorRecord:
    """Return the record for a command that its session has no more, and whose end the journal does not have."""
    return _record(
        "ReceivePSSessionPipelineFailed",
        f"session {session.place} has no command any more, and the journal does not have the end of its last one",
        session,
        request,
        reason=Reason.EXPIRED,
        hint="Another client received the rest or removed the command, or it never started. What was received here "
        "is in the result.",
    )


def _record(error_id: str, message: str, session: PSSession, request: Request, **details: t.Any) -> ErrorRecord:
    details = {"category": "OperationStopped", "target": session.instance_id, "about": session.subject, **details}
    return error_record(error_id, message, cmdlet=request.cmdlet, **details)
