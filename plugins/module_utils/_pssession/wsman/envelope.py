"""Envelopes of requests, as text: most of the header is the same in all requests of a client to one endpoint.

The elements and their order are those of pypsrp (MS-WSMV 2.2.4; DSP0226).
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from ..model.endpoints import Endpoint
from .duration import duration
from .soap import NAMESPACES

_TRANSFER = "http://schemas.xmlsoap.org/ws/2004/09/transfer"
_ENUMERATION, _SHELL = NAMESPACES["wsen"], NAMESPACES["rsp"]
CREATE, DELETE = f"{_TRANSFER}/Create", f"{_TRANSFER}/Delete"
ENUMERATE, PULL = f"{_ENUMERATION}/Enumerate", f"{_ENUMERATION}/Pull"
COMMAND, RECEIVE, SEND, SIGNAL = (f"{_SHELL}/{name}" for name in ("Command", "Receive", "Send", "Signal"))
CONNECT, DISCONNECT, RECONNECT = (f"{_SHELL}/{name}" for name in ("Connect", "Disconnect", "Reconnect"))

_ANONYMOUS = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous"
_PREFIXES = ("s", "wsa", "wsman", "wsmv", "wsen", "rsp", "ps")
_DECLARED = " ".join(f"xmlns:{prefix}={quoteattr(NAMESPACES[prefix])}" for prefix in _PREFIXES)
_REQUIRED, _IGNORABLE = 's:mustUnderstand="true"', 's:mustUnderstand="false"'


def element(name: str, content: str = "", **attributes: str) -> str:
    """Return an element as text.

    Args:
        name: With a prefix of `soap.NAMESPACES`.
        content: Elements, or text that `escape` has made fit.
        attributes: By name; the values are any text.
    """
    head = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items())
    return f"<{name}{head}>{content}</{name}>"


def options(values: t.Mapping[str, tuple[str, bool]]) -> str:
    """Return a set of options for the header (DSP0226 6.4).

    Args:
        values: The value of each, and whether the server has to refuse the request if it does not know the option.
    """
    found = "".join(
        element("wsman:Option", escape(value), Name=name, **({"MustComply": "true"} if must_comply else {}))
        for name, (value, must_comply) in values.items()
    )
    return f"<wsman:OptionSet {_REQUIRED}>{found}</wsman:OptionSet>"


def selectors(shell_id: str) -> str:
    """Return the selectors that name a shell (MS-WSMV 2.2.4.27)."""
    return element("wsman:SelectorSet", element("wsman:Selector", escape(shell_id), Name="ShellId"))


@dataclass(frozen=True)
class Request:
    """The content of one request.

    Attributes:
        action: One of the constants above.
        body: The content of the Body, an element as text or nothing.
        shell_id: The shell that is meant, or None.
        options: What `options` returns, or nothing.
        wait: Seconds the server may take, instead of the operation timeout.
    """

    action: str
    resource_uri: str
    body: str = ""
    shell_id: str | None = None
    options: str = ""
    wait: float | None = None

    @property
    def operation(self) -> str:
        """The last part of the action, such as ``Connect``."""
        return self.action.rpartition("/")[2]


class Envelopes:
    """Makes the envelopes of one client session (wsmv:SessionId).

    Args:
        client_id: The client's identity on the wire, a GUID.
    """

    def __init__(self, endpoint: Endpoint, client_id: str) -> None:
        option = endpoint.option
        self.client_id = client_id
        self._operation_timeout = endpoint.operation_timeout
        self._begin = (
            f"<wsmv:DataLocale {_IGNORABLE} xml:lang={quoteattr(option.culture)} />"
            f"<wsman:Locale {_IGNORABLE} xml:lang={quoteattr(option.ui_culture)} />"
            f"<wsman:MaxEnvelopeSize {_REQUIRED}>{endpoint.settings.max_envelope_size}</wsman:MaxEnvelopeSize>"
        )
        self._session = f"<wsmv:SessionId {_IGNORABLE}>uuid:{client_id.upper()}</wsmv:SessionId>"

    def make(self, request: Request, message_id: str, to: str) -> bytes:
        """Return the envelope of a request.

        Args:
            message_id: A new ``uuid:`` followed by a GUID in upper case.
            to: The address it is sent to.
        """
        timeout = self._operation_timeout if request.wait is None else request.wait
        selected = "" if request.shell_id is None else selectors(request.shell_id)
        text = (
            f"<s:Envelope {_DECLARED}><s:Header><wsa:Action {_REQUIRED}>{request.action}</wsa:Action>{self._begin}"
            f"<wsa:MessageID>{message_id}</wsa:MessageID>"
            f"<wsman:OperationTimeout>{duration(timeout)}</wsman:OperationTimeout>"
            f"<wsa:ReplyTo><wsa:Address {_REQUIRED}>{_ANONYMOUS}</wsa:Address></wsa:ReplyTo>"
            f"<wsman:ResourceURI {_REQUIRED}>{escape(request.resource_uri)}</wsman:ResourceURI>{self._session}"
            f"<wsa:To>{escape(to)}</wsa:To>{request.options}{selected}</s:Header>"
            f"<s:Body>{request.body}</s:Body></s:Envelope>"
        )
        return text.encode("utf-8", "xmlcharrefreplace")
