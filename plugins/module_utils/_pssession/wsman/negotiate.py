"""Negotiate with pyspnego: Kerberos if possible, otherwise NTLM. One log-on asks the KDC once.

    Kerberos: ticket for the service --possible--> send it
                    |
                    not possible (no KDC, no such realm or service, no library): keep why
                    v
    NTLM, if there is a password

If the KDC refuses the password of a name with a realm, NTLM is not tried, because its failure would also count towards
locking the account.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import re
import threading
import time
import typing as t

from ..model.codes import Code
from ..model.endpoints import Endpoint
from ..model.errors import TransportError
from .answers import Answer
from .connection import Connection
from .logon_failures import is_wrong_password

try:
    import spnego
    import spnego.channel_bindings
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
except ImportError:  # reported by require_libraries() at the first use
    pass

# The names of the scheme in HTTP headers, the preferred one first.
_HEADERS = ("Negotiate", "Kerberos", "NTLM")
_TOKEN = re.compile(r"(?:Kerberos|Negotiate|NTLM)\s*([^,]*),?", re.IGNORECASE)


class Negotiate:
    """Logs connections on to one endpoint.

    The first request of a connection carries the first token under the name ``Negotiate``. If the server refuses it and
    offers another name, a new token is sent under that name.

    Args:
        service_host: The host part of the service principal. None means the host of the address.

    Attributes:
        context: The security context of the last log-on, with its keys.
        header: The name of the scheme that the last log-on used in HTTP headers.
        mechanism: ``kerberos`` or ``ntlm`` once a log-on has begun, or an empty text.
        passed_over: The reason why Kerberos was not possible, if NTLM was tried after it.
    """

    def __init__(self, endpoint: Endpoint, service_host: str | None) -> None:
        self._endpoint = endpoint
        self._logon = endpoint.logon
        self._service_host = service_host
        self.context: t.Any = None
        self.header = ""
        self.mechanism = ""
        self.passed_over: Exception | None = None
        self._logged_on = 0
        self._ends_at: float | None = None

    @property
    def is_complete(self) -> bool:
        """Return whether the log-on is complete on both sides, so that it has keys."""
        return self.context is not None and self.context.complete

    @property
    def seconds_left(self) -> float | None:
        """Return the remaining validity of the log-on's keys in seconds, or None if they do not expire."""
        return None if self._ends_at is None else self._ends_at - time.monotonic()

    def send(self, connection: Connection, body: bytes, headers: t.Mapping[str, str]) -> Answer:
        """Send a request. If the connection is not logged on, the request carries the log-on."""
        connection.open()
        if self._logged_on == connection.number:
            answer = connection.exchange(body, headers)
            if answer.status != 401:
                return answer
        answer = self._log_on("Negotiate", connection, body, headers)
        offered = answer.header("WWW-Authenticate").upper()
        known = [each for each in _HEADERS if each.upper() in offered and self._can_be(each.lower())]
        if answer.status == 401 and known and "Negotiate" not in known:
            answer = self._log_on(known[0], connection, body, headers)
        return answer

    def _log_on(self, header: str, connection: Connection, body: bytes, headers: t.Mapping[str, str]) -> Answer:
        """Log on with a request, and return the answer to the request that carried the last token."""
        connection.open()
        self._logged_on = 0
        context, token = self._begin(self._mechanisms(header.lower()), connection)
        self.context, self.header = context, header
        while True:
            authorization = f"{header} {base64.b64encode(token or b'').decode('ascii')}"
            answer = connection.exchange(body, {**headers, "Authorization": authorization})
            found = _TOKEN.search(answer.header("WWW-Authenticate"))
            reply = base64.b64decode(found[1]) if found else b""
            if not reply:
                break
            token = context.step(reply)
            if context.complete and token is None:
                break
        if answer.status != 401:
            self._logged_on = connection.number
        self._ends_at = _end_of(context) if context.complete else None
        return answer

    def _can_be(self, header: str) -> bool:
        """Return whether the log-on may use a scheme name in the header: its own mechanism's, or Negotiate."""
        return "negotiate" in (self._logon.scheme, header) or self._logon.scheme == header

    def _mechanisms(self, header: str) -> tuple[str, ...]:
        """Return the mechanisms to try under a scheme name in the header, the first choice first."""
        scheme = self._logon.scheme
        if header != "negotiate":
            return (header,)
        if scheme != "negotiate":
            return (scheme,)
        if self._logon.password is None:
            return ("kerberos",)
        # DOMAIN\\user is not a name that a KDC could know.
        return ("ntlm",) if "\\" in (self._logon.username or "") else ("kerberos", "ntlm")

    def _begin(self, mechanisms: tuple[str, ...], connection: Connection) -> tuple[t.Any, bytes | None]:
        """Return the context of the first possible mechanism, with its first token. Nothing is sent to the server."""
        certificate = connection.certificate if self._endpoint.settings.negotiate_send_cbt else None
        bindings = _bindings(certificate) if certificate is not None else None
        host = self._service_host or connection.host
        for mechanism in mechanisms:
            self.mechanism = mechanism
            try:
                return self._first_token(mechanism, host, bindings)
            except Exception as error:  # no common root: no library, no realm, no KDC, no such service ...
                if mechanism == mechanisms[-1] or self._is_final(error):
                    raise
                self.passed_over = error
        raise ValueError("no mechanism was asked for")

    def _first_token(self, mechanism: str, host: str, bindings: t.Any) -> tuple[t.Any, bytes | None]:
        settings = self._endpoint.settings
        request = spnego.ContextReq.default
        if settings.negotiate_delegate:
            request |= spnego.ContextReq.delegate
        wraps = self._endpoint.encrypts_messages
        options = spnego.NegotiateOptions.wrapping_winrm if wraps else spnego.NegotiateOptions(0)

        def begin() -> tuple[t.Any, bytes | None]:
            context = spnego.client(
                self._logon.username,
                self._logon.password,
                hostname=host,
                service=settings.negotiate_service,
                channel_bindings=bindings,
                context_req=request,
                protocol=mechanism,
                options=options,
            )
            return context, context.step()

        return _KDCS.ask(self._logon.username, begin) if mechanism == "kerberos" else begin()

    def _is_final(self, error: Exception) -> bool:
        """Return whether the KDC has refused the password, so that NTLM must not try it.

        For names without a realm, NTLM is still tried: a local account and a domain account may have the same name.
        """
        return "@" in (self._logon.username or "") and is_wrong_password(error)


