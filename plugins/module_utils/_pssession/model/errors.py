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

# Codes of refusals because another client is connected, or was the last to be connected.
_ANOTHER_CLIENT = frozenset({Code.CONNECTED_TO_DIFFERENT_CLIENT, Code.CLIENT_SESSION_ID_MISMATCH})

# The hint for an unexpected exception.
_REPORT_IT = "This is a defect. Report it with the task and its result: https://github.com/psremoting/fleet/issues"


class PSSessionError(Exception):
    """Root of all failures the engine reports."""


class ParameterBindingError(PSSessionError):
    """The options contradict each other or cannot be used; raised before any traffic.

    Args:
        error_id: First part of the FullyQualifiedErrorId, as PowerShell's parameter binder names it.
        message: The problem, with the name of the option.
        hint: The next step, if it is not in the message.
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
    """A required Python library is not installed or too old."""


class RegistryError(PSSessionError):
    """The registry of known sessions cannot be read or written."""


class FormatError(PSSessionError):
    """A file was written by a newer version of the collection.

    Args:
        kind: The kind of the file, in words.
        found, known: Its format number, and the highest one that this version reads.
        advice: The next step if the newer version is not available.
    """

    def __init__(self, kind: str, path: str, found: int, known: int, advice: str) -> None:
        super().__init__(
            f"the {kind} {path} has format {found}, and this version of psremoting.fleet reads formats up to {known}. "
            f"Nothing was done. Use the version that wrote the file. {advice}"
        )


class ControllerBusyError(PSSessionError):
    """Another process of this controller does the same work at this moment."""


class JournalError(PSSessionError):
    """The journal cannot be read or written."""


class ConfirmationError(PSSessionError):
    """A confirmation is needed, but no user can give it."""


class TransportError(PSSessionError):
    """A request did not end in a usable answer.

    Args:
        code: Unsigned error code in PowerShell's vocabulary (see `Code`), or None.
        message: What happened, without secrets.
        delivered: Whether the server may have acted on the request. If so, a request that changes something must not be
            repeated before its effect was checked.
        is_break: Whether the connection broke, could not be opened, or led to a gateway that answered instead of the
            server. A new connection may get an answer then.
        hint: The next step. Empty if the message has it. None means the hint for the code.
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
        # A plain number, because Ansible warns of other types in task results.
        self.code = None if code is None else int(code)
        self.message = message
        self.delivered = delivered
        self.is_break = is_break
        self.hint = hint

    @property
    def advice(self) -> str:
        """Return the next step for the user, or an empty text."""
        return HINTS.get(self.code or 0, "") if self.hint is None else self.hint

    def name_variables_of(self, plugin: str) -> None:
        """Make the hint name only the variables of one connection plugin, ``psrp`` or ``winrm``."""
        if self.advice:
            self.hint = for_connection(self.advice, plugin)

    def add_way(self, way: str) -> None:
        """Add the route of the request to the message. A client does this once for each error."""
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
        """Return whether the fault says that another client is connected to the shell.

        The code shows it. A fault without a code shows it by the subcode InternalError (MS-WSMV 3.1.4.16). With any
        other code that subcode has no meaning, because servers also use it for failures of their own.
        """
        return self.code in _ANOTHER_CLIENT or self.is_unclear_refusal

    @property
    def is_unclear_refusal(self) -> bool:
        """Return whether the fault is an InternalError without a code, which may be a refusal for any reason."""
        return not self.code and self.subcode in (None, "InternalError")


class LogonRefused(TransportError):
    """A server or a KDC refused the user and the password. A domain counts refusals, and finally locks the account."""


class NotAsked(TransportError):
    """A computer was not asked, because other computers refused the account. Nothing was sent.

    Args:
        account: The account as the user wrote it.
        refused: The number of log-ons with it that were refused.
    """

    def __init__(self, account: str, refused: int) -> None:
        super().__init__(
            Code.LOGON_FAILURE,
            f"{refused} log-ons with {account} were refused, and none was accepted",
            delivered=False,
            hint=f"Nothing was sent, so that the domain does not lock {account}. Check its password, and that it is "
            "not locked, expired or disabled. To ask every computer anyway, set lockout_guard: false.",
        )
        self.account = account
        self.refused = refused


class LimitExceeded(TransportError):
    """The server sent more than a limit of the session option allows.

    Args:
        error_id: PowerShell's error id for the limit.
        message: The limit with the option's name, and the received amount.
    """

    def __init__(self, error_id: str, message: str) -> None:
        super().__init__(None, message, delivered=False)
        self.error_id = error_id


class EndedWithoutState(TransportError):
    """A server reports that a command has ended, but the last message, with its state, did not arrive."""

    def __init__(self) -> None:
        super().__init__(None, "the server reports that the command has ended, but not its result", delivered=False)


class UnexpectedError(TransportError):
    """A job ended with an unexpected exception: a defect of the engine or of a library.

    The message has the type of the first cause and its place in the source. It does not have the text, which may
    contain any value.
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
    """The subject of an error: a computer, and perhaps a session there. Fields that do not apply are None."""

    computer_name: str | None = None
    inventory_hostname: str | None = None
    session_name: str | None = None
    instance_id: str | None = None


@dataclass(frozen=True)
class ErrorRecord:
    """One error as the user sees it, with the fields of PowerShell's ErrorRecord and some more for fleets.

    Attributes:
        fully_qualified_error_id: For example ``AccessDenied,PSSessionConnectFailed,Microsoft...``.
        target: The cmdlet's target of the error: the session's instance id, the value that was not found, or None.
        code: Unsigned transport code, or None.
        hint: The next step, or an empty string.
        computers: The computers, if the error is about several.
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
        reason: Overrides the reason that follows from the cause's code.
        about: The computer or session of the error.
        cause: The transport failure behind it: its code becomes the prefix of the id.
        hint: The next step. The default is the hint for the cause's code.
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
