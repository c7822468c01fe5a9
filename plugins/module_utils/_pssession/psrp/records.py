# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to psremoting.fleet: may change at any time, import it from nowhere else.

"""The records of a pipeline's other streams, in the shapes that users of ansible.windows.win_powershell know.

All functions take the CLIXML of one message, keep to the default limits of `clixml` unless told otherwise, and raise
ValueError for what is not CLIXML. A property that a server left out is None.
"""

from __future__ import annotations

import datetime
import re
import typing as t
import xml.etree.ElementTree as ET

from .clixml import DEEPER, MAX_DEPTH, MAX_ITEMS, MAX_TEXT, PROGRESS_PARTS, Document, to_plain

# ErrorCategory in the order of its numbers (MS-PSRP 2.2.3.9).
CATEGORIES = (
    "NotSpecified",
    "OpenError",
    "CloseError",
    "DeviceError",
    "DeadlockDetected",
    "InvalidArgument",
    "InvalidData",
    "InvalidOperation",
    "InvalidResult",
    "InvalidType",
    "MetadataError",
    "NotImplemented",
    "NotInstalled",
    "ObjectNotFound",
    "OperationStopped",
    "OperationTimeout",
    "SyntaxError",
    "ParserError",
    "PermissionDenied",
    "ResourceBusy",
    "ResourceExists",
    "ResourceUnavailable",
    "ReadError",
    "WriteError",
    "FromStdErr",
    "SecurityError",
    "ProtocolError",
    "ConnectionError",
    "AuthenticationError",
    "LimitsExceeded",
    "QuotaExceeded",
    "NotEnabled",
)

# Exceptions inside exceptions; .NET itself has no limit.
_MAX_INNER = 16

_DATE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]+)?([+-][0-9]{2}:[0-9]{2})")


def error_record(
    clixml: str, *, max_depth: int = MAX_DEPTH, max_items: int = MAX_ITEMS, max_text: int = MAX_TEXT
) -> dict[str, t.Any]:
    """Return the error of an ERROR_RECORD message (MS-PSRP 2.2.2.20).

    ``output`` is the error as a console would show it. The limits are those of `to_plain`, for all of it together.
    """
    document = Document(clixml, max_depth=max_depth, max_items=max_items, max_text=max_text)
    return _error(document, document.root)


def pool_state(clixml: str) -> tuple[int, dict[str, t.Any] | None]:
    """Return the state in a RUNSPACEPOOL_STATE message (MS-PSRP 2.2.2.9) and, if one broke the pool, the error.

    The states are those of RunspacePoolState (MS-PSRP 2.2.3.4): 2 opened, 3 closed, 5 broken.

    Raises:
        ValueError: The message has no state, or cannot be read.
    """
    return _state(Document(clixml), "RunspaceState")


def pipeline_state(
    clixml: str, *, max_depth: int = MAX_DEPTH, max_items: int = MAX_ITEMS, max_text: int = MAX_TEXT
) -> tuple[int, dict[str, t.Any] | None]:
    """Return the state in a PIPELINE_STATE message (MS-PSRP 2.2.2.21) and, if one ended the pipeline, the error.

    The states are those of PSInvocationState (MS-PSRP 2.2.3.5): 3 stopped, 4 completed, 5 failed.

    Raises:
        ValueError: The message has no state; or see above.
    """
    return _state(Document(clixml, max_depth=max_depth, max_items=max_items, max_text=max_text), "PipelineState")


def message_of(error: t.Mapping[str, t.Any] | None) -> str:
    """Return the text of an error record of this module, or an empty string."""
    exception = (error or {}).get("exception") or {}
    return str(exception.get("message") or "")


def _state(document: Document, name: str) -> tuple[int, dict[str, t.Any] | None]:
    members = document.members(document.root)
    state = _value(document, members, name)
    if not isinstance(state, int):
        raise ValueError(f"the message has no state ({name})")
    reason = members.get("ExceptionAsErrorRecord")
    return state, None if reason is None or reason.tag == "Nil" else _error(document, reason)


def informational_record(clixml: str) -> str:
    """Return the text of a DEBUG_RECORD, VERBOSE_RECORD or WARNING_RECORD message (MS-PSRP 2.2.2.22 to 2.2.2.24)."""
    document = Document(clixml)
    message = _value(document, document.members(document.root), "InformationalRecord_Message")
    return message if isinstance(message, str) else _shown(document, document.root)


def information_record(
    clixml: str, *, max_depth: int = MAX_DEPTH, max_items: int = MAX_ITEMS, max_text: int = MAX_TEXT
) -> dict[str, t.Any]:
    """Return the record of an INFORMATION_RECORD message (MS-PSRP 2.2.2.26), such as Write-Host makes.

    ``time_generated`` is in UTC, ISO 8601 with all digits that were sent.
    """
    document = Document(clixml, max_depth=max_depth, max_items=max_items, max_text=max_text)
    members = document.members(document.root)
    if "MessageData" not in members:
        members = {"MessageData": document.root}
    tags = _value(document, members, "Tags")
    generated = _value(document, members, "TimeGenerated")
    return {
        "message_data": _value(document, members, "MessageData"),
        "source": _value(document, members, "Source"),
        "time_generated": _utc(generated) if isinstance(generated, str) else None,
        "tags": tags if isinstance(tags, list) else [],
    }


