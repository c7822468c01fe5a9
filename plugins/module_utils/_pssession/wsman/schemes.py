"""The authentication schemes, one record each. All other files look up a scheme here."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import importlib.util
import typing as t
from functools import partial

from ..model.codes import Code
from ..model.endpoints import Endpoint, Logon
from ..model.errors import TransportError
from ..system.libraries import PYWINRM, unsuitable
from . import authentication as pypsrp
from .pywinrm_authentication import authentication as pywinrm

# Makes the authenticator for an endpoint; sends nothing.
Maker = t.Callable[[Endpoint], pypsrp.Authentication]


class Scheme(t.NamedTuple):
    """A way to log on.

    Attributes:
        name: As in `Logon.scheme`, in messages and in ``ansible_psrp_auth``; pip extras for it have the same name.
        options: Values of the option ``authentication`` that select the scheme, in PowerShell's order
            (AuthenticationMechanism).
        winrm_transports: Values of ``ansible_winrm_transport`` that select the scheme.
        answers: Challenges of a server (WWW-Authenticate) that the scheme can answer; empty if it needs no challenge.
        needs: The kind of credential: a password, a Kerberos ticket or a certificate.
        encrypts: Whether the scheme has keys for messages (MS-WSMV 2.2.9.1).
        over_http: Whether the scheme works without TLS. A scheme without keys then sends everything in clear.
        pypsrp, pywinrm: The implementation in each client library; None if the library does not have the scheme.
        pywinrm_takes_password: Whether pywinrm can use a password with the scheme.
        hands_over_password: Whether the server gets the password itself, encrypted for this server only.
        is_in_each_request: Whether each request has all of the log-on, so that a new connection costs no request.
        extras: For each client library, the modules in its pip extra and their names in messages. Their lower bounds
            are in meta/ee-requirements.txt.
    """

    name: str
    options: tuple[str, ...]
    winrm_transports: tuple[str, ...]
    answers: tuple[str, ...]
    needs: t.Literal["password", "password or ticket", "certificate"]
    encrypts: bool
    over_http: bool
    pypsrp: Maker
    pywinrm: Maker | None
    pywinrm_takes_password: bool = True
    hands_over_password: bool = False
    is_in_each_request: bool = False
    extras: t.Mapping[str, t.Mapping[str, str]] = {}


# fmt: off
SCHEMES: t.Mapping[str, Scheme] = {scheme.name: scheme for scheme in (
    # pywinrm uses requests for Basic and certificates as well. How requests encodes passwords beyond Latin-1 varies.
    Scheme("basic", options=("basic",), winrm_transports=("basic", "plaintext", "ssl"), answers=("basic",),
           needs="password", encrypts=False, over_http=True, pypsrp=pypsrp.basic, pywinrm=pypsrp.basic,
           is_in_each_request=True),
    Scheme("negotiate", options=("negotiate", "negotiate_with_implicit_credential"), winrm_transports=(),
           answers=("negotiate", "kerberos", "ntlm"), needs="password or ticket", encrypts=True, over_http=True,
           pypsrp=pypsrp.negotiate, pywinrm=partial(pywinrm, "ntlm")),
    Scheme("credssp", options=("credssp",), winrm_transports=("credssp",), answers=("credssp",),
           needs="password", encrypts=True, over_http=True,
           pypsrp=pypsrp.credssp, pywinrm=partial(pywinrm, "credssp"), hands_over_password=True,
           extras={"pypsrp": {"requests_credssp": "requests-credssp 2.0.0 or newer"},
                   "pywinrm": {"requests_credssp": "requests-credssp 1.0.0 or newer"}}),
    Scheme("digest", options=("digest",), winrm_transports=(), answers=("digest",),
           needs="password", encrypts=False, over_http=True, pypsrp=pypsrp.digest, pywinrm=None),
    Scheme("kerberos", options=("kerberos",), winrm_transports=("kerberos",), answers=("negotiate", "kerberos"),
           needs="password or ticket", encrypts=True, over_http=True,
           pypsrp=pypsrp.negotiate, pywinrm=partial(pywinrm, "kerberos"), pywinrm_takes_password=False,
           extras={"pypsrp": {"gssapi": "gssapi 1.6.0", "krb5": "krb5 0.3.0 or newer for Kerberos"},
                   "pywinrm": {"kerberos": "pykerberos 1.2.1 or newer"}}),
    Scheme("ntlm", options=(), winrm_transports=("ntlm",), answers=("negotiate", "ntlm"),
           needs="password", encrypts=True, over_http=True, pypsrp=pypsrp.negotiate, pywinrm=partial(pywinrm, "ntlm")),
    Scheme("certificate", options=(), winrm_transports=("certificate",), answers=(),
           needs="certificate", encrypts=False, over_http=False, pypsrp=pypsrp.certificate, pywinrm=pypsrp.certificate,
           is_in_each_request=True),
)}
# fmt: on
# Default is Negotiate, whether with a password or with tickets (PSRemotingBaseCmdlet, AuthenticationMechanism).
OPTIONS = {"default": "negotiate", **{word: each.name for each in SCHEMES.values() for word in each.options}}
WINRM_TRANSPORTS = {word: each.name for each in SCHEMES.values() for word in each.winrm_transports}
# The transport that means Basic without TLS and without encrypted messages.
IN_CLEAR = "plaintext"
OPTIONAL_MODULES = {name for each in SCHEMES.values() for modules in each.extras.values() for name in modules}


def effective(logon: Logon) -> Scheme:
    """Return the scheme that a log-on will use. Without a password, Negotiate can only use Kerberos."""
    scheme = SCHEMES[logon.scheme]
    return SCHEMES["kerberos"] if scheme.needs == "password or ticket" and logon.password is None else scheme


def hands_over_password(logon: Logon) -> bool:
    """Return whether a log-on gives the server the password itself, in its own encryption (CredSSP)."""
    scheme = SCHEMES.get(logon.scheme)
    return scheme is not None and scheme.hands_over_password


def maker(logon: Logon) -> Maker:
    """Return the factory for the authenticator of a log-on in its client library.

    Raises:
        TransportError: The library does not have the scheme, or something is not installed.
    """
    scheme = effective(logon)
    library, make = ("pywinrm", scheme.pywinrm) if logon.library == "winrm" else ("pypsrp", scheme.pypsrp)
    modules = scheme.extras.get(library, {})
    # The hint of the error code is only for servers that do not offer a scheme.
    hint = (
        "Install it for the Python interpreter that runs the task, or use an execution environment built with this "
        "collection."
    )
    if make is None:
        missing, hint = f"{library} has no authentication {logon.scheme}", "Use transport psrp for it."
    elif library == "pywinrm" and importlib.util.find_spec("winrm") is None:
        missing = (
            f"a winrm connection needs the Python library pywinrm {PYWINRM.wanted}: "
            f"python -m pip install '{PYWINRM.requirement}'"
        )
    elif library == "pywinrm" and (problem := unsuitable(PYWINRM)):
        missing = f"{problem[:-1]}: python -m pip install '{PYWINRM.requirement}'"
    elif any(importlib.util.find_spec(module) is None for module in modules):
        missing = (
            f"authentication {logon.scheme}{' with pywinrm' if library == 'pywinrm' else ''} needs the Python "
            f"{'library' if len(modules) == 1 else 'libraries'} {' and '.join(modules.values())}: "
            f"python -m pip install '{library}[{scheme.name}]'"
        )
    else:
        return make
    raise TransportError(Code.INVALID_AUTHENTICATION, missing, delivered=False, hint=hint)
