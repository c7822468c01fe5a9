"""The XML of CLIXML: reading it, and the parts of an object (MS-PSRP 2.2.5.2)."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

_DESCRIPTIONS = frozenset({"TN", "TNRef", "ToString", "Props", "MS"})
# Each element takes about 100 bytes of memory, and a message may have 200 MiB of text. At most `clixml.MAX_ITEMS`
# elements are shown.
MAX_ELEMENTS = 2_000_000
# Limits that only malicious data exceeds: parts of an object, layers of wrapping.
_PARTS, _LAYERS = 8, 8
_NOT_XML = re.compile("[\ufffe\uffff]|&#x(FFF[EF]);")


def parse(clixml: str) -> ET.Element:
    """Return the element of a value, its tags without namespaces. No text at all is ``$null``.

    Raises:
        ValueError: The text is not well-formed XML, has a document type declaration or too many elements.
    """
    if not clixml:
        return ET.Element("Nil")
    if clixml.count("<") - clixml.count("</") > MAX_ELEMENTS:
        raise ValueError(f"a value has more than {MAX_ELEMENTS} elements")
    # PSRP needs no document type declaration. Refusing it prevents all entity attacks.
    if "<!DOCTYPE" in clixml or "<!ENTITY" in clixml:
        raise ValueError("CLIXML has a document type declaration, which is never part of PSRP")
    # .NET's text can contain these two characters, but XML cannot. Servers send them directly or as a reference.
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


def layers_of(element: ET.Element) -> tuple[list[ET.Element], ET.Element | None]:
    """Return an object and the ones wrapped in it, outermost first, and the primitive or container in the last.

    A server wraps an object into another one to add properties. If the last layer is still an object, there are too
    many layers.

    Raises:
        ValueError: An object has more parts than CLIXML knows.
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
