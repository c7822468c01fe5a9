# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""From ConvertTo-Json of a value to what the value must be in a result."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from tests.conformance.powershell.samples import Sample

CYCLE = "... a reference back to an object around it is not followed"
# Properties that PowerShell's own client adds to what it receives.
CLIENT_NOTES = frozenset({"PSShowComputerName", "PSSourceJobInstanceId", "RunspaceId"})
_NOT_PLAIN = re.compile("[\0\ud800-\udfff]")
_TICKS = 10_000_000

# Makes the value that a result must have of a sample and of what ConvertTo-Json says of it.
Rule = Callable[[Sample, Any], Any]


class Number(str):
    """A number with a point or an exponent, with the digits that JSON has."""


def read_json(text: str) -> Any:
    """Return JSON as data; what is no integer is a `Number`.

    Raises:
        ValueError: The text is not JSON, or an object in it has a name twice.
    """
    return json.loads(text, parse_float=Number, object_pairs_hook=_unique)


def _unique(members: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(members)
    if len(result) < len(members):
        raise ValueError("an object has a name twice")
    return result


def expected_output(sample: Sample, told: Any) -> Any:
    """Return the output object that a result must have; `expected` has arguments and errors."""
    return _RULES_AT_TOP.get(sample.kind, expected)(sample, told)


def expected(sample: Sample, told: Any) -> Any:
    """Return the value that a result must have in place of a value inside of an output object.

    Args:
        told: ConvertTo-Json of the sample's view, as `read_json` gives it.

    Raises:
        LookupError, TypeError, ValueError: JSON does not have the shape of the sample.
    """
    return _RULES[sample.kind](sample, told) if sample.kind in _RULES else _plain(told)


# Values without parts


def _plain(told: Any) -> Any:
    """Return what JSON says, with floating point numbers as such, and U+0000 and halves of surrogate pairs escaped."""
    if isinstance(told, Number):
        return float(told)
    if isinstance(told, str):
        return escaped(told)
    if isinstance(told, list):
        return [_plain(each) for each in told]
    if isinstance(told, dict):
        return {escaped(name): _plain(each) for name, each in told.items()}
    return told


def escaped(text: str) -> str:
    """Return a text with U+0000 and each half of a surrogate pair in the form of CLIXML (MS-PSRP 2.2.5.3.2)."""
    return _NOT_PLAIN.sub(lambda found: f"_x{ord(found[0]):04X}_", text)


def _decimal(_sample: Sample, told: Any) -> Any:
    number = Decimal(told)
    if number == number.to_integral_value():
        return int(number)
    return float(number) if Decimal(repr(float(number))) == number else str(told)


def _whole_number(_sample: Sample, told: Any) -> int:
    return int(told)


def _duration(_sample: Sample, told: Any) -> str:
    ticks = told["Ticks"]
    seconds, fraction = divmod(abs(ticks), _TICKS)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    shown = f"{seconds}.{fraction:07}".rstrip("0") if fraction else str(seconds)
    time = "".join(
        f"{number}{unit}" for number, unit in ((hours, "H"), (minutes, "M"), (shown, "S")) if number not in (0, "0")
    )
    date = f"{days}D" if days else ""
    if not date and not time:
        time = "0S"
    return f"{'-' if ticks < 0 else ''}P{date}{'T' + time if time else ''}"


def _version(_sample: Sample, told: Any) -> str:
    parts = [told[name] for name in ("Major", "Minor", "Build", "Revision")]
    return ".".join(str(part) for part in parts if part != -1)


def _semantic_version(_sample: Sample, told: Any) -> str:
    text = ".".join(str(told[name]) for name in ("Major", "Minor", "Patch"))
    before, build = told["PreReleaseLabel"], told["BuildLabel"]
    return text + (f"-{before}" if before else "") + (f"+{build}" if build else "")


def _guid(_sample: Sample, told: Any) -> str:
    if isinstance(told, str):
        return told
    if told.keys() != {"value", "Guid"}:
        raise ValueError("a GUID has other properties than its own")
    return str(told["value"])


def _date(_sample: Sample, told: Any) -> str:
    return f"{told['Year']:04}-{told['Month']:02}-{told['Day']:02}"


def _time(_sample: Sample, told: Any) -> str:
    seconds, fraction = divmod(told["Ticks"], _TICKS)
    text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{text}.{fraction:07}".rstrip("0") if fraction else text


def _enum(_sample: Sample, told: Any) -> str:
    return str(told)


def _bytes(_sample: Sample, told: Any) -> str:
    return base64.b64encode(bytes(told)).decode()


# Records


def _error_record(sample: Sample, told: Mapping[str, Any]) -> dict[str, Any]:
    (target,) = sample.parts
    told = {name: each if name == "target" else _plain(each) for name, each in told.items()}
    inner = None
    for exception in reversed(told["exceptions"]):
        inner = {**exception, "inner_exception": inner}
    assert inner is not None
    details = told["details"] and dict(zip(("message", "recommended_action"), told["details"], strict=True))
    names = ("category", "category_id", "activity", "reason", "target_name", "target_type")
    shown = [
        (details and details["message"]) or inner["message"],
        told["position"],
        f"    + CategoryInfo          : {told['category_message']}",
        f"    + FullyQualifiedErrorId : {told['id']}",
    ]
    return {
        "output": "\n".join(line for line in shown if line),
        "exception": inner,
        "error_details": details,
        "target_object": expected(target, told["target"]),
        "category_info": {name: told[name] for name in names},
        "fully_qualified_error_id": told["id"],
        "script_stack_trace": told["trace"],
        "pipeline_iteration_info": [],
    }


def _information_record(sample: Sample, told: Mapping[str, Any]) -> dict[str, Any]:
    (data,) = sample.parts
    return {name: expected(data, each) if name == "message_data" else _plain(each) for name, each in told.items()}


# Values with parts


def _inside(sample: Sample, told: Any, rule: Rule = expected) -> Any:
    """Return what is expected inside of another value, where an empty PSCustomObject looks like no result."""
    value = rule(sample, told)
    return None if value == {} and sample.kind in _CUSTOM_OBJECTS else value


def _items(parts: Sequence[Sample], told: Any) -> list[Any]:
    return [_inside(part, each) for part, each in zip(parts, told, strict=True)]


def _list(sample: Sample, told: Any) -> list[Any]:
    return _items(sample.parts, told)


def _stack(sample: Sample, told: Any) -> list[Any]:
    return _items(sample.parts[::-1], told)


def _members(sample: Sample, told: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts by name, in JSON's order; nothing else may be there."""
    parts = dict(zip(sample.names, sample.parts, strict=True))
    if parts.keys() != told.keys():
        raise ValueError(f"JSON has {sorted(told)} in place of {sorted(parts)}")
    return {escaped(name): _inside(parts[name], each) for name, each in told.items()}


def _object(sample: Sample, told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in _members(sample, told).items() if name not in CLIENT_NOTES}


def _without_last(sample: Sample, told: Mapping[str, Any]) -> dict[str, Any]:
    names = sample.names[:-1]
    others = Sample("PSCustomObject", sample.source, parts=sample.parts[:-1], names=names)
    return _object(others, {name: told[name] for name in told if name != sample.names[-1]})


def _computed(sample: Sample, told: Mapping[str, Any]) -> dict[str, Any]:
    # The value of a property that is a script has gone through a pipeline, as output objects have.
    last = sample.names[-1]
    value = _inside(sample.parts[-1], told[last], expected_output)
    return {**_without_last(sample, told), **({} if last in CLIENT_NOTES else {escaped(last): value})}


def _property_that_throws(sample: Sample, told: Mapping[str, Any]) -> dict[str, Any]:
    if told[sample.names[-1]] is not None:
        raise ValueError("JSON has a value for a property without one")
    return _without_last(sample, told)


def _dictionary_entry(sample: Sample, told: Mapping[str, Any]) -> dict[str, Any]:
    members = _members(sample, _without(told, "Name"))
    return {**members, "Name": members["Key"]}


def _tuple(sample: Sample, told: Mapping[str, Any]) -> dict[str, Any]:
    return {**_members(sample, _without(told, "Length")), "Length": len(sample.parts)}


def _without(told: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return an object without what ConvertTo-Json adds when a script gives the object."""
    return {each: value for each, value in told.items() if each != name}


def _odd_keys(sample: Sample, told: Any) -> dict[str, Any]:
    order, keys, values = told
    count = len(values)
    result: dict[str, Any] = {}
    for position in order:
        text = _key(sample.parts[position], keys[position])
        repeats = (text if number == 1 else f"{text} ({number})" for number in range(1, count + 1))
        name = next(each for each in repeats if each not in result)
        result[name] = _inside(sample.parts[count + position], values[position])
    return result


def _key(sample: Sample, told: Any) -> str:
    if sample.kind == "DBNull":
        return "System.DBNull"
    key = expected(sample, told)
    return key if isinstance(key, str) else json.dumps(key)


def _noted(sample: Sample, told: Any) -> Any:
    noted = sample.parts[0]
    return expected(noted, _without_note(noted, told))


def _without_note(noted: Sample, told: Any) -> Any:
    if isinstance(told, dict) and "note" in told:
        left = {name: each for name, each in told.items() if name != "note"}
        # What has no properties in JSON gets them; GUIDs have a property Guid by themselves.
        is_wrapped = noted.kind not in ("hashtable", "ordered dictionary") and left.keys() <= {"value", "Guid"}
        return left["value"] if is_wrapped else left
    return told


def _shared(sample: Sample, told: Any) -> Any:
    (part,) = sample.parts
    if isinstance(told, list):
        return [_inside(part, each) for each in told]
    return {name: _inside(part, each) for name, each in told.items()}


def _cyclic(sample: Sample, told: Any) -> Any:
    (part,) = sample.parts
    if isinstance(told, list):
        return [_inside(part, told[0]), CYCLE]
    return {"part": _inside(part, told["part"]), "self": CYCLE}


def _cyclic_at_top(sample: Sample, told: Any) -> Any:
    """Return the same for an output object: PowerShell follows its first reference to itself."""
    if isinstance(told, list):
        return [*_cyclic(sample, told)[:1], _cyclic(sample, told[1])]
    return {**_cyclic(sample, told), "self": _cyclic(sample, told["self"])}


_CUSTOM_OBJECTS = frozenset({"PSCustomObject", "computed property", "property that throws"})
# Rules that only go on to the values inside, where there may be differences.
_SAME: dict[str, Rule] = {
    **dict.fromkeys(("array", "ArrayList", "generic list", "queue", "linked list"), _list),
    "stack": _stack,
    **dict.fromkeys(("hashtable", "ordered dictionary", "generic dictionary", "object of a class"), _members),
    "hashtable with regard to case": _members,
    "key and value": _members,
    "PSCustomObject": _object,
    "computed property": _computed,
    **dict.fromkeys(("shared in a list", "shared in an object"), _shared),
}
# Each of these kinds is in the table of differences.
DIFFERENT: dict[str, Rule] = {
    "decimal": _decimal,
    **dict.fromkeys(("128 bits", "unsigned 128 bits"), _whole_number),
    "duration": _duration,
    "GUID": _guid,
    "version": _version,
    "semantic version": _semantic_version,
    "date": _date,
    "time": _time,
    "enum": _enum,
    "bytes": _bytes,
    "error record": _error_record,
    "information record": _information_record,
    "dictionary entry": _dictionary_entry,
    "tuple": _tuple,
    "odd keys": _odd_keys,
    "note on a value": _noted,
    "property that throws": _property_that_throws,
    **dict.fromkeys(("cyclic object", "cyclic dictionary", "cyclic list"), _cyclic),
}
# Kinds that JSON cannot tell at all: what is compared is a view, another expression that shows the value.
VIEWED = frozenset(
    {
        *(
            "128 bits",
            "unsigned 128 bits",
            "half precision",
            "URI",
            "regular expression",
            "StringBuilder",
            "index",
            "range",
            "script block",
            "odd keys",
        ),
        *("XML document", "XML element", "error record", "warning", "verbose record", "debug record"),
        *("information record", "object in an object"),
    }
)
# Differences of values of many kinds: characters that stay escaped, properties that clients add, empty objects inside.
EVERYWHERE = {
    "half of a pair": escaped,
    "null character": escaped,
    "note of a client": _object,
    "empty object": _inside,
}
_RULES = {**_SAME, **DIFFERENT}
_RULES_AT_TOP: dict[str, Rule] = dict.fromkeys(("cyclic dictionary", "cyclic list"), _cyclic_at_top)
