"""CLIXML (MS-PSRP 2.2.5) as plain data that JSON, and with it a task result, can hold.

The result of each kind of .NET value:

- Primitive values: see `primitives`. No data at all: None, since PowerShell sends ``$null`` as a message without data.
- Enums and flags: their names. Secure strings: always `SECURE_STRING`, nothing is decrypted.
- Lists, stacks, queues and other enumerables: list. Dictionaries: dict. Keys other than text are written as JSON has
  them, objects by their own text or type; of keys that look alike then (1 and "1"), the later get a number: ``1 (2)``.
- Objects of the types in a table of forms, which is given: what its function makes of them.
- Other objects: dict of their properties, adapted ones first; an extended one of the same name wins. Without any
  property: the object's own text. Values that carry properties besides (the path of a line that Get-Content read, the
  length of an array) are the value alone. Member sets such as PSStandardMembers are no properties.
- A PSCustomObject without properties: an empty dict if it is the whole value; inside another value None, since the
  result of a command without output looks the same there (seen: PowerShell 7.6, Linux).

Values beyond the limits are replaced by a mark, a text that begins with `CUT`. The mark is the last item of a list, has
the key `CUT` in a dict, ends a text, or replaces a value.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import typing as t
import xml.etree.ElementTree as ET
from itertools import islice

from .primitives import INTEGERS, READABLE, TEXTS, content, decode, read, read_integer
from .structure import layers_of, parse

CUT = "..."
DEEPER = f"{CUT} deeper levels are not shown"
CYCLE = f"{CUT} a reference back to an object around it is not followed"
NO_MORE = f"{CUT} values are not shown any more"
SECURE_STRING = "(secure string)"

MAX_DEPTH = 32
MAX_ITEMS = 100_000
MAX_TEXT = 10_000_000
# Conversion is recursive. This depth stays far below Python's limit, and no server comes near it.
DEEPEST = 100

# Properties that clients and CIM add to objects for their own use. PSComputerName is kept, because a script may have
# set it, and a fan-out names its computers with it.
REMOTING_NOTES = frozenset(
    {"PSShowComputerName", "PSSourceJobInstanceId", "RunspaceId", "__ClassMetadata", "__InstanceMetadata"}
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

_LISTS = frozenset({"LST", "STK", "QUE", "IE"})
_PROGRESS_NUMBERS = frozenset({"AI", "PI", "PC", "SR"})
# The maximum number of type names of an object to look at.
_TYPE_NAMES = 16


def more(count: int, what: str = "items") -> str:
    """Return the mark for omitted values."""
    return f"{CUT} {count} more {what} are not shown"


class Document:
    """One serialized value, read in pieces. The limits hold for all pieces together.

    The methods raise ValueError for data that is not CLIXML.

    Args:
        clixml: One serialized value, or an empty text for ``$null``.
        forms: For names of .NET types, the function that makes a value of an object of this type or of one derived
            from it. It gets the document, the object's element and the number of lists and dicts around it.
        max_depth: Levels of lists and dicts, at most `DEEPEST`.
        max_items: Items of all lists and dicts together.
        max_text: Characters of all texts and keys together.

    Attributes:
        root: The element of the value.

    Raises:
        ValueError: The text is not well-formed XML or has a document type declaration.
    """

    def __init__(
        self,
        clixml: str,
        *,
        forms: t.Mapping[str, Form] | None = None,
        max_depth: int = MAX_DEPTH,
        max_items: int = MAX_ITEMS,
        max_text: int = MAX_TEXT,
    ) -> None:
        self.root = parse(clixml)
        self._forms = forms or {}
        self._max_depth = min(max_depth, DEEPEST)
        # When these are used up, the rest of every list and dict becomes a mark.
        self._items_left = max_items
        self._text_left = max_text
        self._open: set[ET.Element] = set()
        self._objects: dict[str | None, ET.Element] | None = None
        self._type_lists: dict[str | None, ET.Element] | None = None
        # Keyed by the element of a list of types, which many objects share.
        self._names_read: dict[ET.Element, list[str]] = {}
        self._forms_found: dict[ET.Element, Form | None] = {}

    def plain(self, element: ET.Element, depth: int = 0) -> object:
        """Return the value of an element; `depth` is the number of lists and dicts around it."""
        tag = element.tag
        if tag == "Obj":
            return self._object(element, depth)
        if tag in TEXTS:
            return self._text(element)
        if tag in READABLE:
            return read(element)
        if tag == "Nil":
            return None
        if tag == "SS":
            return SECURE_STRING
        if tag == "Ref":
            target = self.resolve(element)
            return CYCLE if target in self._open else self._object(target, depth)
        if tag == "PR":
            return self._progress(element, depth)
        raise ValueError(f"the element {tag[:40]} is not a CLIXML value")

    def formless(self, element: ET.Element, depth: int = 0) -> object:
        """Return the value of an element, ignoring the forms of its type."""
        return (
            self._formless(element, *layers_of(element), depth) if element.tag == "Obj" else self.plain(element, depth)
        )

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
        """Return the properties of an object by name (MS-PSRP 2.2.5.2.8 and 2.2.5.2.9). Other values have none."""
        if element.tag != "Obj":
            return {}
        members = self._members(layers_of(element)[0])
        if element is not self.root:
            # Each reference counts as shown. Otherwise many references to one large object would cost unlimited time.
            self._items_left -= len(members)
        return members

    def properties(self, element: ET.Element, depth: int) -> object:
        """Return the properties of any object as a dict."""
        if depth >= self._max_depth:
            return DEEPER
        return self._properties(self._members(layers_of(element)[0]), depth)

    def is_too_deep(self, depth: int) -> bool:
        """Return whether a list or dict at this depth is replaced by `DEEPER`."""
        return depth >= self._max_depth

    def type_names(self, element: ET.Element) -> list[str]:
        """Return the .NET types of an object, its own first, without the prefix of deserialized ones (2.2.5.2.3)."""
        names = self._names(element)
        return [] if names is None else self._read_names(names)

    def _names(self, element: ET.Element) -> ET.Element | None:
        """Return the element with the types of an object."""
        reference = element.find("TNRef")
        if reference is None:
            return element.find("TN")
        if self._type_lists is None:
            self._type_lists = {each.get("RefId"): each for each in self.root.iter("TN")}
        return self._type_lists.get(reference.get("RefId"))

    def _read_names(self, names: ET.Element) -> list[str]:
        known = self._names_read.get(names)
        if known is None:
            known = [decode(each.text or "").removeprefix("Deserialized.") for each in islice(names, _TYPE_NAMES)]
            self._names_read[names] = known
        return known

    def _form(self, layers: list[ET.Element]) -> Form | None:
        for layer in layers:
            names = self._names(layer)
            if names is not None:
                if names not in self._forms_found:
                    forms = (self._forms[name] for name in self._read_names(names) if name in self._forms)
                    self._forms_found[names] = next(forms, None)
                return self._forms_found[names]
        return None

    def to_string(self, element: ET.Element) -> str:
        """Return the text that .NET's ToString gave for an object (MS-PSRP 2.2.5.2.4), or an empty string."""
        for layer in layers_of(element)[0]:
            text = layer.find("ToString")
            if text is not None:
                return self._text(text)
        return ""

    def _text(self, element: ET.Element) -> str:
        return self._bounded(decode(content(element)))

    def _bounded(self, text: str) -> str:
        left = self._text_left - len(text)
        if left >= 0:
            self._text_left = left
            return text
        shown = text[: self._text_left]
        self._text_left = self._items_left = 0
        return shown + more(-left, "characters")

    def _object(self, element: ET.Element, depth: int) -> object:
        layers, value = layers_of(element)
        form = self._form(layers)
        if form is not None:
            return self._formed(form, element, layers, depth)
        return self._formless(element, layers, value, depth)

    def _formless(self, element: ET.Element, layers: list[ET.Element], value: ET.Element | None, depth: int) -> object:
        if value is None:
            members = self._members(layers)
            if not members:
                return self._without_properties(element)
        elif value.tag in INTEGERS and layers[-1].find("ToString") is not None and self._is_enum(layers[-1]):
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

    def _formed(self, form: Form, element: ET.Element, layers: list[ET.Element], depth: int) -> object:
        # A form reads values without counting them. It ends here when the limit is used up.
        if self._items_left <= 0:
            return NO_MORE
        self._open.update(layers)
        result = form(self, element, depth)
        self._open.difference_update(layers)
        return result

    def _primitive(self, value: ET.Element, depth: int) -> object:
        if value.tag == "Ref":
            raise ValueError("an object of CLIXML has a reference as its value")
        return self.plain(value, depth)

    def _without_properties(self, element: ET.Element) -> object:
        if any(name.endswith("PSCustomObject") for name in self.type_names(element)):
            return {} if element is self.root else None
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
        # Treated as too deep, because nested objects in keys would be quoted again and again.
        key = self.plain(element, self._max_depth)
        if key in (DEEPER, {}, None) and element.tag != "Nil":
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
                    if kind == "Props" or name not in REMOTING_NOTES:
                        members[decode(name)] = member
        # Hidden members count towards the limit, too. Otherwise references to an object full of them would cost
        # unlimited time.
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
                record[key] = read_integer(part) if tag in _PROGRESS_NUMBERS else self._text(part)
        return record


def _unused(key: str, used: t.Container[str], repeated: dict[str, int]) -> str:
    """Return the key, with a number if it is used already, so that no value is lost."""
    unused = key
    while unused in used:
        repeated[key] = repeated.get(key, 1) + 1
        unused = f"{key} ({repeated[key]})"
    return unused


Form = t.Callable[[Document, ET.Element, int], object]
