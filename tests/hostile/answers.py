# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pieces that hostile answers are made of: HTTP, envelopes, listings, PSRP messages."""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Callable, Iterable
from functools import partial

from tests.hostile.server import Call

Answer = Callable[[Call], None]

POOL = bytes(range(16))
MIB = 1024 * 1024
_HEAD = (
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"'
    ' xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"'
    ' xmlns:n="http://schemas.xmlsoap.org/ws/2004/09/enumeration"'
    ' xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"'
    ' xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault"'
    ' xmlns:ps="http://schemas.microsoft.com/powershell"'
    ' xmlns:rsp="http://schemas.microsoft.com/wbem/wsman/1/windows/shell"><s:Header>'
)


def raw(octets: bytes) -> Answer:
    """Send octets as they are, and close the connection."""

    def answer(call: Call) -> None:
        call.send(octets)
        call.end()

    return answer


def endless(head: bytes, more: bytes, seconds: float = 0.0) -> Answer:
    """Send octets again and again until the client closes the connection, each time after so many seconds."""

    def answer(call: Call) -> None:
        call.send(head)
        while not call.closing.wait(seconds):
            call.send(more)

    return answer


def http(body: bytes, status: str = "200 OK", content_type: str = "application/soap+xml", head: str = "") -> Answer:
    """Answer with a body; `head` are further lines."""
    return lambda call: call.answer(body, status, content_type, head)


def envelope(call: Call, body: str, header: str = "") -> bytes:
    """Return an envelope that belongs to the request."""
    related = "" if "RelatesTo" in header else f"<a:RelatesTo>{call.message_id}</a:RelatesTo>"
    return f"{_HEAD}{related}{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>".encode()


def soap(body: str | Callable[[], str], status: str = "200 OK", header: str = "") -> Answer:
    """Answer with an envelope; large bodies are made when they are needed."""
    return lambda call: call.answer(envelope(call, body if isinstance(body, str) else body(), header), status)


def fault(code: str, text: str = "No.", subcode: str = "w:InternalError", detail: str = "") -> Answer:
    """Answer with a fault."""
    return soap(
        f"<s:Fault><s:Code><s:Value>s:Receiver</s:Value><s:Subcode><s:Value>{subcode}</s:Value></s:Subcode></s:Code>"
        f'<s:Reason><s:Text xml:lang="en-US">{text}</s:Text></s:Reason><s:Detail><f:WSManFault Code="{code}">'
        f"<f:Message>{detail or text}</f:Message></f:WSManFault></s:Detail></s:Fault>",
        "500 Internal Server Error",
    )


def changed(pattern: str, replacement: str | Callable[[], str]) -> Answer:
    """Answer as the computer does, but for what a pattern finds."""

    def answer(call: Call) -> None:
        reply = call.forwarded()
        new = replacement if isinstance(replacement, str) else replacement()
        body, _count = re.subn(pattern.encode(), lambda _found: new.encode(), reply.body)
        call.answer(body, f"{reply.status} Changed")

    return answer


def shell(number: int = 1, **elements: str) -> str:
    """Return an entry of a listing, of a session named `bad` unless its elements say otherwise."""
    known = {
        "ShellId": f"0BAD0000-0000-4000-8000-{number:012X}",
        "Name": "bad",
        "ResourceUri": "http://schemas.microsoft.com/powershell/Microsoft.PowerShell",
        "Owner": "SRV01\\admin",
        "IdleTimeOut": "PT7200.000S",
        "State": "Disconnected",
        "ShellRunTime": "P0DT0H1M0S",
        "ShellInactivity": "P0DT0H0M5S",
        "BufferMode": "Block",
    }
    return "<rsp:Shell>" + "".join(f"<rsp:{k}>{v}</rsp:{k}>" for k, v in {**known, **elements}.items()) + "</rsp:Shell>"


def page(items: str, *, is_last: bool = True, context: str = "") -> str:
    """Return the body of an answer to Enumerate."""
    end = "<w:EndOfSequence/>" if is_last else ""
    return (
        f"<n:EnumerateResponse><n:EnumerationContext>{context}</n:EnumerationContext>"
        f"<w:Items>{items}</w:Items>{end}</n:EnumerateResponse>"
    )


def listed(**elements: str) -> Answer:
    """List one session with the elements given."""
    return soap(page(shell(1, **elements)))


