"""Elements of requests and answers: shells, Base64, and text for people."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import uuid
import xml.etree.ElementTree as ET

from ..model.sessions import Shell
from .duration import parse_duration
from .soap import NAMESPACES, improper


def is_named(element: ET.Element, name: str) -> bool:
    """Return whether an element has a name, in whatever namespace."""
    return element.tag.rpartition("}")[2] == name


def xml_text(text: str) -> str:
    """Return text for people, without the characters that XML cannot contain."""
    return "".join(each if each >= " " or each in "\t\n\r" else "?" for each in text)


def octets_of(text: str) -> bytes:
    """Return the bytes in Base64, which a server may have broken into lines.

    Raises:
        TransportError: It is not Base64.
    """
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except ValueError as error:
        raise improper("the answer has data that is not Base64") from error


def shell_of(element: ET.Element) -> Shell | None:
    """Read an rsp:Shell element. Return None if its ShellId is not a GUID, because it cannot be addressed."""

    def as_it_is(name: str) -> str | None:
        value = element.findtext(f"rsp:{name}", None, NAMESPACES)
        return (value if value is not None else element.get(name, "")) or None

    def text(name: str) -> str | None:
        return (as_it_is(name) or "").strip() or None

    shell_id = text("ShellId") or ""
    try:
        uuid.UUID(shell_id)
    except ValueError:
        return None
    return Shell(
        shell_id=shell_id,
        resource_uri=text("ResourceUri") or "",
        state=text("State") or "",
        name=as_it_is("Name"),
        owner=text("Owner"),
        client_ip=text("ClientIP"),
        idle_timeout=parse_duration(text("IdleTimeOut")),
        max_idle_timeout=parse_duration(text("MaxIdleTimeOut")),
        shell_inactivity=parse_duration(text("ShellInactivity")),
        buffer_mode=text("BufferMode"),
        locale=text("Locale"),
        data_locale=text("DataLocale"),
    )
