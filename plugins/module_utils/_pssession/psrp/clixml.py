# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to psremoting.fleet: may change at any time, import it from nowhere else.

"""CLIXML (MS-PSRP 2.2.5) as plain data that JSON, and with it a task result, can hold.

What a .NET value becomes:

- Text, URIs, GUIDs, versions, XML documents and script blocks: text. A character: text of that character.
- Dates and durations: ISO 8601 exactly as sent, that is with up to seven digits of a second and the server's offset.
- Integers of all sizes: int. Floating point: float, or the text ``NaN``, ``Infinity`` or ``-Infinity``.
- Decimals: int when there is no fraction, float when a float is written with the same digits, else the text as sent.
- Bytes: Base64 text as sent.
- Enums and flags: their names. Secure strings: always `SECURE_STRING`, nothing is decrypted.
- Lists, stacks, queues and other enumerables: list. Dictionaries: dict. Keys other than text are written as JSON has
  them, objects by their own text or type; of keys that look alike then (1 and "1"), the later get a number: ``1 (2)``.
- Other objects: dict of their properties, adapted ones first; an extended one of the same name wins. Without any
  property: the object's own text. Values that carry properties besides (the path of a line that Get-Content read, the
  length of an array) are the value alone. Member sets such as PSStandardMembers are no properties.

What does not fit the limits is replaced by a mark, a text that begins with `CUT`: as the last item of a list, under the
key `CUT` of a dict, at the end of a text, or in place of a value.
"""

from __future__ import annotations

import decimal
import json
import math
import re
import typing as t
import xml.etree.ElementTree as ET
from itertools import islice

CUT = "..."
DEEPER = f"{CUT} deeper levels are not shown"
CYCLE = f"{CUT} a reference back to an object around it is not followed"
SECURE_STRING = "(secure string)"

MAX_DEPTH = 32
MAX_ITEMS = 100_000
MAX_TEXT = 10_000_000
# Conversion is recursive; this stays far from Python's limit wherever it is called from. No server goes near it.
DEEPEST = 100

# Notes that remoting and CIM put on objects for their own use.
REMOTING_NOTES = frozenset(
    {
        "PSComputerName",
        "PSShowComputerName",
        "PSSourceJobInstanceId",
        "RunspaceId",
        "__ClassMetadata",
        "__InstanceMetadata",
    }
)

# The parts of a progress record: key in results, element in CLIXML, property in a PROGRESS_RECORD message.
PROGRESS_PARTS = (
    ("activity", "AV", "Activity"),
    ("activity_id", "AI", "ActivityId"),
    ("parent_activity_id", "PI", "ParentActivityId"),
    ("status", "SD", "StatusDescription"),
    ("current_operation", "S", "CurrentOperation"),
    ("percent_complete", "PC", "PercentComplete"),
    ("seconds_remaining", "SR", "SecondsRemaining"),
    ("record_type", "T", "Type"),
)

_TEXTS = frozenset({"S", "DT", "TS", "BA", "G", "URI", "Version", "SemanticVersion", "XD", "SBK"})
_INTEGERS = frozenset({"I32", "I64", "By", "SB", "U16", "I16", "U32", "U64"})
_LISTS = frozenset({"LST", "STK", "QUE", "IE"})
_DESCRIPTIONS = frozenset({"TN", "TNRef", "ToString", "Props", "MS"})
_PROGRESS_NUMBERS = frozenset({"AI", "PI", "PC", "SR"})
# Limits that only malice exceeds: parts of an object, layers of wrapping, type names looked at, digits of a number.
_PARTS, _LAYERS, _TYPE_NAMES, _DIGITS = 8, 8, 16, 64

# As System.Xml.XmlConvert.DecodeName reads it; MS-PSRP 2.2.5.3.2 has the form with four digits.
_ESCAPE = re.compile("_[xX]([0-9A-Fa-f]{4}|[0-9A-Fa-f]{8})_")
_SURROGATES = re.compile("[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff]")
_NOT_XML = re.compile("[\ufffe\uffff]|&#x(FFF[EF]);")
_INTEGER = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?")
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def to_plain(
    clixml: str,
    *,
    max_depth: int = MAX_DEPTH,
    max_items: int = MAX_ITEMS,
    max_text: int = MAX_TEXT,
    remoting_notes: bool = False,
) -> object:
    """Return the value of one message, such as PIPELINE_OUTPUT (MS-PSRP 2.2.2.19), as data that JSON knows.

    Args:
        clixml: One serialized value.
        max_depth: Levels of lists and dicts, at most `DEEPEST`.
        max_items: Items of all lists and dicts together.
        max_text: Characters of all texts and keys together.
        remoting_notes: Whether objects keep `REMOTING_NOTES`.

    Raises:
        ValueError: The text is not well-formed XML, has a document type declaration, or is not CLIXML.
    """
    document = Document(
        clixml, max_depth=max_depth, max_items=max_items, max_text=max_text, remoting_notes=remoting_notes
    )
    return document.plain(document.root)