def lists_again_and_again(items: Callable[[int], str]) -> Answer:
    """Answer each request for a page with one that is not the last."""

    def answer(call: Call) -> None:
        body = page(items(call.number), is_last=False, context="more")
        if call.action == "Pull":
            body = (
                "<n:PullResponse><n:EnumerationContext>more</n:EnumerationContext>"
                f"<n:Items>{items(call.number + 1)}</n:Items></n:PullResponse>"
            )
        call.answer(envelope(call, body))

    return answer


def fragment(object_id: int, data: bytes, *, number: int = 0, start: bool = True, end: bool = True) -> bytes:
    """Return one PSRP fragment (MS-PSRP 2.2.4)."""
    return struct.pack(">QQBI", object_id, number, start + 2 * end, len(data)) + data


def message(kind: int, clixml: str, command_id: str = "") -> bytes:
    """Return a PSRP message (MS-PSRP 2.2.1)."""
    pipeline = bytes.fromhex(command_id.replace("-", "")) if command_id else bytes(16)
    mixed = pipeline[3::-1] + pipeline[5:3:-1] + pipeline[7:5:-1] + pipeline[8:]
    return struct.pack("<II", 1, kind) + POOL + mixed + clixml.encode("utf-8", "surrogatepass")


def received(blobs: Callable[[Call], Iterable[bytes]], state: str = "Running") -> Answer:
    """Answer a Receive with these pieces of PSRP data."""

    def answer(call: Call) -> None:
        about = f' CommandId="{call.command_id}"' if call.command_id else ""
        streams = "".join(
            f'<rsp:Stream Name="stdout"{about}>{base64.b64encode(blob).decode()}</rsp:Stream>' for blob in blobs(call)
        )
        states = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/CommandState"
        body = (
            f'<rsp:ReceiveResponse>{streams}<rsp:CommandState{about} State="{states}/{state}"/></rsp:ReceiveResponse>'
        )
        call.answer(envelope(call, body))

    return answer


OUTPUT, ERROR, STATE, DEBUG, VERBOSE, WARNING, PROGRESS, INFORMATION = (
    0x41004, 0x41005, 0x41006, 0x41007, 0x41008, 0x41009, 0x41010, 0x41011,
)  # fmt: skip
HOST_CALL, CAPABILITY, POOL_DATA, POOL_STATE, PRIVATE_DATA, PUBLIC_KEY, ENCRYPTED_KEY = (
    0x41100, 0x10002, 0x2100B, 0x21005, 0x21009, 0x10005, 0x10006,
)  # fmt: skip
COMPLETED = '<Obj RefId="0"><MS><I32 N="PipelineState">4</I32></MS></Obj>'


def messages(*pairs: tuple[int, str | Callable[[], str]], ends: bool = True) -> Answer:
    """Answer a Receive with messages, and, unless `ends` is false, the end of the command."""

    def blobs(call: Call) -> Iterable[bytes]:
        every = [*pairs, *([(STATE, COMPLETED)] if ends else [])]
        for number, (kind, clixml) in enumerate(every, start=1000):
            text = clixml if isinstance(clixml, str) else clixml()
            yield fragment(number, message(kind, text, call.command_id))

    return received(blobs, "Done" if ends else "Running")


def outputs(*values: str | Callable[[], str]) -> Answer:
    """Answer a Receive with output objects, and the end of the command."""
    return messages(*((OUTPUT, value) for value in values))


def connected(*blobs: Callable[[], bytes]) -> Answer:
    """Answer a Connect of a session with PSRP data."""

    def answer(call: Call) -> None:
        if call.command_id:
            call.forward()
            return
        data = base64.b64encode(b"".join(blob() for blob in blobs)).decode()
        call.answer(
            envelope(
                call,
                f"<rsp:ConnectResponse><ps:connectResponseXml>{data}</ps:connectResponseXml></rsp:ConnectResponse>",
            )
        )

    return answer


def handshake(*pairs: tuple[int, str | Callable[[], str]]) -> Answer:
    """Answer a Connect of a session with messages."""

    def blob(number: int, kind: int, clixml: str | Callable[[], str]) -> bytes:
        return fragment(number, message(kind, clixml if isinstance(clixml, str) else clixml()))

    return connected(*(partial(blob, number, *pair) for number, pair in enumerate(pairs, start=8)))
