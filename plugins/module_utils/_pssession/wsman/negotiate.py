"""Negotiate by pypsrp and pyspnego: Kerberos where it is possible, else NTLM, with one conversation with the KDC.

    Kerberos: ticket for the service --possible--> send it
                    |
                    not possible (no KDC, no such realm or service, no library): keep why
                    v
    NTLM, if there is a password

After the KDC has refused the password of a name with a realm, nothing more is tried: both would count against the
account.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import threading
import time
import typing as t

from ..model.codes import Code
from ..model.errors import TransportError
from .logon_failures import is_wrong_password

try:
    import spnego
    import spnego.channel_bindings
    from pypsrp._utils import get_hostname
    from pypsrp.negotiate import HTTPNegotiateAuth
except ImportError:  # reported by require_pypsrp() at the first use
    pass
else:

    class NegotiateAuth(HTTPNegotiateAuth):
        """The auth handler for requests.

        Attributes:
            mechanism: ``kerberos`` or ``ntlm`` once a log-on has begun, or an empty text.
            passed_over: Why Kerberos was not possible, where NTLM was tried after it.
        """

        mechanism: str = ""
        passed_over: Exception | None = None
        _ends_at: float | None = None

        @property
        def seconds_left(self) -> float | None:
            """How long the keys of the log-on are still good for, in seconds; None without an end."""
            return None if self._ends_at is None else self._ends_at - time.monotonic()

        def handle_401(self, response: t.Any, **kwargs: t.Any) -> t.Any:
            """Log on, and return the answer to the request with the last token."""
            scheme = kwargs.pop("_pypsrp_auth_provider")
            mechanisms = self._mechanisms(scheme.lower())
            host = get_hostname(response.url) or ""
            context, token = self._begin(mechanisms, host, response)
            self.contexts[host] = context
            while not context.complete or token is not None:
                # The next request has to go through the same connection.
                response.content  # noqa: B018 - it reads the answer
                response.raw.release_conn()
                request = response.request.copy()
                self._set_auth_token(request, token, scheme)  # type: ignore[no-untyped-call]
                response = response.connection.send(request, **kwargs)
                answer = self._get_auth_token(response, self._regex)  # type: ignore[no-untyped-call]
                if not answer:
                    break
                token = context.step(answer)
            # The content type of encrypted messages depends on it.
            context.response_auth_header = scheme.lower()
            self._ends_at = _end_of(context)
            return response

        def _mechanisms(self, scheme: str) -> tuple[str, ...]:
            """Return what to try with a challenge of the server, first choice first.

            Raises:
                ValueError: The server wants another mechanism than the one that was chosen.
            """
            if scheme != "negotiate":
                if self.auth_provider not in ("negotiate", scheme):
                    raise ValueError(
                        f"Server responded with the auth protocol {scheme!r} which is incompatible with the specified "
                        f"auth_provider {self.auth_provider!r}"
                    )
                return (scheme,)
            if self.auth_provider != "negotiate":
                return (self.auth_provider,)
            if self.password is None:
                return ("kerberos",)
            # DOMAIN\\user is no name that a KDC could know.
            return ("ntlm",) if "\\" in (self.username or "") else ("kerberos", "ntlm")

        def _begin(self, mechanisms: tuple[str, ...], host: str, response: t.Any) -> tuple[t.Any, bytes | None]:
            """Return the context of the first possible mechanism, with its first token; the server gets nothing yet."""
            bindings = self._bindings(response)
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
            request = spnego.ContextReq.default
            if self.delegate:
                request |= spnego.ContextReq.delegate
            options = spnego.NegotiateOptions.wrapping_winrm if self.wrap_required else spnego.NegotiateOptions(0)

            def begin() -> tuple[t.Any, bytes | None]:
                context = spnego.client(
                    self.username,
                    self.password,
                    hostname=self.hostname_override or host,
                    service=self.service,
                    channel_bindings=bindings,
                    context_req=request,
                    protocol=mechanism,
                    options=options,
                )
                return context, context.step()

            return _KDCS.ask(self.username, begin) if mechanism == "kerberos" else begin()

        def _bindings(self, response: t.Any) -> t.Any:
            data = self._get_cbt_data(response) if self.send_cbt else None  # type: ignore[no-untyped-call]
            return spnego.channel_bindings.GssChannelBindings(application_data=data) if data else None

        def _is_final(self, error: Exception) -> bool:
            """Tell whether the KDC has refused the password, so that NTLM must not try it.

            Names without a realm are left to NTLM: a local account may have the name of one in the domain.
            """
            return "@" in (self.username or "") and is_wrong_password(error)


# Seconds that the KDCs of a realm may take for a log-on. The library itself waits up to 27 seconds for each KDC.
KDC_SECONDS = 10.0
# Seconds for which the KDCs of a realm are not asked again after they did not answer.
SILENCE_SECONDS = 60.0


class _Kdcs:
    """Bounds the time that silent KDCs cost: the library cannot be told, so it is left behind in its thread."""

    def __init__(self) -> None:
        self._silent_until: dict[str, float] = {}

    def ask(self, username: str | None, begin: t.Callable[[], t.Any]) -> t.Any:
        """Return what a conversation with the KDCs gives.

        Raises:
            TransportError: They did not answer in time, or did not for another log-on a moment ago.
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
    """Return when the keys of a log-on end, by the monotonic clock; NTLM's have no end."""
    lifetime = getattr(getattr(context, "_context", None), "lifetime", None)
    return None if lifetime is None else time.monotonic() + lifetime
