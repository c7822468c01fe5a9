"""Values of a playbook as PowerShell types (MS-PSRP 2.2.5.1). `clixml` converts in the other direction."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime
import math
import re
import typing as t
import xml.etree.ElementTree as ET

try:
    from pypsrp.serializer import TaggedValue
except ImportError:  # the client, which is needed first, reports a missing library
    pass

_MAX_DECIMAL = 2**96 - 1  # System.Decimal
# What XML cannot hold: halves of surrogate pairs, such as Python makes of bytes that are no text, and two others.
_NOT_XML = re.compile("[\ud800-\udfff\ufffe\uffff]")
_TO_ESCAPE = re.compile("_(?=[xX])|[\\x00-\\x1f\\x7f-\\x9f\ud800-\udfff\ufffe\uffff]")


def to_powershell(value: object) -> t.Any:
    """Return a value that pypsrp's serializer writes in the type that PowerShell itself would use.

    The serializer decides by the exact type. It makes every whole number an Int32 and every other number a Single. This
    function treats subclasses, such as Ansible's tagged types, as their base type. Numbers become Int32, Int64, Decimal
    (or text, beyond that) and Double. Dates, which YAML has, become text in ISO 8601. Characters that XML cannot
    contain are escaped; the serializer escapes only other characters.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return _integer(int(value))
    if isinstance(value, float):
        return TaggedValue("Db", _double(float(value)))
    if isinstance(value, t.Mapping):
        return {to_powershell(key): to_powershell(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_powershell(item) for item in value]
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    return bytes(value) if isinstance(value, bytes) else _text(str(value))


def _integer(number: int) -> t.Any:
    if -(2**31) <= number < 2**31:
        return number
    if -(2**63) <= number < 2**63:
        return TaggedValue("I64", number)
    return TaggedValue("D", number) if abs(number) <= _MAX_DECIMAL else str(number)


def _double(number: float) -> str:
    """Return a number in the form of xs:double, with the digits that make it exact."""
    if math.isinf(number):
        return "INF" if number > 0 else "-INF"
    return "NaN" if math.isnan(number) else repr(number)


def _text(text: str) -> t.Any:
    if not _NOT_XML.search(text):
        return text
    element = ET.Element("S")
    element.text = _TO_ESCAPE.sub(lambda found: f"_x{ord(found[0]):04X}_", text)
    return element
