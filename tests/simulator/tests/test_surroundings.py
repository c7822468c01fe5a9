# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands between client and server or pretends to be one: redirections, recording servers, proxies."""

from __future__ import annotations

import pytest
import requests
from pypsrp.wsman import WSMan
from requests.auth import HTTPBasicAuth

from .. import ForwardProxy, RecordingServer, SimulatedComputer, SimulatedFleet, SocksProxy
from ..waiting import PATIENCE, until
from .authentication.clients import run
from .conftest import ADMIN
from .raw_client import SHELL, RawClient

pytestmark = pytest.mark.timing

LOGIN = HTTPBasicAuth(ADMIN.name, ADMIN.password.encode())


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirection(fleet: SimulatedFleet, computer: SimulatedComputer, status: int) -> None:
    """Whoever asks is sent elsewhere, as often as told."""
    target = fleet["srv02"].uri
    computer.redirect(target, status=status, times=2)
    for _time in range(2):
        answer = requests.post(computer.uri, b"", allow_redirects=False, timeout=PATIENCE)
        assert (answer.status_code, answer.headers["Location"], answer.content) == (status, target, b"")
    assert [request.operation for request in fleet.requests] == ["Redirected"] * 2
    client = RawClient(computer, ADMIN)
    assert client.enumerate().status == 200
    computer.redirect(target, status)
    assert client.enumerate().status == status
    computer.redirect(None)
    assert client.enumerate().status == 200
    with pytest.raises(ValueError, match="200"):
        computer.redirect(target, 200)


@pytest.mark.parametrize("tls", [False, True])
def test_recording_server(fleet: SimulatedFleet, computer: SimulatedComputer, tls: bool) -> None:
    """It has all that it was sent, and nothing if nobody came."""
    context = fleet.make_server_context("127.0.0.1") if tls else None
    with RecordingServer(tls=context) as other:
        computer.redirect(other.wsman_url, status=307)
        requests.post(computer.uri, b"secret body", allow_redirects=False, timeout=PATIENCE)
        assert (other.connections, other.received) == (0, b"")
        answer = requests.post(computer.uri, b"secret body", auth=LOGIN, verify=str(fleet.ca_file), timeout=PATIENCE)
        assert answer.status_code == 401
        assert "Negotiate" in answer.headers["WWW-Authenticate"]
        assert other.connections == 1
        assert other.received.startswith(b"POST /wsman HTTP/1.1\r\n")
        assert other.received.endswith(b"secret body")
        requests.post(other.url, b"", auth=LOGIN, verify=str(fleet.ca_file), timeout=PATIENCE)
        assert [value.partition(" ")[0] for value in other.authorizations] == ["Basic"]
        before = len(other.received)
        with pytest.raises(requests.exceptions.RequestException):
            requests.post(f"{'http' if tls else 'https'}://127.0.0.1:{other.port}", timeout=1)
        until(lambda: other.connections == 3, "the third connection")
        if tls:
            assert len(other.received) == before
        else:
            until(lambda: len(other.received) > before, "a TLS greeting")


def test_recording_server_with_another_answer() -> None:
    """Status and headers can be chosen."""
    with RecordingServer(status=302, headers=[("Location", "http://127.0.0.1:9/")]) as other:
        answer = requests.post(other.wsman_url, b"", allow_redirects=False, timeout=PATIENCE)
        assert (answer.status_code, answer.headers["Location"]) == (302, "http://127.0.0.1:9/")


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("user", [None, "proxy user"])
@pytest.mark.parametrize("auth", ["basic", "ntlm"])
def test_proxy(fleet: SimulatedFleet, computer: SimulatedComputer, tls: bool, user: str | None, auth: str) -> None:
    """Requests and tunnels get through, with and without credentials, also with authenticated connections."""
    computer.authentication = ["basic", "negotiate"]
    with ForwardProxy(user=user, password="p:w") as proxy:
        url = proxy.url if user is None else proxy.url.replace("://", "://proxy%20user:p%3Aw@")
        wsman = WSMan(
            computer.address,
            port=computer.https_port if tls else computer.port,
            ssl=tls,
            auth=auth,
            encryption="auto" if auth == "ntlm" else "never",
            username=ADMIN.name,
            password=ADMIN.password,
            cert_validation=str(fleet.ca_file) if tls else True,  # type: ignore[arg-type]  # a path is fine
            proxy=url,
        )
        assert run(wsman) == ["hello"]
        assert {request.method for request in proxy.requests} == {"CONNECT" if tls else "POST"}
        expected = f"{computer.address}:{computer.https_port}" if tls else computer.uri
        assert {request.target for request in proxy.requests} == {expected}
        assert {request.status for request in proxy.requests} == {200}
        assert set(proxy.authorizations) == ({("basic", user)} if user else set())
        assert proxy.connections == 1
    assert {request.user for request in fleet.requests if request.status == 200} == {"admin"}
    assert not [name for request in fleet.requests for name in request.headers if name.lower().startswith("proxy")]


def test_proxy_refuses(fleet: SimulatedFleet, computer: SimulatedComputer) -> None:
    """Without the right credentials, or to where nobody is, nothing gets through."""
    with ForwardProxy(user="user", password="right", routes={"srv01.lab.test": computer.address}) as proxy:
        wrong = {"http": proxy.url.replace("://", "://user:wrong@")}
        assert requests.post(computer.uri, b"", proxies=wrong, timeout=PATIENCE).status_code == 407
        assert fleet.requests == []
        right = {"http": proxy.url.replace("://", "://user:right@")}
        assert (
            requests.post("http://srv01.lab.test:5985/wsman", b"", proxies=right, timeout=PATIENCE).status_code == 401
        )
        assert requests.post("http://127.0.0.1:9/", b"", proxies=right, timeout=PATIENCE).status_code == 502
        assert [request.status for request in proxy.requests] == [407, 200, 502]
        assert proxy.authorizations == [("basic", "user")] * 3


def test_socks_proxy(fleet: SimulatedFleet, computer: SimulatedComputer) -> None:
    """Names are resolved by whom the client wants; wrong passwords and closed ports are refused."""
    routes = {"srv01.lab.test": computer.address}
    with SocksProxy(user="user", password="right", routes=routes) as proxy:
        right = proxy.url.replace("://", "://user:right@")
        for_all = {"http": right, "https": right}
        for name in ("srv01.lab.test", computer.address):
            answer = requests.post(f"http://{name}:{computer.port}/wsman", b"", proxies=for_all, timeout=PATIENCE)
            assert answer.status_code == 401
        for url in (right.replace("right@", "wrong@"), proxy.url, right):
            with pytest.raises(requests.exceptions.ConnectionError):
                requests.post("http://127.0.0.1:9/", b"", proxies={"http": url}, timeout=PATIENCE)
        asked = [(request.target, request.reply) for request in proxy.requests]
        assert asked == [
            (f"srv01.lab.test:{computer.port}", 0),
            (f"{computer.address}:{computer.port}", 0),
            ("127.0.0.1:9", 5),
        ]
        assert proxy.users == ["user"] * 4


def test_settings_of_other_processes(fleet: SimulatedFleet, computer: SimulatedComputer) -> None:
    """All of it are switches, so that the control interface can set them."""
    computer.configure({"authentication": ["negotiate"], "channel_binding": "strict", "certificate": "expired"})
    body = RawClient(computer, ADMIN).envelope("Enumerate", "<wsen:Enumerate/>", resource=SHELL)
    assert requests.post(computer.uri, body, auth=LOGIN, timeout=PATIENCE).status_code == 401
    with pytest.raises(ValueError, match="lax"):
        computer.configure({"channel_binding": "lax"})
