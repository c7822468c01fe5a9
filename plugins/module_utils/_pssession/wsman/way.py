"""The way to a server: directly or through a proxy, with the setting that decides it."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from urllib.parse import urlsplit
from urllib.request import getproxies

from ..model import addresses
from ..model.codes import Code
from ..model.endpoints import Endpoint
from ..model.errors import TransportError
from ..model.settings import Credential
from ..system.libraries import PYSOCKS, unsuitable

try:
    import requests
except ImportError:  # reported by require_libraries() at the first use
    pass


class Environment:
    """The environment variables for connections, read once for each task.

    Attributes:
        proxies: The addresses of proxies, by the scheme of URIs or ``all``. Which variable counts is urllib's rule, on
            which requests is built: lower case before upper case.
        bundle: A file or folder of trusted authorities, by the variables of requests; or None.
    """

    def __init__(self) -> None:
        self.proxies = getproxies()
        self.bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or None


@dataclass(frozen=True)
class Way:
    """The way that requests to one address take.

    Attributes:
        proxy: The address of the proxy, without user information; None means a direct connection.
        credential: What to log on to the proxy with.
        text: The way in words, for errors.
    """

    proxy: str | None = None
    credential: Credential | None = None
    text: str = "direct connection"

    @property
    def is_socks(self) -> bool:
        return self.proxy is not None and self.proxy.lower().startswith("socks")


def way_to(endpoint: Endpoint, environment: Environment) -> Way:
    """Return the way to an endpoint: by the task, the inventory or the environment, in this order.

    Raises:
        TransportError: The address of the proxy cannot be used, or a library for it is not installed.
    """
    proxy = endpoint.proxy
    if proxy.bypass:
        return Way()
    source, suffix = proxy.source, ""
    address, credential = proxy.url or "", proxy.credential
    if not address:
        address, source = _of_environment(endpoint.uri, environment)
        if not address:
            return Way()
        host = urlsplit(endpoint.uri).hostname
        if requests.utils.should_bypass_proxies(endpoint.uri, no_proxy=None):
            return Way(text=f"direct connection, since no_proxy has {host}")
        suffix = f"; no_proxy does not have {host}"
    address, username, password = addresses.split_proxy(address)
    if "://" not in address:
        address = f"http://{address}"  # as requests has it
    if credential is None and username is not None:
        credential = Credential(username, password)
    if problem := addresses.proxy_problem(address):
        raise _unusable(f"the address of the proxy in {source} cannot be used: {problem}", f"Correct {source}.")
    way = Way(address, credential, f"proxy {address} from {source}{suffix}")
    if way.is_socks and (importlib.util.find_spec("socks") is None or unsuitable(PYSOCKS)):
        raise _unusable(
            f"the SOCKS proxy of {source} needs the Python library PySocks {PYSOCKS.wanted}: "
            f"python -m pip install '{PYSOCKS.requirement}'",
            "Install it for the Python interpreter that runs the task, or use an execution environment built with "
            "this collection.",
        )
    return way


def _of_environment(uri: str, environment: Environment) -> tuple[str, str]:
    """Return the environment's proxy for an address with the name of its variable; both are empty without a proxy.

    The variable of the address's scheme has precedence over ``all_proxy``.
    """
    for key in (urlsplit(uri).scheme.lower(), "all"):
        if environment.proxies.get(key):
            spellings = (f"{key}_proxy", f"{key.upper()}_PROXY")
            variable = next((name for name in spellings if os.environ.get(name)), "the environment")
            return environment.proxies[key], variable
    return "", ""


def _unusable(message: str, hint: str) -> TransportError:
    return TransportError(Code.HTTP_ERROR, message, delivered=False, hint=hint)
