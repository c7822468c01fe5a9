# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Encrypted messages: MS-WSMV 2.2.9.1, as written and read by real servers."""

from __future__ import annotations

import re
import struct
from email.message import Message
from typing import TYPE_CHECKING

from spnego.exceptions import SpnegoError

from .base import Sealer

if TYPE_CHECKING:
    from spnego import ContextProxy

SPNEGO = "application/HTTP-SPNEGO-session-encrypted"
KERBEROS = "application/HTTP-Kerberos-session-encrypted"
CREDSSP = "application/HTTP-CredSSP-session-encrypted"
#: CredSSP encrypts pieces of this size, each in a part of its own.
_PIECE = 16384
_BOUNDARY = "Encrypted Boundary"
_LENGTH = re.compile(r"^(?P<type>.*?);?\s*Length=(?P<length>\d+)\s*$", re.IGNORECASE)


class MessageSealer(Sealer):
    """Encrypts with a security context, whose message order counts: nothing is ever tried twice."""

    def __init__(self, context: ContextProxy, protocol: str) -> None:
        self._context = context
        self._protocol = protocol

    def seal(self, content_type: str, body: bytes) -> tuple[str, bytes]:
        """One part, or one for each 16 KiB with CredSSP."""
        credssp = self._protocol == CREDSSP
        pieces = [body[i : i + _PIECE] for i in range(0, len(body), _PIECE)] if credssp else [body]
        kind = "multipart/encrypted" if len(pieces) < 2 else "multipart/x-multi-encrypted"
        sealed = b"".join(self._seal_piece(content_type, piece) for piece in pieces)
        return (
            f'{kind};protocol="{self._protocol}";boundary="{_BOUNDARY}"',
            sealed + f"--{_BOUNDARY}--\r\n".encode(),
        )

    def _seal_piece(self, content_type: str, piece: bytes) -> bytes:
        wrapped = self._context.wrap_winrm(piece)
        text = (
            f"--{_BOUNDARY}\r\n\tContent-Type: {self._protocol}\r\n"
            f"\tOriginalContent: type={content_type};Length={len(piece) + wrapped.padding_length}\r\n"
            f"--{_BOUNDARY}\r\n\tContent-Type: application/octet-stream\r\n"
        )
        return text.encode() + struct.pack("<i", len(wrapped.header)) + wrapped.header + wrapped.data

    def unseal(self, content_type: str, body: bytes) -> tuple[str, bytes]:
        """All parts joined.

        Raises:
            ValueError: the message is not one, or not from the other end of this security context.
        """
        declared = Message()
        declared["Content-Type"] = content_type
        boundary = declared.get_boundary()
        if declared.get_content_type() not in ("multipart/encrypted", "multipart/x-multi-encrypted") or not boundary:
            raise ValueError(f"no encrypted message: {content_type}")
        if str(declared.get_param("protocol", "")).lower() != self._protocol.lower():
            raise ValueError(f"encrypted with another protocol than {self._protocol}: {content_type}")
        reader = _Reader(body, boundary)
        plain, original = b"", ""
        while not reader.at_end():
            original, length = reader.read_description()
            header, data = reader.read_tls_records() if self._protocol == CREDSSP else reader.read_sealed(length)
            try:
                piece = self._context.unwrap_winrm(header, data)
            except SpnegoError as error:
                raise ValueError(f"cannot decrypt: {error}") from error
            # Padding, which some Kerberos encryption types have, counts in Length.
            if len(piece) > length or (len(piece) != length and self._protocol == CREDSSP):
                raise ValueError(f"{len(piece)} octets, not {length}")
            plain += piece
        return original, plain


class _Reader:
    """Reads the parts one after another: encrypted octets may contain the boundary, so nothing is split on it."""

    def __init__(self, body: bytes, boundary: str) -> None:
        self._body = body
        self._position = 0
        self._delimiter = re.compile(rb"--[ \t]*" + re.escape(boundary.encode()) + rb"(--)?[ \t]*(\r\n|$)")

    def at_end(self) -> bool:
        """Pass the next delimiter; whether it is the last one."""
        found = self._delimiter.match(self._body, self._position)
        if found is None:
            raise ValueError("a part does not end with the boundary")
        self._position = found.end()
        return found[1] is not None

    def read_description(self) -> tuple[str, int]:
        """Content type and length of what follows encrypted."""
        kind, length = "", -1
        for name, value in self._read_headers(2):
            found = _LENGTH.match(value) if name == "originalcontent" else None
            if found is not None:
                kind, length = found["type"].removeprefix("type="), int(found["length"])
        if length < 0:
            raise ValueError("no OriginalContent with a Length")
        if self.at_end():
            raise ValueError("no encrypted part")
        if self._read_headers(1) != [("content-type", "application/octet-stream")]:
            raise ValueError("no application/octet-stream")
        return kind, length

    def _read_headers(self, count: int) -> list[tuple[str, str]]:
        lines = []
        for _line in range(count):
            end = self._body.index(b"\r\n", self._position)
            name, _colon, value = self._body[self._position : end].decode("ascii").partition(":")
            lines.append((name.strip().lower(), value.strip()))
            self._position = end + 2
        return lines

    def _take(self, count: int) -> bytes:
        octets = self._body[self._position : self._position + count]
        if count < 0 or len(octets) != count:
            raise ValueError("an encrypted part is too short")
        self._position += count
        return octets

    def read_sealed(self, length: int) -> tuple[bytes, bytes]:
        """Signature and data, whose length is known."""
        header = self._take(int.from_bytes(self._take(4), "little", signed=True))
        return header, self._take(length)

    def read_tls_records(self) -> tuple[bytes, bytes]:
        """TLS records; the length in front of them, of their trailer, says nothing about where they end."""
        self._take(4)
        records = b""
        while self._body[self._position : self._position + 1] in (b"\x14", b"\x15", b"\x16", b"\x17"):
            start = self._body[self._position : self._position + 5]
            records += self._take(5 + int.from_bytes(start[3:5], "big"))
        return b"", records
