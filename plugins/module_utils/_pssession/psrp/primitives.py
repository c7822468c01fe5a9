"""The primitive values of CLIXML (MS-PSRP 2.2.5.1), and the text in it.

- Text, URIs, GUIDs, versions, XML documents and script blocks: text. A character: text of that character. What no
  result can hold, U+0000 and halves of surrogate pairs, stays escaped.
- Dates and durations: ISO 8601 exactly as sent, that is with up to seven digits of a second and the server's offset.
- Integers of all sizes: int. Floating point: float, or the text ``NaN``, ``Infinity`` or ``-Infinity``.
- Decimals: int when there is no fraction, float when a float is written with the same digits, else the text as sent.
- Bytes: Base64 text as sent.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import decimal
import math
import re
import typing as t
import xml.etree.ElementTree as ET

TEXTS = frozenset({"S", "DT", "TS", "BA", "G", "URI", "Version", "SemanticVersion", "XD", "SBK"})
INTEGERS = frozenset({"I32", "I64", "By", "SB", "U16", "I16", "U32", "U64"})
# The maximum number of digits. No server sends as many.
_MAX_DIGITS = 64

# As System.Xml.XmlConvert.DecodeName reads it; MS-PSRP 2.2.5.3.2 has the form with four digits.
_ESCAPE = re.compile("_[xX]([0-9A-Fa-f]{4}|[0-9A-Fa-f]{8})_")
# Pairs of surrogates, and what stays escaped.
_NOT_PLAIN = re.compile("[\ud800-\udbff][\udc00-\udfff]|[\0\ud800-\udfff]")
_INTEGER = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?")
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def decode(text: str) -> str:
    r"""Return serialized text in its original form. Each ``_xHHHH_`` is one UTF-16 code unit (MS-PSRP 2.2.5.3.2).

    Two halves of a surrogate pair become one character. A half alone is not Unicode text and cannot be written as
    UTF-8, so it stays escaped, for instance ``_xD83D_``. U+0000 stays ``_x0000_``, because databases such as AWX's
    refuse texts with it.
    """
    if "_x" not in text and "_X" not in text:
        return text
    return _NOT_PLAIN.sub(_plain, _ESCAPE.sub(_character, text))


def content(element: ET.Element) -> str:
    """Return the text of an element, as it was sent.

    Raises:
        ValueError: It has elements inside.
    """
    if len(element):
        raise ValueError(f"a value of the type {element.tag} has elements inside")
    return element.text or ""


def read(element: ET.Element) -> object:
    """Return the value of an element of one of the `READABLE` types.

    Raises:
        ValueError: It is not a value of that type.
    """
    return _read(_READERS[element.tag], element)


def read_integer(element: ET.Element) -> int:
    """Return the number in an element of any name. Errors are raised as by `read`."""
    return t.cast(int, _read(_integer, element))


def _read(reader: t.Callable[[str], object], element: ET.Element) -> object:
    text = content(element).strip()
    try:
        if len(text) <= _MAX_DIGITS:
            return reader(text)
    except (ValueError, KeyError, OverflowError):
        pass
    # Without the text, which may be secret: errors are also shown if results are hidden.
    raise ValueError(f"a value of the CLIXML type {element.tag} cannot be read")


def _character(escape: re.Match[str]) -> str:
    code = int(escape[1], 16)
    return chr(code) if code <= 0x10FFFF else escape[0]


def _plain(found: re.Match[str]) -> str:
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
    return _NOT_PLAIN.sub(_plain, chr(code))


_READERS: t.Mapping[str, t.Callable[[str], object]] = {
    **dict.fromkeys(INTEGERS, _integer),
    "B": _BOOLEANS.__getitem__,
    "C": _char,
    "Sg": _float,
    "Db": _float,
    "D": _decimal,
}
# The types other than `TEXTS` that `read` knows.
READABLE = frozenset(_READERS)