def decode(text: str) -> str:
    r"""Return serialized text as it was, ``_xHHHH_`` standing for one UTF-16 code unit each (MS-PSRP 2.2.5.3.2).

    Two halves of a surrogate pair become the character they mean. A half alone is no Unicode text and could not be
    written as UTF-8; it stays in its escaped form, for instance ``_xD83D_``.
    """
    if "_x" not in text and "_X" not in text:
        return text
    return _SURROGATES.sub(_surrogates, _ESCAPE.sub(_character, text))


def more(count: int, what: str = "items") -> str:
    """Return the mark for what was left out."""
    return f"{CUT} {count} more {what} are not shown"


class Document:
    """One serialized value, read piece by piece within limits that hold for all pieces together.

    Args and errors are those of `to_plain`; the methods raise ValueError, too.

    Attributes:
        root: The element of the value.
    """

    def __init__(
        self,
        clixml: str,
        *,
        max_depth: int = MAX_DEPTH,
        max_items: int = MAX_ITEMS,
        max_text: int = MAX_TEXT,
        remoting_notes: bool = False,
    ) -> None:
        self.root = _parse(clixml)
        self._max_depth = min(max_depth, DEEPEST)
        # Used up means that nothing more is shown: the rest of every list and dict becomes a mark.
        self._items_left = max_items
        self._text_left = max_text
        self._left_out: frozenset[str] = frozenset() if remoting_notes else REMOTING_NOTES
        self._open: set[ET.Element] = set()
        self._objects: dict[str | None, ET.Element] | None = None
        self._type_lists: dict[str | None, ET.Element] | None = None

    def plain(self, element: ET.Element, depth: int = 0) -> object:
        """Return the value of an element; `depth` is the number of lists and dicts around it."""
        tag = element.tag
        if tag == "Obj":
            return self._object(element, depth)
        if tag in _TEXTS:
            return self._text(element)
        read = _READERS.get(tag)
        if read is not None:
            return _read(read, element)
        if tag == "Nil":
            return None
        if tag == "SS":
            return SECURE_STRING
        if tag == "Ref":
            target = self.resolve(element)
            return CYCLE if target in self._open else self._object(target, depth)
        if tag == "PR":
            return self._progress(element, depth)
        raise ValueError(f"the element {tag[:40]} is no value in CLIXML")

    def resolve(self, element: ET.Element) -> ET.Element:
        """Return the object that a reference means, or the element itself (MS-PSRP 2.2.5.2.1)."""
        if element.tag != "Ref":
            return element
        if self._objects is None:
            self._objects = {each.get("RefId"): each for each in self.root.iter("Obj")}
        target = self._objects.get(element.get("RefId"))
        if target is None:
            raise ValueError("CLIXML refers to an object that is not there")
        return target

    def members(self, element: ET.Element) -> dict[str, ET.Element]:
        """Return the properties of an object by name (MS-PSRP 2.2.5.2.8 and 2.2.5.2.9); of other values, none."""
        return self._members(_layers(element)[0]) if element.tag == "Obj" else {}

    def type_names(self, element: ET.Element) -> list[str]:
        """Return the .NET types of an object, its own first, without the prefix of deserialized ones (2.2.5.2.3)."""
        names = element.find("TN")
        reference = element.find("TNRef")
        if reference is not None:
            if self._type_lists is None:
                self._type_lists = {each.get("RefId"): each for each in self.root.iter("TN")}
            names = self._type_lists.get(reference.get("RefId"))
        if names is None:
            return []
        return [decode(each.text or "").removeprefix("Deserialized.") for each in islice(names, _TYPE_NAMES)]

    def to_string(self, element: ET.Element) -> str:
        """Return the text that .NET's ToString gave for an object (MS-PSRP 2.2.5.2.4), or an empty string."""
        for layer in _layers(element)[0]:
            text = layer.find("ToString")
            if text is not None:
                return self._text(text)
        return ""

    def _text(self, element: ET.Element) -> str:
        return self._bounded(decode(_content(element)))

    def _bounded(self, text: str) -> str:
        left = self._text_left - len(text)
        if left >= 0:
            self._text_left = left
            return text
        shown = text[: self._text_left]
        self._text_left = self._items_left = 0
        return shown + more(-left, "characters")

    def _object(self, element: ET.Element, depth: int) -> object:
        layers, value = _layers(element)
        if value is None:
            members = self._members(layers)
            if not members:
                return self._without_properties(element)
        elif value.tag in _INTEGERS and layers[-1].find("ToString") is not None and self._is_enum(layers[-1]):
            return self.to_string(layers[-1])
        elif value.tag not in _LISTS and value.tag != "DCT":
            return DEEPER if value.tag == "Obj" else self._primitive(value, depth)
        if depth >= self._max_depth:
            return DEEPER
        self._open.update(layers)
        result: object
        if value is None:
            result = self._properties(members, depth)
        elif value.tag == "DCT":
            result = self._dictionary(value, depth)
        else:
            result = self._list(value, depth)
        self._open.difference_update(layers)
        return result

    def _primitive(self, value: ET.Element, depth: int) -> object:
        if value.tag == "Ref":
            raise ValueError("an object of CLIXML has a reference as its value")
        return self.plain(value, depth)

    def _without_properties(self, element: ET.Element) -> object:
        if any(name.endswith("PSCustomObject") for name in self.type_names(element)):
            return {}
        return self.to_string(element) or {}

    def _is_enum(self, element: ET.Element) -> bool:
        return "System.Enum" in self.type_names(element)

    def _list(self, container: ET.Element, depth: int) -> list[object]:
        result: list[object] = []
        for item in container:
            if self._items_left <= 0:
                result.append(more(len(container) - len(result)))
                break
            self._items_left -= 1
            result.append(self.plain(item, depth + 1))
        return result

    def _dictionary(self, container: ET.Element, depth: int) -> dict[str, object]:
        result: dict[str, object] = {}
        repeated: dict[str, int] = {}
        for number, entry in enumerate(container):
            if self._items_left <= 0:
                result[_unused(CUT, result, repeated)] = more(len(container) - number)
                break
            self._items_left -= 1
            if len(entry) != 2:
                raise ValueError("an entry of a dictionary in CLIXML is not a key and a value")
            key, value = entry
            if key.get("N") == "Value":
                key, value = value, key
            text = _unused(self._key(key), result, repeated)
            result[text] = self.plain(value, depth + 1)
        return result

    def _key(self, element: ET.Element) -> str:
        # As if it were too deep to look inside: objects within keys within keys would be quoted over and over.
        key = self.plain(element, self._max_depth)
        if key == DEEPER or key == {}:
            target = self.resolve(element)
            names = self.type_names(target)
            return self.to_string(target) or (self._bounded(names[0]) if names else DEEPER)
        return key if isinstance(key, str) else json.dumps(key)

    def _properties(self, members: dict[str, ET.Element], depth: int) -> dict[str, object]:
        result: dict[str, object] = {}
        for number, (name, member) in enumerate(members.items()):
            if self._items_left <= 0:
                result[_unused(CUT, result, {})] = more(len(members) - number)
                break
            self._items_left -= 1
            key = self._bounded(name)
            result[key] = self.plain(member, depth + 1)
        return result

    def _members(self, layers: list[ET.Element]) -> dict[str, ET.Element]:
        members: dict[str, ET.Element] = {}
        found = 0
        for layer in reversed(layers):
            for kind in ("Props", "MS"):
                group = layer.find(kind)
                if group is None:
                    continue
                found += len(group)
                for member in group:
                    if member.tag == "MS":
                        continue
                    name = member.get("N")
                    if name is None:
                        raise ValueError("a property in CLIXML has no name")
                    if kind == "Props" or name not in self._left_out:
                        members[decode(name)] = member
        # What is not shown has a price, too: else references to an object full of it would cost time without end.
        self._items_left -= found - len(members)
        return members

    def _progress(self, element: ET.Element, depth: int) -> object:
        if len(element) > len(PROGRESS_PARTS):
            raise ValueError("a progress record of CLIXML has too many parts")
        if depth >= self._max_depth:
            return DEEPER
        record: dict[str, object] = {}
        for key, tag, _property in PROGRESS_PARTS:
            part = element.find(tag)
            if part is None:
                record[key] = None
            else:
                record[key] = _read(_integer, part) if tag in _PROGRESS_NUMBERS else self._text(part)
        return record


