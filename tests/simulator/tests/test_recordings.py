# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulator answers the recorded requests of real clients as the recorded servers did.

Each file's requests go to the simulator in their order, letter for letter. Compared are all elements and attributes of
the answers in their order, their values, and the PSRP messages inside, down to the CLIXML of the pool's messages.
"""

from __future__ import annotations

import base64
import re
import struct
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml
from psrpcore.types import PSRPMessageType

from .. import SimulatedFleet
from .conftest import ADMIN
from .raw_client import NS, RawClient, Received, unpack

#: Values that may differ, and why. Everything else must be the same.
FREE_VALUES = {
    "MessageID": "a new one for each answer",
    "ActivityId": "a new one for each answer",
    "Owner": "account and computer have other names here; newer servers leave the computer out",
    "ClientIP": "depends on the network",
    "ProcessId": "depends on the server",
    "ShellRunTime": "depends on the time the recording took; the form is compared",
    "ShellInactivity": "depends on the time the recording took; the form is compared",
    "MemoryUsed": "depends on the server; the form is compared",
    "Text": "the wording of faults",
    "Message": "the wording of faults",
}
FREE_ATTRIBUTES = {"Machine": "the computer's name"}
#: How messages are spread over Receives depends on timing and differs between recordings, and even between the two
#: shells of one recording. Compared are the messages of each stream in order, and the frame of each answer.

#: Messages whose CLIXML is compared as well. The records of a pipeline's other streams tell where in a script they
#: were written, which a declared script has no notion of.
COMPARED_CLIXML = {
    PSRPMessageType.SessionCapability,
    PSRPMessageType.ApplicationPrivateData,
    PSRPMessageType.RunspacePoolState,
    PSRPMessageType.RunspacePoolInitData,
    PSRPMessageType.ProgressRecord,
}
_FORMS = (
    (re.compile(r"P\d+DT\d+H\d+M\d+S"), "age"),
    (re.compile(r"(uuid:)?[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}"), "GUID"),
    (re.compile(r"\d+"), "number"),
    (re.compile(r"\d+MB"), "megabytes"),
)
_PREPARING = {"activity": "Preparing modules for first use.", "completed": True}


@dataclass(frozen=True)
class Case:
    """A recording, and the conditions it was made under.

    Attributes:
        pauses: seconds that passed before the n-th request.
        switches: of the simulated computer.
        scripts: what the recorded scripts did.
    """

    file: str
    pauses: Mapping[int, float] = field(default_factory=dict)
    switches: Mapping[str, Any] = field(default_factory=dict)
    scripts: Mapping[str, Any] = field(default_factory=dict)


CASES = [
    Case("test_psrp_open_runspace"),
    Case("test_psrp_receive_failure"),
    Case("test_psrp_is_alive_state_disconnected", pauses={4: 62}, switches={"activity_id": False}),
    # How long it paused is not recorded; the shell's idle timeout is one minute.
    Case("test_psrp_is_alive_invalid_selectors", pauses={4: 120}, switches={"activity_id": False}),
    Case("test_psrp_disconnect_runspaces", switches={"replay_after_connect": True}),
    Case(
        "test_psrp_error_failed",
        scripts={
            "failing": {
                "regex": "Write-Error error",
                "steps": [
                    {"progress": _PREPARING},
                    {"output": "before"},
                    {"throw": "error"},
                ],
            }
        },
    ),
    Case(
        "test_psrp_stream_output_invocation",
        scripts={
            "streams": {
                "regex": "Write-Information",
                "steps": [
                    {"progress": _PREPARING},
                    {"debug": "debug stream"},
                    {"verbose": "verbose stream"},
                    {"error": "error stream"},
                    {"output": "output stream"},
                    {"warning": "warning stream"},
                    {"information": "information stream"},
                ],
            }
        },
    ),
    Case(
        "test_psrp_with_jea_configuration",
        scripts={
            "allowed": {
                "regex": "^Get-Item[^;]*$",
                "steps": [{"output": {"Name": "AllowUnencrypted", "Value": "true"}}],
            },
            "default": [{"error": "Cannot find a provider."}, {"throw": "The syntax is not supported."}],
        },
    ),
]


def frame(node: ET.Element) -> Any:
    """An answer's elements, attributes and values; rsp:Stream only once in a row and without its content."""
    name = node.tag.rpartition("}")[2]
    attributes = {key: "free" if key in FREE_ATTRIBUTES else value for key, value in node.attrib.items()}
    children: list[Any] = []
    for child in node:
        described = ("rsp:Stream", dict(child.attrib)) if child.tag == f"{{{NS['rsp']}}}Stream" else frame(child)
        if not children or described != children[-1] or described[0] != "rsp:Stream":
            children.append(described)
    return (node.tag, attributes, value_of(name, (node.text or "").strip()), children)


