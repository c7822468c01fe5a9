# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hostile PSRP data: output of commands, answers to a connect, the opening of a session."""

from __future__ import annotations

from tests.hostile.answers import (
    CAPABILITY,
    COMPLETED,
    DEBUG,
    ENCRYPTED_KEY,
    ERROR,
    HOST_CALL,
    INFORMATION,
    MIB,
    OUTPUT,
    POOL_DATA,
    POOL_STATE,
    PRIVATE_DATA,
    PROGRESS,
    PUBLIC_KEY,
    STATE,
    VERBOSE,
    WARNING,
    Answer,
    changed,
    connected,
    fragment,
    handshake,
    message,
    messages,
    outputs,
    received,
    soap,
)

_DEEP = "<Obj><LST>" * 20_000 + "</LST></Obj>" * 20_000
_MANY_TYPES = '<Obj RefId="0"><TN RefId="0">' + "<T>System._x0041_</T>" * 300_000 + "</TN><LST>" + (
    '<Obj><TNRef RefId="0"/><MS/></Obj>' * 20_000) + "</LST></Obj>"  # fmt: skip
_REFERENCES = '<Obj RefId="0"><LST>' + "".join(
    f'<Obj RefId="{n}"><LST>{f"""<Ref RefId="{n - 1}"/>""" * 10 if n > 1 else "<S>x</S>"}</LST></Obj>' for n in range(1, 30)
) + "</LST></Obj>"  # fmt: skip
_CYCLE = '<Obj RefId="0"><LST><Ref RefId="0"/><Ref RefId="0"/></LST></Obj>'
_KEYS = "<Obj><DCT>" + "<En><S N='Key'>k</S><S N='Value'>v</S></En>" * 100_000 + "</DCT></Obj>"
_CALL = (
    '<Obj RefId="0"><MS><I64 N="ci">{ci}</I64><Obj N="mi" RefId="1"><ToString>{name}</ToString><I32>{mi}</I32></Obj>'
    '<Obj N="mp" RefId="2"><LST>{mp}</LST></Obj></MS></Obj>'
)


def _call(mi: str, mp: str = "", ci: str = "1", name: str = "Method") -> str:
    return _CALL.format(mi=mi, mp=mp, ci=ci, name=name)


