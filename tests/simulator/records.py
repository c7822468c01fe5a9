# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The records that scripts write: errors, progress, information and text."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from psrpcore.types import (
    DebugRecordMsg,
    ErrorCategory,
    ErrorCategoryInfo,
    ErrorRecord,
    ErrorRecordMsg,
    InformationRecordMsg,
    NETException,
    ProgressRecordMsg,
    ProgressRecordType,
    PSList,
    PSObject,
    PSRPMessageType,
    PSString,
    PSUInt,
    VerboseRecordMsg,
    WarningRecordMsg,
    add_note_property,
)

from .messages import to_powershell

_WRITE_ERROR = "Microsoft.PowerShell.Commands.WriteErrorException"
_TYPE_NAMES = {str: "String", bool: "Boolean", int: "Int32", float: "Double"}


class Origin(NamedTuple):
    """Where a record comes from.

    Attributes:
        user: ``HOST\\user``.
    """

    user: str
    computer: str
    process_id: int


@dataclass(frozen=True)
class Failure:
    """An error, as a script declares it.

    Attributes:
        message: the exception's message.
        error_id: FullyQualifiedErrorId.
        category: a name of ErrorCategory.
        exception: type name of the .NET exception.
        target: the target object.
        activity: the command that reports the error.
    """

    message: str
    error_id: str = _WRITE_ERROR
    category: str = "NotSpecified"
    exception: str = _WRITE_ERROR
    target: Any = None
    activity: str = ""

    @classmethod
    def written(cls, message: str, **details: Any) -> Failure:
        """The error that Write-Error makes; details are the fields."""
        return cls(message, **{"activity": "Write-Error", **details})

    @classmethod
    def thrown(cls, message: str, **details: Any) -> Failure:
        """The error of a script that threw a text; details are the fields."""
        thrown = {
            "error_id": message,
            "category": "OperationStopped",
            "exception": "System.Management.Automation.RuntimeException",
            "target": message,
        }
        return cls(message, **{**thrown, **details})

    def record(self, kind: type[ErrorRecord] = ErrorRecord) -> ErrorRecord:
        """An ErrorRecord (MS-PSRP 2.2.3.15); ``ErrorRecordMsg`` is the kind of the error stream.

        Raises:
            ValueError: no such category.
        """
        try:
            category = ErrorCategory[self.category]
        except KeyError as error:
            raise ValueError(f"{self.category!r} is not an ErrorCategory") from error
        raised = NETException(Message=self.message, HResult=-2146233087)
        raised.PSObject.type_names = [self.exception, *raised.PSObject.type_names]
        raised.PSObject.to_string = f"{self.exception}: {self.message}"
        record = kind(
            Exception=raised,
            CategoryInfo=ErrorCategoryInfo(
                Category=category,
                Activity=self.activity,
                Reason=self.exception.rpartition(".")[2],
                TargetName="" if self.target is None else str(self.target),
                TargetType="" if self.target is None else _TYPE_NAMES.get(type(self.target), "PSObject"),
            ),
            TargetObject=to_powershell(self.target),
            FullyQualifiedErrorId=self.error_id,
        )
        record.PSObject.to_string = self.message
        return record

    def stream_record(self) -> ErrorRecord:
        """The ErrorRecord of an ERROR_RECORD message."""
        return self.record(ErrorRecordMsg)


STOPPED = Failure(
    "The pipeline has been stopped.",
    error_id="PipelineStopped",
    category="OperationStopped",
    exception="System.Management.Automation.PipelineStoppedException",
)


_TEXT_RECORDS = {"debug": DebugRecordMsg, "verbose": VerboseRecordMsg, "warning": WarningRecordMsg}
#: Streams of plain text and the message type that carries each.
RECORD_TYPES = {
    "debug": PSRPMessageType.DebugRecord,
    "verbose": PSRPMessageType.VerboseRecord,
    "warning": PSRPMessageType.WarningRecord,
}


def text_record(stream: str, message: str) -> PSObject:
    """A record of one of ``RECORD_TYPES`` (MS-PSRP 2.2.3.16)."""
    record: PSObject = _TEXT_RECORDS[stream](Message=message)
    record.PSObject.to_string = message
    return record


@dataclass(frozen=True)
class Progress:
    """Progress, as a script declares it; -1 means unknown."""

    activity: str
    activity_id: int = 0
    status: str = " "
    operation: str | None = None
    parent_id: int = -1
    percent: int = -1
    completed: bool = False
    seconds_remaining: int = -1

    def record(self) -> ProgressRecordMsg:
        """PROGRESS_RECORD."""
        return ProgressRecordMsg(
            Activity=self.activity,
            ActivityId=self.activity_id,
            StatusDescription=self.status,
            CurrentOperation=self.operation,
            ParentActivityId=self.parent_id,
            PercentComplete=self.percent,
            Type=ProgressRecordType.Completed if self.completed else ProgressRecordType.Processing,
            SecondsRemaining=self.seconds_remaining,
        )


def host_message(text: str, no_newline: bool) -> PSObject:
    """What Write-Host gives an information record for its data (seen: PowerShell 7.6, Linux)."""
    message = PSObject()
    message.PSObject.type_names = ["System.Management.Automation.HostInformationMessage", "System.Object"]
    message.PSObject.to_string = text
    for name, value in (
        ("Message", text),
        ("NoNewLine", no_newline),
        ("ForegroundColor", None),
        ("BackgroundColor", None),
    ):
        add_note_property(message, name, value)
    return message


@dataclass(frozen=True)
class Information:
    """Information, as Write-Information and Write-Host write it.

    Attributes:
        source: the command.
    """

    data: Any
    source: str = "Write-Information"
    tags: Sequence[str] = field(default_factory=tuple)

    def record(self, origin: Origin) -> InformationRecordMsg:
        """INFORMATION_RECORD."""
        return InformationRecordMsg(
            MessageData=to_powershell(self.data),
            Source=self.source,
            TimeGenerated=datetime.datetime.now(tz=datetime.timezone.utc),
            Tags=PSList([PSString(tag) for tag in self.tags]),
            User=origin.user,
            Computer=origin.computer,
            ProcessId=PSUInt(origin.process_id),
            NativeThreadId=PSUInt(368),
            ManagedThreadId=PSUInt(10),
        )
