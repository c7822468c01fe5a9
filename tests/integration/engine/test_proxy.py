# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Through an HTTP proxy or past it, and its password stays where it belongs."""

from __future__ import annotations

import base64
import importlib.util
import logging
import socket
import urllib.parse
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.addresses import split_proxy
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.libraries import PYSOCKS
from tests.integration.engine.controller import Controller, Result, error_ids, names
from tests.integration.engine.logons import DEMANDING, carried_out, set_up
from tests.simulator import ForwardProxy, Injection, SimulatedComputer, SimulatedFleet, SocksProxy

pytestmark = pytest.mark.timing

USER, SECRET = "proxy user", "pröxy:/@wörd-πάντα"
CREDENTIAL = {"username": USER, "password": SECRET}
UNTOLD = "WinRMHttpError,RemotePSSessionQueryFailed"
LIBRARIES = ("psrp", "winrm")


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment says nothing of proxies to begin with."""
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def proxy() -> Iterator[ForwardProxy]:
    """A proxy for everybody."""
    with ForwardProxy() as started:
        yield started


@pytest.fixture
def guarded() -> Iterator[ForwardProxy]:
    """A proxy that wants a password."""
    with ForwardProxy(user=USER, password=SECRET) as started:
        yield started


@pytest.fixture
def computer(fleet: SimulatedFleet) -> SimulatedComputer:
    """The first computer, with a session; it offers everything and wants it encrypted."""
    computer = fleet["srv01"]
    computer.configure(DEMANDING)
    computer.add_session("job1")
    return computer


def address(proxy: ForwardProxy, credential: str | None = None) -> str:
    """Its URL, with the user in it as people write it."""
    if credential is None:
        return proxy.url
    return proxy.url.replace("://", f"://{urllib.parse.quote(USER)}:{urllib.parse.quote(credential, safe='')}@")


def of_inventory(proxy: str) -> dict[str, Any]:
    """The settings that an inventory makes of the address of a proxy."""
    return dict(zip(("proxy", "proxy_username", "proxy_password"), split_proxy(proxy), strict=True))


def assert_not_told(result: Result, caplog: pytest.LogCaptureFixture, secret: str = SECRET) -> None:
    told = repr(result) + "".join(f"{record.getMessage()} {record.args!r}" for record in caplog.records)
    pair = f"{USER}:{secret}"
    forms = [secret, urllib.parse.quote(secret, safe=""), ascii(secret)[1:-1]]
    forms += [base64.b64encode(pair.encode(encoding, "ignore")).decode() for encoding in ("utf-8", "latin-1")]
    assert [form for form in forms if form in told] == []


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("way", ["NTLM", "CredSSP", "thumbprint"])
def test_of_the_environment(
    fleet: SimulatedFleet,
    computer: SimulatedComputer,
    controller: Controller,
    proxy: ForwardProxy,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
    tls: bool,
    library: str,
) -> None:
    if way == "thumbprint" and not tls:
        pytest.skip("certificates are shown in TLS")
    monkeypatch.setenv("https_proxy" if tls else "http_proxy", proxy.url)
    computer.channel_binding = "strict"
    options = set_up(controller, fleet, way, tls, transport=library)
    assert names(controller.connect("srv01", **options)) == ["job1"]
    assert {request.method for request in proxy.requests} == {"CONNECT" if tls else "POST"}
    target = f"{computer.address}:{computer.https_port}" if tls else computer.uri
    assert {request.target for request in proxy.requests} == {target}
    assert proxy.connections == 1
    assert {request.encrypted for request in carried_out(fleet)} == {not tls}


def test_the_name_that_is_checked_is_the_computers(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, proxy: ForwardProxy
) -> None:
    """Without a check of the authority, the name is still checked, and the proxy is not whom TLS is with."""
    set_up(controller, fleet, "NTLM", tls=True)
    option = {"skip_ca_check": True, "proxy_access_type": "ie_config", "proxy": proxy.url}
    assert names(controller.connect("srv01", session_option=option)) == ["job1"]
    computer.certificate = "other_name"
    assert [error["code"] for error in controller.get("srv01", session_option=option)["errors"]] == [12175]
    assert proxy.requests


@pytest.mark.parametrize("variable", ["https_proxy", "all_proxy", "HTTPS_PROXY"])
@pytest.mark.parametrize("no_proxy", ["{address}", "127.0.0.0/8", "*", "elsewhere.invalid"])
def test_what_the_environment_excepts(
    fleet: SimulatedFleet,
    computer: SimulatedComputer,
    controller: Controller,
    proxy: ForwardProxy,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    no_proxy: str,
) -> None:
    monkeypatch.setenv(variable, proxy.url)
    monkeypatch.setenv("no_proxy", no_proxy.format(address=computer.address))
    set_up(controller, fleet, "basic", tls=True)
    assert names(controller.get("srv01")) == ["job1"]
    assert proxy.connections == (1 if no_proxy == "elsewhere.invalid" else 0)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("by", ["option", "option, without scheme", "inventory", "environment"])
def test_with_a_password(
    fleet: SimulatedFleet,
    computer: SimulatedComputer,
    controller: Controller,
    guarded: ForwardProxy,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    by: str,
    tls: bool,
    library: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    set_up(controller, fleet, "NTLM", tls, transport=library)
    session_option: dict[str, Any] = {"proxy_credential": CREDENTIAL}
    if by.startswith("option"):
        session_option["proxy"] = guarded.url if by == "option" else guarded.url.removeprefix("http://")
    elif by == "inventory":
        session_option = {}
        controller.inventory["srv01"] |= of_inventory(address(guarded, SECRET))
    else:
        session_option["proxy_access_type"] = "win_http_config"
        monkeypatch.setenv("https_proxy" if tls else "http_proxy", guarded.url)
    result = controller.connect("srv01", session_option=session_option)
    assert (names(result), result["errors"]) == (["job1"], [])
    assert {request.status for request in guarded.requests} == {200}
    assert set(guarded.authorizations) == {("basic", USER)}
    assert not [name for each in fleet.requests for name in each.headers if name.lower().startswith("proxy-auth")]
    assert_not_told(result, caplog)


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("by", ["option", "inventory", "environment"])
@pytest.mark.parametrize("password", [None, "wröng:/@word"])
def test_refused_by_the_proxy(
    fleet: SimulatedFleet,
    computer: SimulatedComputer,
    controller: Controller,
    guarded: ForwardProxy,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tls: bool,
    by: str,
    password: str | None,
) -> None:
    caplog.set_level(logging.DEBUG)
    set_up(controller, fleet, "NTLM", tls)
    session_option: dict[str, Any] = {}
    if by == "option":
        session_option["proxy"] = guarded.url
        if password:
            session_option["proxy_credential"] = {"username": USER, "password": password}
    elif by == "inventory":
        controller.inventory["srv01"] |= of_inventory(address(guarded, password))
    else:
        monkeypatch.setenv("https_proxy" if tls else "http_proxy", address(guarded, password))
    result = controller.get("srv01", session_option=session_option)
    assert error_ids(result) == [UNTOLD]
    assert "407" in result["errors"][0]["message"]
    assert "proxy" in result["errors"][0]["hint"]
    assert {request.status for request in guarded.requests} == {407}
    assert len(guarded.requests) == 1
    assert fleet.requests == []
    if password:
        assert_not_told(result, caplog, password)


@pytest.mark.parametrize("tls", [False, True])
def test_nobody_there(
    fleet: SimulatedFleet,
    computer: SimulatedComputer,
    controller: Controller,
    caplog: pytest.LogCaptureFixture,
    tls: bool,
) -> None:
    caplog.set_level(logging.DEBUG)
    set_up(controller, fleet, "NTLM", tls)
    with socket.socket() as taken:  # nothing listens on this port, and nothing else can
        taken.bind(("127.0.0.1", 0))
        option = {"proxy": f"http://127.0.0.1:{taken.getsockname()[1]}", "proxy_credential": CREDENTIAL}
        result = controller.get("srv01", session_option=option)
    assert error_ids(result) == [UNTOLD]
    assert "proxy" in result["errors"][0]["message"]
    assert_not_told(result, caplog)
    assert fleet.requests == []


@pytest.mark.parametrize("tls", [False, True])
def test_the_proxy_reaches_nobody(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, proxy: ForwardProxy, tls: bool
) -> None:
    set_up(controller, fleet, "NTLM", tls, port=9)
    result = controller.get("srv01", session_option={"proxy": proxy.url})
    assert error_ids(result) == [UNTOLD]
    assert "502" in result["errors"][0]["message"]
    assert [request.status for request in proxy.requests] == [502]


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize(
    "template",
    ["http://{user}@", "nonsense://{user}@127.0.0.1:9", "http://{user}@127.0.0.1:port", "http://{user}@[::1"],
)
def test_addresses_that_cannot_be_used(
    fleet: SimulatedFleet,
    computer: SimulatedComputer,
    controller: Controller,
    caplog: pytest.LogCaptureFixture,
    template: str,
    tls: bool,
) -> None:
    caplog.set_level(logging.DEBUG)
    user = f"{urllib.parse.quote(USER)}:{urllib.parse.quote(SECRET, safe='')}"
    set_up(controller, fleet, "NTLM", tls, **of_inventory(template.format(user=user)))
    result = controller.get("srv01")
    assert result["errors"]
    assert_not_told(result, caplog)
    assert fleet.requests == []


def test_what_wins(
    fleet: SimulatedFleet,
    computer: SimulatedComputer,
    controller: Controller,
    proxy: ForwardProxy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The task over the inventory, and that over the environment."""
    closed_port = "http://127.0.0.1:9"
    monkeypatch.setenv("http_proxy", closed_port)
    set_up(controller, fleet, "NTLM")
    assert error_ids(controller.get("srv01")) == [UNTOLD]
    controller.inventory["srv01"]["proxy"] = proxy.url
    assert names(controller.get("srv01")) == ["job1"]
    assert error_ids(controller.get("srv01", session_option={"proxy": closed_port})) == [UNTOLD]
    controller.inventory["srv01"]["proxy"] = closed_port
    assert names(controller.get("srv01", session_option={"proxy": proxy.url})) == ["job1"]
    before = proxy.connections
    # Past all of them.
    option = {"proxy_access_type": "no_proxy_server"}
    assert names(controller.get("srv01", session_option=option)) == ["job1"]
    assert proxy.connections == before == 2


