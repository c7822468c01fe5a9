"""Conversion of .NET types whose properties do not have their value, or have it in pieces.

- BigInteger, Int128, UInt128: int, as text beyond `MAX_DIGITS` digits. Half: float, or text as `primitives` has it.
- DateTimeOffset, DateOnly, TimeOnly: ISO 8601, the first with its own offset.
- DBNull and NullString: None. Inside of most other objects, such as the rows of a DataTable, PowerShell sends an empty
  text in their place.
- Types whose text .NET can read back, while their properties only describe it: that text. Objects derived from them,
  too. Types with a property that holds the text, such as IPAddress and FileInfo, stay a dict.
- XML nodes: dict of the properties that PowerShell's XML adapter shows (attributes, child elements, ``#text``). The
  text of a lone text node or comment is not sent, so such a node is an empty dict. A whole document is sent as text.
- Certificates and distinguished names: see `certificates`.

All of this was seen with PowerShell 7.6 on Linux.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
import typing as t
import xml.etree.ElementTree as ET

from .certificates import CERTIFICATE_FORMS
from .clixml import Document, Form

# Any Python writes and reads integers of this length (see sys.set_int_max_str_digits).
MAX_DIGITS = 640

_INTEGER = re.compile(rf"-?[0-9]{{1,{MAX_DIGITS}}}")
_FLOAT = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:E[+-]?[0-9]{1,2})?")
_OFFSET = re.compile(r" ([+-][0-9]{2}:[0-9]{2})$")
_TICKS_PER_SECOND = 10_000_000


def _null(_document: Document, _element: ET.Element, _depth: int) -> None:
    return None


def _text(document: Document, element: ET.Element, _depth: int) -> str:
    return document.to_string(element)


def _integer(document: Document, element: ET.Element, _depth: int) -> object:
    text = document.to_string(element)
    return int(text) if _INTEGER.fullmatch(text) else text


def _half(document: Document, element: ET.Element, _depth: int) -> object:
    text = document.to_string(element)
    return float(text) if _FLOAT.fullmatch(text) else text


def _date_time_offset(document: Document, element: ET.Element, _depth: int) -> object:
    # The text ends with the offset but has no fractions of a second; the property has them.
    text = document.to_string(element)
    offset = _OFFSET.search(text)
    local = _members_of(document, element, "DateTime")
    return f"{local[0]}{offset[1]}" if offset and isinstance(local[0], str) else text


def _date_only(document: Document, element: ET.Element, _depth: int) -> str:
    year, month, day = _members_of(document, element, "Year", "Month", "Day")
    if isinstance(year, int) and isinstance(month, int) and isinstance(day, int):
        return f"{year:04}-{month:02}-{day:02}"
    return document.to_string(element)


def _time_only(document: Document, element: ET.Element, _depth: int) -> str:
    (ticks,) = _members_of(document, element, "Ticks")
    if not isinstance(ticks, int):
        return document.to_string(element)
    seconds, fraction = divmod(ticks, _TICKS_PER_SECOND)
    text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{text}.{fraction:07}".rstrip("0") if fraction else text


def _members_of(document: Document, element: ET.Element, *names: str) -> list[object]:
    members = document.members(element)
    return [document.plain(members[name]) if name in members else None for name in names]


DOTNET_FORMS: t.Mapping[str, Form] = {
    **CERTIFICATE_FORMS,
    "System.DBNull": _null,
    "System.Management.Automation.Language.NullString": _null,
    "System.Numerics.BigInteger": _integer,
    "System.Int128": _integer,
    "System.UInt128": _integer,
    "System.Half": _half,
    "System.DateTimeOffset": _date_time_offset,
    "System.DateOnly": _date_only,
    "System.TimeOnly": _time_only,
    **dict.fromkeys(
        (
            "System.Index",
            "System.Range",
            "System.Text.StringBuilder",
            "System.Text.Json.JsonElement",
            "System.Text.RegularExpressions.Regex",
            "System.Xml.Linq.XObject",
            "System.Management.Automation.SemanticVersion",
            "System.Management.Automation.Internal.StringDecorated",
        ),
        _text,
    ),
    "System.Xml.XmlNode": Document.properties,
}
