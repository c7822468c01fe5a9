"""The host of a command: the calls that a command makes, and their answers (MS-PSRP 2.2.2.27 and 3.2.5.4.15)."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import enum
import types
import typing as t
import uuid
from dataclasses import dataclass

from ..model.sessions import Shell
from ..wsman.client import WSManClient
from .clixml import CUT, Document
from .fragments import MAX_FRAGMENT_BYTES, fragments_of

try:
    from pypsrp.complex_objects import GenericComplexObject, HostInfo, HostMethodIdentifier, ObjectMeta
    from pypsrp.messages import Destination, Message, PipelineHostResponse
    from pypsrp.serializer import Serializer
except ImportError:  # the client, which is needed first, reports a missing library
    pass

# The id of calls to methods that return nothing. They need no answer (seen: PowerShell 7.6, Linux).
NO_ANSWER = -100
# The number of characters of a question that a refusal repeats.
_MAX_QUESTION = 1000


class Method(enum.IntEnum):
    """The host methods that the engine knows, by their numbers (MS-PSRP 2.2.3.17)."""

    SET_SHOULD_EXIT = 6
    WRITE = 13
    WRITE_IN_COLOURS = 14
    WRITE_EMPTY_LINE = 15
    WRITE_LINE = 16
    WRITE_LINE_IN_COLOURS = 17
    WRITE_ERROR_LINE = 18
    WRITE_DEBUG_LINE = 19
    WRITE_PROGRESS = 20
    WRITE_VERBOSE_LINE = 21
    WRITE_WARNING_LINE = 22
    PROMPT = 23
    PROMPT_FOR_CREDENTIAL = 24
    PROMPT_FOR_CREDENTIAL_OF_KIND = 25
    PROMPT_FOR_CHOICE = 26
    PROMPT_FOR_CHOICES = 56


@dataclass(frozen=True)
class HostCall:
    """One call of a command to its host.

    Attributes:
        call_id: Number of the call; an answer refers to it.
        method: Number of the method, see `Method`.
        name: Name of the method, for messages.
        parameters: Arguments of the call, as plain data.
    """

    call_id: int
    method: int
    name: str
    parameters: tuple[t.Any, ...]

    @property
    def wants_answer(self) -> bool:
        return self.call_id != NO_ANSWER


def host_info(has_ui: bool) -> t.Any:
    """Return the HostInfo (MS-PSRP 2.2.3.14) of a command: a host without a raw UI, and with a UI or without.

    It never says that the host is null. In that case PowerShell would use the host of the runspace pool, which belongs
    to the client that opened the session.
    """
    ui = types.SimpleNamespace(raw_ui=None) if has_ui else None
    return t.cast(t.Any, HostInfo)(host=types.SimpleNamespace(ui=ui))


def host_call(clixml: str) -> HostCall:
    """Return the call in the CLIXML of a PIPELINE_HOST_CALL message (MS-PSRP 2.2.2.27).

    Raises:
        ValueError: The data cannot be read.
    """
    document = Document(clixml)
    members = document.members(document.root)
    if not {"ci", "mi", "mp"} <= members.keys():
        raise ValueError("a host call has no id, no method or no parameters")
    method = document.resolve(members["mi"])
    found = method.find("I32")
    number = None if found is None else document.plain(found)
    parameters = document.plain(members["mp"])
    if not isinstance(number, int) or not isinstance(parameters, list):
        raise ValueError("a host call has no method or no list of parameters")
    call_id = document.plain(members["ci"])
    if not isinstance(call_id, int):
        raise ValueError("the id of a host call is not a number")
    return HostCall(call_id, number, document.to_string(method) or str(number), tuple(parameters))


def refuse(client: WSManClient, shell: Shell, command_id: str, call: HostCall, deadline: float) -> None:
    """Answer a call with an error. A task has no user to answer, and without an answer the command would wait.

    Args:
        deadline: In seconds of the world's clock.

    Raises:
        TransportError: The server refused the answer, or could not be reached.
    """
    method = t.cast(t.Any, HostMethodIdentifier)(value=call.method)
    answer = t.cast(t.Any, PipelineHostResponse)(ci=call.call_id, mi=method, mr=None)
    question = question_of(call)
    answer.me = _refusal(
        f"The script asked for input, which a task cannot give ({call.name})" + (f": {question}" if question else "")
    )
    # pypsrp knows this property as an error record of its own, which it cannot write.
    answer._extended_properties = (*answer._extended_properties[:-1], ("me", ObjectMeta("ObjDynamic", name="me")))
    packed = Message(Destination.SERVER, str(uuid.UUID(shell.shell_id)), command_id, answer, Serializer()).pack()
    for fragment in fragments_of(client.world.microseconds(), packed, MAX_FRAGMENT_BYTES):
        client.send(shell, command_id.upper(), fragment, deadline, stream="pr")


def question_of(call: HostCall) -> str:
    """Return the question of a call: captions, messages, names of fields, and choices, if it has them."""
    parameters = call.parameters
    if call.method == Method.PROMPT:
        caption, message, fields = _first(parameters, 3)
        parts = [caption, message, ", ".join(_texts(fields, "name"))]
    elif call.method in (Method.PROMPT_FOR_CREDENTIAL, Method.PROMPT_FOR_CREDENTIAL_OF_KIND):
        parts = _first(parameters, 3)  # caption, message and user name
    elif call.method in (Method.PROMPT_FOR_CHOICE, Method.PROMPT_FOR_CHOICES):
        caption, message, choices = _first(parameters, 3)
        labels = ", ".join(label.replace("&", "") for label in _texts(choices, "label"))
        parts = [caption, message, f"[{labels}]"]
    else:
        return ""
    question = " - ".join(part for part in parts if isinstance(part, str) and part)
    return question if len(question) <= _MAX_QUESTION else question[:_MAX_QUESTION] + CUT


def _first(values: t.Sequence[t.Any], count: int) -> list[t.Any]:
    """Return this number of values, with None for missing ones."""
    return [*values[:count], *[None] * (count - len(values))]


def _texts(entries: t.Any, key: str) -> list[str]:
    """Return a text of each entry of a list of field or choice descriptions (MS-PSRP 2.2.3.20 and 2.2.3.21)."""
    found = [entry.get(key) for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    return [text for text in found if isinstance(text, str)]


def _refusal(message: str) -> t.Any:
    """Return an error record. PowerShell needs each of these properties (MS-PSRP 2.2.3.15)."""
    exception, record = GenericComplexObject(), GenericComplexObject()
    exception.types = ["System.Management.Automation.Host.HostException", "System.Exception", "System.Object"]
    exception.adapted_properties = {"Message": message}
    record.types = ["System.Management.Automation.ErrorRecord", "System.Object"]
    record.to_string = message
    record.extended_properties = {
        "Exception": exception,
        "TargetObject": None,
        "FullyQualifiedErrorId": "HostFunctionNotImplemented",
        "InvocationInfo": None,
        "ErrorCategory_Category": 11,  # NotImplemented
        "ErrorCategory_Activity": "",
        "ErrorCategory_Reason": "HostException",
        "ErrorCategory_TargetName": "",
        "ErrorCategory_TargetType": "",
        "ErrorCategory_Message": message,
        "SerializeExtendedInfo": False,
    }
    return record
