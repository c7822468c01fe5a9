# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The engine understands what recorded servers answered, and asks as recorded clients did.

Recorded answers take the place of HTTP, each with the RelatesTo of the request it now belongs to.
"""

from __future__ import annotations

import base64
import re
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.codes import transport_prefix
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.endpoints import Endpoint, Logon
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import WSManFault
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.sessions import Shell
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.settings import Credential, HostSettings
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp import handshake
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.world import World
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman import elements, envelope, http
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman.client import WSManClient
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman.envelope import Envelopes, Request
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman.http import HttpConversation
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman.soap import NAMESPACES
from tests.waiting import PATIENCE

POWERSHELL = "http://schemas.microsoft.com/powershell/Microsoft.PowerShell"
FIRST, SECOND = "B6631D8E-65A0-49F2-9053-A1B156C95777", "01AA3E43-9E21-424B-A7FC-BC16AA34F4CE"
DISCONNECT_RUNSPACES = "test_psrp_disconnect_runspaces"
# Values that are each client's own business; the data of a Connect is compared by itself.
FREE_VALUES = {"MessageID", "To", "SessionId", "OperationTimeout", "MaxEnvelopeSize", "connectXml"}
_MESSAGE_ID = re.compile(rb"MessageID[^>]*>([^<]*)<")
_RELATES_TO = re.compile(r"(RelatesTo[^>]*>)[^<]*<")
_ACTION = re.compile(r"Action[^>]*>[^<]*/(\w+)<")


class Conversation:
    """A client whose requests are kept and answered from a recording, in order."""

    def __init__(self) -> None:
        endpoint = Endpoint(
            "srv01",
            "https://127.0.0.1:55986/wsman",
            logon=Logon("basic", Credential("user", "secret-pw")),
            settings=HostSettings(operation_timeout=20),
        )
        self.client = WSManClient(endpoint, "1b1a7792-f65d-431a-a256-19f3178eb7c9", World(self._conversation))
        self.requests: list[str] = []
        self._answers: Iterator[tuple[int, str]] = iter(())

    def _conversation(self, endpoint: Endpoint) -> HttpConversation:
        conversation = HttpConversation(endpoint)
        conversation._exchange = self._exchange  # type: ignore[method-assign]
        return conversation

    def plays(self, *messages: dict[str, Any]) -> Conversation:
        self._answers = iter(
            [(each.get("transport_error", {}).get("code", 200), each["response"]) for each in messages]
        )
        return self

    def _exchange(self, body: bytes, content_type: str) -> http._Response:
        assert content_type == "application/soap+xml;charset=UTF-8"
        self.requests.append(body.decode())
        status, answer = next(self._answers)
        found = _MESSAGE_ID.search(body)
        assert found
        related = _RELATES_TO.sub(rf"\g<1>{found[1].decode()}<", answer)
        return http._Response(status, related.encode(), content_type, location="", challenges="", is_believed=True)


@pytest.fixture
def conversation() -> Conversation:
    return Conversation()


@pytest.fixture
def recorded(recordings: Path) -> Any:
    """Reads the messages of one recording, or those of one operation in it."""

    def read(name: str, action: str | None = None) -> list[dict[str, Any]]:
        messages = yaml.safe_load((recordings / f"{name}.yml").read_text(encoding="utf-8"))["messages"]
        return [each for each in messages if action is None or _ACTION.findall(each["request"])[:1] == [action]]

    return read


def deadline() -> float:
    return time.monotonic() + PATIENCE


def a_shell(shell_id: str = FIRST) -> Shell:
    return Shell(shell_id, POWERSHELL, "Disconnected")


def listed(shell_id: str, inactivity: float = 0.0, **fields: Any) -> Shell:
    return Shell(
        shell_id,
        POWERSHELL,
        **{
            "state": "Disconnected",
            "owner": r"WIN-NNMU24VVKJ0\vagrant",
            "client_ip": "10.0.2.2",
            "idle_timeout": 7200.0,
            "max_idle_timeout": 2147483.647,
            "shell_inactivity": inactivity,
            "buffer_mode": "Block",
            "locale": "en-US",
            "data_locale": "en-US",
            **fields,
        },
    )


# Answers


def test_shells_of_a_listing(conversation: Conversation, recorded: Any) -> None:
    enumerations = recorded(DISCONNECT_RUNSPACES, "Enumerate")
    listing = conversation.plays(enumerations[0]).client.enumerate_shells(deadline())
    assert listing.unidentified == 0
    assert listing.shells == (listed(FIRST), listed(SECOND))
    assert all(shell.is_powershell for shell in listing.shells)


def test_no_commands_in_a_listing_without_items(conversation: Conversation, recorded: Any) -> None:
    enumerations = recorded(DISCONNECT_RUNSPACES, "Enumerate")
    assert conversation.plays(enumerations[1]).client.enumerate_commands(a_shell(), deadline()) == ()


@pytest.mark.parametrize(
    ("name", "states"),
    [
        ("test_psrp_is_alive_state_disconnected", [("Connected", 60.0), ("Disconnected", 60.0)]),
        ("test_psrp_is_alive_invalid_selectors", [("Connected", 60.0)]),
    ],
)
def test_shells_of_get(recorded: Any, name: str, states: list[tuple[str, float]]) -> None:
    shells = []
    for message in recorded(name, "Get"):
        element = ET.fromstring(message["response"]).find("s:Body/rsp:Shell", NAMESPACES)
        if element is not None:
            shells.append(elements.shell_of(element))
    assert [(shell.state, shell.idle_timeout) for shell in shells if shell] == states
    for shell in shells:
        assert shell is not None
        assert (shell.resource_uri, shell.buffer_mode, shell.max_idle_timeout) == (POWERSHELL, "Block", 2147483.647)
        assert shell.shell_inactivity is not None
    assert "Disconnected" not in dict(states) or shells[-1].shell_inactivity == 62.0  # type: ignore[union-attr]


@pytest.mark.parametrize(("number", "shell_id"), [(0, FIRST), (1, SECOND)])
def test_both_answers_to_connect_are_accepted(
    conversation: Conversation, recorded: Any, number: int, shell_id: str
) -> None:
    answer = recorded(DISCONNECT_RUNSPACES, "Connect")[number]
    handshake.connect(conversation.plays(answer).client, a_shell(shell_id), None, deadline())


def test_the_answer_to_reconnect_is_accepted(conversation: Conversation, recorded: Any) -> None:
    (answer,) = recorded(DISCONNECT_RUNSPACES, "Reconnect")
    conversation.plays(answer).client.reconnect(a_shell(), None, deadline())


def test_a_replayed_state_before_private_data_is_tolerated(conversation: Conversation, recorded: Any) -> None:
    receives = recorded(DISCONNECT_RUNSPACES, "Receive")
    replay = receives[5]
    assert "AAABnAQAAAAUQAg" in replay["response"], "the replayed RUNSPACEPOOL_STATE"
    # What a server sends after a Connect is what it sent when the pool was opened.
    conversation.plays(replay, *receives[:3])
    data = handshake.receive_private_data(conversation.client, a_shell(), deadline())
    table = data["PSVersionTable"]
    assert table["PSRemotingProtocolVersion"] == "2.3"
    assert table["PSCompatibleVersions"][0] == "1.0"
    assert len(conversation.requests) >= 2


def test_a_fault_of_an_unknown_shell(conversation: Conversation, recorded: Any) -> None:
    (fault,) = [each for each in recorded("test_psrp_is_alive_invalid_selectors") if "transport_error" in each]
    with pytest.raises(WSManFault, match="contained invalid selectors for the resource") as refused:
        conversation.plays(fault).client.reconnect(a_shell(), None, deadline())
    assert (refused.value.code, refused.value.subcode) == (0x8033805B, "InvalidSelectors")
    assert transport_prefix(refused.value.code) == "CannotConnectTargetSessionDoesNotExist"
    assert not refused.value.delivered


def test_a_fault_of_an_unknown_command(conversation: Conversation, recorded: Any) -> None:
    (fault,) = [each for each in recorded("test_psrp_receive_failure") if "transport_error" in each]
    with pytest.raises(WSManFault, match="command identifier that does not exist") as refused:
        conversation.plays(fault).client.receive(a_shell(), deadline())
    assert refused.value.code == 0x8033805B


# Requests


def structure(request: str) -> list[tuple[str, tuple[tuple[str, str], ...], str | None]]:
    """Path, attributes and value of every element, in an order that does not depend on the client's."""
    found = []

    def walk(element: ET.Element, path: str) -> None:
        here = f"{path}/{element.tag}"
        local = element.tag.rpartition("}")[2]
        value = (element.text or "").strip() or None
        found.append((here, tuple(sorted(element.items())), "free" if local in FREE_VALUES else value))
        for child in element:
            walk(child, here)

    walk(ET.fromstring(request), "")
    return sorted(found, key=repr)


