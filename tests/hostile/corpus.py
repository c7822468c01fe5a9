# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The corpus: for each case, a task, the request that it concerns, and the hostile answer.

A case that a fuzzer found is added to the table of its kind.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tests.hostile.answers import Answer, changed, http, listed
from tests.hostile.http_answers import HTTP
from tests.hostile.psrp_answers import CONNECTS, OPENINGS, OUTPUTS
from tests.hostile.soap_answers import COMMANDS, FAULTS, LISTED, LISTINGS, NAMES, XML


@dataclass(frozen=True)
class Case:
    """One hostile answer.

    Attributes:
        task: What the task does: a key of `client.TASKS`.
        action: The operation that the answer is for.
        works: Whether the task has no reason to fail: the answer is odd, and means something.
        times: How many requests are answered so; None for all.
    """

    task: str
    action: str
    answer: Answer
    works: bool = False
    times: int | None = None


_ALSO_WHILE_RECEIVING = (
    "nothing, closed", "an empty answer", "a web page", "random bytes", "status 100 again and again", "a body byte by byte",
    "gzip of 64 MiB", "17 MiB", "a redirection to a file",
)  # fmt: skip


def _with_commands(answer: Answer) -> Answer:
    """Have the second listing, that of commands, answered so; the first one is of sessions."""
    return lambda call: answer(call) if call.number % 2 else call.forward()


def _shell_listing(name: str) -> Answer:
    return listed(Name=name)


CASES: dict[str, Case] = {
    **{f"listing: {name}": Case("list", "Enumerate", answer) for name, answer in {**HTTP, **XML, **FAULTS}.items()},
    **{f"receiving: {name}": Case("receive", "Receive", HTTP[name]) for name in _ALSO_WHILE_RECEIVING},
    **{f"receiving: {name}": Case("receive", "Receive", answer) for name, answer in {**XML, **FAULTS}.items()},
    **{f"connecting: {name}": Case("connect", "Connect", answer) for name, answer in FAULTS.items()},
    **{
        f"listed: {name}": Case("list", "Enumerate", listed(**elements), works)
        for name, (elements, works) in LISTED.items()
    },
    **{f"listed: {name}": Case("list", "Enumerate", _shell_listing(text), True) for name, text in NAMES.items()},
    **{f"listing: {name}": Case("list", "Enumerate", *pair) for name, pair in LISTINGS.items()},
    **{f"output: {name}": Case("receive", "Receive", *pair) for name, pair in OUTPUTS.items()},
    **{f"connecting: {name}": Case("connect", "Connect", *pair) for name, pair in CONNECTS.items()},
    **{
        f"commands: {name}": Case("receive", "Enumerate", _with_commands(answer), works)
        for name, (answer, works) in COMMANDS.items()
    },
    **{f"opening: {name}": Case("new", action, answer) for name, (action, answer) in OPENINGS.items()},
    "removing: an empty answer": Case("remove", "Delete", http(b"")),
    "removing: a web page": Case("remove", "Delete", HTTP["a web page"]),
    "starting: a web page": Case("start", "Command", HTTP["a web page"]),
    "starting: closed": Case("start", "Command", HTTP["nothing, closed"]),
    "starting: another command": Case(
        "start", "Command", changed(r"<rsp:CommandId>[^<]*<", "<rsp:CommandId>0BAD<"), True
    ),
    "signalling: a web page": Case("receive", "Signal", HTTP["a web page"], True),
}

# Answers to a request that was carried out, and of a session that was opened: a second look finds what is true.
_MAY_WORK = (
    "connecting: a fault of no request",
    "connecting: a fault of another request",
    "opening: another session",
    "opening: a pool in no state",
)
# Answers with data, which a server may send as often as it likes: they come once, or a few times.
_TIMES = {
    "output: a state that nobody knows": 1,
    "output: a state that is no object": 1,
    "output: a state of 5,000 digits": 1,
    "output: a stream that nobody knows": 1,
    "output: a message without an end": 20,
    "output: a message of empty fragments without end": 20,
    "opening: a pool in a state that nobody knows": 1,
    "opening: a pool of another protocol": 1,
    "opening: objects 20,000 levels deep": 1,
    "opening: 11 MiB of small objects": 1,
}
for _name in (*_MAY_WORK, *_TIMES):
    CASES[_name] = replace(CASES[_name], works=True, times=_TIMES.get(_name))
