"""Answers over HTTP/1.1, each read by http.client within a time and a size."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import http.client
import io
import typing as t
from dataclasses import dataclass

from . import soap

# No envelope may exceed the MaxEnvelopeSize of a request. This allows for servers that send more.
MAX_ANSWER_BYTES = 16 * 1024 * 1024
# The same with the parts that HTTP adds: a status line, headers, and the lengths of parts.
_MAX_READ_BYTES = 2 * MAX_ANSWER_BYTES

# Returns the seconds that are left for a whole answer. Raises an OSError if there are none.
Remaining = t.Callable[[], float]


@dataclass(frozen=True)
class Answer:
    """A whole answer.

    Attributes:
        longest_header: The number of characters in the longest header of the request.
    """

    status: int
    headers: http.client.HTTPMessage
    body: bytes
    longest_header: int = 0

    def header(self, name: str) -> str:
        """Return the values of a header, separated by commas. Without the header, the text is empty."""
        return ", ".join(self.headers.get_all(name, []))


def begun(used: t.Any, remaining: Remaining, method: str) -> http.client.HTTPResponse:
    """Return the next answer, with status and headers read.

    Args:
        used: The socket, or the TLS around it.
        method: Of the request.

    Raises:
        TransportError: The answer is longer than any may be.
        OSError, http.client.HTTPException: The connection broke, its time is over, or this is no HTTP.
    """
    response = http.client.HTTPResponse(t.cast(t.Any, _Readable(used, remaining)), method=method)
    response.begin()
    return response


def body_of(response: http.client.HTTPResponse) -> bytes:
    """Return the whole body of an answer.

    Raises:
        TransportError: No WinRM service would send this body. OSError, http.client.HTTPException: As for `begun`, or
        the body ends early.
    """
    encoding = (response.getheader("Content-Encoding") or "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise soap.improper("the answer is compressed, although the request does not allow it")
    body = response.read(MAX_ANSWER_BYTES + 1)
    if len(body) > MAX_ANSWER_BYTES:
        raise soap.improper(f"the answer is longer than {MAX_ANSWER_BYTES} bytes")
    if response.length:
        raise http.client.IncompleteRead(body, response.length)
    return body


class _Readable:
    """Replaces a socket for http.client, which asks for a file to read from."""

    def __init__(self, used: t.Any, remaining: Remaining) -> None:
        self._used = used
        self._remaining = remaining

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Bounded(self._used, self._remaining))


class _Bounded(io.RawIOBase):
    """Reads one answer from a socket, within its time and its size."""

    def __init__(self, used: t.Any, remaining: Remaining) -> None:
        self._used = used
        self._remaining = remaining
        self._left = _MAX_READ_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: t.Any) -> int:
        self._used.settimeout(self._remaining())
        count: int = self._used.recv_into(buffer)
        self._left -= count
        if self._left < 0:
            raise soap.improper(f"the answer is longer than {MAX_ANSWER_BYTES} bytes")
        return count
