# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Random values with others inside: lists, dictionaries, objects, references, notes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from tests.conformance.powershell.documents import DOCUMENTS
from tests.conformance.powershell.leaves import LEAVES, PRIMITIVES, texts
from tests.conformance.powershell.samples import Sample, literal

# The expressions of the parts in, the expression of the whole out; where the parts have names, these come first.
Build = Callable[[Sequence[str]], str]
BuildNamed = Callable[[Sequence[str], Sequence[str]], str]
# Draws a sample that is part of another.
Part = Callable[[], Sample]

# The parts of a value are a third as large as the value; at zero there are only values without parts.
SIZES = (0, 2, 6, 18)
MOST = 4

_NAMES = st.one_of(
    st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,5}", fullmatch=True),
    st.sampled_from(
        [
            "value",
            "Count",
            "Length",
            "Name",
            "PSComputerName",
            "RunspaceId",
            "Keys",
            "_x0041_",
            "a b",
            "0",
            "\U0001f600",
        ]
    ),
    texts(4).filter(bool),
)
_NUMBERS = st.lists(st.integers(-(2**31), 2**31 - 1), max_size=6)


@st.composite
def values(draw: DrawFn) -> Sample:
    """Return values of all kinds."""
    return _value(draw, draw(st.sampled_from(SIZES)))


