# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the bodies of shell operations."""

from __future__ import annotations

import base64
import binascii
import uuid
from xml.etree import ElementTree as ET

from . import faults
from .faults import Fault
from .shell import BUFFER_MODES, Shell
from .wsman import Answer, Request, tag


def answer_to(request: Request, body: str = "") -> Answer:
    """The answer with the action that belongs to the request's."""
    return Answer(request.action + "Response", body)


def body_of(request: Request, name: str) -> ET.Element:
    """The body's element, which must be ``name``.

    Raises:
        Fault: it is something else.
    """
    if request.body is None or request.body.tag != tag(name):
        raise Fault(faults.PLUGIN_EXCEPTION, f"The body has no {name}.")
    return request.body


def text_of(node: ET.Element) -> str:
    """The element's text without surrounding blanks."""
    return (node.text or "").strip()


def child_text(parent: ET.Element, name: str) -> str | None:
    """Text of the child ``rsp:name``; ``None`` if there is no such child."""
    child = parent.find(tag(f"rsp:{name}"))
    return None if child is None else text_of(child)


def decode(text: str) -> bytes:
    """The octets of base64.

    Raises:
        Fault: it is not base64.
    """
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise Fault(faults.PLUGIN_EXCEPTION, f"The data is not base64: {error}") from error


def payload(body: ET.Element, name: str) -> bytes:
    """The PSRP data in ``ps:name``: creationXml or connectXml."""
    node = body.find(tag(f"ps:{name}"))
    return b"" if node is None else decode(text_of(node))


def guid(text: str | None, fault_code: int) -> str:
    """``text`` as an upper-case GUID, a new one if there is none.

    Raises:
        Fault: ``fault_code``, it is no GUID.
    """
    if text is None:
        return str(uuid.uuid4()).upper()
    try:
        return str(uuid.UUID(text)).upper()
    except ValueError:
        raise Fault(fault_code) from None


def set_buffer_mode(shell: Shell, body: ET.Element) -> None:
    """Take the BufferMode a request brings; all of Create, Disconnect, Reconnect and Connect may."""
    mode = child_text(body, "BufferMode")
    if mode in BUFFER_MODES:
        shell.buffer_mode = mode


def check_protocol_version(version: str | None) -> None:
    """MS-PSRP 3.1.5.3.1: Create must bring the option protocolversion, 2.0 to 2.3.

    Raises:
        Fault: it is missing or another one.
    """
    if version is None:
        raise Fault(faults.PLUGIN_PROTOCOL_VERSION_MISSING, provider=faults.POWERSHELL_PROVIDER)
    if version not in ("2.0", "2.1", "2.2", "2.3"):
        raise Fault(faults.PLUGIN_PROTOCOL_VERSION, provider=faults.POWERSHELL_PROVIDER)