def value_of(name: str, text: str) -> str:
    """The value as it is compared: itself, or the form of one that may differ."""
    if name.endswith("Xml") and text:
        return "PSRP"
    if name not in FREE_VALUES or not text:
        return text
    return next((form for pattern, form in _FORMS if pattern.fullmatch(text)), "text")


def fragments(envelope: ET.Element) -> Iterator[Received]:
    """All PSRP fragments an answer carries."""
    for node in envelope.iter():
        if node.tag in (f"{{{NS['rsp']}}}Stream", f"{{{NS['ps']}}}connectResponseXml"):
            yield from unpack(base64.b64decode(node.text or ""))


def describe(fragment: Received) -> Any:
    """A fragment that is a whole message, as it is compared."""
    assert fragment.flags == 3, "all recorded messages are of one fragment"
    destination, number = struct.unpack_from("<II", fragment.data)
    kind = PSRPMessageType(number)
    has_mark = fragment.data[40:43] == b"\xef\xbb\xbf"
    content = canonical(ET.fromstring(fragment.clixml)) if kind in COMPARED_CLIXML else None
    if kind is PSRPMessageType.PipelineState:
        content = re.search(r'N="PipelineState">(\d+)<', fragment.clixml)[1]  # type: ignore[index]
    ids = fragment.data[8:40]
    return (fragment.object_id, fragment.fragment_id, destination, kind.name, ids, has_mark, content)


def canonical(node: ET.Element) -> Any:
    """CLIXML without RefIds and without an order where it has no meaning; numbers of a server's build are left out."""
    children = [canonical(child) for child in node]
    if node.tag in ("Obj", "MS", "Props"):
        children.sort(key=lambda child: (str(child[1]), child[0]))
    text = (node.text or "").strip()
    if node.tag == "Version" and text.count(".") == 3 and text != "1.1.0.1":
        text = "build"
    return (node.tag, node.get("N"), text, children)


def stream_of(request: ET.Element) -> tuple[str, str] | None:
    """Shell and command a Receive asks for; ``None`` for other requests."""
    wanted = request.find(".//rsp:DesiredStream", NS)
    if wanted is None:
        return None
    return request.findtext(".//wsman:Selector", "", NS), wanted.get("CommandId", "")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.file)
def test_answers_as_recorded(case: Case, recordings: Path) -> None:
    """Every answer has the recorded elements, order, values and messages."""
    exchanges = yaml.safe_load((recordings / f"{case.file}.yml").read_text(encoding="utf-8"))["messages"]
    expected: defaultdict[Any, list[Any]] = defaultdict(list)
    received: defaultdict[Any, list[Any]] = defaultdict(list)
    with SimulatedFleet.build(["srv01"], [ADMIN], case.scripts, case.switches) as fleet:
        client = RawClient(fleet["srv01"], ADMIN)
        for number, exchange in enumerate(exchanges):
            fleet.clock.advance(case.pauses.get(number, 0))
            recorded = ET.fromstring(exchange["response"])
            stream = stream_of(ET.fromstring(exchange["request"]))
            key = stream or number
            expected[key] += [describe(item) for item in fragments(recorded)]
            while stream is None or not expected[key] or len(received[key]) < len(expected[key]):
                reply = client.post(exchange["request"])
                assert reply.status == exchange.get("transport_error", {}).get("code", 200), f"request {number}"
                assert frame(reply.root) == frame(recorded), f"request {number}"
                received[key] += [describe(item) for item in fragments(reply.root)]
                if stream is None or not expected[key]:
                    break
    for key, messages in expected.items():
        assert received[key] == messages, f"messages of {key}"


def test_all_recordings_are_replayed(recordings: Path) -> None:
    """A recording that is added is a case that is added."""
    assert {case.file for case in CASES} == {path.stem for path in recordings.glob("*.yml")}


def test_replayed_answer_is_the_old_one(recordings: Path) -> None:
    """What a server repeats after a Connect has its old MessageID, in the recording and here."""
    exchanges = yaml.safe_load((recordings / "test_psrp_disconnect_runspaces.yml").read_text(encoding="utf-8"))[
        "messages"
    ]
    message_id = re.compile("MessageID>([^<]*)<")
    before, after = (message_id.findall(exchanges[number]["response"])[0] for number in (3, 15))
    assert before == after
    with SimulatedFleet.build(["srv01"], [ADMIN], switches={"replay_after_connect": True}) as fleet:
        replies = [
            RawClient(fleet["srv01"], ADMIN).post(exchanges[number]["request"]) for number in (0, 1, 2, 4, 14, 15)
        ]
    ids = [message_id.findall(reply.content.decode())[0] for reply in replies]
    assert ids[2] == ids[5]
    assert len(set(ids)) == 5
