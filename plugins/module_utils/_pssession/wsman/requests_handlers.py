"""Log-ons by auth handlers that libraries have made for requests, over a connection of ours.

A handler is called with a request before it is sent and with each answer. For the next part of the log-on it sends a
request through the adapter that the answer names, and looks for the server's certificate in the answer's socket.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import io
import types
import typing as t

import requests
import urllib3
from requests.hooks import dispatch_hook

from .connection import Answer, Connection


class Handled:
    """Sends requests with an auth handler around them."""

    def __init__(self, handler: t.Any) -> None:
        self._handler = handler

    def send(self, connection: Connection, body: bytes, headers: t.Mapping[str, str]) -> Answer:
        """Send a request, and what the handler sends for the log-on."""
        request = requests.Request("POST", connection.url, headers, data=body, auth=self._handler).prepare()
        adapter = _Adapter(connection)
        response = dispatch_hook("response", request.hooks, adapter.send(request))  # type: ignore[no-untyped-call]
        answer: Answer = response.raw.answer
        return answer


class _Adapter(requests.adapters.HTTPAdapter):
    def __init__(self, connection: Connection) -> None:
        super().__init__(pool_connections=1, pool_maxsize=1)
        self._connection = connection

    def send(self, request: requests.PreparedRequest, *_given: t.Any, **_more: t.Any) -> requests.Response:
        given: t.Mapping[str, t.Any] = request.headers
        headers = {name: value.decode() if isinstance(value, bytes) else value for name, value in given.items()}
        body = request.body or b""
        answer = self._connection.exchange(body.encode() if isinstance(body, str) else body, headers)
        return self.build_response(request, _Raw(answer, self._connection))


class _Raw(urllib3.HTTPResponse):
    """A whole answer in the form of urllib3's, with a socket where handlers look for one."""

    def __init__(self, answer: Answer, connection: Connection) -> None:
        self.answer = answer
        body = _Body(answer.body)
        body.fp = types.SimpleNamespace(raw=types.SimpleNamespace(_sock=connection.socket))
        # The body is whole and in one piece.
        headers = [pair for pair in answer.headers.items() if pair[0].lower() != "transfer-encoding"]
        super().__init__(
            body, urllib3.HTTPHeaderDict(headers), answer.status, preload_content=False, request_method="POST"
        )


class _Body(io.BytesIO):
    fp: t.Any = None