OUTPUTS: dict[str, tuple[Answer, bool]] = {
    "objects 20,000 levels deep": (outputs(_DEEP), True),
    "6 MiB of type names": (outputs(_MANY_TYPES), True),
    "references that grow tenfold": (outputs(_REFERENCES), True),
    "a reference to itself": (outputs(_CYCLE), True),
    "a reference to nothing": (outputs('<Obj><LST><Ref RefId="7"/></LST></Obj>'), False),
    "a dictionary of 100,000 equal keys": (outputs(_KEYS), True),
    "a number of 5,000 digits": (outputs(f"<I32>{'9' * 5000}</I32>"), False),
    "a float that is none": (outputs("<Db>nonsense</Db>"), False),
    "a decimal of 10^99": (outputs("<D>1e99</D>"), True),
    "a text of 10 MiB": (outputs(lambda: f"<S>{'x' * 10 * MIB}</S>"), True),
    "a text of escapes, 10 MiB": (outputs(lambda: f"<S>{'_x0041_' * (10 * MIB // 7)}</S>"), True),
    "half a surrogate": (outputs("<S>a_xD83D_b</S>"), True),
    "half a surrogate in UTF-8": (outputs("<S>a\ud83db</S>"), False),
    "a NUL": (outputs("<S>a_x0000_b</S>"), True),
    "bytes that are no Base64": (outputs("<BA>!!!!</BA>"), True),
    "a character beyond 16 bit": (outputs("<C>99999999</C>"), False),
    "an element that nobody knows": (outputs("<Nonsense/>"), False),
    "no XML": (outputs("nonsense"), False),
    "a declaration": (outputs("<!DOCTYPE x><S>x</S>"), False),
    "nothing": (outputs(""), True),
    "1,000,000 elements in an object": (outputs(lambda: f"<Obj><LST>{'<S/>' * 1_000_000}</LST></Obj>"), True),
    "2,500,000 elements in an object": (outputs(lambda: f"<Obj><LST>{'<S/>' * 2_500_000}</LST></Obj>"), False),
    "1,000,000 properties without a name": (outputs(lambda: f"<Obj><MS>{'<S/>' * 1_000_000}</MS></Obj>"), False),
    "an object with 100 lists": (outputs(f"<Obj>{'<LST/>' * 100}</Obj>"), False),
    "objects wrapped 1,000 times": (outputs("<Obj>" * 900 + "<S>x</S>" + "</Obj>" * 900), True),
    "a template": (outputs("<S>{{ lookup('pipe', 'touch PROOF') }}</S>"), True),
    "terminal codes": (outputs("<S>_x001B_[31m\u009b31m</S>"), True),
    "a message of no known kind": (messages((0x99999, "<S>x</S>")), True),
    "a message of the session": (messages((CAPABILITY, "<S>x</S>")), True),
    "an error that is none": (messages((ERROR, "<S>x</S>")), True),
    "an error that is broken": (messages((ERROR, "<Obj><MS><S/></MS></Obj>")), False),
    "an error with a category below zero": (
        messages((ERROR, '<Obj><MS><I32 N="ErrorCategory_Category">-99</I32></MS></Obj>')),
        True,
    ),
    "100,000 warnings": (
        messages(*[(WARNING, '<Obj><MS><S N="InformationalRecord_Message">w</S></MS></Obj>')] * 100_000),
        True,
    ),
    "100,000 errors": (messages(*[(ERROR, "<S>x</S>")] * 100_000), True),
    "a progress that is none": (messages((PROGRESS, "<S>x</S>")), True),
    "a progress of 10^20 percent": (
        messages(
            (PROGRESS, '<Obj><MS><S N="Activity">a</S><I32 N="PercentComplete">99999999999999999999</I32></MS></Obj>')
        ),
        True,
    ),
    "information that is none": (messages((INFORMATION, "<I32>1</I32>"), (VERBOSE, "<Nil/>"), (DEBUG, "<Nil/>")), True),
    "a state that nobody knows": (
        messages((STATE, '<Obj><MS><I32 N="PipelineState">99</I32></MS></Obj>'), ends=False),
        False,
    ),
    "a state that is no object": (messages((STATE, "<S>done</S>"), ends=False), False),
    "a state of 5,000 digits": (
        messages((STATE, f'<Obj><MS><I32 N="PipelineState">{"9" * 5000}</I32></MS></Obj>'), ends=False),
        False,
    ),
    "the end, twice": (messages((STATE, COMPLETED), (STATE, COMPLETED)), True),
    "output behind the end": (messages((STATE, COMPLETED), (OUTPUT, "<S>late</S>")), True),
    "done without an end": (received(lambda _call: [], "Done"), False),
    "a state of the command that nobody knows": (received(lambda _call: [], "Hovering"), True),
    "a call of the host that nobody knows": (messages((HOST_CALL, _call("999"))), True),
    "a call of the host without a number": (messages((HOST_CALL, _call("nonsense"))), True),
    "a call of the host with broken parameters": (messages((HOST_CALL, _call("16", "<Nonsense/>"))), True),
    "a call of the host with too few parameters": (messages((HOST_CALL, _call("15"))), True),
    "a call of the host with an id of 5,000 digits": (messages((HOST_CALL, _call("11", ci="9" * 5000))), True),
    "a call of the host that is no object": (messages((HOST_CALL, "<S>x</S>")), True),
    "a call of the host with a text of 5 MiB": (
        messages((HOST_CALL, lambda: _call("16", f"<S>{'x' * 5 * MIB}</S>"))),
        True,
    ),
    "a prompt that asks for 100,000 values": (
        messages(
            (
                HOST_CALL,
                lambda: _call("24", "<S>c</S><S>m</S><Obj><LST>" + "<Obj><MS/></Obj>" * 100_000 + "</LST></Obj>"),
            )
        ),
        True,
    ),
    "Base64 that is none": (
        soap('<rsp:ReceiveResponse><rsp:Stream Name="stdout">!!!</rsp:Stream></rsp:ReceiveResponse>'),
        False,
    ),
    "a stream that nobody knows": (
        soap('<rsp:ReceiveResponse><rsp:Stream Name="nonsense">AAAA</rsp:Stream></rsp:ReceiveResponse>'),
        False,
    ),
    "a fragment cut off in its head": (received(lambda _call: [b"\0" * 7], "Done"), False),
    "a fragment cut off in its data": (
        received(lambda call: [fragment(9, message(OUTPUT, "<S/>", call.command_id))[:-3]], "Done"),
        False,
    ),
    "a fragment of 4 GiB": (received(lambda _call: [b"\0" * 17 + b"\xff\xff\xff\xff"], "Done"), False),
    "a message of 3 bytes": (received(lambda _call: [fragment(9, b"abc")], "Done"), False),
    "a fragment without a beginning": (
        received(lambda _call: [fragment(9, b"x" * 50, number=4, start=False)], "Done"),
        False,
    ),
    "a message without an end": (
        received(lambda call: [fragment(1000, b"x" * MIB, number=call.number, start=call.number == 0, end=False)]),
        False,
    ),
    "a message of empty fragments without end": (
        received(lambda call: [fragment(1000, b"", number=call.number, start=call.number == 0, end=False)]),
        False,
    ),
    "100,000 empty fragments": (
        received(
            lambda call: [b"".join(fragment(1000, b"", number=n, start=n == 0, end=False) for n in range(100_000))],
            "Done",
        ),
        False,
    ),
    "empty answers without end": (received(lambda _call: []), True),
    "an object number of 2^64": (
        received(lambda call: [fragment(2**64 - 1, message(OUTPUT, "<S>x</S>", call.command_id))], "Done"),
        False,
    ),
}

