"""SOAP answers: parses and checks them, because no server is trusted."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import codecs
import re
import xml.etree.ElementTree as ET

from ..model.codes import Code
from ..model.errors import TransportError, WSManFault

# The maximum number of opening and closing tags in one answer. Each element takes some 100 bytes of memory, and 16 MiB
# can hold millions of tags. A listing of 10,000 sessions has a twentieth of this number.
MAX_TAGS = 1_000_000
# The maximum number of characters kept of a fault.
_MAX_FAULT_TEXT = 4000

# The title of a web page is searched only in this many characters.
_MAX_PAGE = 65536
_PAGE = re.compile(r"\s*<(!doctype\s+html|html)\b", re.IGNORECASE)
_TITLE = re.compile(r"<title[^<>]{0,200}>([^<]{0,200})", re.IGNORECASE)
_CODE = re.compile("[0-9]{1,10}", re.ASCII)

NAMESPACES = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "wsa": "http://schemas.xmlsoap.org/ws/2004/08/addressing",
    "wsman": "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd",
    "wsmv": "http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd",
    "wsen": "http://schemas.xmlsoap.org/ws/2004/09/enumeration",
    "rsp": "http://schemas.microsoft.com/wbem/wsman/1/windows/shell",
    "wsmanfault": "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault",
    "ps": "http://schemas.microsoft.com/powershell",
}


def qname(prefixed: str) -> str:
    """Return ElementTree's form of a prefixed name, such as ``rsp:Connect``."""
    prefix, name = prefixed.split(":")
    return f"{{{NAMESPACES[prefix]}}}{name}"


def decode(body: bytes) -> str:
    """Return the text of an answer that is safe to give to an XML parser.

    The bytes are decoded here, so that an encoding named in the XML declaration cannot hide anything from the check
    for a DTD. WS-Management has no use for one (SOAP 1.2 part 1, section 5), and with it go all entity attacks.

    Raises:
        TransportError: The answer is not UTF-8 or UTF-16 text, has a document type declaration or too many tags.
    """
    try:
        if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            text = body.decode("utf-16")
        elif body[:2] == b"<\0":
            text = body.decode("utf-16-le")
        else:
            text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise improper("the answer is not text") from error
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise improper("the answer has a document type declaration, which is never part of WS-Management")
    if text.count("<") > MAX_TAGS:
        raise improper(f"the answer has more than {MAX_TAGS} tags")
    return text


def web_page(body: bytes, content_type: str) -> str:
    """Return a text for an answer that is a web page, with the page's title. It is empty for any other answer."""
    text = body[:_MAX_PAGE].decode("utf-8", "replace")
    if "html" not in content_type.lower() and not _PAGE.match(text):
        return ""
    found = _TITLE.search(text)
    title = _words(found[1]) if found else ""
    return f'a web page with the title "{title}"' if title else "a web page"


def improper(message: str, *, is_break: bool = False) -> TransportError:
    """Return the error for an answer that does not come from a WinRM service.

    Args:
        is_break: Whether the answer was damaged on its way, so that a new connection may get a valid one.
    """
    return TransportError(Code.IMPROPER_RESPONSE, message, is_break=is_break)


def parse(text: str) -> ET.Element:
    """Parse an answer into its SOAP envelope.

    Raises:
        TransportError: The answer is not well-formed XML (cut off, HTML ...) or not a SOAP envelope.
    """
    try:
        envelope = ET.fromstring(text)
    except ET.ParseError as error:
        raise improper(f"the answer is not well-formed XML ({error})") from error
    if envelope.tag != qname("s:Envelope"):
        raise improper("the answer is XML, but not a SOAP envelope")
    return envelope


def find_fault(envelope: ET.Element) -> WSManFault | None:
    """Return the fault that an envelope carries, or None (MS-WSMV 2.2.4.43)."""
    fault = envelope.find("s:Body/s:Fault", NAMESPACES)
    if fault is None:
        return None
    wsman_fault = fault.find("s:Detail/wsmanfault:WSManFault", NAMESPACES)
    code = wsman_fault.get("Code", "") if wsman_fault is not None else ""
    subcode = fault.findtext("s:Code/s:Subcode/s:Value", "", NAMESPACES)
    reason = fault.findtext("s:Reason/s:Text", "", NAMESPACES)
    detail = _text_of(wsman_fault) if wsman_fault is not None else ""
    return WSManFault(
        int(code) if _CODE.fullmatch(code) else None,
        detail
        or _words(reason)
        or f"the server refused the request and gave no reason ({_words(subcode) or 'no code'})",
        subcode=_words(subcode).rpartition(":")[2] or None,
    )


def is_answer_to(message_id: str, envelope: ET.Element) -> bool:
    """Return whether an answer belongs to a request or names no request at all (RelatesTo of WS-Addressing, 3.2).

    A service that could not read a request does not know its id.
    """
    related = envelope.findtext("s:Header/wsa:RelatesTo", "", NAMESPACES).strip()
    return not related or related.lower() == message_id.lower()


def _text_of(element: ET.Element) -> str:
    """Join the texts below an element; provider faults nest their messages in several ways."""
    texts, length = [], 0
    for text in element.itertext():
        texts.append(_words(text))
        length += len(texts[-1])
        if length >= _MAX_FAULT_TEXT:
            break
    return " ".join(filter(None, texts))[:_MAX_FAULT_TEXT]


def _words(text: str) -> str:
    """Return the beginning of a text in one line."""
    return " ".join(text[:_MAX_FAULT_TEXT].split())