def _parse(clixml: str) -> ET.Element:
    # Nothing in PSRP needs a document type declaration, and with it go all entity attacks.
    if "<!DOCTYPE" in clixml or "<!ENTITY" in clixml:
        raise ValueError("CLIXML has a document type declaration, which is never part of PSRP")
    # .NET's text can have these two, XML cannot; servers send them as they are, or as a reference.
    if "\ufffe" in clixml or "\uffff" in clixml or "&#xFFF" in clixml:
        clixml = _NOT_XML.sub(lambda found: f"_x{found[1] or f'{ord(found[0]):X}'}_", clixml)
    try:
        root = ET.fromstring(clixml.removeprefix("\ufeff"))
    except (ET.ParseError, UnicodeEncodeError) as error:
        raise ValueError(f"CLIXML is not well-formed XML ({error})") from None
    if root.tag.startswith("{"):
        for element in root.iter():
            element.tag = element.tag.rpartition("}")[2]
    return root


def _layers(element: ET.Element) -> tuple[list[ET.Element], ET.Element | None]:
    """Return an object and the ones wrapped in it, outermost first, and the primitive or container in the last.

    A server wraps an object into another when it has properties of its own for this one use of it. When the last layer
    is no object either, there are too many of them.
    """
    layers = [element]
    while True:
        if len(layers[-1]) > _PARTS and layers[-1].tag == "Obj":
            raise ValueError("an object of CLIXML has too many parts")
        value = None
        for part in layers[-1]:
            if part.tag not in _DESCRIPTIONS:
                value = part
        if value is None or value.tag != "Obj" or len(layers) == _LAYERS:
            return layers, value
        layers.append(value)