CASES = {
    "Enumerate": (0, lambda client: client.enumerate_shells(deadline())),
    "Enumerate commands": (1, lambda client: client.enumerate_commands(a_shell(FIRST.lower()), deadline())),
    "Connect": (0, lambda client: handshake.connect(client, a_shell(), None, deadline())),
    "Reconnect": (0, lambda client: client.reconnect(a_shell(), None, deadline())),
    "Receive": (5, lambda client: client.receive(a_shell(), deadline())),
}


@pytest.mark.parametrize("case", CASES)
def test_requests_are_those_of_recorded_clients(conversation: Conversation, recorded: Any, case: str) -> None:
    """Elements, namespaces, attributes and values."""
    number, ask = CASES[case]
    message = recorded(DISCONNECT_RUNSPACES, case.split(" ")[0])[number]
    ask(conversation.plays(message).client)
    (request,) = conversation.requests
    assert structure(request) == structure(message["request"])


def test_the_headers_that_may_differ_have_the_same_form(conversation: Conversation, recorded: Any) -> None:
    message = recorded(DISCONNECT_RUNSPACES, "Connect")[0]
    handshake.connect(conversation.plays(message).client, a_shell(), None, deadline())
    headers = {
        element.tag.rpartition("}")[2]: element.text or ""
        for element in ET.fromstring(conversation.requests[0]).iterfind("s:Header/*", NAMESPACES)
    }
    guid = r"uuid:[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}"
    assert re.fullmatch(guid, headers["MessageID"])
    assert re.fullmatch(guid, headers["SessionId"])
    assert headers["SessionId"] == "uuid:1B1A7792-F65D-431A-A256-19F3178EB7C9"
    assert (headers["OperationTimeout"], headers["To"]) == ("PT20S", "https://127.0.0.1:55986/wsman")
    assert int(headers["MaxEnvelopeSize"]) >= 153600