def progress_record(clixml: str) -> dict[str, t.Any]:
    """Return the record of a PROGRESS_RECORD message (MS-PSRP 2.2.2.25).

    Numbers are PowerShell's own: ``percent_complete`` and ``seconds_remaining`` are -1 when they are not known,
    ``parent_activity_id`` is -1 when there is no parent. ``record_type`` is ``Processing`` or ``Completed``.

    Raises:
        ValueError: The message has no activity; or see above.
    """
    record = to_plain(clixml)
    if not isinstance(record, dict) or not ("Activity" in record or "activity" in record):
        raise ValueError("a PROGRESS_RECORD message has no activity")
    if "Activity" not in record:
        return record
    return {key: record.get(name) for key, _tag, name in PROGRESS_PARTS}


def _error(document: Document, element: ET.Element) -> dict[str, t.Any]:
    """Return an ErrorRecord as remoting sends it (MS-PSRP 2.2.3.15)."""
    element = document.resolve(element)
    members = document.members(element)

    def value(name: str) -> t.Any:
        return _value(document, members, name)

    exception = _exception(document, members["Exception"]) if "Exception" in members else None
    if exception is None:
        exception = _described(_shown(document, element))
    details = {"message": value("ErrorDetails_Message"), "recommended_action": value("ErrorDetails_RecommendedAction")}
    category = value("ErrorCategory_Category")
    error_id = value("FullyQualifiedErrorId")
    iteration = value("PipelineIterationInfo")
    if not isinstance(category, int):
        category = 0
    shown = [
        details["message"] or exception["message"],
        _position(document, members),
        f"    + CategoryInfo          : {value('ErrorCategory_Message') or CATEGORIES[0]}",
        f"    + FullyQualifiedErrorId : {error_id or ''}",
    ]
    return {
        "output": "\n".join(str(line) for line in shown if line),
        "exception": exception,
        "error_details": None if details["message"] is None and details["recommended_action"] is None else details,
        "target_object": value("TargetObject"),
        "category_info": {
            "category": CATEGORIES[category] if 0 <= category < len(CATEGORIES) else str(category),
            "category_id": category,
            "activity": value("ErrorCategory_Activity"),
            "reason": value("ErrorCategory_Reason"),
            "target_name": value("ErrorCategory_TargetName"),
            "target_type": value("ErrorCategory_TargetType"),
        },
        "fully_qualified_error_id": error_id,
        "script_stack_trace": value("ErrorDetails_ScriptStackTrace"),
        "pipeline_iteration_info": iteration if isinstance(iteration, list) else [],
    }


def _exception(document: Document, element: ET.Element) -> dict[str, t.Any] | None:
    """Return an exception with the ones inside it; an error of a further computer is the error itself."""
    outermost: dict[str, t.Any] | None = None
    around: dict[str, t.Any] = {}
    next_element: ET.Element | None = element
    for _number in range(_MAX_INNER):
        if next_element is None or next_element.tag == "Nil":
            return outermost
        element = document.resolve(next_element)
        members = document.members(element)
        remote = members.get("SerializedRemoteException")
        if remote is not None and remote.tag != "Nil":
            element = document.resolve(remote)
            members = document.members(element)
        message = _value(document, members, "Message")
        described = _described(
            message if isinstance(message, str) else _shown(document, element),
            type=next(iter(document.type_names(element)), None),
            help_link=_value(document, members, "HelpLink"),
            source=_value(document, members, "Source"),
            hresult=_value(document, members, "HResult"),
        )
        around["inner_exception"] = around = described
        outermost = outermost or described
        next_element = members.get("InnerException")
    if next_element is not None and next_element.tag != "Nil":
        around["inner_exception"] = _described(DEEPER)
    return outermost


def _described(message: str, **known: object) -> dict[str, t.Any]:
    empty = {"type": None, "help_link": None, "source": None, "hresult": None, "inner_exception": None}
    return {"message": message, **empty, **known}


def _position(document: Document, members: dict[str, ET.Element]) -> object:
    """Return where in a script it happened, which is sent with the record or with its InvocationInfo."""
    position = _value(document, members, "InvocationInfo_PositionMessage")
    if position is None and "InvocationInfo" in members:
        invocation = document.members(document.resolve(members["InvocationInfo"]))
        position = _value(document, invocation, "PositionMessage")
    return position


def _value(document: Document, members: dict[str, ET.Element], name: str) -> t.Any:
    return document.plain(members[name]) if name in members else None


def _shown(document: Document, element: ET.Element) -> str:
    """Return what PowerShell would show of a value in place of a message."""
    if element.tag == "Obj":
        text = document.to_string(element)
        if text:
            return text
    value = document.plain(element)
    return value if isinstance(value, str) else ""


def _utc(date: str) -> str:
    """Return a date with an offset in UTC, digits behind the second untouched; others as they are."""
    parts = _DATE.fullmatch(date)
    try:
        if parts:
            utc = datetime.datetime.fromisoformat(parts[1] + parts[3]).astimezone(datetime.timezone.utc)
            return f"{utc:%Y-%m-%dT%H:%M:%S}{parts[2] or ''}Z"
    except (ValueError, OverflowError):
        pass
    return date
