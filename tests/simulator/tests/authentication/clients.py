# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The clients, and what they know of the computer."""

from __future__ import annotations

from typing import Any

import pytest
from pypsrp.powershell import PowerShell, RunspacePool
from pypsrp.wsman import WSMan

from ... import LoggedRequest, SimulatedComputer, SimulatedFleet, User
from ..raw_client import SHELL, RawClient

ALL = ("negotiate", "kerberos", "basic", "digest", "credssp", "certificate")
#: A name that no password rule would allow to mean something else: not ASCII, with the separator of Basic.
USER = User("admin", "pä:ss wörd", administrator=True)
#: As the KDC knows the first computer; clients reach it by address.
HOST = "srv01.lab.test"
CHANNEL = "tls-server-end-point"


def connection(fleet: SimulatedFleet, auth: str, tls: bool = False, **options: Any) -> WSMan:
    """pypsrp's client session."""
    if auth == "credssp":
        pytest.importorskip("requests_credssp")
    computer = fleet["srv01"]
    options = {"username": USER.name, "password": USER.password, **options}
    return WSMan(
        computer.address,
        port=computer.https_port if tls else computer.port,
        ssl=tls,
        auth=auth,
        cert_validation=str(fleet.ca_file) if tls else True,  # type: ignore[arg-type]  # a path is fine
        no_proxy=True,
        **options,
    )


def run(wsman: WSMan, script: str = "hello") -> Any:
    """Run a script in a new session."""
    with RunspacePool(wsman) as pool:
        shell = PowerShell(pool)
        shell.add_script(script)
        return shell.invoke()


def enumerate_shells(computer: SimulatedComputer) -> str:
    """An envelope that lists shells."""
    return RawClient(computer, USER).envelope("Enumerate", "<wsen:Enumerate/>", resource=SHELL)


def pywinrm(fleet: SimulatedFleet, transport: str, tls: bool = False, **options: Any) -> str:
    """List shells with pywinrm."""
    transports = pytest.importorskip("winrm.transport")
    if transport == "credssp":
        pytest.importorskip("requests_credssp")
    computer = fleet["srv01"]
    options = {"username": USER.name, "password": USER.password, **options}
    client = transports.Transport(
        computer.https_uri if tls else computer.uri,
        auth_method=transport,
        ca_trust_path=str(fleet.ca_file) if tls else None,
        proxy=None,
        service="HTTP",
        **options,
    )
    answer: bytes = client.send_message(enumerate_shells(computer))
    return answer.decode()


def last(fleet: SimulatedFleet) -> LoggedRequest:
    """The last request that was carried out."""
    return [request for request in fleet.requests if request.status == 200 and request.operation != "Handshake"][-1]


def seen_in_clear(fleet: SimulatedFleet) -> bool:
    """Whether any body, of requests or answers, was readable on the wire (beneath TLS)."""
    octets = b"".join((request.raw or b"") + (request.raw_answer or b"") for request in fleet.requests)
    assert octets
    return b"Envelope" in octets
