"""Kerberos tickets of the controller user: whether a log-on finds one, without a word to a KDC."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import importlib.util
import typing as t

from ..model.codes import Code
from ..model.endpoints import Logon
from ..model.errors import TransportError

# What the name of a ticket-granting ticket begins with (RFC 4120 7.3).
_TICKET_GRANTING = b"krbtgt/"


def lacking(logon: Logon) -> TransportError | None:
    """Return the reason why a log-on by Kerberos alone is not possible on this controller, or None.

    Without the library krb5 nothing is known, and it counts as possible.
    """
    if logon.scheme != "kerberos" or importlib.util.find_spec("krb5") is None:
        return None
    import krb5

    try:
        context = krb5.init_context()
        if logon.password is not None:
            # The library takes the default realm for a name without one.
            if "@" not in (logon.username or ""):
                krb5.get_default_realm(context)
            return None
        cache = _cache(krb5, context, logon.username)
        found = [each for each in cache if each.server is not None and each.server.name.startswith(_TICKET_GRANTING)]
    except krb5.Krb5Error as error:
        return _impossible(" ".join(str(error).split()))
    if not any(each.times.endtime > krb5.timeofday(context) for each in found):
        return _impossible("the Kerberos ticket has expired" if found else "there is no Kerberos ticket")
    return None


def end_of(logon: Logon) -> t.Callable[[], float | None]:
    """Return a function for the remaining validity, in seconds, of the tickets that a log-on used from the cache.

    The function returns None if the validity is not known, because the library krb5 is not installed.
    """
    if importlib.util.find_spec("krb5") is None:
        return lambda: None
    import krb5

    try:
        context = krb5.init_context()
        now = krb5.timeofday(context)
        ends = [each.times.endtime for each in _cache(krb5, context, logon.username) if each.times.endtime > now]
    except krb5.Krb5Error:
        return lambda: None
    return (lambda: float(min(ends) - krb5.timeofday(context))) if ends else (lambda: None)


def _cache(krb5: t.Any, context: t.Any, username: str | None) -> t.Any:
    """Return the cache that the library would take: the one of a user, or the default one."""
    if username is None:
        return krb5.cc_default(context)
    return krb5.cc_cache_match(context, krb5.parse_name_flags(context, username.encode()))


def _impossible(message: str) -> TransportError:
    return TransportError(Code.AUTHENTICATION_FAILED, message, delivered=False)
