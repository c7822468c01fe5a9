# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ways to find a session by its name on every computer and connect to it, each for a process of its own.

    python -m tests.benchmark.contenders NAME LOGON FLEET.json

FLEET.json has the addresses of computers by name, and a file of the authorities that they are checked by. What it took
is printed as JSON: seconds of time and of processor time, peak of memory in KiB. Starting Python and importing
libraries is not part of it.
"""

from __future__ import annotations

import base64
import http.client
import json
import re
import resource
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psrpcore import ClientRunspacePool
from pypsrp.powershell import RunspacePool
from pypsrp.wsman import WSMan

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.settings import HostSettings

USER, PASSWORD, SESSION = "operator", "not-a-secret", "ITTask"
THROTTLE = 32


@dataclass(frozen=True)
class Job:
    """The computers, and how to log on to them.

    Attributes:
        addresses: By the computer's name.
        logon: A key of `LOGONS`.
        authorities: A file of the trusted authorities for TLS.
    """

    addresses: Mapping[str, str]
    logon: str
    authorities: str


# Ways to log on: pypsrp's options, which are settings of a host, too.
LOGONS: Mapping[str, Mapping[str, Any]] = {
    "Basic over HTTP": {"auth": "basic", "encryption": "never", "ssl": False, "port": 5985},
    "Basic over TLS": {"auth": "basic", "encryption": "never", "ssl": True, "port": 5986},
    "NTLM over HTTP": {"auth": "ntlm", "encryption": "auto", "ssl": False, "port": 5985},
}


def collection(job: Job) -> int:
    """The engine of this collection, as one task calls it; returns how many sessions were connected."""
    logon = LOGONS[job.logon]

    def settings_of(computer_name: str, _inventory_hostname: str | None) -> HostSettings:
        return HostSettings(
            address=job.addresses[computer_name],
            authentication=logon["auth"],
            message_encryption=logon["encryption"],
            use_ssl=logon["ssl"],
            ca_cert=job.authorities if logon["ssl"] else None,
            username=USER,
            password=PASSWORD,
        )

    with tempfile.TemporaryDirectory() as folder:
        options = {
            "computer_name": list(job.addresses),
            "name": [SESSION],
            "on_missing": "error",
            "throttle_limit": THROTTLE,
            "state_file": str(Path(folder, "registry.sqlite3")),
        }
        result = _plugins.CONNECT(options, settings_of=settings_of, check_mode=False)
    assert not result["errors"], result["errors"][:1]
    return len(result["sessions"])


def pypsrp_one_by_one(job: Job) -> int:
    """Bare pypsrp in a loop."""
    return sum(_with_pypsrp(job, address) for address in job.addresses.values())


def pypsrp_threads(job: Job) -> int:
    """Bare pypsrp in as many threads as the engine has."""
    with ThreadPoolExecutor(THROTTLE) as executor:
        return sum(executor.map(lambda address: _with_pypsrp(job, address), job.addresses.values()))


def _with_pypsrp(job: Job, address: str) -> int:
    logon = LOGONS[job.logon]
    trusted: dict[str, Any] = {"cert_validation": job.authorities} if logon["ssl"] else {}
    connection = WSMan(address, username=USER, password=PASSWORD, **logon, **trusted)
    with connection:
        found = RunspacePool.get_runspace_pools(connection)  # it tells no names; there is one session
        for pool in found:
            pool.connect()
    return len(found)


_ENVELOPE = """\
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" \
xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" \
xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd" \
xmlns:n="http://schemas.xmlsoap.org/ws/2004/09/enumeration" \
xmlns:p="http://schemas.microsoft.com/wbem/wsman/1/wsman.xsd" \
xmlns:r="http://schemas.microsoft.com/wbem/wsman/1/windows/shell">\
<s:Header><a:To>http://{address}:5985/wsman</a:To><a:MessageID>uuid:{message}</a:MessageID>\
<a:ReplyTo><a:Address>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:Address></a:ReplyTo>\
<p:SessionId s:mustUnderstand="false">uuid:{client}</p:SessionId>\
<w:ResourceURI s:mustUnderstand="true">{resource}</w:ResourceURI>\
<a:Action s:mustUnderstand="true">{action}</a:Action><w:OperationTimeout>PT180S</w:OperationTimeout>\
<w:MaxEnvelopeSize>153600</w:MaxEnvelopeSize>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>"""
_SHELL = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
_LIST = "<n:Enumerate><w:OptimizeEnumeration/><w:MaxElements>32000</w:MaxElements></n:Enumerate>"
_CONNECT = (
    '<r:Connect><c:connectXml xmlns:c="http://schemas.microsoft.com/powershell">{data}</c:connectXml></r:Connect>'
)
_SELECTED = '<w:SelectorSet><w:Selector Name="ShellId">{shell}</w:Selector></w:SelectorSet>'
_OPTION = '<w:Option Name="protocolversion" MustComply="true">2.3</w:Option>'
_OPTIONS = f'<w:OptionSet s:mustUnderstand="true">{_OPTION}</w:OptionSet>'
_LISTED = re.compile(rb"ShellId[^>]*>([^<]*)<.*?ResourceUri[^>]*>([^<]*)<", re.DOTALL)


def plain_loop(job: Job) -> int:
    """Python's own HTTP client in a loop, with two prepared requests for each computer and no check of an answer."""
    client = str(uuid.uuid4()).upper()
    connected = 0
    for address in job.addresses.values():
        connection = http.client.HTTPConnection(address, 5985)
        begin = {"address": address, "client": client}
        action = "http://schemas.xmlsoap.org/ws/2004/09/enumeration/Enumerate"
        listed = _ask(connection, **begin, action=action, resource=_SHELL, header="", body=_LIST)
        for shell, configuration in _LISTED.findall(listed):
            pool = ClientRunspacePool(runspace_pool_id=uuid.UUID(shell.decode()))
            pool.connect()
            sent = pool.data_to_send()
            assert sent is not None
            header = _SELECTED.format(shell=shell.decode()) + _OPTIONS
            body = _CONNECT.format(data=base64.b64encode(sent.data).decode())
            resource = configuration.decode()
            answer = _ask(connection, **begin, action=f"{_SHELL}/Connect", resource=resource, header=header, body=body)
            connected += b"connectResponseXml" in answer
        connection.close()
    return connected


