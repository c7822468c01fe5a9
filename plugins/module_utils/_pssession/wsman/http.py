# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to psremoting.fleet: may change at any time, import it from nowhere else.

"""HTTP under WS-Management: one conversation with one endpoint, on requests.

What the library would do by itself and must not is off: following redirects, reading .netrc, scanning the
environment at every request, and waiting for ever.
"""

from __future__ import annotations

import socket
import threading
import typing as t
from urllib.parse import urlsplit

from ..errors import Code, TransportError
from ..libraries import require_pypsrp
from ..model import Endpoint
from . import soap

try:
    import requests
    import requests.adapters
    import requests.auth
    import urllib3
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
except ImportError:  # reported by require_pypsrp() at the first use
    pass
else:

    class _AbortableAdapter(requests.adapters.HTTPAdapter):
        """Keeps hold of its open connections, so that another thread can cut them."""

        def __init__(self) -> None:
            self.connections: list[t.Any] = []
            super().__init__(pool_connections=1, pool_maxsize=1)

        def init_poolmanager(self, *args: t.Any, **kwargs: t.Any) -> None:
            super().init_poolmanager(*args, **kwargs)
            self.poolmanager.pool_classes_by_scheme = {
                "http": self._remembering(HTTPConnectionPool),
                "https": self._remembering(HTTPSConnectionPool),
            }

        def _remembering(self, pool_class: t.Any) -> t.Any:
            connections = self.connections

            class Connection(pool_class.ConnectionCls):
                def connect(self) -> None:
                    super().connect()
                    connections[:] = [self]

            return type(pool_class.__name__, (pool_class,), {"ConnectionCls": Connection})

        def abort(self) -> None:
            for connection in self.connections:
                if connection.sock is not None:
                    try:
                        connection.sock.shutdown(socket.SHUT_RDWR)
                    except OSError:
                        pass  # already gone, which is what was wanted

    class _Session(requests.Session):
        """Does not look where a redirection leads: the library would read the answer to its end for that."""

        def get_redirect_target(self, resp: requests.Response) -> str | None:
            return None


# No envelope may exceed the MaxEnvelopeSize a request names; this leaves room for servers that are generous.
MAX_ANSWER_BYTES = 16 * 1024 * 1024

_CODE_OF_STATUS = {
    400: Code.HTTP_BAD_REQUEST,
    401: Code.ACCESS_DENIED,
    403: Code.ACCESS_DENIED,
    404: Code.URL_NOT_AVAILABLE,
    503: Code.CANNOT_CONNECT_WINRM_SERVICE,
}


