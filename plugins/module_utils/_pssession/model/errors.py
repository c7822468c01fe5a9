"""The engine's exceptions, and the error record of a result, with PowerShell's names.

Exceptions carry a failure through the engine; an `ErrorRecord` is the part of it that a user sees. Ids and categories
are those of the cmdlets, so that an administrator can search for them.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import os
import traceback
import typing as t
from dataclasses import dataclass

from .cmdlets import CONNECT, Cmdlet
from .codes import HINTS, Code, Reason, for_connection, reason_of, transport_prefix
from .text import shown_in, shown_in_line

# Codes of refusals because another client is connected, or was the last one.
_ANOTHER_CLIENT = frozenset({Code.CONNECTED_TO_DIFFERENT_CLIENT, Code.CLIENT_SESSION_ID_MISMATCH})

# What to do about an unexpected exception.
_REPORT_IT = "This is a defect. Report it with the task and its result: https://github.com/psremoting/fleet/issues"


class PSSessionError(Exception):
    """Root of all failures the engine reports."""


class ParameterBindingError(PSSessionError):
    """The options contradict each other or cannot be used; raised before any traffic.

    Args:
        error_id: First part of the FullyQualifiedErrorId, as PowerShell's parameter binder names it.
        message: What is wrong, naming the option.
        hint: What to do, where the message does not say so.
    """

    def __init__(
        self,
        error_id: str,
        message: str,
        category: str = "InvalidArgument",
        target: str | None = None,
        hint: str = "",
    ) -> None:
        super().__init__(message)
        self.hint = hint
        self.error_id = error_id
        self.message = message
        self.category = category
        self.target = target


class MissingLibraryError(PSSessionError):
    """A Python library that the engine needs is not installed or too old."""


class RegistryError(PSSessionError):
    """The registry of known sessions cannot be read or written."""


class FormatError(PSSessionError):
    """A file was written by a newer version of the collection.

    Args:
        kind: What the file is.
        found, known: Its format number, and the highest one that this version reads.
        advice: What to do if the newer version is not at hand.
    """

    def __init__(self, kind: str, path: str, found: int, known: int, advice: str) -> None:
        super().__init__(
            f"the {kind} {path} has format {found}, and this version of psremoting.fleet reads formats up to {known}. "
            f"Nothing was done. Use the version that wrote the file. {advice}"
        )


class ControllerBusyError(PSSessionError):
    """Another process of this controller does the same at this moment."""


class JournalError(PSSessionError):
    """The journal cannot be read or written."""


class ConfirmationError(PSSessionError):
    """A confirmation is needed and no user can give it."""


class TransportError(PSSessionError):
    """A request did not end in a usable answer.

    Args:
        code: Unsigned error code in PowerShell's vocabulary (see `Code`), or None.
        message: What happened, without secrets.
        delivered: Whether the server may have acted on the request. A mutating request that may have been delivered
            must never be repeated before its effect was looked up.
        is_break: Whether the connection broke, could not be opened, or led to a gateway that answered instead of the
            server. A new connection may get an answer then.
        hint: What to do next, where the message says it or more is known than the code tells; None looks the code up.
    """

    def __init__(
        self,
        code: int | None,
        message: str,
        *,
        delivered: bool = True,
        is_break: bool = False,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        # A plain number: it ends up in task results, where Ansible warns of any other type.
        self.code = None if code is None else int(code)
        self.message = message
        self.delivered = delivered
        self.is_break = is_break
        self.hint = hint

    @property
    def advice(self) -> str:
        """What to do next, or an empty text."""
        return HINTS.get(self.code or 0, "") if self.hint is None else self.hint

    def name_variables_of(self, plugin: str) -> None:
        """Let the hint name the variables of one connection plugin, ``psrp`` or ``winrm``, alone."""
        if self.advice:
            self.hint = for_connection(self.advice, plugin)

    def add_way(self, way: str) -> None:
        """Add to the message how the request got to the server, or was to get there; a client does it once."""
        if way:
            self.message = f"{self.message} ({way})"


class WSManFault(TransportError):
    """The server answered with a SOAP fault (MS-WSMV 2.2.4.43).

    Args:
        code: Code attribute of the WSManFault element, unsigned, or None when the fault has none.
        message: The most specific text of the fault.
        subcode: Local name of the SOAP subcode, such as ``InvalidSelectors``.
    """

    def __init__(self, code: int | None, message: str, *, subcode: str | None = None) -> None:
        super().__init__(code, message, delivered=False)
        self.subcode = subcode

    @property
    def is_in_use(self) -> bool:
        """Whether it says that another client is connected to the shell.

        That is known by the code, and of a fault without a code by the subcode InternalError (MS-WSMV 3.1.4.16). With
        any other code that subcode says nothing: servers have it in faults about themselves as well.
        """
        return self.code in _ANOTHER_CLIENT or self.is_unclear_refusal

    @property
    def is_unclear_refusal(self) -> bool:
        """Whether it is an InternalError without a code, which may be a refusal for any reason."""
        return not self.code and self.subcode in (None, "InternalError")


class LogonRefused(TransportError):
    """A server or a KDC refused the user and the password. A domain counts that, and locks the account in the end."""


class NotAsked(TransportError):
    """A computer was not asked, since its account was refused elsewhere; nothing was sent.

    Args:
        account: As the user wrote it.
        refused: How many log-ons with it were refused.
    """

    def __init__(self, account: str, refused: int) -> None:
        super().__init__(
            Code.LOGON_FAILURE,
            f"{refused} log-ons with {account} were refused, and none was accepted",
            delivered=False,
            hint=f"Nothing was sent, so that the domain does not lock {account}. Check its password, and that it is "
            "not locked, expired or disabled. lockout_guard: false asks every computer all the same.",
        )
        self.account = account
        self.refused = refused


class LimitExceeded(TransportError):
    """The server sent more than a limit of the session option allows.

    Args:
        error_id: PowerShell's error id for the limit.
        message: The limit by the option's name, and what came.
    """

    def __init__(self, error_id: str, message: str) -> None:
        super().__init__(None, message, delivered=False)
        self.error_id = error_id


class EndedWithoutState(TransportError):
    """A server says that a command has ended, and its last message, which says how, did not come."""

    def __init__(self) -> None:
        super().__init__(None, "the server reports that the command has ended, but not its result", delivered=False)


class UnexpectedError(TransportError):
    """A job ended with an exception that the engine does not expect: a defect of it or of a library.

    The message has the type of the first cause and its place. Its text is left out, since it may hold any value.
    """

    def __init__(self, error: BaseException) -> None:
        seen = {error}
        while error.__cause__ is not None and error.__cause__ not in seen:
            error = error.__cause__
            seen.add(error)
        place = traceback.extract_tb(error.__traceback__)[-1:]
        where = "".join(f" in {os.path.basename(frame.filename)}, line {frame.lineno}" for frame in place)
        super().__init__(None, f"unexpected {type(error).__name__}{where}")


@dataclass(frozen=True)
class Subject:
    """What an error is about: a computer, perhaps a session there; None is what does not apply or is not known."""

    computer_name: str | None = None
    inventory_hostname: str | None = None
    session_name: str | None = None
    instance_id: str | None = None


@dataclass(frozen=True)
class ErrorRecord:
    """One error as the user sees it; the fields are those of PowerShell's ErrorRecord, and what a fleet needs.

    Attributes:
        fully_qualified_error_id: For example ``AccessDenied,PSSessionConnectFailed,Microsoft...``.
        target: What the cmdlet names as target: the session's instance id, the value that was not found, or None.
        code: Unsigned transport code, or None.
        hint: What to do next, or an empty string.
        computers: The computers that it is about, if they are several.
    """

    fully_qualified_error_id: str
    category: str
    message: str
    reason: Reason
    target: str | None = None
    about: Subject = Subject()
    code: int | None = None
    hint: str = ""
    computers: tuple[Subject, ...] = ()

    def as_dict(self) -> dict[str, t.Any]:
        """Return the record as plain data for a task result."""
        record = {
            "fully_qualified_error_id": self.fully_qualified_error_id,
            "category": self.category,
            "message": shown_in_line(self.message),
            "reason": self.reason.value,
            "target": self.target,
            **dataclasses.asdict(self.about),
            "code": self.code,
            "hint": self.hint,
            **({"computers": [_place(each) for each in self.computers]} if self.computers else {}),
        }
        return t.cast("dict[str, t.Any]", shown_in(record))


def _place(subject: Subject) -> dict[str, str | None]:
    return {"computer_name": subject.computer_name, "inventory_hostname": subject.inventory_hostname}


def error_record(
    error_id: str,
    message: str,
    *,
    cmdlet: Cmdlet = CONNECT,
    category: str = "InvalidOperation",
    reason: Reason | None = None,
    target: str | None = None,
    about: Subject = Subject(),
    cause: TransportError | None = None,
    hint: str = "",
) -> ErrorRecord:
    """Build the record for one failure.

    Args:
        error_id: The cmdlet's error id, without transport prefix and the cmdlet's type.
        message: Text for people; the text of the cause is appended.
        cmdlet: The cmdlet in whose name the error is reported.
        reason: Why, where more is known than the code of the cause says.
        about: The computer or session that it is about.
        cause: The transport failure behind it: its code becomes the prefix of the id.
        hint: What to do next; by default looked up by the code of the cause.
    """
    code = cause.code if cause else None
    hints = [hint or (cause.advice if cause else ""), _REPORT_IT if isinstance(cause, UnexpectedError) else ""]
    parts = [transport_prefix(code), error_id, cmdlet.type_name]
    return ErrorRecord(
        fully_qualified_error_id=",".join(part for part in parts if part),
        category=category,
        message=f"{message}: {cause.message}" if cause else message,
        reason=reason or reason_of(code),
        target=target,
        about=about,
        code=code,
        hint=" ".join(filter(None, hints)),
    )
