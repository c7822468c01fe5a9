# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Creating and listing shells: names, quotas, pages, and what a listing shows."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from .. import SimulatedComputer, SimulatedFleet
from ..waiting import until
from .conftest import ADMIN, ALICE
from .raw_client import POWERSHELL, SHELL, RawClient

pytestmark = pytest.mark.timing

PULL_PARAMETERS, FILTER_EXPECTED, ENUMERATION_MODE = 0x803381AD, 0x803381C0, 0x803381C1
UNKNOWN_CONTEXT, UNKNOWN_SHELL = 0x8033801B, 0x8033805B
OPTIMIZED = "<wsman:OptimizeEnumeration/>"

# Create


def test_create_takes_the_name_in_both_forms(computer: SimulatedComputer) -> None:
    """A name comes as an attribute from native clients and as an element from others; the answer has an element."""
    client = RawClient(computer, ADMIN)
    for reply in (client.create(name='Name="one"'), client.create(extra="<rsp:Name>one</rsp:Name>")):
        assert reply.text("rsp:Name") == "one"
    assert client.create().find("rsp:Name") is None
    assert client.enumerate().texts("rsp:Name") == ["one", "one"]
    computer.name_as_child = False
    assert client.create(extra="<rsp:Name>one</rsp:Name>").find("rsp:Name") is None


def test_create_takes_options(computer: SimulatedComputer) -> None:
    """Idle timeout, buffer mode, profile and configuration are the client's choice."""
    client = RawClient(computer, ALICE)
    reply = client.create(
        extra="<rsp:IdleTimeOut>PT1H30M</rsp:IdleTimeOut><rsp:BufferMode>Drop</rsp:BufferMode>",
        resource=POWERSHELL.replace("Microsoft.PowerShell", "JEARole"),
        options={"protocolversion": "2.3", "WINRS_NOPROFILE": "TRUE"},
    )
    values = {name: reply.text(f"rsp:{name}") for name in ("IdleTimeOut", "BufferMode", "ProfileLoaded", "Owner")}
    assert values == {
        "IdleTimeOut": "PT5400.000S",
        "BufferMode": "Drop",
        "ProfileLoaded": "No",
        "Owner": "SRV01\\alice",
    }
    assert reply.text("rsp:ResourceUri") == POWERSHELL.replace("Microsoft.PowerShell", "JEARole")
    assert computer.sessions[0].owner_client == client.session_id


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"options": {}}, 0x80540BC7),
        ({"options": {"protocolversion": "9.9"}}, 0x80540BC5),
        ({"name": f'Name="{"x" * 256}"'}, 0x803381C2),
        ({"size": 8191}, 0x8033807E),
        ({"timeout": "PT-1S"}, 0x8033800F),
        ({"timeout": "-PT1S"}, 0x8033800F),
        ({"resource": "http://schemas.microsoft.com/wbem/wsman/1/config"}, 0x80338012),
    ],
)
def test_create_refused(computer: SimulatedComputer, arguments: dict[str, Any], code: int) -> None:
    """What a server does not create a shell from."""
    assert RawClient(computer, ADMIN).create(**arguments).fault == code
    assert computer.sessions == []


def test_create_ids(computer: SimulatedComputer) -> None:
    """A shell id is a GUID and unique; a command's within its shell."""
    client = RawClient(computer, ADMIN)
    shell_id = str(uuid.uuid4()).upper()
    assert client.create(shell_id).text("rsp:ShellId") == shell_id
    assert client.create(shell_id.lower()).fault == 0x803381D6
    assert client.send("Create", '<rsp:Shell ShellId="x"/>', options={"protocolversion": "2.3"}).fault == 0x803381D4
    command_id, reply = client.command(shell_id, "hello")
    assert reply.text("rsp:CommandId") == command_id
    assert client.command(shell_id, "hello", command_id)[1].fault == 0x803381D7
    assert client.send("Command", '<rsp:CommandLine CommandId="x"/>', shell_id).fault == 0x803381D5


QUOTAS = [
    ({"max_shells_per_user": 2}, 0x803381A5),
    ({"max_plugin_shells_per_user": 2}, 0x803381E4),
    ({"max_plugin_shells": 3}, 0x803381E6),
]


@pytest.mark.parametrize(("switches", "code"), QUOTAS)
def test_shell_quotas(computer: SimulatedComputer, switches: dict[str, int], code: int) -> None:
    """The shell that fills a quota is created, the next one is refused; disconnected shells count."""
    computer.configure(switches)
    computer.add_session("mine", owner="admin", state="Disconnected")
    computer.add_session("hers", owner="alice")
    client = RawClient(computer, ADMIN)
    assert client.create().status == 200
    reply = client.create()
    assert (reply.status, reply.fault, reply.subcode) == (500, code, "QuotaLimit")
    computer.session("mine").close()
    assert client.create().status == 200


