# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""WS-Management envelopes: requests are read by namespace, answers are written with the prefixes of Windows."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape, quoteattr

NAMESPACES = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "a": "http://schemas.xmlsoap.org/ws/2004/08/addressing",
    "x": "http://schemas.xmlsoap.org/ws/2004/09/transfer",
    "n": "http://schemas.xmlsoap.org/ws/2004/09/enumeration",
    "w": "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd",
    "p": "http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd",
    "rsp": "http://schemas.microsoft.com/wbem/wsman/1/windows/shell",
    "f": "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault",
    "ps": "http://schemas.microsoft.com/powershell",
    "wsmid": "http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd",
}
ANONYMOUS = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous"
SHELL_RESOURCE = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
COMMAND_RESOURCE = SHELL_RESOURCE + "/Command"
CMD_RESOURCE = SHELL_RESOURCE + "/cmd"
POWERSHELL_PREFIX = "http://schemas.microsoft.com/powershell/"

#: MS-WSMV 2.2.4.37 ff.: the actions a shell service knows, by the operation's name.
ACTIONS = {
    **{f"{NAMESPACES['x']}/{name}": name for name in ("Create", "Get", "Delete")},
    **{f"{NAMESPACES['n']}/{name}": name for name in ("Enumerate", "Pull", "Release")},
    **{
        f"{NAMESPACES['rsp']}/{name}": name
        for name in ("Command", "Receive", "Send", "Signal", "Disconnect", "Reconnect", "Connect")
    },
}
#: What a request without OperationTimeout gets, in seconds (WinRM's MaxTimeoutms default).
DEFAULT_OPERATION_TIMEOUT = 60.0
DEFAULT_MAX_ENVELOPE_SIZE = 512000

