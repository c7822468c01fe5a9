"""One HTTP/1.1 connection to a server: one request at a time, with a deadline for the whole request.

Each wait for the network is limited to the remaining time, so the deadline also holds if an answer arrives slowly in
many pieces. `answers` reads answers with http.client, whose own connections limit only the wait for each piece.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import contextlib
import http.client
import socket
import ssl
import threading
import time
import typing as t
from urllib.parse import urlsplit

from ..model.endpoints import Endpoint
from .answers import Answer, begun, body_of
from .tls import Contexts, check_the_rest
from .way import Way

try:
    import requests
    from urllib3.util.ssltransport import SSLTransport
except ImportError:  # reported by require_libraries() at the first use
    pass

_HEADERS = {
    "User-Agent": "psremoting.fleet",
    "Accept-Encoding": "identity",
    "Accept": "*/*",
    "Connection": "keep-alive",
}
_DEFAULT_PORTS = {"http": 80, "https": 443}
_SOCKS = {"socks4": (1, False), "socks4a": (1, True), "socks5": (2, False), "socks5h": (2, True)}


class Unconnected(OSError):
    """No connection to the server or its proxy could be opened. Nothing was sent."""


class ProxyFailed(OSError):
    """The proxy could not be reached, or could not connect to the server."""


class Connection:
    """A connection to one endpoint, opened when it is needed and anew after the server has closed it.

    One thread uses it at a time. Other threads may end it.

    Args:
        on_connected: Called each time that the connection was opened, when only the TLS handshake has been sent. If it
            raises an exception, the request ends with that.

    Attributes:
        url: The address as requests writes it: the name in ASCII, the path quoted.
        host: The host in the address.
        socket: The socket, or the TLS socket around it. None while no connection is open.
        give_up_at: The deadline of the current request, by the monotonic clock.
        number: The number of connections opened so far. A log-on is valid for one connection.
        is_connected: Whether the last connection was opened completely, including the TLS handshake.

    Raises:
        requests.exceptions.InvalidURL: The address cannot be used.
    """

    def __init__(
        self, endpoint: Endpoint, way: Way, contexts: Contexts, on_connected: t.Callable[[], None] = lambda: None
    ) -> None:
        prepared = requests.PreparedRequest()
        prepared.prepare_url(endpoint.uri, None)
        self.url = str(prepared.url)
        self.give_up_at = 0.0
        self.number = 0
        self.is_connected = False
        self._endpoint = endpoint
        self._way = way
        self._on_connected = on_connected
        parts = urlsplit(self.url)
        # requests writes the zone of an IPv6 address as a URI does, and that name cannot be resolved.
        self.host = (parts.hostname or "").replace("%25", "%")
        self._port = parts.port or _DEFAULT_PORTS[parts.scheme]
        self._place = f"[{self.host}]" if ":" in self.host else self.host
        place = self._place.partition("%")[0] + ("]" if "%" in self._place else "")
        host = place if self._port == _DEFAULT_PORTS[parts.scheme] else f"{place}:{self._port}"
        self._forwarded = way.proxy is not None and not way.is_socks and parts.scheme == "http"
        self._start = f"POST {self.url if self._forwarded else prepared.path_url} HTTP/1.1\r\nHost: {host}\r\n"
        self._context = contexts.of(endpoint) if endpoint.use_ssl else None
        over_tls = way.proxy is not None and way.proxy.lower().startswith("https:")
        self._proxy_context = contexts.of_proxy() if over_tls else None
        # Held by a thread that closes the socket, or uses it outside `_used`.
        self._lock = threading.RLock()
        self.socket: t.Any = None
        self._in_use = False
        self._ended = False

    @property
    def certificate(self) -> bytes | None:
        """The certificate that the server has shown, in DER; None without TLS."""
        with self._lock:
            return self.socket.getpeercert(True) if self._context is not None and self.socket is not None else None

    def is_open(self) -> bool:
        """Return whether the server has the connection still open.

        Anything that the server sends unasked ends the connection, too.

        This method also reads the tickets of TLS 1.3, which arrive after the handshake.
        """
        with self._lock:
            if self.socket is None:
                return False
            try:
                self.socket.settimeout(0)
                self.socket.recv(1)
            except (BlockingIOError, ssl.SSLWantReadError):
                return True
            except OSError:
                pass  # it broke
            return False

    def open(self) -> None:
        """Open the connection, if it is not open.

        Raises:
            Unconnected: No server listens there, or it did not answer in time.
            ProxyFailed: The proxy failed.
            ssl.SSLError: The TLS handshake failed.
            OSError: The connection broke or was closed.
        """
        with self._used():
            self._ensure_open()

    def exchange(self, body: bytes, headers: t.Mapping[str, str]) -> Answer:
        """Send a request and return the answer. Open the connection if necessary.

        Raises:
            TransportError: The answer does not come from a WinRM service.
            OSError, http.client.HTTPException: As for `open`, or the connection broke or the request took too long.
        """
        with self._used():
            self._ensure_open()
            return self._exchange(body, headers)

    def close(self) -> None:
        """Close the connection. Requests of other threads fail."""
        with self._lock:
            self._ended = True
            if not self._in_use:
                self._drop()
            elif self.socket is not None:
                with contextlib.suppress(OSError):  # already gone
                    _shut(self.socket)

    @contextlib.contextmanager
    def _used(self) -> t.Iterator[None]:
        """Keep other threads from closing the socket's descriptor. After a failure, close the connection."""
        with self._lock:
            self._check()
            self._in_use = True
        try:
            yield
        except BaseException:
            self._drop()
            raise
        finally:
            with self._lock:
                self._in_use = False
                if self._ended:
                    self._drop()

    def _ensure_open(self) -> None:
        if self.is_open():
            return
        self._drop()
        self.is_connected = False
        self._connect()
        self.is_connected = True
        self._on_connected()
        self.number += 1

    def _remaining(self) -> float:
        """Return the remaining seconds. Each wait begins with this.

        Raises:
            TimeoutError: No time remains.
            ConnectionAbortedError: Another thread has ended the connection, perhaps before it had a socket.
        """
        self._check()
        remaining = self.give_up_at - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("the time for the request is over")
        return remaining

    def _check(self) -> None:
        if self._ended:
            raise ConnectionAbortedError("the conversation was ended")

    def _drop(self) -> None:
        with self._lock:
            used, self.socket = self.socket, None
            if used is not None:
                used.close()

    def _exchange(self, body: bytes, headers: t.Mapping[str, str]) -> Answer:
        every = {**_HEADERS, **headers, "Content-Length": str(len(body))}
        if self._forwarded:
            every |= _proxy_headers(self._way)
        head = self._start + "".join(f"{name}: {_line(value)}\r\n" for name, value in every.items()) + "\r\n"
        self._send(head.encode("latin-1") + body)
        response = begun(self.socket, self._remaining, "POST")
        answer = body_of(response)
        self._check()  # what was cut by close() may look like an answer that is just short
        if response.will_close:
            self._drop()
        return Answer(response.status, response.headers, answer, max(map(len, every.values())))

    def _send(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            self.socket.settimeout(self._remaining())
            rest = rest[self.socket.send(rest) :]

    def _connect(self) -> None:
        try:
            if self._way.is_socks:
                self.socket = self._through_socks()
            elif self._way.proxy is not None:
                self._through_http_proxy(self._way.proxy)
            else:
                self.socket = self._dial(self.host, self._port)
            self._check()
        except ssl.SSLError:
            raise
        except (OSError, http.client.HTTPException) as error:
            if self._way.proxy is not None and not self._way.is_socks:
                raise ProxyFailed(str(error)) from error
            raise
        if self._context is None:
            return
        name = self.host.partition("%")[0].rstrip(".")
        self._start_tls(self._context, name)
        if not self._context.verify_mode:
            check_the_rest(self.socket.getpeercert(True), name, self._endpoint)

    def _dial(self, host: str, port: int) -> socket.socket:
        """Return a TCP connection to the first address of a host that accepts the connection."""
        try:
            found = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)
        except OSError as error:
            raise Unconnected(str(error)) from error
        failed: OSError = Unconnected("the name has no address")
        for family, kind, protocol, _name, address in found:
            opened = None
            try:
                opened = socket.socket(family, kind, protocol)
                opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                opened.settimeout(self._dial_timeout())
                opened.connect(address)
            except OSError as error:
                failed = error
                if opened is not None:
                    opened.close()
            else:
                return opened
        raise Unconnected(str(failed)) from failed

    def _dial_timeout(self) -> float:
        return min(self._endpoint.settings.connection_timeout, self._remaining())

    def _through_socks(self) -> t.Any:
        import socks  # type: ignore[import-untyped]  # optional: way_to() has looked for it

        proxy = urlsplit(self._way.proxy or "")
        kind, resolves = _SOCKS[proxy.scheme.lower()]
        credential = self._way.credential
        try:
            return socks.create_connection(
                (self.host, self._port),
                timeout=self._dial_timeout(),
                proxy_type=kind,
                proxy_addr=proxy.hostname,
                proxy_port=proxy.port,
                proxy_rdns=resolves,
                proxy_username=credential.username if credential else None,
                proxy_password=credential.password if credential else None,
            )
        except OSError as error:
            raise Unconnected(str(error)) from error

    def _through_http_proxy(self, proxy: str) -> None:
        """Connect to a proxy. For TLS to the server, ask the proxy for a tunnel (RFC 9110 9.3.6)."""
        parts = urlsplit(proxy)
        host = parts.hostname or ""
        self.socket = self._dial(host, parts.port or _DEFAULT_PORTS[parts.scheme.lower()])
        if self._proxy_context is not None:
            self._start_tls(self._proxy_context, host)
        if self._forwarded:
            return
        target = f"{self._place}:{self._port}"
        lines = "".join(f"{name}: {value}\r\n" for name, value in _proxy_headers(self._way).items())
        self._send(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{lines}\r\n".encode("latin-1"))
        response = begun(self.socket, self._remaining, "CONNECT")
        if response.status != 200:
            raise OSError(f"Tunnel connection failed: {response.status} {response.reason}".strip())

    def _start_tls(self, context: ssl.SSLContext, name: str) -> None:
        if isinstance(self.socket, ssl.SSLSocket):  # that of the proxy
            within = t.cast(socket.socket, _WithinTls(self, self.socket))
            self.socket = SSLTransport(within, context, server_hostname=name)
            return
        # The handshake comes after the assignment, so that close() can cut it.
        self.socket = context.wrap_socket(self.socket, server_hostname=name, do_handshake_on_connect=False)
        self.socket.settimeout(self._remaining())
        self.socket.do_handshake()


class _WithinTls:
    """TLS to the server within TLS to the proxy. One step may wait for many pieces, each within the remaining time."""

    def __init__(self, connection: Connection, outer: ssl.SSLSocket) -> None:
        self.socket = outer
        self._connection = connection
        self._waits = True

    def settimeout(self, seconds: float) -> None:
        self._waits = seconds > 0

    def recv(self, size: int) -> bytes:
        self._limit()
        return self.socket.recv(size)

    def sendall(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            self._limit()
            rest = rest[self.socket.send(rest) :]

    def close(self) -> None:
        self.socket.close()

    def _limit(self) -> None:
        self.socket.settimeout(self._connection._remaining() if self._waits else 0)


def _shut(used: t.Any) -> None:
    """Shut down the TCP connection below TLS, because another thread may be using the TLS socket."""
    if isinstance(used, socket.socket):
        socket.socket.shutdown(used, socket.SHUT_RDWR)
    else:  # TLS to the server within TLS to the proxy
        _shut(used.socket)


def _line(value: str) -> str:
    """Return the value of a header.

    Raises:
        ValueError: The value has a line end.
    """
    if "\r" in value or "\n" in value:
        raise ValueError("the value of a header has a line end")
    return value


def _proxy_headers(way: Way) -> dict[str, str]:
    credential = way.credential
    if credential is None:
        return {}
    return {"Proxy-Authorization": basic_authorization(credential.username, credential.password or "")}


def basic_authorization(username: str, password: str) -> str:
    """Return the header's value for Basic: in Latin-1 as other WinRM clients do, or in UTF-8 if that cannot hold it.

    A server decodes the pair as a whole (RFC 7617, 2.1).
    """
    pair = f"{username}:{password}"
    try:
        octets = pair.encode("latin-1")
    except UnicodeEncodeError:
        octets = pair.encode("utf-8")
    return f"Basic {base64.b64encode(octets).decode('ascii')}"
