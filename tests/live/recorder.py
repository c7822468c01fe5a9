# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Records the envelopes of conversations, decrypted, and can change what a client sends."""

from __future__ import annotations

import base64
import json
import re
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.endpoints import Endpoint
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.world import World
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman import http

# Gets the envelope that a client would send, and gives those that are sent instead; the client gets the last answer.
Edit = Callable[[str], Iterable[str]]

_OPERATION = re.compile(r"<[^>]*\bAction\b[^>]*>[^<]*/(\w+)<")
_FAULT_CODE = re.compile(r"\bWSManFault\b[^>]*\bCode=\"(\d+)\"")
_STREAM = re.compile(r"<rsp:Stream ([^>]*)>([^<]*)<")
# Object id, fragment id, flags and length come before the data of a fragment (MS-PSRP 2.2.4).
_FRAGMENT = struct.Struct(">QQBI")


def unchanged(envelope: str) -> Iterable[str]:
    """Send what the client sends."""
    return [envelope]


@dataclass(frozen=True)
class Exchange:
    """One request and its answer, as text without encryption; the answer is empty if it is not text."""

    request: str
    response: str
    status: int

    @property
    def operation(self) -> str:
        """The last part of the request's action, such as ``Connect``."""
        found = _OPERATION.search(self.request)
        return found[1] if found else ""

    @property
    def fault_code(self) -> int | None:
        """The code of the fault in the answer (MS-WSMV 2.2.4.43), or None."""
        found = _FAULT_CODE.search(self.response)
        return int(found[1]) if found else None

    @property
    def object_ids(self) -> list[int]:
        """The numbers of the PSRP messages that begin in the answer's streams (MS-PSRP 2.2.4)."""
        found = []
        for _attributes, content in _STREAM.findall(self.response):
            data = base64.b64decode(content)
            while data:
                object_id, _fragment_id, flags, length = _FRAGMENT.unpack_from(data)
                found += [object_id] if flags & 1 else []
                data = data[_FRAGMENT.size + length :]
        return found


@dataclass
class Recorder:
    """The exchanges of all clients of one check, in the order of their answers."""

    exchanges: list[Exchange] = field(default_factory=list)
    conversations: list[Recorded] = field(default_factory=list)

    def world(self, edit: Edit) -> World:
        """Return a world whose conversations are recorded."""
        shared = http.Shared()

        def conversation(endpoint: Endpoint) -> Recorded:
            made = Recorded(endpoint, shared, self, edit)
            self.conversations.append(made)
            return made

        return World(conversation)

    def of(self, operation: str) -> list[Exchange]:
        """Return the exchanges of one operation, such as ``Create``."""
        return [each for each in self.exchanges if each.operation == operation]


class Recorded(http.HttpConversation):
    """A conversation whose exchanges are recorded."""

    def __init__(self, endpoint: Endpoint, shared: http.Shared, recorder: Recorder, edit: Edit) -> None:
        super().__init__(endpoint, shared)
        self._recorder = recorder
        self._edit = edit
        self._looks_open = False

    def send(self, message: bytes) -> str:
        """Send what `Edit` makes of an envelope."""
        answer = ""
        for envelope in self._edit(message.decode("utf-8")):
            answer = super().send(envelope.encode("utf-8"))
        return answer

    def cut(self) -> None:
        """Close the connection without noticing it: the next message is encrypted with the keys of this log-on."""
        assert self._connection is not None
        self._connection._drop()
        self._looks_open = True

    def _is_cut(self) -> bool:
        return not self._looks_open and super()._is_cut()

    def _send_once(self, message: bytes) -> http._Response:
        response = super()._send_once(message)
        self._recorder.exchanges.append(
            Exchange(message.decode("utf-8"), response.body.decode("utf-8", "replace"), response.status)
        )
        return response


def as_yaml(exchanges: Iterable[Exchange]) -> str:
    """Return exchanges in the form of pypsrp's recordings: a text in JSON's quotation marks is one of YAML, too."""
    return "".join(["messages:\n", *_lines(exchanges)])


def _lines(exchanges: Iterable[Exchange]) -> Iterator[str]:
    for each in exchanges:
        yield f"- request: {json.dumps(each.request, ensure_ascii=False)}\n"
        yield f"  response: {json.dumps(each.response, ensure_ascii=False)}\n"
        if each.status != 200:
            yield f"  transport_error:\n    code: {each.status}\n"
