# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages that NTLM and CredSSP encrypt, and keys that a server has forgotten."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from pypsrp.exceptions import AuthenticationError, WinRMTransportError, WSManFaultError
from pypsrp.powershell import PowerShell, RunspacePool
from pypsrp.wsman import WSMan
from urllib3.util.connection import is_connection_dropped

from ... import SimulatedComputer, SimulatedFleet
from ...waiting import until
from .clients import connection, last, pywinrm, run, seen_in_clear

pytestmark = pytest.mark.timing


@pytest.mark.parametrize("login", ["admin", "ADMIN", "LAB\\admin", "admin@LAB.TEST", "SRV01\\admin", ".\\admin"])
def test_forms_of_names(fleet: SimulatedFleet, computer: SimulatedComputer, login: str) -> None:
    """An account can be named in all the ways that users know."""
    assert run(connection(fleet, "ntlm", username=login)) == ["hello"]
    assert (last(fleet).user, last(fleet).scheme) == ("admin", "ntlm")


@pytest.mark.parametrize("script", ["hello", "huge"])
@pytest.mark.parametrize(("auth", "scheme"), [("ntlm", "ntlm"), ("negotiate", "ntlm"), ("credssp", "credssp")])
def test_encryption(fleet: SimulatedFleet, computer: SimulatedComputer, auth: str, scheme: str, script: str) -> None:
    """Over HTTP all messages are encrypted, in both directions, large ones too."""
    (output,) = run(connection(fleet, auth), script)
    assert len(output) == (400_000 if script == "huge" else 5)
    assert (last(fleet).scheme, last(fleet).encrypted, last(fleet).secure) == (scheme, True, False)
    assert not seen_in_clear(fleet)
    assert {request.connection for request in fleet.requests} == {fleet.requests[0].connection}


def test_pieces_of_credssp(fleet: SimulatedFleet, computer: SimulatedComputer) -> None:
    """More than 16 KiB come in several parts, both ways."""
    with RunspacePool(connection(fleet, "credssp")) as pool:
        shell = PowerShell(pool)
        shell.add_script("echo")
        assert shell.invoke(["z" * 40_000]) == ["z" * 40_000]  # type: ignore[arg-type]  # a list is fine
    kinds = {request.headers.get("Content-Type", "").partition(";")[0] for request in fleet.requests}
    assert {"multipart/encrypted", "multipart/x-multi-encrypted"} <= kinds
    answers = [request.raw_answer for request in fleet.requests if request.raw_answer]
    assert max(answer.count(b"HTTP-CredSSP-session-encrypted") for answer in answers) >= 3
    assert not seen_in_clear(fleet)


@pytest.mark.parametrize("encryption", ["auto", "always"])
@pytest.mark.parametrize("auth", ["ntlm", "negotiate", "credssp"])
def test_tls(fleet: SimulatedFleet, computer: SimulatedComputer, auth: str, encryption: str) -> None:
    """Inside TLS encryption is the client's choice."""
    assert run(connection(fleet, auth, tls=True, encryption=encryption)) == ["hello"]
    assert (last(fleet).encrypted, last(fleet).secure) == (encryption == "always", True)
    assert last(fleet).channel_bound is (None if auth == "credssp" else True)


def test_fault_is_encrypted(fleet: SimulatedFleet, computer: SimulatedComputer) -> None:
    """An encrypted request that fails gets an encrypted fault."""
    computer.add_session("s", state="Connected")
    wsman = connection(fleet, "ntlm")
    (pool,) = RunspacePool.get_runspace_pools(wsman)
    with pytest.raises(WSManFaultError) as refused:
        pool.connect()
    assert (refused.value.code, refused.value.machine) == (0x803381CD, "SRV01")
    assert not seen_in_clear(fleet)


@pytest.mark.parametrize("transport", ["ntlm", "credssp"])
@pytest.mark.parametrize(("tls", "encryption"), [(False, "auto"), (True, "auto"), (True, "always")])
def test_pywinrm(
    fleet: SimulatedFleet, computer: SimulatedComputer, transport: str, tls: bool, encryption: str
) -> None:
    """The other client, with its own code for encryption."""
    assert "EnumerateResponse" in pywinrm(fleet, transport, tls, message_encryption=encryption)
    encrypted = not tls or encryption == "always"
    assert (last(fleet).scheme, last(fleet).encrypted, last(fleet).secure) == (transport, encrypted, tls)