@pytest.mark.parametrize(("switch", "code"), [("max_users", 0x803381AB), ("max_plugin_users", 0x803381E5)])
def test_quotas_of_users(computer: SimulatedComputer, switch: str, code: int) -> None:
    """One user too many is refused, a user who has a shell is not."""
    computer.configure({switch: 1})
    assert RawClient(computer, ALICE).create().status == 200
    assert RawClient(computer, ALICE).create().status == 200
    assert RawClient(computer, ADMIN).create().fault == code


def test_quota_of_commands(computer: SimulatedComputer) -> None:
    """A shell has a limit of commands; ended ones no longer count."""
    computer.max_commands_per_shell = 1
    client = RawClient(computer, ADMIN)
    shell_id = client.create().text("rsp:ShellId") or ""
    command_id, _reply = client.command(shell_id, "hello")
    assert client.command(shell_id, "hello")[1].fault == 0x803381E9
    client.signal(shell_id, command_id, f"{SHELL}/signal/terminate")
    assert client.command(shell_id, "hello")[1].status == 200


@pytest.mark.parametrize(
    ("switch", "code"),
    [
        ("max_operations_per_user", 0x803381A6),
        ("max_plugin_operations_per_user", 0x803381E8),
        ("max_plugin_operations", 0x803381E7),
    ],
)
def test_quotas_of_operations(fleet: SimulatedFleet, computer: SimulatedComputer, switch: str, code: int) -> None:
    """Operations count while they run: with one allowed, a second is refused as long as the first one waits."""
    computer.configure({switch: 1})
    client, other = RawClient(computer, ADMIN), RawClient(computer, ADMIN)
    session = computer.add_session("s", state="Connected", client_session_id=client.session_id)
    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(client.receive, session.shell_id)
        until(lambda: fleet.requests_of(operation="Receive"), "a Receive")
        assert other.send("Get", "", session.shell_id).fault == code
        fleet.clock.advance(20)
        pending.result()
    assert other.send("Get", "", session.shell_id).status == 200


# Enumerate and Pull


def test_listing_shows_all_kinds_of_shells(computer: SimulatedComputer) -> None:
    """Nameless shells and cmd shells are listed too, the latter without State."""
    computer.add_session()
    computer.add_cmd_shell()
    reply = RawClient(computer, ADMIN).enumerate()
    assert len(reply.texts("rsp:ShellId")) == 2
    assert reply.texts("rsp:State") == ["Disconnected"]
    assert reply.texts("rsp:ResourceUri") == [POWERSHELL, SHELL + "/cmd"]
    assert reply.find("rsp:Name") is None
    cmd = computer.sessions[1]
    client = RawClient(computer, ADMIN, cmd.owner_client)
    reply = client.send("Disconnect", "<rsp:Disconnect/>", cmd.shell_id, resource=SHELL + "/cmd")
    assert reply.fault == 0x803381C5


def _pages(client: RawClient, extra: str = OPTIMIZED, maximum: int | None = None) -> list[list[str]]:
    """All pages of an enumeration, with a guard against one without end."""
    elements = "" if maximum is None else f"<wsman:MaxElements>{maximum}</wsman:MaxElements>"
    reply = client.enumerate(extra + elements)
    pages = [reply.texts("wsman:Items/rsp:Shell/rsp:ShellId")]
    ended = reply.find("wsman:EndOfSequence") is not None
    context = reply.text("wsen:EnumerationContext")
    while not ended and len(pages) < 50:
        reply = client.pull(context or "", maximum)
        assert reply.find("wsman:Items") is None
        pages.append(reply.texts("wsen:Items/rsp:Shell/rsp:ShellId"))
        ended = reply.find("wsen:EndOfSequence") is not None
        assert (reply.text("wsen:EnumerationContext") is None) is ended
    assert ended
    assert client.pull(context or "x").fault == UNKNOWN_CONTEXT
    return pages


@pytest.mark.parametrize(
    ("extra", "maximum", "page_size", "sizes"),
    [
        (OPTIMIZED, 32000, None, [5]),
        (OPTIMIZED, 5, None, [5]),
        (OPTIMIZED, 2, None, [2, 2, 1]),
        (OPTIMIZED, None, None, [1, 1, 1, 1, 1]),
        (OPTIMIZED, 32000, 3, [3, 2]),
        ("", 32000, None, [0, 5]),
        ("", 2, None, [0, 2, 2, 1]),
    ],
)
def test_paging(
    computer: SimulatedComputer, extra: str, maximum: int | None, page_size: int | None, sizes: list[int]
) -> None:
    """Pages are as large as client and server allow, and together are the whole list."""
    computer.page_size = page_size
    ids = [computer.add_session(str(number)).shell_id for number in range(5)]
    pages = _pages(RawClient(computer, ADMIN), extra, maximum)
    assert [len(page) for page in pages] == sizes
    assert [shell_id for page in pages for shell_id in page] == ids