_CAPABLE = (
    '<Obj RefId="0"><MS><Version N="protocolversion">2.3</Version><Version N="PSVersion">2.0</Version>'
    '<Version N="SerializationVersion">1.1.0.1</Version></MS></Obj>'
)
_DATA = '<Obj RefId="0"><MS><I32 N="MinRunspaces">1</I32><I32 N="MaxRunspaces">1</I32></MS></Obj>'

CONNECTS: dict[str, tuple[Answer, bool]] = {
    "nothing": (soap("<rsp:ConnectResponse/>"), False),
    "Base64 that is none": (
        soap("<rsp:ConnectResponse><ps:connectResponseXml>!!!</ps:connectResponseXml></rsp:ConnectResponse>"),
        False,
    ),
    "fragments that are none": (connected(lambda: b"nonsense" * 100), False),
    "12 MiB of zeros": (connected(lambda: b"\0" * 12 * MIB), False),
    "a message of 11 MiB": (
        connected(lambda: fragment(8, message(CAPABILITY, "<S>" + "x" * 11 * MIB + "</S>"))),
        False,
    ),
    "11 MiB of small objects": (
        handshake(
            (CAPABILITY, _CAPABLE),
            (POOL_DATA, _DATA),
            (PRIVATE_DATA, lambda: f"<Obj><LST>{'<S/>' * 2_500_000}</LST></Obj>"),
        ),
        True,
    ),
    "11 MiB of small objects as capability": (
        handshake((CAPABILITY, lambda: f"<Obj><LST>{'<S/>' * 2_500_000}</LST></Obj>"), (POOL_DATA, _DATA)),
        True,
    ),
    "300,000 messages": (connected(lambda: fragment(8, message(PRIVATE_DATA, "<Nil/>")) * 150_000), False),
    "no data of the pool": (handshake((CAPABILITY, _CAPABLE)), False),
    "a capability that is broken": (handshake((CAPABILITY, "<S>x</S>"), (POOL_DATA, _DATA)), True),
    "a capability of version 999999": (
        handshake((CAPABILITY, _CAPABLE.replace("2.3", "999999.9")), (POOL_DATA, _DATA)),
        True,
    ),
    "10^5000 runspaces": (
        handshake((CAPABILITY, _CAPABLE), (POOL_DATA, _DATA.replace(">1<", f">{'9' * 5000}<"))),
        True,
    ),
    "private data 20,000 levels deep": (
        handshake((CAPABILITY, _CAPABLE), (POOL_DATA, _DATA), (PRIVATE_DATA, _DEEP)),
        True,
    ),
    "private data with references that grow": (
        handshake((CAPABILITY, _CAPABLE), (POOL_DATA, _DATA), (PRIVATE_DATA, _REFERENCES)),
        True,
    ),
    "private data that are none": (
        handshake((CAPABILITY, _CAPABLE), (POOL_DATA, _DATA), (PRIVATE_DATA, "<S>x</S>")),
        True,
    ),
    "a broken pool": (
        handshake(
            (CAPABILITY, _CAPABLE),
            (POOL_DATA, _DATA),
            (POOL_STATE, '<Obj><MS><I32 N="RunspaceState">5</I32></MS></Obj>'),
        ),
        True,
    ),
    "a public key": (
        handshake((CAPABILITY, _CAPABLE), (POOL_DATA, _DATA), (PUBLIC_KEY, "<S>x</S>"), (ENCRYPTED_KEY, "<S>x</S>")),
        True,
    ),
    "a message without an end": (connected(lambda: fragment(8, b"x" * 1000, end=False)), False),
    "a message of no known kind": (handshake((CAPABILITY, _CAPABLE), (POOL_DATA, _DATA), (0x99999, "<S/>")), True),
}

OPENINGS: dict[str, tuple[str, Answer]] = {
    "another session": (
        "Create",
        changed(r"<rsp:ShellId>[^<]*<", "<rsp:ShellId>0BAD0000-0000-4000-8000-000000000009<"),
    ),
    "no session": ("Create", soap("<a/>")),
    "a pool that is broken": (
        "Receive",
        messages((POOL_STATE, '<Obj><MS><I32 N="RunspaceState">5</I32></MS></Obj>'), ends=False),
    ),
    "a pool in a state that nobody knows": (
        "Receive",
        messages((POOL_STATE, '<Obj><MS><I32 N="RunspaceState">99</I32></MS></Obj>'), ends=False),
    ),
    "a pool that never opens": ("Receive", received(lambda _call: [])),
    "a pool in no state": ("Receive", messages((POOL_STATE, "<S>x</S>"), ends=False)),
    "11 MiB of small objects": (
        "Receive",
        messages((PRIVATE_DATA, lambda: f"<Obj><LST>{'<S/>' * 2_500_000}</LST></Obj>"), ends=False),
    ),
    "objects 20,000 levels deep": ("Receive", messages((PRIVATE_DATA, _DEEP), ends=False)),
    "a pool of another protocol": ("Receive", messages((CAPABILITY, "<S>x</S>"), ends=False)),
}