@pytest.mark.parametrize("access_type", [None, "none", "ie_config", "win_http_config", "auto_detect"])
def test_ignore_proxy_of_the_inventory(
    fleet: SimulatedFleet,
    computer: SimulatedComputer,
    controller: Controller,
    proxy: ForwardProxy,
    monkeypatch: pytest.MonkeyPatch,
    access_type: str | None,
) -> None:
    """It is about the environment; a task that asks for the settings of its surroundings gets them."""
    monkeypatch.setenv("http_proxy", proxy.url)
    set_up(controller, fleet, "NTLM", ignore_proxy=True)
    option = {"proxy_access_type": access_type} if access_type else {}
    assert names(controller.get("srv01", session_option=option)) == ["job1"]
    assert proxy.connections == (0 if access_type in (None, "none") else 1)
    set_up(controller, fleet, "NTLM", ignore_proxy=True, proxy=proxy.url)
    before = proxy.connections
    assert names(controller.get("srv01", session_option=option)) == ["job1"]
    assert proxy.connections == before + 1


def test_names_that_only_the_proxy_can_resolve(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    with ForwardProxy(routes={"srv01.lab.test": computer.address}) as proxy:
        set_up(controller, fleet, "NTLM", address="srv01.lab.test")
        assert names(controller.get("srv01", session_option={"proxy": proxy.url})) == ["job1"]


@pytest.mark.parametrize("scheme", ["digest", "negotiate"])
def test_schemes_that_proxies_cannot_have(controller: Controller, scheme: str) -> None:
    option = {"proxy": "http://127.0.0.1:9", "proxy_authentication": scheme}
    assert error_ids(controller.get("srv01", session_option=option)) == ["NotImplemented"]


def test_a_credential_without_a_proxy(controller: Controller) -> None:
    result = controller.get("srv01", session_option={"proxy_credential": CREDENTIAL})
    assert error_ids(result) == ["ParameterArgumentValidationError"]
    assert SECRET not in repr(result)


# SOCKS


@pytest.fixture
def socks() -> Iterator[SocksProxy]:
    """A SOCKS proxy for everybody."""
    with SocksProxy() as started:
        yield started


@pytest.mark.parametrize(
    ("way", "tls", "more"),
    [
        ("basic", False, {"message_encryption": "never"}),
        ("basic", True, {}),
        ("NTLM", False, {}),
        ("CredSSP", True, {}),
    ],
)
@pytest.mark.parametrize("scheme", ["socks5h", "socks5"])
@pytest.mark.parametrize("by", ["option", "psrp", "winrm", "environment"])
def test_socks(
    fleet: SimulatedFleet,
    computer: SimulatedComputer,
    controller: Controller,
    socks: SocksProxy,
    monkeypatch: pytest.MonkeyPatch,
    by: str,
    scheme: str,
    way: str,
    tls: bool,
    more: dict[str, str],
) -> None:
    """Over HTTP, HTTPS and sealed, whoever names the proxy."""
    computer.allow_unencrypted = True
    url = f"{scheme}://{socks.address}:{socks.port}"
    settings: dict[str, Any] = {"proxy": url} if by in LIBRARIES else {}
    option = {"proxy": url} if by == "option" else {}
    if by == "environment":
        monkeypatch.setenv("all_proxy", url)
    transport = "winrm" if by == "winrm" else "psrp"
    set_up(controller, fleet, way, tls, transport=transport, **settings, **more)
    result = controller.connect("srv01", session_option=option)
    assert (names(result), result["errors"]) == (["job1"], [])
    port = computer.https_port if tls else computer.port
    assert {(each.target, each.reply) for each in socks.requests} == {(f"{computer.address}:{port}", 0)}
    assert {request.encrypted for request in carried_out(fleet)} == {way == "NTLM"}


@pytest.mark.parametrize("by", ["option", "inventory", "environment"])
@pytest.mark.parametrize("is_right", [True, False])
def test_socks_with_a_password(
    fleet: SimulatedFleet,
    computer: SimulatedComputer,
    controller: Controller,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    by: str,
    is_right: bool,
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = SECRET if is_right else "wröng:/@word"
    with SocksProxy(user=USER, password=SECRET) as guarded:
        url = guarded.url.replace("://", f"://{urllib.parse.quote(USER)}:{urllib.parse.quote(secret, safe='')}@")
        option: dict[str, Any] = {}
        set_up(controller, fleet, "NTLM", **(of_inventory(url) if by == "inventory" else {}))
        if by == "option":
            option = {"proxy": guarded.url, "proxy_credential": {"username": USER, "password": secret}}
        elif by == "environment":
            monkeypatch.setenv("http_proxy", url)
        result = controller.connect("srv01", session_option=option)
        assert names(result) == (["job1"] if is_right else [])
        assert set(guarded.users) == {USER}
    if not is_right:
        assert error_ids(result) == [UNTOLD]
        assert "the proxy made no connection: SOCKS5 authentication failed" in result["errors"][0]["message"]
        assert "proxy_credential" in result["errors"][0]["hint"]
        assert len(guarded.users) == 1
    assert_not_told(result, caplog, secret)


def test_names_that_only_a_socks_proxy_can_resolve(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller
) -> None:
    """With socks5h; with socks5 the controller resolves them, and the hint tells of both."""
    with SocksProxy(routes={"srv01.lab.test": computer.address}) as proxy:
        set_up(controller, fleet, "NTLM", address="srv01.lab.test")
        assert names(controller.get("srv01", session_option={"proxy": proxy.url})) == ["job1"]
        assert {request.target for request in proxy.requests} == {f"srv01.lab.test:{computer.port}"}
        result = controller.get("srv01", session_option={"proxy": proxy.url.replace("socks5h", "socks5")})
    assert error_ids(result) == ["ComputerNotFound,RemotePSSessionQueryFailed"]
    assert "socks5h://" in result["errors"][0]["hint"]


def test_the_socks_proxy_reaches_nobody(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, socks: SocksProxy
) -> None:
    set_up(controller, fleet, "NTLM", port=9)
    (error,) = controller.get("srv01", session_option={"proxy": socks.url})["errors"]
    assert "the proxy made no connection: 0x05: Connection refused" in error["message"]
    assert "Check from there" in error["hint"]


@pytest.mark.parametrize("url", ["socks5h://127.0.0.1:9", "socks5h://proxy.invalid:1080", "http://proxy.invalid:3128"])
def test_a_proxy_that_is_not_there(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, url: str
) -> None:
    """It is not the name or the address of the computer that is wrong."""
    set_up(controller, fleet, "NTLM")
    (error,) = controller.get("srv01", session_option={"proxy": url})["errors"]
    assert error["fully_qualified_error_id"].startswith("WinRMHttpError")
    resolved = "invalid" not in url
    said = (
        "the proxy made no connection: Connection refused" if resolved else "the name of the proxy cannot be resolved"
    )
    assert error["message"].endswith(f"{said} (proxy {url} from session_option.proxy)")


def test_without_pysocks_the_error_names_it(
    fleet: SimulatedFleet,
    computer: SimulatedComputer,
    controller: Controller,
    socks: SocksProxy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "socks" else find_spec(name))
    set_up(controller, fleet, "NTLM")
    (error,) = controller.get("srv01", session_option={"proxy": socks.url})["errors"]
    assert f"PySocks {PYSOCKS.wanted}" in error["message"]
    assert error["hint"].startswith("Install it for the Python interpreter")
    assert socks.connections == 0


# The way in errors


@pytest.mark.parametrize(
    ("variables", "settings", "option", "way"),
    [
        ({}, {}, {}, "direct connection"),
        ({"no_proxy": "127.0.0.0/8"}, {}, {}, "direct connection"),
        ({"http_proxy": "{proxy}"}, {}, {}, "proxy {proxy} from http_proxy; no_proxy does not have {address}"),
        ({"HTTP_PROXY": "{proxy}"}, {}, {}, "proxy {proxy} from HTTP_PROXY; no_proxy does not have {address}"),
        ({"ALL_PROXY": "{proxy}"}, {}, {}, "proxy {proxy} from ALL_PROXY; no_proxy does not have {address}"),
        ({"http_proxy": "{proxy}", "no_proxy": "{address}"}, {}, {}, "direct connection, since no_proxy has {address}"),
        ({"http_proxy": "{proxy}"}, {"ignore_proxy": True}, {}, "direct connection"),
        ({"http_proxy": "{proxy}"}, {}, {"proxy_access_type": "no_proxy_server"}, "direct connection"),
        ({"no_proxy": "*"}, {"proxy": "{proxy}"}, {}, "proxy {proxy} from ansible_psrp_proxy"),
        ({}, {"proxy": "{proxy}", "transport": "winrm"}, {}, "proxy {proxy} from ansible_winrm_proxy"),
        ({}, {"proxy": "http://elsewhere"}, {"proxy": "{proxy}"}, "proxy {proxy} from session_option.proxy"),
    ],
)
@pytest.mark.parametrize("fault", ["close_without_answer", "status", "garbage", "reset"])
def test_the_way_stands_in_network_errors(
    fleet: SimulatedFleet,
    computer: SimulatedComputer,
    controller: Controller,
    proxy: ForwardProxy,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    settings: dict[str, Any],
    option: dict[str, str],
    way: str,
    fault: Any,
) -> None:
    known = {"proxy": proxy.url, "address": computer.address}
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(**known))
    given: dict[str, Any] = {
        name: value.format(**known) if isinstance(value, str) else value for name, value in settings.items()
    }
    set_up(controller, fleet, "NTLM", **given)
    computer.inject(Injection("Enumerate", action=fault, status=502))
    result = controller.get("srv01", session_option={name: value.format(**known) for name, value in option.items()})
    assert [error["message"].endswith(f" ({way.format(**known)})") for error in result["errors"]] == [True]


def test_a_proxy_that_forbids_is_no_wrong_password(
    fleet: SimulatedFleet, computer: SimulatedComputer, controller: Controller, proxy: ForwardProxy
) -> None:
    set_up(controller, fleet, "NTLM", proxy=proxy.url)
    computer.inject(Injection("*", action="status", status=403, times=None))
    (error,) = controller.get("srv01")["errors"]
    assert error["message"].endswith(f"(proxy {proxy.url} from ansible_psrp_proxy)")
    assert "password" not in error["hint"]


@pytest.mark.parametrize("verb", ["connect", "get"])
@pytest.mark.parametrize(
    "options",
    [
        {"session_option": {"proxy": "http://me:{secret}@proxy:3128"}},
        {"session_option": {"proxy": "socks5h://me:{secret}@proxy:1080"}},
        {"session_option": {"proxy": "me:{secret}@proxy"}},
    ],
)
def test_a_user_in_the_address_of_a_proxy_is_refused(
    controller: Controller, fleet: SimulatedFleet, options: dict[str, Any], verb: str
) -> None:
    proxy = options["session_option"]["proxy"].format(secret=urllib.parse.quote(SECRET, safe=""))
    result = getattr(controller, verb)("srv01", session_option={"proxy": proxy})
    (error,) = result["errors"]
    assert error["fully_qualified_error_id"].startswith("ParameterArgumentValidationError,")
    assert "proxy_credential" in error["hint"]
    assert urllib.parse.quote(SECRET, safe="") not in repr(result)
    assert fleet.requests == []