def test_pages_fit_the_envelope(computer: SimulatedComputer) -> None:
    """A list that is too long for MaxEnvelopeSize comes in several answers, none of them too long."""
    for number in range(20):
        computer.add_session(f"session {number}")
    client = RawClient(computer, ADMIN)
    reply = client.enumerate(size=8192)
    assert 1 < len(reply.texts("rsp:ShellId")) < 20
    assert reply.find("wsman:EndOfSequence") is None
    assert len(reply.content) <= 8192
    context = reply.text("wsen:EnumerationContext") or ""
    assert len(client.pull(context, size=8192).content) <= 8192


def test_pull_needs_the_same_parameters(computer: SimulatedComputer) -> None:
    """Other MaxElements, resource, envelope or account than the Enumerate's are refused."""
    computer.page_size = 1
    for name in "abc":
        computer.add_session(name)
    client = RawClient(computer, ADMIN)
    context = client.enumerate().text("wsen:EnumerationContext") or ""
    assert client.pull(context, 1).fault == PULL_PARAMETERS
    assert client.pull(context, size=512000).fault == PULL_PARAMETERS
    assert client.pull(context, resource=SHELL + "/Command").fault == PULL_PARAMETERS
    assert RawClient(computer, ALICE).pull(context).fault == UNKNOWN_CONTEXT
    assert client.pull(context).status == 200
    body = f"<wsen:Release><wsen:EnumerationContext>{context}</wsen:EnumerationContext></wsen:Release>"
    assert client.send("Release", body, resource=SHELL).status == 200
    assert client.pull(context).fault == UNKNOWN_CONTEXT


def test_listing_switches(computer: SimulatedComputer) -> None:
    """Servers may misbehave: an enumeration without end, a shell without its id."""
    session = computer.add_session("s")
    client = RawClient(computer, ADMIN)
    computer.endless_pull = True
    context = client.enumerate().text("wsen:EnumerationContext") or ""
    for _turn in range(3):
        reply = client.pull(context)
        assert reply.texts("rsp:ShellId") == [session.shell_id]
        assert reply.find("wsen:EndOfSequence") is None
    computer.endless_pull, computer.shell_without_id = False, True
    reply = client.enumerate()
    assert (len(reply.texts("rsp:State")), len(reply.texts("rsp:ShellId"))) == (2, 1)


def test_shells_are_listed_as_objects_without_filter(computer: SimulatedComputer) -> None:
    """Any other way to enumerate shells is refused."""
    client = RawClient(computer, ADMIN)
    mode = "<wsman:EnumerationMode>EnumerateEPR</wsman:EnumerationMode>"
    assert client.enumerate(OPTIMIZED + mode).fault == ENUMERATION_MODE
    assert client.enumerate(OPTIMIZED + mode.replace("EPR", "Object")).status == 200


# Commands


def test_command_listing(computer: SimulatedComputer) -> None:
    """Running and finished commands are listed until their end was received; without any there are no Items."""
    commands = [{"script": "forever", "state": "running"}, {"script": "hello", "state": "finished"}]
    session = computer.add_session("s", commands=commands)
    client = RawClient(computer, ADMIN)
    reply = client.enumerate_commands(session.shell_id.lower())
    ids = [command.command_id for command in session.commands]
    assert reply.texts("rsp:CommandId") == ids
    assert reply.texts("rsp:CommandState") == ["Running", "Running"]
    client.connect(session.shell_id)
    assert client.receive(session.shell_id, ids[1]).done
    assert client.enumerate_commands(session.shell_id).texts("rsp:CommandId") == ids[:1]
    assert client.signal(session.shell_id, ids[0], f"{SHELL}/signal/terminate").status == 200
    reply = client.enumerate_commands(session.shell_id)
    assert reply.find("wsman:Items") is None
    assert reply.find("wsman:EndOfSequence") is not None


def test_command_listing_refused(fleet: SimulatedFleet, computer: SimulatedComputer) -> None:
    """Commands are listed with a filter that names a shell, one's own."""
    session = computer.add_session("s", owner="alice")
    assert RawClient(computer, ADMIN).enumerate(resource=SHELL + "/Command").fault == FILTER_EXPECTED
    assert RawClient(computer, ADMIN).enumerate_commands(str(uuid.uuid4())).fault == UNKNOWN_SHELL
    assert RawClient(computer, ADMIN).enumerate_commands(session.shell_id).status == 200
    bob = RawClient(computer, fleet.users[2])
    assert bob.enumerate_commands(session.shell_id).fault == 5
