# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hostile answers of HTTP: before there is an envelope."""

from __future__ import annotations

import gzip
import zlib

from tests.hostile.answers import (
    MIB,
    Answer,
    endless,
    http,
    raw,
)

_PAGE = "<html><head><title>Sign in to continue</title></head><body>Welcome</body></html>"
_SOAP_TYPE = "application/soap+xml;charset=UTF-8"
_OK = f"HTTP/1.1 200 OK\r\nContent-Type: {_SOAP_TYPE}\r\n"


def _zeros(layers: int = 1) -> bytes:
    data = b" " * (64 * MIB)
    for _layer in range(layers):
        data = gzip.compress(data, 9)
    return data


def _framed(head: str, body: bytes = b"") -> Answer:
    return raw((_OK + head + "\r\n").encode("latin-1") + body)


HTTP: dict[str, Answer] = {
    "nothing, closed": raw(b""),
    "an empty answer": http(b""),
    "a web page": http(_PAGE.encode(), content_type="text/html"),
    "a web page that says it is SOAP": http(_PAGE.encode(), content_type=_SOAP_TYPE),
    "a web page with status 500": http(_PAGE.encode(), "500 Oops", "text/html"),
    "a web page with status 403": http(_PAGE.encode(), "403 Forbidden", "text/html"),
    "a web page with status 404 and 1 MiB": http(_PAGE.encode() + b" " * MIB, "404 Not Found", "text/html"),
    "random bytes": raw(bytes(range(256)) * 64),
    "random bytes as a body": http(bytes(range(256)) * 64),
    "no HTTP": raw(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "HTTP 0.9": raw(b"<s:Envelope/>"),
    "a version that does not exist": raw(b"HTTP/9.9 200 OK\r\nContent-Length: 0\r\n\r\n"),
    "a status that is no number": raw(b"HTTP/1.1 OK OK\r\nContent-Length: 0\r\n\r\n"),
    "status 999": http(b"", "999 What"),
    "status 100 again and again": endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.001),
    "headers without end": endless(_OK.encode(), b"X-More: more\r\n", 0.0005),
    "a header line without end": endless(_OK.encode() + b"X-Long: ", b"x" * 1000),
    "a header line of 100 KB": _framed(f"X-Long: {'x' * 100_000}\r\nContent-Length: 0\r\n"),
    "10,000 headers": _framed("X-More: more\r\n" * 10_000 + "Content-Length: 0\r\n"),
    "50 cookies": _framed("Set-Cookie: a=b; Path=/\r\n" * 50 + "Content-Length: 0\r\n"),
    "a header without a colon": _framed("nonsense\r\nContent-Length: 0\r\n"),
    "a length below zero": _framed("Content-Length: -5\r\n", b"hello"),
    "a length that is no number": _framed("Content-Length: abc\r\n", b"hello"),
    "two lengths": _framed("Content-Length: 3\r\nContent-Length: 4\r\n", b"hello"),
    "a length of 5,000 digits": _framed(f"Content-Length: {'9' * 5000}\r\n", b"hello"),
    "less than the length": _framed("Content-Length: 10000\r\n", b"<s:Envelope"),
    "a body without end": endless((_OK + "\r\n").encode(), b" " * 65536),
    "a body byte by byte": endless((_OK + "Content-Length: 1000000\r\n\r\n").encode(), b" ", 0.01),
    "a head byte by byte": endless(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x", 0.01),
    "chunks without end": endless(
        (_OK + "Transfer-Encoding: chunked\r\n\r\n").encode(), b"10000\r\n" + b" " * 65536 + b"\r\n"
    ),
    "a chunk below zero": _framed("Transfer-Encoding: chunked\r\n", b"-5\r\nhello\r\n0\r\n\r\n"),
    "a chunk that is no number": _framed("Transfer-Encoding: chunked\r\n", b"zz\r\nhello\r\n0\r\n\r\n"),
    "a chunk of 2^64 bytes": _framed("Transfer-Encoding: chunked\r\n", b"ffffffffffffffff\r\nhello"),
    "a chunk line of 1 MiB": _framed("Transfer-Encoding: chunked\r\n", b"5;" + b"x" * MIB + b"\r\nhello\r\n0\r\n\r\n"),
    "chunks and a length": _framed("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", b"5\r\nhello\r\n0\r\n\r\n"),
    "trailers without end": endless(
        (_OK + "Transfer-Encoding: chunked\r\n\r\n0\r\n").encode(), b"X-More: more\r\n", 0.0005
    ),
    "gzip that is none": http(b"hello", head="Content-Encoding: gzip\r\n"),
    "gzip of 64 MiB": lambda call: call.answer(_zeros(), head="Content-Encoding: gzip\r\n"),
    "gzip of gzip": lambda call: call.answer(_zeros(2), head="Content-Encoding: gzip, gzip\r\n"),
    "deflate of 64 MiB": lambda call: call.answer(zlib.compress(b" " * 64 * MIB), head="Content-Encoding: deflate\r\n"),
    "an encoding that nobody knows": http(b"hello", head="Content-Encoding: nonsense\r\n"),
    "compressed chunks": _framed("Transfer-Encoding: gzip, chunked\r\n", b"5\r\nhello\r\n0\r\n\r\n"),
    "17 MiB": lambda call: call.answer(b" " * 17 * MIB),
    "16 MiB of blanks": lambda call: call.answer(b" " * 16 * MIB),
    "16 MiB of UTF-16": lambda call: call.answer(("<a>" + " " * 8 * MIB).encode("utf-16")[: 16 * MIB]),
    "bytes that are no UTF-8": http(b"<a>\xff\xfe\xfd</a>"),
    "NULs": http(b"\0" * 1000),
    "UTF-7": http(b'<?xml version="1.0" encoding="UTF-7"?>+ADw-a+AD4-'),
    "EBCDIC": http('<?xml version="1.0" encoding="cp037"?><a/>'.encode("cp037")),
    "an encoding that XML does not know": http(b'<?xml version="1.0" encoding="nonsense"?><a/>'),
    "a redirection to a file": http(b"", "302 Found", head="Location: file:///etc/passwd\r\n"),
    "a redirection to a script": http(b"", "302 Found", head="Location: javascript:alert(1)\r\n"),
    "a redirection nowhere": http(b"", "302 Found"),
    "a redirection of 50 KB": http(b"", "302 Found", head=f"Location: http://{'x' * 50_000}/\r\n"),
    "a redirection to itself": http(b"", "307 Again", head="Location: /wsman\r\n"),
    "a redirection with a password": http(b"", "302 Found", head="Location: http://admin:pw@127.0.0.1/wsman\r\n"),
    "a refused log-on with 1,000 schemes": http(b"", "401 No", head="WWW-Authenticate: Nonsense\r\n" * 99),
    "a refused log-on with a challenge of 60 KB": http(
        b"", "401 No", head=f"WWW-Authenticate: Negotiate {'A' * 60_000}\r\n"
    ),
    "a proxy's refusal": http(b"", "407 No", head="Proxy-Authenticate: Basic\r\n"),
    "two answers at once": raw((_OK + "Content-Length: 0\r\n\r\n").encode() * 2),
    "sealed, although nothing was": http(
        b"--Encrypted Boundary\r\nhello\r\n--Encrypted Boundary--\r\n",
        content_type='multipart/encrypted;protocol="application/HTTP-SPNEGO-session-encrypted";boundary="Encrypted Boundary"',
    ),
    "a boundary of 50 KB": http(b"hello", content_type=f'multipart/encrypted;boundary="{"b" * 50_000}"'),
}