def _ask(connection: http.client.HTTPConnection, **values: str) -> bytes:
    pair = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    headers = {"Content-Type": "application/soap+xml;charset=UTF-8", "Authorization": f"Basic {pair}"}
    envelope = _ENVELOPE.format(message=str(uuid.uuid4()).upper(), **values)
    connection.request("POST", "/wsman", envelope.encode(), headers)
    return connection.getresponse().read()


CONTENDERS: Mapping[str, Callable[[Job], int]] = {
    "pypsrp, one by one": pypsrp_one_by_one,
    "pypsrp, 32 threads": pypsrp_threads,
    "a plain loop": plain_loop,
    "this collection": collection,
}


def contenders_of(logon: str) -> tuple[str, ...]:
    """The contenders that can log on in a way, by name."""
    return tuple(name for name in CONTENDERS if logon == "Basic over HTTP" or name != "a plain loop")


def main(name: str, logon: str, path: str) -> None:
    """Run one contender and print what it took."""
    job = Job(logon=logon, **json.loads(Path(path).read_text(encoding="utf-8")))
    wall, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    connected = CONTENDERS[name](job)
    wall, after = time.perf_counter() - wall, resource.getrusage(resource.RUSAGE_SELF)
    assert connected == len(job.addresses), connected
    # getrusage counts what the process was before it became this program.
    peak = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text(encoding="utf-8"))
    assert peak is not None
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps({"wall": wall, "cpu": cpu, "memory": int(peak[1])}))


if __name__ == "__main__":
    main(*sys.argv[1:])
