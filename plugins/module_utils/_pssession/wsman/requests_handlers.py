"""Log-ons by auth handlers that libraries have made for requests, over a connection of ours.

A handler is called with a request before it is sent and with each answer. For the next part of the log-on it sends a
request through the adapter that the answer names, and looks for the server's certificate in the answer's socket.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import io
import types
import typing as t

from .answers import Answer
from .connection import Connection

try:
    import requests
    import urllib3
    from requests.hooks import dispatch_hook
except ImportError:  # reported by require_libraries() at the first use
    pass


class Handled:
    """Sends requests with an auth handler around them."""

    def __init__(self, handler: t.Any) -> None:
        self._handler = handler

    def send(self, connection: Connection, body: bytes, headers: t.Mapping[str, str]) -> Answer:
        """Send a request, and the further requests of the handler for the log-on."""
        request = requests.Request("POST", connection.url, headers, data=body, auth=self._handler).prepare()
        response = dispatch_hook("response", request.hooks, _Adapter(connection).send(request))  # type: ignore[no-untyped-call]
        answer: Answer = response.raw.answer
        return answer


class _Adapter:
    """Stands in for the requests adapter that handlers expect on an answer."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._builder = requests.adapters.HTTPAdapter(pool_connections=1, pool_maxsize=1)

    def send(self, request: requests.PreparedRequest, *_given: t.Any, **_more: t.Any) -> requests.Response:
        given: t.Mapping[str, t.Any] = request.headers
        headers = {name: value.decode() if isinstance(value, bytes) else value for name, value in given.items()}
        body = request.body or b""
        answer = self._connection.exchange(body.encode() if isinstance(body, str) else body, headers)
        response = self._builder.build_response(request, _raw(answer, self._connection))
        response.connection = self  # type: ignore[assignment]
        return response


def _raw(answer: Answer, connection: Connection) -> urllib3.HTTPResponse:
    """Return a whole answer in the form of urllib3's, with a socket where handlers look for one."""
    body = _Body(answer.body)
    body.fp = types.SimpleNamespace(raw=types.SimpleNamespace(_sock=connection.socket))
    # The body is whole and in one piece.
    headers = [pair for pair in answer.headers.items() if pair[0].lower() != "transfer-encoding"]
    raw = urllib3.HTTPResponse(
        body, urllib3.HTTPHeaderDict(headers), answer.status, preload_content=False, request_method="POST"
    )
    raw.answer = answer  # type: ignore[attr-defined]
    return raw


class _Body(io.BytesIO):
    fp: t.Any = None