def _value(draw: DrawFn, size: int) -> Sample:
    kind = draw(st.sampled_from(_NESTED if size and draw(st.integers(0, 3)) else _FLAT))
    if kind in LEAVES:
        return draw(LEAVES[kind])
    if kind in DOCUMENTS:
        return DOCUMENTS[kind](draw, kind)
    return _MAKERS[kind](draw, kind, lambda: _value(draw, size // 3))


# Expressions


def array(parts: Sequence[str]) -> str:
    """Return the expression of an array."""
    listed = ", ".join(f"({part})" for part in parts)
    return f"@(, {listed})" if len(parts) == 1 else f"@({listed})"


def pairs(names: Sequence[str], parts: Sequence[str]) -> str:
    """Return what stands in the braces of a hashtable."""
    return "; ".join(f"({literal(name)}) = ({part})" for name, part in zip(names, parts, strict=True))


def block(*statements: str) -> str:
    """Return the expression of a block that makes a value in ``$made``."""
    return f"(& {{ {'; '.join(statements)}; , $made }})"


def _hashtable(names: Sequence[str], parts: Sequence[str]) -> str:
    return f"@{{ {pairs(names, parts)} }}"


def _ordered(names: Sequence[str], parts: Sequence[str]) -> str:
    return f"[ordered]@{{ {pairs(names, parts)} }}"


def _dictionary(names: Sequence[str], parts: Sequence[str]) -> str:
    added = (f"$made.Add({literal(name)}, ({part}))" for name, part in zip(names, parts, strict=True))
    return block("$made = [Collections.Generic.Dictionary[string, object]]::new()", *added)


def _ordinal(names: Sequence[str], parts: Sequence[str]) -> str:
    added = (f"$made.Add({literal(name)}, ({part}))" for name, part in zip(names, parts, strict=True))
    return block("$made = [Collections.Hashtable]::new([StringComparer]::Ordinal)", *added)


def _custom_object(names: Sequence[str], parts: Sequence[str]) -> str:
    return f"[pscustomobject]{_ordered(names, parts)}"


def _with_property(script: str) -> BuildNamed:
    """Return an object whose last property is a script, which has that part in ``$part``.

    The part is evaluated once: errors know where they were made, and JSON and the session read properties elsewhere.
    """

    def build(names: Sequence[str], parts: Sequence[str]) -> str:
        *others, last = parts
        return block(
            f"$made = {_custom_object(names[:-1], others)}",
            f"$part = ({last})",
            f"$made | Add-Member ScriptProperty {literal(names[-1])} ({{ {script} }}.GetNewClosure()) -Force",
        )

    return build


_LISTS: dict[str, Build] = {
    "array": array,
    "ArrayList": lambda parts: f"[Collections.ArrayList]{array(parts)}",
    "generic list": lambda parts: f"[Collections.Generic.List[object]]{array(parts)}",
    "queue": lambda parts: f"[Collections.Queue]::new([object[]]{array(parts)})",
    "stack": lambda parts: f"[Collections.Stack]::new([object[]]{array(parts)})",
    "linked list": lambda parts: f"[Collections.Generic.LinkedList[object]]::new([object[]]{array(parts)})",
}
_INT_LISTS: dict[str, str] = {
    "list of int": "[Collections.Generic.List[int]][int[]]",
    "HashSet": "[Collections.Generic.HashSet[int]][int[]]",
    "SortedSet": "[Collections.Generic.SortedSet[int]][int[]]",
    "generic queue": "[Collections.Generic.Queue[int]][int[]]",
    "generic stack": "[Collections.Generic.Stack[int]][int[]]",
}
_DICTIONARIES: dict[str, BuildNamed] = {
    "hashtable": _hashtable,
    "ordered dictionary": _ordered,
    "generic dictionary": _dictionary,
    "hashtable with regard to case": _ordinal,
    "PSCustomObject": _custom_object,
}
_WITH_CASE = frozenset({"generic dictionary", "hashtable with regard to case"})
_PROPERTIES: dict[str, BuildNamed] = {
    "property that throws": _with_property("throw 'no value'"),
    "computed property": _with_property(", $part"),
}
_PAIRS: dict[str, tuple[str, Sequence[str]]] = {
    "dictionary entry": ("[Collections.DictionaryEntry]::new", ("Key", "Value")),
    "key and value": ("[Collections.Generic.KeyValuePair[object, object]]::new", ("Key", "Value")),
    "tuple": ("[Tuple[object, object]]::new", ("Item1", "Item2")),
}
_ONE_PART: dict[str, Build] = {
    "shared in a list": lambda parts: block(f"$shared = ({parts[0]})", "$made = @($shared, $shared)"),
    "shared in an object": lambda parts: block(
        f"$shared = ({parts[0]})", "$made = [pscustomobject]@{ one = $shared; two = $shared }"
    ),
    "cyclic dictionary": lambda parts: block(f"$made = [ordered]@{{ part = ({parts[0]}) }}", "$made['self'] = $made"),
    "cyclic object": lambda parts: block(
        f"$made = [pscustomobject]@{{ part = ({parts[0]}) }}", "$made | Add-Member self $made"
    ),
    "cyclic list": lambda parts: block(f"$made = [Collections.ArrayList]{array(parts)}", "$null = $made.Add($made)"),
}
_KEYS = (
    *("text", "integer", "boolean", "floating point", "decimal", "character", "date and time", "GUID", "version"),
    *("duration", "enum", "DBNull", "URI"),
)
# .NET shares the objects of $true and of small numbers, so a note on one would show on all of them.
_NOTED = (
    *("text", "floating point", "decimal", "date and time", "date with offset", "duration", "GUID", "version", "URI"),
    *("enum", "bytes", *_LISTS, "hashtable", "ordered dictionary"),
)


# Samples


def _sample(
    kind: str, build: Build, parts: Sequence[Sample], names: Sequence[str] = (), view: Build | None = None
) -> Sample:
    source = build([part.source for part in parts])
    shown = (view or build)([part.view for part in parts])
    return Sample(kind, source, shown, tuple(parts), tuple(names))


def _several(draw: DrawFn, part: Part, least: int = 0) -> list[Sample]:
    return [part() for _number in range(draw(st.integers(least, MOST)))]


def _names(draw: DrawFn, count: int, equal: Callable[[str], str] = str.casefold) -> list[str]:
    """Draw names that PowerShell tells apart: mostly without regard to case, and casefold() is stricter than .NET."""
    names: dict[str, str] = {}
    while len(names) < count:
        name = draw(_NAMES)
        if equal(name) in names:
            # The name with other cases where these count, else another name.
            name = name.swapcase() if equal(name.swapcase()) not in names else f"n{len(names)}"
        names[equal(name)] = name
    return list(names.values())


def _named(draw: DrawFn, kind: str, build: BuildNamed, part: Part, least: int) -> Sample:
    parts = _several(draw, part, least)
    names = _names(draw, len(parts), str if kind in _WITH_CASE else str.casefold)
    return _sample(kind, lambda expressions: build(names, expressions), parts, names)


def _list(draw: DrawFn, kind: str, part: Part) -> Sample:
    return _sample(kind, _LISTS[kind], _several(draw, part))


def _int_list(draw: DrawFn, kind: str, _part: Part) -> Sample:
    return Sample(kind, _INT_LISTS[kind] + array([str(number) for number in draw(_NUMBERS)]))


def _keyed(draw: DrawFn, kind: str, part: Part) -> Sample:
    return _named(draw, kind, _DICTIONARIES[kind], part, 0)


def _with_last(draw: DrawFn, kind: str, part: Part) -> Sample:
    return _named(draw, kind, _PROPERTIES[kind], part, 1)


def _pair(draw: DrawFn, kind: str, _part: Part) -> Sample:
    form, names = _PAIRS[kind]
    parts = [draw(LEAVES[draw(st.sampled_from(["text", "integer"]))]), _primitive(draw)]
    return _sample(kind, lambda each: f"{form}(({each[0]}), ({each[1]}))", parts, names)


def _around_one(_draw: DrawFn, kind: str, part: Part) -> Sample:
    return _sample(kind, _ONE_PART[kind], [part()])


def _primitive(draw: DrawFn) -> Sample:
    return draw(LEAVES[draw(st.sampled_from(PRIMITIVES))])


def _holder(draw: DrawFn, kind: str, _part: Part) -> Sample:
    """Draw an object of a class: its properties are serialized one level deep, lists and dictionaries whole."""

    def held() -> Sample:
        what = draw(st.sampled_from(["primitive", "array", "hashtable", "object"]))
        if what == "primitive":
            return _primitive(draw)
        if what != "object":
            return _MAKERS[what](draw, what, lambda: _primitive(draw))
        deep = draw(st.sampled_from(["PSCustomObject", "regular expression", "index", "StringBuilder"]))
        inner = (
            draw(LEAVES[deep]) if deep in LEAVES else _named(draw, deep, _custom_object, lambda: _primitive(draw), 1)
        )
        return Sample("object in an object", inner.source, f'"$({inner.source})"', (inner,))

    def build(parts: Sequence[str]) -> str:
        return block("$made = [Holder]::new()", f"$made.First = ({parts[0]})", f"$made.Second = ({parts[1]})")

    return _sample(kind, build, [held(), held()], ("First", "Second"))


def _note(draw: DrawFn, kind: str, part: Part) -> Sample:
    """Draw a value with a note of its own, such as Get-Content gives its lines."""
    what = draw(st.sampled_from(_NOTED))
    noted = draw(LEAVES[what]) if what in LEAVES else _MAKERS[what](draw, what, part)

    def build(parts: Sequence[str]) -> str:
        return f"Add-Member -PassThru -Force -InputObject ({parts[0]}) NoteProperty note ({parts[1]})"

    return _sample(kind, build, [noted, part()])


def _odd_keys(draw: DrawFn, kind: str, part: Part) -> Sample:
    """Draw a hashtable whose keys are not all texts. JSON refuses it; the view has its order, keys and values."""
    keys: dict[str, Sample] = {}
    for _number in range(draw(st.integers(0, MOST))):
        key = draw(LEAVES[draw(st.sampled_from(_KEYS))])
        keys[key.source] = key
    count = len(keys)

    def filled(values: Iterable[object]) -> list[str]:
        # Of keys that .NET calls equal, such as 1.0 and 1.00, the first one counts.
        entries = zip(keys, values, strict=True)
        return [
            "$made = @{}",
            *(f"if (-not $made.ContainsKey(({key}))) {{ $made[({key})] = ({value}) }}" for key, value in entries),
        ]

    def view(parts: Sequence[str]) -> str:
        return block(
            *filled(range(count)), f"$made = @(@($made.Values), {array(parts[:count])}, {array(parts[count:])})"
        )

    parts = [*keys.values(), *(part() for _key in keys)]
    return _sample(kind, lambda each: block(*filled(each[count:])), parts, view=view)


_MAKERS: dict[str, Callable[[DrawFn, str, Part], Sample]] = {
    **dict.fromkeys(_LISTS, _list),
    **dict.fromkeys(_INT_LISTS, _int_list),
    **dict.fromkeys(_DICTIONARIES, _keyed),
    **dict.fromkeys(_PROPERTIES, _with_last),
    **dict.fromkeys(_PAIRS, _pair),
    **dict.fromkeys(_ONE_PART, _around_one),
    "object of a class": _holder,
    "note on a value": _note,
    "odd keys": _odd_keys,
}
_FLAT = (*LEAVES, *DOCUMENTS, *_INT_LISTS, *_PAIRS, "object of a class")
_NESTED = tuple(kind for kind in _MAKERS if kind not in _FLAT)