def _content(element: ET.Element) -> str:
    if len(element):
        raise ValueError(f"a value of the type {element.tag} has elements inside")
    return element.text or ""


def _read(read: t.Callable[[str], object], element: ET.Element) -> object:
    text = _content(element).strip()
    try:
        if len(text) <= _DIGITS:
            return read(text)
    except (ValueError, KeyError, OverflowError):
        pass
    # Without the text: it may be anything, and errors are shown where results are hidden.
    raise ValueError(f"a value of the type {element.tag} cannot be read")


def _unused(key: str, used: t.Container[str], repeated: dict[str, int]) -> str:
    """Return the key, numbered when it is used, so that nothing gets lost."""
    unused = key
    while unused in used:
        repeated[key] = repeated.get(key, 1) + 1
        unused = f"{key} ({repeated[key]})"
    return unused


def _character(escape: re.Match[str]) -> str:
    code = int(escape[1], 16)
    return chr(code) if code <= 0x10FFFF else escape[0]


def _surrogates(found: re.Match[str]) -> str:
    units = found[0]
    if len(units) == 1:
        return f"_x{ord(units):04X}_"
    return chr(0x10000 + ((ord(units[0]) - 0xD800) << 10) + ord(units[1]) - 0xDC00)


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise ValueError
    return int(text)


def _float(text: str) -> object:
    number = float({"INF": "inf", "-INF": "-inf"}.get(text, text))
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


def _decimal(text: str) -> object:
    if not _DECIMAL.fullmatch(text):
        raise ValueError
    exact = decimal.Decimal(text)
    if exact == exact.to_integral_value():
        return int(exact)
    inexact = float(text)
    return inexact if decimal.Decimal(repr(inexact)) == exact else text


def _char(text: str) -> str:
    code = _integer(text)
    if not 0 <= code <= 0xFFFF:
        raise ValueError
    return _SURROGATES.sub(_surrogates, chr(code))


_READERS: t.Mapping[str, t.Callable[[str], object]] = {
    **dict.fromkeys(_INTEGERS, _integer),
    "B": _BOOLEANS.__getitem__,
    "C": _char,
    "Sg": _float,
    "Db": _float,
    "D": _decimal,
}
