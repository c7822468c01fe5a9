"""HTTP under WS-Management: one conversation with one endpoint."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import re
import threading
import time
import typing as t
from urllib.parse import urljoin, urlsplit

from ..model.codes import Code
from ..model.endpoints import Endpoint
from ..model.errors import TransportError
from ..system.libraries import require_libraries
from ..system.world import LogonObserver, Unobserved
from . import soap
from .answers import Answer
from .authentication import Authentication, Codec
from .connection import Connection
from .failures import add_first_choice, failure, host_of, is_unconnected, refused
from .logon_failures import LONG_HEADER, header_too_long
from .schemes import maker
from .tls import Contexts
from .way import Environment, Way, way_to

_MESSAGE_ID = re.compile(rb"MessageID[^>]*>([^<]*)<")
# Answers with these statuses have an envelope. Other statuses may come from HTTP.sys or from a device on the way.
_STATUSES_WITH_ENVELOPE = (200, 500)
# The longest wait before a connection is tried again.
MAX_BACKOFF_SECONDS = 120.0


class Redirected(Exception):
    """The server redirects the request, and that is allowed. The envelope must be made again for the new address."""

    def __init__(self, uri: str) -> None:
        super().__init__(uri)
        self.uri = uri


@dataclasses.dataclass(frozen=True)
class _Response:
    """An answer; `is_believed` is false if the request was encrypted and the answer is not.

    `longest_header` is the number of characters in the longest header of the request.
    """

    status: int
    body: bytes
    content_type: str
    location: str
    challenges: str
    is_believed: bool
    longest_header: int = 0


class Shared:
    """Objects that the conversations of one task share: the environment, and certificate files that were read."""

    def __init__(self) -> None:
        self.environment = Environment()
        self.contexts = Contexts(self.environment.bundle)

    def conversation(self, endpoint: Endpoint) -> HttpConversation:
        """Return a new conversation."""
        return HttpConversation(endpoint, self)


class HttpConversation:
    """Sends envelopes to one endpoint and returns the answers' text. Only one thread at a time may use it.

    Attributes:
        endpoint: The address in use.
        time_limit: Seconds the next envelope may take altogether, from connecting and logging on to the last byte of
            the answer.
        observer: The observer of log-ons; see `Conversation`.
    """

    def __init__(self, endpoint: Endpoint, shared: Shared | None = None) -> None:
        """Prepare the conversation. Nothing is sent yet.

        Raises:
            MissingLibraryError: pypsrp is not installed.
        """
        require_libraries()
        self.endpoint = endpoint.uri
        self.time_limit = endpoint.answer_timeout
        self.observer: LogonObserver = Unobserved()
        self._give_up_at = 0.0
        self._destination = endpoint
        self._redirections = 0
        self._way = Way(text="")
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._shared = shared or Shared()
        self._connection: Connection | None = None
        self._authentication: Authentication | None = None
        self._codec: Codec | None = None
        # Whether the server has sent an answer other than a refusal since the current log-on.
        self._answered = False

    def send(self, message: bytes) -> str:
        """Send one envelope and return the answer's envelope as text.

        Raises:
            TransportError: There was no answer in time, or it does not come from a WinRM service.
            WSManFault: The answer is a fault.
            Redirected: The answer is a redirection that may be followed.
        """
        self._give_up_at = time.monotonic() + self.time_limit
        fresh = self._codec is None
        response = self._send_once(message)
        if response.status == 400 and self._codec is not None and not fresh:
            # The connection was closed while idle, and the keys of this log-on went with it (HTTP.sys does so after
            # two minutes). The request was not understood, let alone carried out: log on again and repeat it.
            self._forget_logon()
            response = self._send_once(message)
        if response.status == 200:
            page = soap.web_page(response.body, response.content_type)
            if page:
                raise soap.improper(f"HTTP status 200 with {page} instead of a WS-Management answer")
            return soap.decode(response.body)
        if response.status in (400, 431) and response.longest_header > LONG_HEADER:
            raise header_too_long(response.status, response.longest_header)
        if 300 <= response.status < 400 and response.is_believed:
            raise Redirected(self._redirection(response.location))
        error = refused(
            response.status,
            response.body if response.is_believed else b"",
            response.content_type,
            response.challenges,
            self._destination,
            self._way,
            _message_id(message),
            self.mechanism,
        )
        # An answer that is not encrypted may come from any device on the way, so it does not show the outcome of the
        # request. A service without the keys of a message answers 400.
        if not response.is_believed and response.status != 400:
            error.delivered = True
        raise add_first_choice(error, self._passed_over)

    @property
    def mechanism(self) -> str:
        """Return the scheme that the last log-on negotiated, ``kerberos`` or ``ntlm``, or an empty text."""
        return self._authentication.mechanism() if self._authentication is not None else ""

    @property
    def _passed_over(self) -> Exception | None:
        return self._authentication.passed_over() if self._authentication is not None else None

    @property
    def way(self) -> str:
        """Return a text about the route of the last envelope, for errors. It is empty before the first envelope."""
        return self._way.text

    def follow(self, uri: str) -> None:
        """Continue at another address, with a new connection and a new log-on."""
        self._forget_logon()
        self._destination = dataclasses.replace(self._destination, uri=uri)
        self.endpoint = uri

    def close(self) -> None:
        """End the conversation. Requests of other threads fail."""
        with self._lock:
            self._closed.set()
            connection = self._connection
        if connection is not None:
            connection.close()

    def _send_once(self, message: bytes) -> _Response:
        """Send a message, encrypted if necessary, and log on first if necessary."""
        charset = "UTF-8"
        if self._destination.option.use_utf16:
            charset, message = "UTF-16", message.decode("utf-8").encode("utf-16")
        if not self._destination.encrypts_messages:
            return self._exchange(message, f"application/soap+xml;charset={charset}")
        if self._ends_soon() or self._is_cut():
            self._forget_logon()
        if self._codec is None:
            logon = self._exchange(b"", "application/soap+xml;charset=UTF-8")
            if logon.status != 200:
                return logon
            self._codec = self._keys()
            self.observer.accepted()
        content_type, body = self._wrapped(self._codec, message)
        if charset != "UTF-8":
            # The libraries name their own charset in the MIME part; it is the first text of the body.
            body = body.replace(b"charset=UTF-8", f"charset={charset}".encode("ascii"), 1)
        return self._exchange(body, content_type)

    def _wrapped(self, codec: Codec, message: bytes) -> tuple[str, bytes]:
        try:
            return codec.wrap(message)
        except Exception as error:  # the libraries raise many kinds
            failed = failure(error, self._destination, self._way, None, logged_on=True)
            failed.delivered = False
            raise failed from error

    def _ends_soon(self) -> bool:
        """Return whether the keys of the log-on may end before the answer to the next request.

        Then the answer could not be decrypted, and the output in the answer to a Receive would be lost.
        """
        if self._codec is None or self._authentication is None:
            return False
        left = self._authentication.seconds_left()
        return left is not None and left <= self.time_limit

    def _is_cut(self) -> bool:
        """Return whether the connection has ended, so that the keys of the log-on are no longer valid."""
        return self._codec is not None and self._connection is not None and not self._connection.is_open()

    def _exchange(self, body: bytes, content_type: str) -> _Response:
        """Do one HTTP request. If the connection cannot be opened, try again while there is time.

        A request that was sent is not repeated.
        """
        wait = 0.0
        for retry in range(self._destination.settings.reconnection_retries):
            try:
                return self._exchange_once(body, content_type)
            except TransportError as error:
                if not is_unconnected(error) or time.monotonic() + wait >= self._give_up_at:
                    raise
            self._closed.wait(wait)
            wait = min(self._destination.settings.reconnection_backoff * 2 ** min(retry, 20), MAX_BACKOFF_SECONDS)
        return self._exchange_once(body, content_type)

    def _exchange_once(self, body: bytes, content_type: str) -> _Response:
        connection, authentication = self._open()
        connection.give_up_at = self._give_up_at
        try:
            answer = authentication.send(connection, body, {"Content-Type": content_type})
            decrypted = self._decrypted(answer)
        except TransportError:
            raise
        except Exception as error:  # HTTP and log-on libraries have no common root; failure() knows their kinds
            is_over = time.monotonic() >= self._give_up_at
            failed = failure(
                error,
                self._destination,
                self._way,
                self.time_limit if is_over else None,
                self._codec is not None,
                connected=connection.is_connected,
                answered=self._answered,
            )
            raise add_first_choice(failed, self._passed_over) from error
        self._answered |= decrypted.status in (200, 500)
        return decrypted

    def _decrypted(self, answer: Answer) -> _Response:
        body, content_type = answer.body, answer.header("Content-Type")
        is_encrypted = content_type.lower().startswith("multipart/") and self._codec is not None
        if is_encrypted and self._codec is not None:
            body, content_type = _unwrapped(self._codec, content_type, body), "application/soap+xml"
        elif self._codec is not None and answer.status in _STATUSES_WITH_ENVELOPE and body:
            raise soap.improper("the answer is not encrypted, although the request was", is_break=True)
        return _Response(
            answer.status,
            body,
            content_type,
            answer.header("Location"),
            answer.header("WWW-Authenticate"),
            is_believed=is_encrypted or self._codec is None,
            longest_header=answer.longest_header,
        )

    def _open(self) -> tuple[Connection, Authentication]:
        """Return the connection with its authenticator. It is made at the first call and after a log-on was reset."""
        with self._lock:
            if self._closed.is_set():
                raise TransportError(Code.HTTP_ERROR, "the conversation was ended", delivered=False)
            if self._connection is None or self._authentication is None:
                self._authentication = maker(self._destination.logon)(self._destination)
                self._way = way_to(self._destination, self._shared.environment)
                self._connection = _connection(self._destination, self._way, self._shared.contexts, self._begin_logon)
            return self._connection, self._authentication

    def _begin_logon(self) -> None:
        """Notify the observer when a connection is open. Each request may have another observer."""
        self.observer.begins()

    def _keys(self) -> Codec:
        """Return the codec for the keys of the new log-on. `logon.unusable` has refused schemes without keys."""
        if self._authentication is None or self._authentication.codec is None:
            raise TransportError(Code.INVALID_AUTHENTICATION, "this log-on cannot encrypt messages", delivered=False)
        try:
            return self._authentication.codec()
        except StopIteration as error:  # the libraries have no log-on for this server
            raise soap.improper(
                "the server answered without completing a log-on, which no WinRM service does"
            ) from error

    def _forget_logon(self) -> None:
        with self._lock:
            connection, self._connection = self._connection, None
            self._authentication = self._codec = None
            self._answered = False
        if connection is not None:
            connection.close()

    def _redirection(self, location: str) -> str:
        """Return the new address of a redirection (PSSessionOption.MaximumConnectionRedirectionCount).

        Raises:
            TransportError: It must not be followed: redirections are not allowed, there were too many, or it leads from
                HTTPS to HTTP.
        """
        location = _whole(location, self.endpoint)
        limit = self._destination.maximum_redirection
        if self._redirections >= limit:
            how_far = "redirection is not allowed" if limit == 0 else f"that would be more than {limit} redirections"
            raise TransportError(
                Code.REDIRECT_REQUIRED, f"the server redirects to {host_of(location)}, and {how_far}", delivered=False
            )
        if not _can_be_followed(location, from_https=self._destination.use_ssl):
            raise TransportError(
                Code.REDIRECT_LOCATION_INVALID,
                f"the server redirects to {host_of(location)}, which cannot be followed from {host_of(self.endpoint)}",
                delivered=False,
            )
        self._redirections += 1
        return location


def _message_id(message: bytes) -> str:
    """Return the message id of an envelope that this client made."""
    found = _MESSAGE_ID.search(message)
    return found[1].decode("ascii") if found else ""


def _whole(location: str, base: str) -> str:
    """Return the address of a redirection. A path without a host is on the same server (RFC 9110 10.2.2)."""
    is_path = location and not location.startswith(("//", "\\")) and ":" not in location.partition("/")[0]
    return urljoin(base, location) if is_path else location


def _unwrapped(codec: Codec, content_type: str, body: bytes) -> bytes:
    """Return a decrypted answer.

    Raises:
        TransportError: The answer was changed on its way. The libraries' own errors would look like a failed log-on,
            but the request was carried out.
    """
    try:
        return codec.unwrap(content_type, body)
    except TransportError:
        raise
    except Exception as error:  # each library has its own
        words = " ".join(str(error).split())
        message = f"the answer could not be decrypted ({type(error).__name__}: {words})"
        raise soap.improper(message, is_break=True) from error


def _can_be_followed(location: str, *, from_https: bool) -> bool:
    """Return whether an address is complete, has no user name, and does not lead from HTTPS to HTTP."""
    try:
        target = urlsplit(location)
        host, _port = target.hostname, target.port
    except ValueError:
        return False
    schemes = ("https",) if from_https else ("http", "https")
    return target.scheme.lower() in schemes and bool(host) and "@" not in target.netloc


def _connection(endpoint: Endpoint, way: Way, contexts: Contexts, on_connected: t.Callable[[], None]) -> Connection:
    try:
        return Connection(endpoint, way, contexts, on_connected)
    except ValueError as error:  # all errors of requests about addresses are some
        raise failure(error, endpoint, way, None, logged_on=False) from error
