# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hostile envelopes: XML, faults, listings of sessions and of commands."""

from __future__ import annotations

from tests.hostile.answers import (
    MIB,
    Answer,
    changed,
    fault,
    http,
    lists_again_and_again,
    page,
    shell,
    soap,
)

_LINE = "bad&#10;ok: [dc01]&#13;&#10;changed: [dc01]"
_BOMB = (
    '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "lol">'
    + "".join(f'<!ENTITY {after} "{f"&{before};" * 10}">' for before, after in zip("abcdefgh", "bcdefghi", strict=True))
    + "]><lolz>&i;</lolz>"
)
_QUADRATIC = f'<!DOCTYPE x [<!ENTITY e "{"x" * 100_000}">]><x>{"&e;" * 100_000}</x>'

XML: dict[str, Answer] = {
    "a billion laughs": http(_BOMB.encode()),
    "a billion laughs with status 500": http(_BOMB.encode(), "500 Oops"),
    "quadratic entities": http(_QUADRATIC.encode()),
    "a file as entity": http(b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>'),
    "a declaration in UTF-16": http('<!DOCTYPE x [<!ENTITY e "e">]><x>&e;</x>'.encode("utf-16")),
    "1,000,000 elements one in another": http(b"<a>" * MIB),
    "100,000 closed elements one in another": soap(lambda: "<a>" * 100_000 + "</a>" * 100_000),
    "4,000,000 empty elements": soap(lambda: "<a/>" * 4 * (MIB - 1000)),
    "an element with 300,000 attributes": soap(lambda: "<a " + " ".join(f'a{n}=""' for n in range(300_000)) + "/>"),
    "300,000 namespaces": soap(lambda: "".join(f'<a xmlns="urn:{n}"/>' for n in range(300_000))),
    "a name of 8 MiB": soap(lambda: f"<{'a' * 8 * (MIB - 100)}/>"),
    "a comment of 15 MiB": soap(lambda: f"<!--{'x' * 15 * MIB}-->"),
    "an instruction": soap("<?php echo 1 ?>"),
    "a text of 15 MiB": soap(lambda: "x" * 15 * MIB),
    "an undeclared prefix": http(b"<s:Envelope/>"),
    "an inclusion": soap(
        '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd" parse="text"/>'
    ),
    "no envelope": http(b"<a/>"),
    "an envelope without a body": http(b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"/>'),
    "an answer to another request": changed(
        r"RelatesTo>uuid:[^<]*<", "RelatesTo>uuid:00000000-0000-0000-0000-000000000000<"
    ),
    "an answer to no request": changed(r"<a:RelatesTo>[^<]*</a:RelatesTo>", ""),
    "two answers to two requests": changed(
        r"(?=<a:RelatesTo>)", "<a:RelatesTo>uuid:00000000-0000-0000-0000-000000000000</a:RelatesTo>"
    ),
    "another operation's answer": soap("<rsp:SignalResponse/>"),
    "an empty body": soap(""),
}

FAULTS: dict[str, Answer] = {
    "a code of 5,000 digits": fault("9" * 5000),
    "a code below zero": fault("-2144108124"),
    "a code in other digits": fault("\u0662\u0661"),
    "no code": fault(""),
    "a code that is a word": fault("nonsense"),
    "a reason of 15 MiB": soap(
        lambda: f"<s:Fault><s:Reason><s:Text>{'no ' * 5 * MIB}</s:Text></s:Reason></s:Fault>", "500 No"
    ),
    "a text with terminal codes": fault("5", "denied &#x9b;31m \u202e\u2066\u0085 \u2028ok: [dc01]"),
    "a text with line breaks": fault("5", "denied&#10;ok: [dc01]&#13;&#10;PLAY RECAP"),
    "a text that is a template": fault("5", "{{ lookup('pipe', 'touch PROOF') }}{% raw %}"),
    "a detail of 100,000 elements": soap(
        lambda: (
            "<s:Fault><s:Detail><f:WSManFault Code='5'>"
            + "<f:Message>no</f:Message>" * 100_000
            + "</f:WSManFault></s:Detail></s:Fault>"
        ),
        "500 No",
    ),
    "a detail 50,000 levels deep": soap(
        lambda: (
            "<s:Fault><s:Detail><f:WSManFault Code='5'>"
            + "<a>" * 50_000
            + "</a>" * 50_000
            + "</f:WSManFault></s:Detail></s:Fault>"
        ),
        "500 No",
    ),
    "a subcode of 1 MiB": fault("", subcode="w:" + "x" * MIB),
    "an empty fault": soap("<s:Fault/>", "500 No"),
    "a fault with status 200": soap("<s:Fault><s:Reason><s:Text>no</s:Text></s:Reason></s:Fault>"),
    "two faults": soap("<s:Fault/><s:Fault/>", "500 No"),
    "a fault of another request": soap(
        "<s:Fault/>", "500 No", "<a:RelatesTo>uuid:00000000-0000-0000-0000-000000000000</a:RelatesTo>"
    ),
    "a fault of no request": changed(
        r"^.*$",
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Header/><s:Body><s:Fault/></s:Body></s:Envelope>',
    ),
}

# Name: the elements of a listed session, and whether the task has no reason to fail.
LISTED: dict[str, tuple[dict[str, str], bool]] = {
    "an idle timeout of 9e307 s": ({"IdleTimeOut": "PT9e307S"}, True),
    "an idle timeout of 999999999999 days": ({"IdleTimeOut": "P999999999999D"}, True),
    "an idle timeout of 1,000 digits": ({"IdleTimeOut": f"PT{'9' * 1000}S"}, True),
    "an idle timeout below zero": ({"IdleTimeOut": "-PT5S"}, True),
    "an idle timeout that is none": ({"IdleTimeOut": "soon"}, True),
    "an age of 999999999999 days": ({"ShellRunTime": "P999999999999D", "ShellInactivity": "P999999999999D"}, True),
    "an inactivity that is longer than the age": ({"ShellInactivity": "P99D"}, True),
    "an id of 5,000 dashes": ({"ShellId": "-" * 5000}, False),
    "an id that is a path": ({"ShellId": "../../etc/passwd"}, False),
    "an id of 32 digits": ({"ShellId": "0BAD0000000040008000000000000001"}, True),
    "an id in braces": ({"ShellId": "{0BAD0000-0000-4000-8000-000000000001}"}, True),
    "an id with marks around it": ({"ShellId": "urn:uuid:0BAD0000-0000-4000-8000-000000000001"}, True),
    "an empty id": ({"ShellId": ""}, False),
    "a state that nobody knows": ({"State": "Hovering"}, True),
    "an empty state": ({"State": ""}, True),
    "a configuration that is no address": ({"ResourceUri": "nonsense"}, True),
    "a configuration of 1 MiB": ({"ResourceUri": "http://schemas.microsoft.com/powershell/" + "x" * MIB}, True),
    "a buffer mode that nobody knows": ({"BufferMode": "Elastic"}, True),
    "an owner of 1 MiB": ({"Owner": "x" * MIB}, True),
    "an owner with terminal codes": ({"Owner": "LAB\\x\u009b31m\u202e\u2028ok: [dc01]"}, True),
    "an address of 1 MiB": ({"ClientIP": "1" * MIB}, True),
}

NAMES: dict[str, str] = {
    "a name of 100,000 characters": "bad" + "a" * 100_000,
    "a name of 10 MiB": "bad" + "a" * 10 * MIB,
    "a name with line breaks": _LINE,
    "a name with terminal codes": "bad\u009b31m\u0085\u2028\u202egnp",
    "a name that is a template": "bad{{ lookup('pipe', 'touch PROOF') }}{% for x in range(9) %}",
    "a name of marks": "bad[*?`]\\'\"",
    "a name beyond 16 bit": "bad\U0001f4a9\ud7ff\ufffd",
}

LISTINGS: dict[str, tuple[Answer, bool]] = {
    "the same session 10,000 times": (soap(lambda: page(shell() * 10_000)), True),
    "5,000 sessions": (soap(lambda: page("".join(shell(n, Name=f"s{n}") for n in range(5_000)))), True),
    "pages without end, nothing new": (lists_again_and_again(lambda _n: shell()), False),
    "pages without end, empty": (lists_again_and_again(lambda _n: ""), False),
    "pages without end, always something new": (lists_again_and_again(lambda n: shell(n, Name=f"s{n}")), False),
    "pages of 1 MiB without end": (lists_again_and_again(lambda n: shell(n, Name="x" * MIB)), False),
    "a context of 1 MiB": (soap(page(shell(), is_last=False, context="x" * MIB)), False),
    "entries that are no sessions": (soap(page("<a/><rsp:Command/>text<rsp:Shell/>")), False),
    "a session without elements": (soap(page("<rsp:Shell/>")), False),
    "elements one in another": (
        soap(page(f"<rsp:Shell><rsp:ShellId><a>{'x' * 1000}</a></rsp:ShellId></rsp:Shell>")),
        False,
    ),
}

COMMANDS: dict[str, tuple[Answer, bool]] = {
    "20,000 commands": (
        soap(
            lambda: page(
                "".join(
                    f"<rsp:Command><rsp:CommandId>0BAD0000-0000-4000-8000-{n:012X}</rsp:CommandId></rsp:Command>"
                    for n in range(100_000)
                )
            )
        ),
        False,
    ),
    "a command without an id": (soap(page("<rsp:Command/>")), False),
    "a command with an id that is none": (
        soap(page("<rsp:Command><rsp:CommandId>nonsense</rsp:CommandId></rsp:Command>")),
        False,
    ),
    "a command line of 10 MiB": (
        soap(
            lambda: page(
                "<rsp:Command><rsp:CommandId>0BAD0000-0000-4000-8000-000000000001</rsp:CommandId>"
                f"<rsp:CommandLine>{'x' * 10 * MIB}</rsp:CommandLine></rsp:Command>"
            )
        ),
        False,
    ),
}
