# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Random values without others inside: numbers, texts, dates, and the many small types of .NET."""

from __future__ import annotations

import uuid

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.conformance.powershell.samples import Sample, literal

Samples = SearchStrategy[Sample]

_INTEGERS = {
    "byte": (0, 2**8 - 1),
    "sbyte": (-(2**7), 2**7 - 1),
    "int16": (-(2**15), 2**15 - 1),
    "uint16": (0, 2**16 - 1),
    "int": (-(2**31), 2**31 - 1),
    "uint32": (0, 2**32 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "uint64": (0, 2**64 - 1),
}
_ENUMS = (
    ("DayOfWeek", 0, 6),
    ("ConsoleColor", 0, 15),
    ("Security.SecurityRuleSet", 0, 2),  # of bytes
)
_FLAGS = (
    ("IO.FileAttributes", 2**20),
    ("Reflection.BindingFlags", 2**26),
    ("Diagnostics.Tracing.EventKeywords", 2**55),  # of 64 bits
)
_MAX_TICKS = 3_155_378_975_999_999_999  # DateTime.MaxValue
_TICKS_PER_MINUTE = 600_000_000
_INVARIANT = "[cultureinfo]::InvariantCulture"


def _kind(kind: str, sources: SearchStrategy[str], view: str = "") -> Samples:
    """Return samples of a kind; `view` is the expression that is compared, with ``{0}`` for the value."""
    return sources.map(lambda source: Sample(kind, source, view.format(source)))


def _integers() -> Samples:
    typed = [st.integers(*limits).map(f"[{name}]'{{}}'".format) for name, limits in _INTEGERS.items()]
    return _kind("integer", st.one_of(*typed))


def _floats() -> Samples:
    # Python and .NET both write the shortest digits that mean the same number.
    double = st.floats(allow_nan=False, allow_infinity=False).map(lambda number: f"[double]'{number!r}'")
    single = st.floats(width=32, allow_nan=False, allow_infinity=False).map(lambda number: f"[single]'{number!r}'")
    special = st.sampled_from(["NaN", "PositiveInfinity", "NegativeInfinity", "MaxValue", "MinValue", "Epsilon"])
    types = st.sampled_from(["double", "single"])
    return _kind("floating point", st.one_of(double, single, st.builds("[{}]::{}".format, types, special)))


def _decimals() -> Samples:
    scaled = st.builds(
        lambda digits, scale: f"{digits}E-{scale}", st.integers(-(2**96) + 1, 2**96 - 1), st.integers(0, 28)
    )
    short = st.decimals(-1000, 1000, places=2).map(str)
    return _kind("decimal", (scaled | short).map(lambda text: f"[decimal]::Parse('{text}', 'Float', {_INVARIANT})"))


def texts(max_size: int = 12) -> SearchStrategy[str]:
    """Return texts with all that is hard: control characters, halves of pairs, what looks like an escape."""
    pieces = st.one_of(
        st.characters(codec="ascii"),
        st.characters(),
        st.characters(categories=["Cs"]),
        st.sampled_from(["\U0001f600", "\ufffe", "\uffff", "\ufeff", "\u2028", "\x85", "\x7f", "\r\n", "&#xFFFE;"]),
        st.sampled_from(["\0"]),
        st.sampled_from(["_x0041_", "_X0041_", "_x005F_", "_x", "_xD83D_", "<![CDATA[", "]]>", "&amp;", "$(1)", "''"]),
    )
    return st.lists(pieces, max_size=max_size).map("".join).map(_joined)


def _joined(text: str) -> str:
    """Return a text in which no two halves make a pair."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def _texts() -> Samples:
    return _kind("text", texts().map(literal))


def _dates() -> Samples:
    ticks = st.one_of(st.integers(0, _MAX_TICKS), st.sampled_from([0, _MAX_TICKS, 638_000_000_000_000_000]))
    kinds = st.sampled_from(["Unspecified", "Utc", "Local"])
    sources = st.builds("[datetime]::new([long]'{}', [DateTimeKind]::{})".format, ticks, kinds)
    return _kind("date and time", sources)


def _dates_with_offset() -> Samples:
    # The same moment in UTC must be a date, too.
    margin = 14 * 60 * _TICKS_PER_MINUTE
    minutes = st.one_of(st.integers(-14 * 60, 14 * 60), st.just(0))
    sources = st.builds(
        "[datetimeoffset]::new([long]'{}', [timespan]::FromMinutes({}))".format,
        st.integers(margin, _MAX_TICKS - margin),
        minutes,
    )
    return _kind("date with offset", sources)


def _durations() -> Samples:
    ticks = st.one_of(
        st.integers(-(2**63), 2**63 - 1), st.integers(-(10**12), 10**12), st.integers(0, 90).map(lambda s: s * 10**7)
    )
    return _kind("duration", ticks.map("[timespan]::new([long]'{}')".format))


def _versions() -> Samples:
    part = st.integers(0, 2**31 - 1) | st.integers(0, 20)
    return _kind("version", st.lists(part, min_size=2, max_size=4).map(lambda p: f"[version]'{'.'.join(map(str, p))}'"))


def _semantic_versions() -> Samples:
    part = st.integers(0, 2**31 - 1) | st.integers(0, 20)
    label = st.from_regex(r"(-[a-z][a-z0-9]{0,5}(\.[a-z]{1,3})?)?(\+[a-z0-9]{1,5})?", fullmatch=True)
    return _kind("semantic version", st.builds("[semver]'{}.{}.{}{}'".format, part, part, part, label))


def _uris() -> Samples:
    text = st.from_regex(r"(https?://[a-z]{1,8}(:[0-9]{2,4})?/)?[a-zA-Z0-9 %._~?#&=é/-]{0,12}", fullmatch=True)
    sources = text.map(lambda uri: f"[uri]::new({literal(uri)}, [UriKind]::RelativeOrAbsolute)")
    return _kind("URI", sources, "({0}).ToString()")


def _enums() -> Samples:
    named = st.one_of(*(st.integers(low, high).map(f"[{name}]{{}}".format) for name, low, high in _ENUMS))
    flags = [st.integers(0, limit).map(f"[enum]::ToObject([{name}], [long]'{{}}')".format) for name, limit in _FLAGS]
    return _kind("enum", named | st.one_of(*flags))


def _bytes() -> Samples:
    return _kind("bytes", st.binary(max_size=40).map(lambda data: f"[byte[]]@({','.join(map(str, data))})"))


_INDEX = st.builds("[index]::new({}, ${})".format, st.integers(0, 100), st.booleans())
_HUGE = st.integers(-(2**127), 2**127 - 1)
_DAYS = st.integers(0, 3_652_058)  # DateOnly.MaxValue
_DAY_TICKS = st.integers(0, 24 * 60 * _TICKS_PER_MINUTE - 1)
_PATTERNS = st.sampled_from(["", "a.*b", "^\\s+$", "(?<name>x|y)", "é"])

LEAVES: dict[str, Samples] = {
    "null": _kind("null", st.just("$null")),
    "no result": _kind("no result", st.just("1 | Where-Object { $false }")),
    "DBNull": _kind("DBNull", st.just("[DBNull]::Value")),
    "boolean": _kind("boolean", st.sampled_from(["$true", "$false"])),
    "integer": _integers(),
    "big integer": _kind("big integer", st.integers(-(10**60), 10**60).map("[bigint]::Parse('{}')".format)),
    "128 bits": _kind("128 bits", _HUGE.map("[int128]::Parse('{}')".format), "({0}).ToString()"),
    "unsigned 128 bits": _kind(
        "unsigned 128 bits", st.integers(0, 2**128 - 1).map("[uint128]::Parse('{}')".format), "({0}).ToString()"
    ),
    "half precision": _kind(
        "half precision",
        st.floats(width=16, allow_nan=False, allow_infinity=False).map("[half]::Parse('{!r}', $invariant)".format),
        "[double]::Parse(({0}).ToString($invariant), $invariant)",
    ),
    "floating point": _floats(),
    "decimal": _decimals(),
    "character": _kind("character", st.integers(0, 0xFFFF).map("[char]{}".format)),
    "text": _texts(),
    "date and time": _dates(),
    "date with offset": _dates_with_offset(),
    "date": _kind("date", _DAYS.map("[dateonly]::FromDayNumber({})".format)),
    "time": _kind("time", _DAY_TICKS.map("[timeonly]::new([long]'{}')".format)),
    "duration": _durations(),
    "GUID": _kind("GUID", st.integers(0, 2**128 - 1).map(lambda number: f"[guid]'{uuid.UUID(int=number)}'")),
    "version": _versions(),
    "semantic version": _semantic_versions(),
    "URI": _uris(),
    "enum": _enums(),
    "bytes": _bytes(),
    "regular expression": _kind(
        "regular expression", _PATTERNS.map(lambda p: f"[regex]{literal(p)}"), "({0}).ToString()"
    ),
    "StringBuilder": _kind(
        "StringBuilder", texts().map(lambda text: f"[Text.StringBuilder]::new({literal(text)})"), "({0}).ToString()"
    ),
    "index": _kind("index", _INDEX, "({0}).ToString()"),
    "range": _kind("range", st.builds("[range]::new({}, {})".format, _INDEX, _INDEX), "({0}).ToString()"),
    "script block": _kind(
        "script block", st.sampled_from(["{}", "{ param($x) $x + 1 }", "{ 'é' }"]), "({0}).ToString()"
    ),
}
# What the wire has primitive values for (MS-PSRP 2.2.5.1): they are sent whole at any depth.
PRIMITIVES = (
    *("null", "boolean", "integer", "floating point", "decimal", "character", "text", "date and time", "duration"),
    *("GUID", "version", "URI", "bytes", "script block"),
)