@pytest.mark.parametrize("timeout", [20.0, 1.5])
def test_whole_and_broken_seconds_are_durations(timeout: float) -> None:
    endpoint = Endpoint("srv01", "https://h:5986/wsman", settings=HostSettings(operation_timeout=timeout))
    made = Envelopes(endpoint, "x").make(Request(envelope.DELETE, "uri"), "uuid:1", endpoint.uri)
    assert ET.fromstring(made).findtext("s:Header/wsman:OperationTimeout", "", NAMESPACES) == f"PT{timeout:g}S"


def test_a_recorded_connect_and_ours_carry_the_same_octets(conversation: Conversation, recorded: Any) -> None:
    message = recorded(DISCONNECT_RUNSPACES, "Connect")[1]
    handshake.connect(conversation.plays(message).client, a_shell(SECOND), None, deadline())
    ours, theirs = (
        base64.b64decode(ET.fromstring(text).findtext("s:Body/rsp:Connect/ps:connectXml", "", NAMESPACES))
        for text in (conversation.requests[0], message["request"])
    )
    # The recorded client wrote the pool's GUID in network order. MS-PSRP 2.2.1 has it in .NET's, and so has PowerShell.
    guid = uuid.UUID(SECOND)
    assert theirs.count(guid.bytes) == 2
    assert ours == theirs.replace(guid.bytes, guid.bytes_le)
