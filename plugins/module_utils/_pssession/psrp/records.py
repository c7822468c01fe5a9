"""The messages of a pipeline: output as plain data, records in the shapes of ansible.windows.win_powershell.

All functions take the CLIXML of one message, keep to the default limits of `clixml` unless told otherwise, and raise
ValueError for what is not CLIXML. A property that a server left out is None.

Records that a script writes to its output (``2>&1``, ``catch {$_}``, ``$Error``) have the shape of their own stream.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime
import re
import typing as t
import xml.etree.ElementTree as ET

from .clixml import DEEPER, DEEPEST, MAX_DEPTH, MAX_ITEMS, MAX_TEXT, PROGRESS_PARTS, Document, Form
from .dotnet import DOTNET_FORMS
from .format_views import CLASS_ID

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

# Exceptions inside exceptions. .NET itself has no limit.
_MAX_INNER = 16

_DATE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]+)?([+-][0-9]{2}:[0-9]{2})")


def to_plain(
    clixml: str, *, max_depth: int = MAX_DEPTH, max_items: int = MAX_ITEMS, max_text: int = MAX_TEXT
) -> object:
    """Return the value of one message, such as PIPELINE_OUTPUT (MS-PSRP 2.2.2.19), as data that JSON knows.

    The limits are those of `Document`. `clixml` and `dotnet` describe the conversion.
    """
    document = open_document(clixml, max_depth=max_depth, max_items=max_items, max_text=max_text)
    return document.plain(document.root)


def output_object(clixml: str) -> object:
    """Return the object of a PIPELINE_OUTPUT message (MS-PSRP 2.2.2.19). Objects of Format-Custom may be deeper."""
    return to_plain(clixml, max_depth=DEEPEST if CLASS_ID in clixml else MAX_DEPTH)


def open_document(
    clixml: str, *, max_depth: int = MAX_DEPTH, max_items: int = MAX_ITEMS, max_text: int = MAX_TEXT
) -> Document:
    """Return the value of one message with all forms that values and records have in a result."""
    return Document(clixml, forms=_FORMS, max_depth=max_depth, max_items=max_items, max_text=max_text)


def error_record(
    clixml: str, *, max_depth: int = MAX_DEPTH, max_items: int = MAX_ITEMS, max_text: int = MAX_TEXT
) -> dict[str, t.Any]:
    """Return the error of an ERROR_RECORD message (MS-PSRP 2.2.2.20).

    ``output`` is the error as a console would show it. The limits are those of `to_plain`, for all of it together.
    """
    document = open_document(clixml, max_depth=max_depth, max_items=max_items, max_text=max_text)
    return _error(document, document.root)


def pool_state(clixml: str) -> tuple[int, dict[str, t.Any] | None]:
    """Return the state in a RUNSPACEPOOL_STATE message (MS-PSRP 2.2.2.9) and, if one broke the pool, the error.

    The states are those of RunspacePoolState (MS-PSRP 2.2.3.4): 2 opened, 3 closed, 5 broken.

    Raises:
        ValueError: The message has no state, or cannot be read.
    """
    return _state(open_document(clixml), "RunspaceState")


def pipeline_state(
    clixml: str, *, max_depth: int = MAX_DEPTH, max_items: int = MAX_ITEMS, max_text: int = MAX_TEXT
) -> tuple[int, dict[str, t.Any] | None]:
    """Return the state in a PIPELINE_STATE message (MS-PSRP 2.2.2.21) and, if one ended the pipeline, the error.

    The states are those of PSInvocationState (MS-PSRP 2.2.3.5): 3 stopped, 4 completed, 5 failed.

    Raises:
        ValueError: The message has no state; or see above.
    """
    return _state(open_document(clixml, max_depth=max_depth, max_items=max_items, max_text=max_text), "PipelineState")


def message_of(error: t.Mapping[str, t.Any] | None) -> str:
    """Return the text of an error record of this module, or an empty string."""
    exception = (error or {}).get("exception") or {}
    return str(exception.get("message") or "")


def _state(document: Document, name: str) -> tuple[int, dict[str, t.Any] | None]:
    members = document.members(document.root)
    state = _simple(document, members, name)
    if not isinstance(state, int):
        raise ValueError(f"the message has no state ({name})")
    reason = members.get("ExceptionAsErrorRecord")
    return state, None if reason is None or reason.tag == "Nil" else _error(document, reason)


def informational_record(clixml: str) -> str:
    """Return the text of a DEBUG_RECORD, VERBOSE_RECORD or WARNING_RECORD message (MS-PSRP 2.2.2.22 to 2.2.2.24)."""
    document = open_document(clixml)
    return _informational(document, document.root, 0)


def information_record(
    clixml: str, *, max_depth: int = MAX_DEPTH, max_items: int = MAX_ITEMS, max_text: int = MAX_TEXT
) -> dict[str, t.Any]:
    """Return the record of an INFORMATION_RECORD message (MS-PSRP 2.2.2.26), such as Write-Host makes.

    ``time_generated`` is in UTC, ISO 8601 with all digits that were sent.
    """
    document = open_document(clixml, max_depth=max_depth, max_items=max_items, max_text=max_text)
    return _information(document, document.root, 0)


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


def _informational(document: Document, element: ET.Element, depth: int) -> str:
    message = _simple(document, document.members(element), "InformationalRecord_Message")
    return message if isinstance(message, str) else _shown(document, element, depth)


def _information(document: Document, element: ET.Element, depth: int) -> dict[str, t.Any]:
    members = document.members(element)
    data = members.get("MessageData")
    tags = _value(document, members, "Tags", depth)
    generated = _simple(document, members, "TimeGenerated")
    return {
        "message_data": document.formless(element, depth) if data is None else document.plain(data, depth),
        "source": _simple(document, members, "Source"),
        "time_generated": _utc(generated) if isinstance(generated, str) else None,
        "tags": tags if isinstance(tags, list) else [],
    }


def _error(document: Document, element: ET.Element, depth: int = 0) -> dict[str, t.Any]:
    """Return an ErrorRecord as remoting sends it (MS-PSRP 2.2.3.15); `depth` is that of its own values."""
    element = document.resolve(element)
    members = document.members(element)

    def simple(name: str) -> t.Any:
        return _simple(document, members, name)

    exception = _exception(document, members["Exception"], depth) if "Exception" in members else None
    if exception is None:
        exception = _described(_shown(document, element, depth))
    details = {
        "message": simple("ErrorDetails_Message"),
        "recommended_action": simple("ErrorDetails_RecommendedAction"),
    }
    category = simple("ErrorCategory_Category")
    error_id = simple("FullyQualifiedErrorId")
    iteration = _value(document, members, "PipelineIterationInfo", depth)
    if not isinstance(category, int):
        category = 0
    shown = [
        details["message"] or exception["message"],
        _position(document, members),
        f"    + CategoryInfo          : {simple('ErrorCategory_Message') or CATEGORIES[0]}",
        f"    + FullyQualifiedErrorId : {error_id or ''}",
    ]
    return {
        "output": "\n".join(str(line) for line in shown if line),
        "exception": exception,
        "error_details": None if details["message"] is None and details["recommended_action"] is None else details,
        "target_object": _value(document, members, "TargetObject", depth),
        "category_info": {
            "category": CATEGORIES[category] if 0 <= category < len(CATEGORIES) else str(category),
            "category_id": category,
            "activity": simple("ErrorCategory_Activity"),
            "reason": simple("ErrorCategory_Reason"),
            "target_name": simple("ErrorCategory_TargetName"),
            "target_type": simple("ErrorCategory_TargetType"),
        },
        "fully_qualified_error_id": error_id,
        "script_stack_trace": simple("ErrorDetails_ScriptStackTrace"),
        "pipeline_iteration_info": iteration if isinstance(iteration, list) else [],
    }


def _exception(document: Document, element: ET.Element, depth: int) -> dict[str, t.Any] | None:
    """Return an exception with its inner exceptions. For an error from another computer, return that error."""
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
        message = _simple(document, members, "Message")
        described = _described(
            message if isinstance(message, str) else _shown(document, element, depth),
            type=next(iter(document.type_names(element)), None),
            help_link=_simple(document, members, "HelpLink"),
            source=_simple(document, members, "Source"),
            hresult=_simple(document, members, "HResult"),
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
    """Return the position in the script, which the record or its InvocationInfo has."""
    position = _simple(document, members, "InvocationInfo_PositionMessage")
    if position is None and "InvocationInfo" in members:
        invocation = document.members(document.resolve(members["InvocationInfo"]))
        position = _simple(document, invocation, "PositionMessage")
    return position


def _value(document: Document, members: dict[str, ET.Element], name: str, depth: int) -> t.Any:
    return document.plain(members[name], depth) if name in members else None


def _simple(document: Document, members: dict[str, ET.Element], name: str) -> t.Any:
    """Return a property that is text or a number. If its value is an object, the property is ignored."""
    element = members.get(name)
    return None if element is None or element.tag in ("Obj", "Ref") else document.plain(element)


def _shown(document: Document, element: ET.Element, depth: int) -> str:
    """Return the text that PowerShell would show for a value instead of a message."""
    if element.tag == "Obj":
        text = document.to_string(element)
        if text or document.members(element):
            return text
    value = document.formless(element, depth)
    return value if isinstance(value, str) else ""


def _utc(date: str) -> str:
    """Return a date with an offset in UTC, with all digits of the second. Return other dates unchanged."""
    parts = _DATE.fullmatch(date)
    try:
        if parts:
            utc = datetime.datetime.fromisoformat(parts[1] + parts[3]).astimezone(datetime.timezone.utc)
            return f"{utc:%Y-%m-%dT%H:%M:%S}{parts[2] or ''}Z"
    except (ValueError, OverflowError):
        pass
    return date


def _in_output(record: t.Callable[[Document, ET.Element, int], object]) -> Form:
    """Return the form of a record that is part of an output object."""

    def form(document: Document, element: ET.Element, depth: int) -> object:
        return DEEPER if document.is_too_deep(depth) else record(document, element, depth + 1)

    return form


_FORMS: t.Mapping[str, Form] = {
    **DOTNET_FORMS,
    "System.Management.Automation.ErrorRecord": _in_output(_error),
    "System.Management.Automation.InformationRecord": _in_output(_information),
    # Warnings, verbose and debug messages.
    "System.Management.Automation.InformationalRecord": _informational,
}