class HttpTransport:
    """Sends envelopes to one endpoint and returns the answers' text; not to be used by two threads at once.

    It has the shape of pypsrp's own transport, so that pypsrp's WSMan can send through it.

    Attributes:
        endpoint: The address in use (the name is pypsrp's).
        time_limit: Seconds the next request may take altogether, from connecting to the last byte of the answer.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        """Prepare the conversation; nothing is sent yet.

        Raises:
            MissingLibraryError: pypsrp is not installed.
        """
        require_pypsrp()
        self.endpoint = endpoint.uri
        self.time_limit = endpoint.answer_timeout
        self._connection_timeout = endpoint.connection_timeout
        self._adapter = _AbortableAdapter()
        self._session = self._build_session(endpoint)

    def send(
        self, message: bytes, *, retries_on_read_timeout: int = 0, timeout: object = None
    ) -> str:  # the keyword arguments are pypsrp's; what they would do, the callers here decide
        """Send one envelope and return the answer's envelope as text.

        Raises:
            TransportError: There was no answer in time, or none that a WinRM service would give.
            WSManFault: The answer is a fault.
        """
        status, body, content_type, location = self._exchange(message)
        if 300 <= status < 400:
            raise TransportError(
                Code.REDIRECT_REQUIRED,
                f"the server redirects to {_host_of(location)}, and redirection is not followed",
                delivered=False,
            )
        if status == 401:
            raise TransportError(
                Code.ACCESS_DENIED, "the server refused user name or password (HTTP 401)", delivered=False
            )
        if status == 200:
            return soap.decode(body)
        try:
            fault = soap.find_fault(soap.parse(soap.decode(body)))
        except TransportError:
            fault = None
        raise fault or TransportError(
            _CODE_OF_STATUS.get(status, Code.HTTP_ERROR),
            f"HTTP status {status} with {content_type or 'unknown content'} instead of a WS-Management answer",
            delivered=status >= 500,
        )

    def close(self) -> None:
        """End the conversation; a request still under way in another thread fails."""
        self._adapter.abort()
        self._session.close()

    def _exchange(self, message: bytes) -> tuple[int, bytes, str, str]:
        expired = threading.Event()

        def cut() -> None:
            expired.set()
            self._adapter.abort()

        watchdog = threading.Timer(self.time_limit, cut)
        watchdog.daemon = True
        watchdog.start()
        try:
            response = self._session.post(
                self.endpoint,
                data=message,
                timeout=(min(self._connection_timeout, self.time_limit), self.time_limit),
                allow_redirects=False,
                stream=True,
            )
            body = response.raw.read(MAX_ANSWER_BYTES + 1, decode_content=True)
            response.close() if len(body) > MAX_ANSWER_BYTES else response.raw.release_conn()
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise self._failure(error, expired.is_set()) from error
        finally:
            watchdog.cancel()
        if expired.is_set():  # what was cut off may look like an answer that is just short
            raise self._failure(TimeoutError(), expired=True)
        if len(body) > MAX_ANSWER_BYTES:
            raise soap.improper(f"the answer is longer than {MAX_ANSWER_BYTES} bytes")
        headers = response.headers
        return response.status_code, body, headers.get("Content-Type", ""), headers.get("Location", "")

    def _failure(self, error: Exception, expired: bool) -> TransportError:
        """Translate what the HTTP library raised; this is the only place that knows its exceptions."""
        causes = _chain(error)
        if any(isinstance(cause, socket.gaierror) for cause in causes):
            return TransportError(Code.COMPUTER_NOT_FOUND, "the name cannot be resolved", delivered=False)
        if isinstance(error, requests.exceptions.SSLError) or (type(error) is OSError and error.errno is None):
            # The latter is the library's word for a file of authorities that is not there.
            return TransportError(Code.CERTIFICATE_INVALID, f"TLS failed: {_last_words(causes)}", delivered=False)
        if isinstance(error, (requests.ConnectTimeout, urllib3.exceptions.NewConnectionError)) or any(
            isinstance(cause, urllib3.exceptions.NewConnectionError) for cause in causes
        ):
            return TransportError(
                Code.CANNOT_CONNECT,
                f"no connection to {_host_of(self.endpoint)}: {_last_words(causes)}",
                delivered=False,
            )
        if expired or any(isinstance(cause, (TimeoutError, urllib3.exceptions.TimeoutError)) for cause in causes):
            return TransportError(Code.OPERATION_TIMEOUT, f"no complete answer within {self.time_limit:g} seconds")
        if isinstance(
            error, (requests.exceptions.InvalidURL, requests.exceptions.InvalidProxyURL, UnicodeError)
        ) or any(isinstance(cause, urllib3.exceptions.LocationValueError) for cause in causes):
            return TransportError(Code.COMPUTER_NOT_FOUND, f"the address cannot be used: {error}", delivered=False)
        return TransportError(
            Code.HTTP_ERROR, f"the connection broke before the answer was complete: {_last_words(causes)}"
        )

    def _build_session(self, endpoint: Endpoint) -> requests.Session:
        session = _Session()
        # Proxies and authorities of the environment hold for all requests alike: they are looked up once. The .netrc
        # file, which requests would consult as well, is none of our business.
        environment = session.merge_environment_settings(endpoint.uri, {}, None, None, None)
        session.trust_env = False
        session.proxies = environment["proxies"]
        session.verify = endpoint.verify_certificate and (endpoint.ca_cert or environment["verify"] or True)
        if not endpoint.verify_certificate:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        session.headers.update(
            {
                "User-Agent": "psremoting.fleet",
                "Content-Type": "application/soap+xml;charset=UTF-8",
                # Encrypted bodies cannot be compressed, and some front ends would try.
                "Accept-Encoding": "identity",
            }
        )
        session.mount("http://", self._adapter)
        session.mount("https://", self._adapter)
        if endpoint.credential is not None:
            session.auth = requests.auth.HTTPBasicAuth(
                _basic_bytes(endpoint.credential.username), _basic_bytes(endpoint.credential.password)
            )
        return session


def _basic_bytes(text: str) -> bytes:
    """Encode a part of Basic credentials: Latin-1 as other WinRM clients do, UTF-8 where that cannot hold it."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8")


def _host_of(url: str) -> str:
    """Return what of an address may be shown: no path, no query, no user."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an address that cannot be read"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else "an unnamed place"


def _chain(error: BaseException) -> list[BaseException]:
    """Return an exception with all that is behind it: causes, contexts, and the reasons urllib3 keeps."""
    chain: list[BaseException] = []
    todo: list[object] = [error]
    while todo:
        current = todo.pop()
        if isinstance(current, BaseException) and current not in chain:
            chain.append(current)
            todo += [current.__cause__, current.__context__, getattr(current, "reason", None), *current.args]
    return chain


def _last_words(causes: list[BaseException]) -> str:
    """Return the most telling line of a chain of exceptions: that of the operating system, or else the first."""
    for cause in causes:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
    return str(causes[-1]) or type(causes[-1]).__name__