def _bindings(certificate: bytes) -> t.Any:
    """Return the channel bindings of a server's certificate (RFC 5929, 4.1)."""
    try:
        algorithm = x509.load_der_x509_certificate(certificate).signature_hash_algorithm
    except UnsupportedAlgorithm:
        algorithm = None
    if algorithm is None or algorithm.name in ("md5", "sha1"):
        algorithm = hashes.SHA256()
    digest = hashes.Hash(algorithm)
    digest.update(certificate)
    return spnego.channel_bindings.GssChannelBindings(application_data=b"tls-server-end-point:" + digest.finalize())


# Seconds that the KDCs of a realm may take for a log-on. The library itself waits up to 27 seconds for each KDC.
KDC_SECONDS = 10.0
# Seconds to wait before the KDCs of a realm are asked again after they did not answer.
SILENCE_SECONDS = 60.0


class _Kdcs:
    """Limits the wait for silent KDCs. The library has no timeout, so the call is abandoned in its thread."""

    def __init__(self) -> None:
        self._silent_until: dict[str, float] = {}

    def ask(self, username: str | None, begin: t.Callable[[], t.Any]) -> t.Any:
        """Return the result of a function that asks the KDCs.

        Raises:
            TransportError: The KDCs did not answer in time, for this log-on or for another one a moment ago.
        """
        realm = (username or "").rpartition("@")[2].upper() if "@" in (username or "") else ""
        if time.monotonic() < self._silent_until.get(realm, 0.0):
            raise _silent(realm)
        outcome: list[t.Any] = []
        failure: list[Exception] = []

        def run() -> None:
            try:
                outcome.append(begin())
            except Exception as error:  # noqa: BLE001 - raised below
                failure.append(error)

        thread = threading.Thread(target=run, name="pssession-kdc", daemon=True)
        thread.start()
        thread.join(KDC_SECONDS)
        if failure:
            raise failure[0]
        if not outcome:
            self._silent_until[realm] = time.monotonic() + SILENCE_SECONDS
            raise _silent(realm)
        return outcome[0]

    def forget(self) -> None:
        """Ask all KDCs again."""
        self._silent_until.clear()


_KDCS = _Kdcs()


def _silent(realm: str) -> TransportError:
    whose = f"the realm {realm}" if realm else "the default realm"
    return TransportError(
        Code.AUTHENTICATION_FAILED,
        f"no KDC of {whose} has answered within {KDC_SECONDS:g} seconds",
        delivered=False,
        hint="Check krb5.conf and the way to the domain controllers (port 88, UDP and TCP). For a minute they are not "
        "asked again.",
    )


def _end_of(context: t.Any) -> float | None:
    """Return the time at which the keys of a log-on expire, by the monotonic clock. NTLM's keys do not expire."""
    lifetime = getattr(getattr(context, "_context", None), "lifetime", None)
    return None if lifetime is None else time.monotonic() + lifetime