@pytest.mark.parametrize("allowed", [True, None, False])
def test_plain_messages(fleet: SimulatedFleet, computer: SimulatedComputer, allowed: bool | None) -> None:
    """Who can encrypt must, unless plain messages are allowed; who cannot may by default."""
    computer.allow_unencrypted = allowed
    if allowed:
        assert run(connection(fleet, "ntlm", encryption="never")) == ["hello"]
        assert seen_in_clear(fleet)
    else:
        with pytest.raises(AuthenticationError):
            run(connection(fleet, "ntlm", encryption="never"))
        assert "Unencrypted" in {request.operation for request in fleet.requests}
    if allowed is False:
        with pytest.raises(AuthenticationError):
            run(connection(fleet, "basic", encryption="never"))
    else:
        assert run(connection(fleet, "basic", encryption="never")) == ["hello"]


@pytest.mark.parametrize("auth", ["ntlm", "credssp"])
def test_forgotten(fleet: SimulatedFleet, computer: SimulatedComputer, auth: str) -> None:
    """The next encrypted request gets a bare 400, a fresh authentication works."""
    wsman = connection(fleet, auth)
    assert run(wsman) == ["hello"]
    computer.forget_authentication()
    fleet.clear_requests()
    with pytest.raises(WinRMTransportError) as stale:
        RunspacePool(wsman).open()
    assert stale.value.code == 400
    assert [(request.status, request.raw_answer or b"") for request in fleet.requests] == [(400, b"")]
    wsman.transport.encryption = None  # which makes the client authenticate again, on the same connection
    assert run(wsman) == ["hello"]
    assert len({request.connection for request in fleet.requests}) == 1


def kept(wsman: WSMan) -> list[Any]:
    """The idle connections of a client."""
    assert wsman.transport.session is not None
    adapter = wsman.transport.session.get_adapter("http://")
    assert isinstance(adapter, requests.adapters.HTTPAdapter)
    manager = adapter.poolmanager
    pools = [manager.pools[key] for key in manager.pools.keys()]  # noqa: SIM118 (no dict)
    return [connection for pool in pools for connection in list(pool.pool.queue) if connection is not None]


def test_idle_connection(fleet: SimulatedFleet, computer: SimulatedComputer) -> None:
    """An idle connection is closed, and a new one knows nobody."""
    computer.connection_idle_timeout = 120
    wsman = connection(fleet, "ntlm")
    assert run(wsman) == ["hello"]
    fleet.clock.advance(121)
    until(lambda: all(is_connection_dropped(each) for each in kept(wsman)), "the end of the idle connection")
    first = fleet.requests[-1].connection
    with pytest.raises(WinRMTransportError) as stale:
        RunspacePool(wsman).open()
    assert (stale.value.code, fleet.requests[-1].connection != first) == (400, True)
    wsman.transport.encryption = None
    assert run(wsman) == ["hello"]


@pytest.mark.parametrize("how", ["cut", "spoiled", "unknown protocol"])
def test_unreadable(fleet: SimulatedFleet, computer: SimulatedComputer, how: str) -> None:
    """An encrypted body that cannot be decrypted gets a bare 400."""
    wsman = connection(fleet, "ntlm")
    assert run(wsman) == ["hello"]
    encryption = wsman.transport.encryption
    assert encryption is not None
    whole = encryption.wrap_message

    def broken(message: bytes) -> tuple[str, bytes]:
        content_type, body = whole(message)
        if how == "unknown protocol":
            encryption.protocol = "application/HTTP-Kerberos-session-encrypted"
        return content_type, {"cut": body[:-300], "spoiled": body.replace(body[-40:], bytes(40))}.get(how, body)

    encryption.wrap_message = broken  # type: ignore[method-assign]
    with pytest.raises(WinRMTransportError) as refused:
        RunspacePool(wsman).open()
    assert refused.value.code == 400