_DURATION = re.compile(
    r"(?P<sign>-?)P(?=.)(?:(?P<days>\d+)D)?"
    r"(?:T(?=.)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)


class MalformedEnvelope(ValueError):
    """The body is not an envelope this service will read."""


class _Builder(ET.TreeBuilder):
    """A tree builder that reads no document type: entities could make a small request huge."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        """Called by the parser before the first declaration of a document type takes effect."""
        raise MalformedEnvelope("a document type declaration is not allowed")


def tag(name: str) -> str:
    """``rsp:Shell`` as ElementTree writes it."""
    prefix, local = name.split(":")
    return f"{{{NAMESPACES[prefix]}}}{local}"


def parse_xml(data: bytes | str) -> ET.Element:
    """Parse XML without document types.

    Raises:
        MalformedEnvelope: it is not well-formed, or it brings a document type.
    """
    parser = ET.XMLParser(target=_Builder())
    try:
        parser.feed(data)
        root: Any = parser.close()
    except (ET.ParseError, ValueError, LookupError) as error:
        raise MalformedEnvelope(str(error)) from error
    if not isinstance(root, ET.Element):
        raise MalformedEnvelope("no element")
    return root


def parse_duration(text: str) -> float:
    """Seconds of an ``xs:duration`` without years and months.

    Raises:
        ValueError: it is not such a duration.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a duration")
    days, hours, minutes = (int(match[part] or 0) for part in ("days", "hours", "minutes"))
    seconds = ((days * 24 + hours) * 60 + minutes) * 60 + float(match["seconds"] or 0)
    return -seconds if match["sign"] else seconds


def format_timeout(seconds: float) -> str:
    """``PT7200.000S``, the form of IdleTimeOut and MaxIdleTimeOut (recorded: test_psrp_open_runspace)."""
    return f"PT{seconds:.3f}S"


def format_age(seconds: float) -> str:
    """``P0DT0H1M2S``, the form of ShellRunTime and ShellInactivity (recorded: test_psrp_is_alive_*)."""
    minutes, whole_seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"P{days}DT{hours}H{minutes}M{whole_seconds}S"


def plain_uuid(text: str | None) -> str | None:
    """``uuid:`` and braces off, upper case; ``None`` stays ``None``."""
    if text is None or not text.strip():
        return None
    return text.strip().removeprefix("uuid:").strip("{}").upper()


@dataclass(frozen=True)
class Request:
    """What a request's envelope says; values as sent, except where noted.

    Attributes:
        action: the wsa:Action URI, empty for Identify.
        operation: the operation's short name, or ``Unknown``.
        message_id: to be echoed in RelatesTo, letter for letter.
        session_id: identity of the client session (wsmv:SessionId), upper case without ``uuid:``.
        operation_timeout: the OperationTimeout header as text, or ``None``.
        max_envelope_size: the MaxEnvelopeSize header in octets.
        body: the body's first element, or ``None``.
    """

    action: str
    operation: str
    message_id: str
    to: str
    resource_uri: str
    session_id: str | None
    operation_timeout: str | None
    max_envelope_size: int
    selectors: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    locale: str = "en-US"
    data_locale: str = "en-US"
    body: ET.Element | None = None

    @property
    def shell_id(self) -> str | None:
        """The shell this request is about (from the selectors, the filter or the new shell), upper case."""
        found = self.selectors.get("ShellId")
        if found is None and self.operation == "Create" and self.body is not None:
            found = self.body.get("ShellId")
        if found is None and self.body is not None and self.operation == "Enumerate":
            found = selectors_of(self.body.find(tag("w:Filter"))).get("ShellId")
        return plain_uuid(found)

    @property
    def command_id(self) -> str | None:
        """The command this request is about, upper case; ``None`` for the shell itself."""
        if self.body is None:
            return None
        for element in (self.body, *self.body):
            if "CommandId" in element.attrib:
                return plain_uuid(element.attrib["CommandId"])
        return None


def selectors_of(parent: ET.Element | None) -> dict[str, str]:
    """Name and value of the selectors in ``parent``'s SelectorSet."""
    if parent is None:
        return {}
    found = parent.iterfind(f"{tag('w:SelectorSet')}/{tag('w:Selector')}")
    return {selector.get("Name", ""): (selector.text or "").strip() for selector in found}


def read_request(data: bytes | str) -> Request:
    """Read a request envelope by its namespaces; prefixes and the order of headers mean nothing.

    Raises:
        MalformedEnvelope: it is no SOAP 1.2 envelope.
    """
    root = parse_xml(data)
    body = root.find(tag("s:Body"))
    if root.tag != tag("s:Envelope") or body is None:
        raise MalformedEnvelope("not a SOAP 1.2 envelope with a body")
    header = root.find(tag("s:Header"))
    if header is None:
        header = ET.Element(tag("s:Header"))
    content = next(iter(body), None)

    def value(name: str) -> str | None:
        element = header.find(tag(name))
        return None if element is None else (element.text or "").strip()

    def language(name: str) -> str:
        element = header.find(tag(name))
        return "en-US" if element is None else element.get("{http://www.w3.org/XML/1998/namespace}lang", "en-US")

    action = value("a:Action") or ""
    identify = content is not None and content.tag == tag("wsmid:Identify")
    size = value("w:MaxEnvelopeSize")
    options = header.iterfind(f"{tag('w:OptionSet')}/{tag('w:Option')}")
    return Request(
        action=action,
        operation="Identify" if identify else ACTIONS.get(action, "Unknown"),
        message_id=value("a:MessageID") or "",
        to=value("a:To") or "",
        resource_uri=value("w:ResourceURI") or "",
        session_id=plain_uuid(value("p:SessionId")),
        operation_timeout=value("w:OperationTimeout"),
        max_envelope_size=int(size) if size and size.isdigit() else DEFAULT_MAX_ENVELOPE_SIZE,
        selectors=selectors_of(header),
        options={option.get("Name", ""): (option.text or "").strip() for option in options},
        locale=language("w:Locale"),
        data_locale=language("p:DataLocale"),
        body=content,
    )


def element(name: str, *content: str, text: str = "", **attributes: str | None) -> str:
    """An XML element as text. ``content`` is XML already, ``text`` is escaped, attributes of ``None`` are left out."""
    inner = "".join(content) + escape(text)
    written = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items() if value is not None)
    return f"<{name}{written}>{inner}</{name}>"


@dataclass(frozen=True)
class Answer:
    """An answer before it is put in an envelope.

    Attributes:
        action: the wsa:Action URI of the answer.
        body: content of s:Body as XML with the prefixes of ``NAMESPACES``.
        status: HTTP status.
        message_id: own id; a replayed answer keeps its old one (recorded: test_psrp_disconnect_runspaces).
    """

    action: str
    body: str = ""
    status: int = 200
    message_id: str = field(default_factory=lambda: f"uuid:{uuid.uuid4()}".upper().replace("UUID:", "uuid:"))
    activity_id: str | None = field(default_factory=lambda: str(uuid.uuid4()).upper())


def write_envelope(answer: Answer, relates_to: str) -> str:
    """The answer as an envelope; header order as recorded (Action, MessageID, ActivityId, To, RelatesTo)."""
    activity = "" if answer.activity_id is None else element("p:ActivityId", text=answer.activity_id)
    header = element(
        "s:Header",
        element("a:Action", text=answer.action),
        element("a:MessageID", text=answer.message_id),
        activity,
        element("a:To", text=ANONYMOUS),
        element("a:RelatesTo", text=relates_to),
    )
    # A prefix may also stand in a value: the subcode of a fault is a qualified name.
    used = [
        prefix
        for prefix in NAMESPACES
        if prefix in ("s", "a", "w", "p") or f"<{prefix}:" in answer.body or f">{prefix}:" in answer.body
    ]
    declared = "".join(f' xmlns:{prefix}="{NAMESPACES[prefix]}"' for prefix in used)
    return f'<s:Envelope xml:lang="en-US"{declared}>{header}<s:Body>{answer.body}</s:Body></s:Envelope>'
