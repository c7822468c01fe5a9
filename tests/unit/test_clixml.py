# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""CLIXML (MS-PSRP 2.2.5) as plain data: type by type by hand, then against psrpcore as the other side."""

from __future__ import annotations

import base64
import datetime
import decimal
import json
import queue
import uuid
import xml.etree.ElementTree as ET
from typing import Any

import psrpcore.types as ps
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp.clixml import (
    CUT,
    CYCLE,
    DEEPER,
    DEEPEST,
    SECURE_STRING,
    more,
)
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp.primitives import decode
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.psrp.records import to_plain

ENUM = "<TN RefId='{0}'><T>{1}</T><T>System.Enum</T><T>System.ValueType</T><T>System.Object</T></TN>"
CUSTOM = "<TN RefId='0'><T>System.Management.Automation.PSCustomObject</T><T>System.Object</T></TN>"
LIST = "<TN RefId='0'><T>System.Object[]</T><T>System.Array</T><T>System.Object</T></TN>"


class Reversed(ps.PSCryptoProvider):
    """Encrypts secure strings well enough for a test."""

    def encrypt(self, value: str) -> str:
        return base64.b64encode(value[::-1].encode()).decode()


def serialized(value: Any) -> str:
    """The CLIXML that psrpcore makes of a value."""
    return ET.tostring(ps.serialize(value, Reversed()), encoding="unicode")


def custom(**properties: Any) -> ps.PSCustomObject:
    return ps.PSCustomObject(**properties)


def nested(levels: int, opening: str, inside: str, closing: str) -> str:
    return opening * levels + inside + closing * levels


@pytest.mark.parametrize(
    ("clixml", "value"),
    [
        ("<S>This is a string</S>", "This is a string"),
        ("<S />", ""),
        ("<S> kept  as is </S>", " kept  as is "),
        ("<S>line_x000D__x000A_next_x0009_tab</S>", "line\r\nnext\ttab"),
        ("<S>&lt;a&gt; &amp; b</S>", "<a> & b"),
        ("<S><![CDATA[<a>]]> b<!-- not a part of it -->c</S>", "<a> bc"),
        ("<C>97</C>", "a"),
        ("<C>8364</C>", "€"),
        ("<C>55357</C>", "_xD83D_"),
        ("<C>0</C>", "_x0000_"),
        ("<B>true</B>", True),
        ("<B>false</B>", False),
        ("<B>1</B>", True),
        ("<DT>2008-04-11T10:42:32.2731993-07:00</DT>", "2008-04-11T10:42:32.2731993-07:00"),
        ("<TS>PT9.0269026S</TS>", "PT9.0269026S"),
        ("<By>254</By>", 254),
        ("<SB>-127</SB>", -127),
        ("<U16>65535</U16>", 65535),
        ("<I16>-32767</I16>", -32767),
        ("<U32>4294967295</U32>", 4294967295),
        ("<I32>-2147483648</I32>", -2147483648),
        ("<U64>18446744073709551615</U64>", 18446744073709551615),
        ("<I64>-9223372036854775808</I64>", -9223372036854775808),
        ("<Sg>12.34</Sg>", 12.34),
        ("<Db>1.7976931348623157E+308</Db>", 1.7976931348623157e308),
        ("<Db>2</Db>", 2.0),
        ("<Db>NaN</Db>", "NaN"),
        ("<Db>INF</Db>", "Infinity"),
        ("<Sg>-INF</Sg>", "-Infinity"),
        ("<D>12</D>", 12),
        ("<D>12.00</D>", 12),
        ("<D>-12.34</D>", -12.34),
        ("<D>0.1</D>", 0.1),
        ("<D>79228162514264337593543950335</D>", 79228162514264337593543950335),
        ("<D>7922816251426433759354395.0335</D>", "7922816251426433759354395.0335"),
        ("<D>1E+2</D>", 100),
        ("<BA>AQIDBA==</BA>", "AQIDBA=="),
        ("<BA />", ""),
        ("<G>792e5b37-4505-47ef-b7d2-8711bb7affa8</G>", "792e5b37-4505-47ef-b7d2-8711bb7affa8"),
        ("<URI>http://www.example.com/?a_x005F_xb</URI>", "http://www.example.com/?a_xb"),
        ("<Nil/>", None),
        ("<Version>6.2.1.3</Version>", "6.2.1.3"),
        ("<SemanticVersion>7.4.0-preview.1</SemanticVersion>", "7.4.0-preview.1"),
        (
            "<XD>&lt;item&gt;_x000A_&lt;name&gt;laptop&lt;/name&gt;&lt;/item&gt;</XD>",
            "<item>\n<name>laptop</name></item>",
        ),
        ("<SBK>get-command -type cmdlet</SBK>", "get-command -type cmdlet"),
        ("<SS>bQBhAG4AeQAgAG8AYwB0AGUAdABzAA==</SS>", SECURE_STRING),
        (
            "<PR><AV>Copying</AV><AI>3</AI><Nil/><PI>-1</PI><PC>50</PC><T>Processing</T><SR>7</SR><SD>half</SD></PR>",
            {
                "activity": "Copying",
                "activity_id": 3,
                "parent_activity_id": -1,
                "status": "half",
                "current_operation": None,
                "percent_complete": 50,
                "seconds_remaining": 7,
                "record_type": "Processing",
            },
        ),
    ],
)
def test_primitive_types(clixml: str, value: object) -> None:
    plain = to_plain(clixml)
    assert (plain, type(plain)) == (value, type(value))
    in_a_list = to_plain(f"<Obj>{LIST}<LST>{clixml}{clixml}</LST></Obj>")
    assert in_a_list == [value, value]


@pytest.mark.parametrize(
    ("encoded", "text"),
    [
        ("_x0041_", "A"),
        ("_X0041_", "A"),
        ("_xd83d__xDE00_", "\U0001f600"),
        ("_xD83D_ _xDE00_", "_xD83D_ _xDE00_"),
        ("_xDE00__xD83D_", "_xDE00__xD83D_"),
        ("_xD83D__xD83D__xDE00_", "_xD83D_\U0001f600"),
        ("_x005F_x0041_", "_x0041_"),
        ("_x005f_X0041_", "_X0041_"),
        ("_x005F__x005F_x", "__x"),
        ("_x041_", "_x041_"),
        ("_x00041_", "_x00041_"),
        ("_x0041", "_x0041"),
        ("_xGGGG_", "_xGGGG_"),
        ("_x0001F600_", "\U0001f600"),
        ("_xFFFFFFFF_", "_xFFFFFFFF_"),
        ("_x0001__x007F_", "\x01\x7f"),
        ("a_x0000_b_x00000000_", "a_x0000_b_x0000_"),
        ("_x0041_x0042_", "Ax0042_"),
    ],
)
def test_escapes(encoded: str, text: str) -> None:
    assert decode(encoded) == text
    assert to_plain(f"<S>{encoded}</S>") == text
    assert to_plain(f"<Obj><MS><Nil N='{encoded}'/></MS></Obj>") == {text: None}


@pytest.mark.parametrize("sent", ["\uffff", "&#xFFFF;", "_xFFFF_"])
def test_text_that_xml_cannot_have(sent: str) -> None:
    assert to_plain(f"<S>before {sent} \ufffe</S>") == "before \uffff \ufffe"


@pytest.mark.parametrize(
    ("clixml", "value"),
    [
        (f"<Obj RefId='0'>{LIST}<LST><I32>1</I32><Nil/><S>a</S></LST></Obj>", [1, None, "a"]),
        ("<Obj RefId='0'><STK><I32>1</I32><I32>2</I32></STK></Obj>", [1, 2]),
        ("<Obj RefId='0'><QUE><I32>1</I32><I32>2</I32></QUE></Obj>", [1, 2]),
        ("<Obj RefId='0'><IE><I32>1</I32></IE></Obj>", [1]),
        ("<Obj RefId='0'><LST/></Obj>", []),
        ("<Obj RefId='0'><LST><I32>1</I32></LST><MS><I32 N='Count'>1</I32></MS></Obj>", [1]),
        ("<Obj RefId='0'><DCT/></Obj>", {}),
        ("<Obj><DCT><En><S N='Key'>a</S><I32 N='Value'>1</I32></En></DCT></Obj>", {"a": 1}),
        ("<Obj><DCT><En><I32 N='Value'>1</I32><S N='Key'>a</S></En></DCT></Obj>", {"a": 1}),
        ("<Obj><DCT><En><I32 N='Key'>7</I32><Nil N='Value'/></En></DCT></Obj>", {"7": None}),
        ("<Obj><DCT><En><B N='Key'>true</B><Nil N='Value'/></En></DCT></Obj>", {"true": None}),
        (
            "<Obj><DCT><En><S N='Key'>1</S><S N='Value'>a</S></En><En><I32 N='Key'>1</I32><S N='Value'>b</S></En>"
            "<En><I64 N='Key'>1</I64><S N='Value'>c</S></En></DCT></Obj>",
            {"1": "a", "1 (2)": "b", "1 (3)": "c"},
        ),
        (
            f"<Obj><DCT><En><Obj N='Key' RefId='1'>{ENUM.format(0, 'System.DayOfWeek')}<ToString>Monday</ToString>"
            "<I32>1</I32></Obj><Nil N='Value'/></En></DCT></Obj>",
            {"Monday": None},
        ),
        (
            f"<Obj><DCT><En><Obj N='Key' RefId='1'>{LIST}<LST><I32>1</I32></LST></Obj><Ref N='Value' RefId='1'/></En>"
            "<En><Obj N='Key'><TNRef RefId='0'/><LST/></Obj><Nil N='Value'/></En></DCT></Obj>",
            {"System.Object[]": [1], "System.Object[] (2)": None},
        ),
        (
            "<Obj><DCT><En><Obj N='Key'><ToString>Process (pwsh)</ToString><Props><I32 N='Id'>1</I32></Props></Obj>"
            "<Nil N='Value'/></En><En><Obj N='Key'><LST/></Obj><Nil N='Value'/></En></DCT></Obj>",
            {"Process (pwsh)": None, DEEPER: None},
        ),
        (f"<Obj>{ENUM.format(0, 'System.DayOfWeek')}<ToString>Monday</ToString><I32>1</I32></Obj>", "Monday"),
        (f"<Obj>{ENUM.format(0, 'System.DayOfWeek')}<I32>1</I32></Obj>", 1),
        (
            "<Obj><TN RefId='0'><T>Deserialized.System.DayOfWeek</T><T>Deserialized.System.Enum</T></TN>"
            "<ToString>Monday</ToString><I32>1</I32></Obj>",
            "Monday",
        ),
        (
            f"<Obj><LST><Obj RefId='1'>{ENUM.format(7, 'A')}<ToString>X, Y</ToString><By>3</By></Obj>"
            "<Obj RefId='2'><TNRef RefId='7'/><ToString>Y</ToString><By>2</By></Obj></LST></Obj>",
            ["X, Y", "Y"],
        ),
        (
            "<Obj RefId='0'><S>a line</S><MS><S N='PSPath'>C:\\a.txt</S><I64 N='ReadCount'>1</I64></MS></Obj>",
            "a line",
        ),
        ("<Obj RefId='0'><ToString>5</ToString><I32>5</I32><MS><S N='note'>n</S></MS></Obj>", 5),
        (
            "<Obj RefId='0'><TN RefId='0'><T>System.Random</T></TN><ToString>System.Random</ToString></Obj>",
            "System.Random",
        ),
        ("<Obj RefId='0'><ToString>a_x000A_b</ToString><Props/></Obj>", "a\nb"),
        (f"<Obj RefId='0'>{CUSTOM}</Obj>", {}),
        (f"<Obj RefId='0'>{CUSTOM}<ToString>@{{}}</ToString><MS/></Obj>", {}),
        (
            f"<Obj RefId='0'>{CUSTOM}<MS><S N='Name'>a</S><Obj N='Tags' RefId='1'><LST><S>b</S></LST></Obj></MS></Obj>",
            {"Name": "a", "Tags": ["b"]},
        ),
        (
            "<Obj><ToString>t</ToString><Props><S N='Name'>adapted</S><I32 N='Id'>1</I32></Props>"
            "<MS><S N='Name'>extended</S><B N='New'>true</B></MS></Obj>",
            {"Name": "extended", "Id": 1, "New": True},
        ),
        (
            "<Obj><Props><I32 N='Id'>1</I32></Props><MS><MS N='PSStandardMembers'><S N='x'>y</S></MS></MS></Obj>",
            {"Id": 1},
        ),
        (
            "<Obj RefId='0'><Obj RefId='1'><Props><S N='a'>1</S></Props><MS><S N='b'>2</S></MS></Obj>"
            "<MS><S N='b'>3</S><S N='c'>4</S></MS></Obj>",
            {"a": "1", "b": "3", "c": "4"},
        ),
        ("<Obj RefId='0'><Obj RefId='1'><LST><I32>1</I32></LST></Obj><MS><S N='b'>3</S></MS></Obj>", [1]),
        (
            "<Obj><TN RefId='0'><T>System.Management.Automation.PSCredential</T></TN>"
            "<Props><S N='UserName'>joe</S><SS N='Password'>c2VjcmV0</SS></Props></Obj>",
            {"UserName": "joe", "Password": SECURE_STRING},
        ),
        ("<Obj xmlns='http://schemas.microsoft.com/powershell/2004/04'><LST><I32>1</I32></LST></Obj>", [1]),
        ("\ufeff<S>byte order mark</S>", "byte order mark"),
    ],
)
def test_objects(clixml: str, value: object) -> None:
    assert to_plain(clixml) == value


def test_notes_that_clients_add_are_left_out() -> None:
    notes = (
        "<G N='RunspaceId'>792e5b37-4505-47ef-b7d2-8711bb7affa8</G><B N='PSShowComputerName'>true</B>"
        "<G N='PSSourceJobInstanceId'>792e5b37-4505-47ef-b7d2-8711bb7affa8</G>"
    )
    name = "<S N='PSComputerName'>srv01</S>"
    one = f"<Obj RefId='0'>{CUSTOM}<MS><I32 N='Id'>1</I32>{name}{notes}</MS></Obj>"
    assert to_plain(one) == {"Id": 1, "PSComputerName": "srv01"}
    assert to_plain(f"<Obj><ToString>text</ToString><MS>{notes}</MS></Obj>") == "text"
    # A property of the object itself is not a note.
    assert to_plain("<Obj><Props><I32 N='RunspaceId'>1</I32></Props></Obj>") == {"RunspaceId": 1}


class TestReferences:
    def test_shared_objects_are_shown_each_time(self) -> None:
        shared = "<Obj RefId='1'><LST><I32>1</I32></LST></Obj>"
        assert to_plain(f"<Obj RefId='0'><LST>{shared}<Ref RefId='1'/><Ref RefId='1'/></LST></Obj>") == [[1], [1], [1]]

    def test_a_property_can_be_a_reference(self) -> None:
        object_ = "<Obj RefId='0'><MS><Obj N='a' RefId='1'><S>text</S></Obj><Ref N='b' RefId='1'/></MS></Obj>"
        assert to_plain(object_) == {"a": "text", "b": "text"}

    @pytest.mark.parametrize(
        ("clixml", "value"),
        [
            ("<Obj RefId='0'><LST><Ref RefId='0'/></LST></Obj>", [CYCLE]),
            (
                "<Obj RefId='0'><MS><Obj N='a' RefId='1'><MS><Ref N='b' RefId='0'/></MS></Obj></MS></Obj>",
                {"a": {"b": CYCLE}},
            ),
            ("<Obj RefId='0'><DCT><En><S N='Key'>a</S><Ref N='Value' RefId='0'/></En></DCT></Obj>", {"a": CYCLE}),
            (
                "<Obj RefId='0'><Obj RefId='1'><MS><Ref N='a' RefId='0'/><Ref N='b' RefId='1'/></MS></Obj></Obj>",
                {"a": CYCLE, "b": CYCLE},
            ),
        ],
    )
    def test_cycles_end_with_a_mark(self, clixml: str, value: object) -> None:
        assert to_plain(clixml) == value

    def test_references_upon_references_stay_bounded(self) -> None:
        clixml = "<Obj RefId='0'><LST><S>x</S></LST></Obj>"
        for number in range(1, 30):
            clixml = f"<Obj RefId='{number}'><LST>{clixml}<Ref RefId='{number - 1}'/></LST></Obj>"
        shown = json.dumps(to_plain(clixml, max_items=1000))
        assert len(shown) < 50_000
        assert "more items are not shown" in shown


class TestLimits:
    def test_depth(self) -> None:
        clixml = nested(3, "<Obj><LST>", "<I32>1</I32>", "</LST></Obj>")
        assert to_plain(clixml, max_depth=3) == [[[1]]]
        assert to_plain(clixml, max_depth=2) == [[DEEPER]]
        assert to_plain(clixml, max_depth=0) == DEEPER
        assert to_plain("<S>no list</S>", max_depth=0) == "no list"

    @pytest.mark.parametrize(
        ("opening", "closing"),
        [
            ("<Obj><LST>", "</LST></Obj>"),
            ("<Obj><MS><Obj N='a'>", "</Obj></MS></Obj>"),
            ("<Obj><DCT><En><S N='Key'>a</S><Obj N='Value'><LST>", "</LST></Obj></En></DCT></Obj>"),
            ("<Obj><DCT><En><Obj N='Key'><LST>", "</LST></Obj><Nil N='Value'/></En></DCT></Obj>"),
            ("<Obj>", "</Obj>"),
        ],
        ids=["list", "property", "dictionary", "dictionary key", "wrapped"],
    )
    # Deeper than Python's own stack, and once so deep that any other stack would be too small.
    @pytest.mark.parametrize(("max_depth", "levels"), [(5, 2000), (DEEPEST, 2000), (1_000_000, 100_000)])
    def test_deep_nesting_is_harmless(self, opening: str, closing: str, max_depth: int, levels: int) -> None:
        shown = json.dumps(to_plain(nested(levels, opening, "", closing), max_depth=max_depth))
        assert DEEPER in shown

    @pytest.mark.parametrize("opening", ["<S>", "<LST>", "<En>", "<PR>", "<TN>", "<Obj><TN>", "<Obj><Obj N='a'><DCT>"])
    def test_deep_nesting_where_none_belongs(self, opening: str) -> None:
        closing = "".join(f"</{tag.strip('<').split()[0]}>" for tag in reversed(opening.split(">")[:-1]))
        try:
            to_plain(nested(100_000, opening, "", closing))
        except ValueError:
            pass

    def test_items_of_all_lists_and_dicts_count_together(self) -> None:
        one = "<Obj><LST><I32>1</I32><I32>2</I32></LST></Obj>"
        clixml = f"<Obj><LST>{one * 4}</LST></Obj>"
        assert to_plain(clixml, max_items=12) == [[1, 2]] * 4
        assert to_plain(clixml, max_items=5) == [[1, 2], [1, more(1)], more(2)]
        assert to_plain(clixml, max_items=0) == [more(4)]
        assert more(4) == "... 4 more items are not shown"

    def test_items_of_dicts_are_cut_visibly(self) -> None:
        entry = "<En><S N='Key'>{0}</S><I32 N='Value'>{0}</I32></En>"
        clixml = f"<Obj><DCT>{''.join(entry.format(number) for number in range(5))}</DCT></Obj>"
        assert to_plain(clixml, max_items=3) == {"0": 0, "1": 1, "2": 2, CUT: more(2)}
        properties = "".join(f"<I32 N='{number}'>{number}</I32>" for number in range(5))
        assert to_plain(f"<Obj><MS>{properties}</MS></Obj>", max_items=3) == {"0": 0, "1": 1, "2": 2, CUT: more(2)}

    def test_the_mark_replaces_no_item_of_its_name(self) -> None:
        assert to_plain(f"<Obj><MS><S N='{CUT}'>mine</S><S N='b'>c</S></MS></Obj>", max_items=1) == {
            CUT: "mine",
            f"{CUT} (2)": more(1),
        }

    def test_characters_of_all_texts_count_together(self) -> None:
        clixml = "<Obj><LST><S>12345</S><S>67890</S><I32>1</I32></LST></Obj>"
        assert to_plain(clixml, max_text=10) == ["12345", "67890", 1]
        assert to_plain(clixml, max_text=7) == ["12345", f"67{more(3, 'characters')}", more(1)]
        assert to_plain("<S>12345</S>", max_text=0) == "... 5 more characters are not shown"

    def test_keys_count_as_text(self) -> None:
        clixml = f"<Obj><MS><I32 N='{'k' * 20}'>1</I32><I32 N='b'>2</I32></MS></Obj>"
        assert to_plain(clixml, max_text=5) == {f"kkkkk{more(15, 'characters')}": 1, CUT: more(1)}
        clixml = "<Obj><DCT><En><S N='Key'>key</S><S N='Value'>value</S></En></DCT></Obj>"
        assert to_plain(clixml, max_text=5) == {"key": f"va{more(3, 'characters')}"}

    def test_a_shared_text_is_counted_each_time(self) -> None:
        shared = f"<Obj RefId='1'><LST><S>{'x' * 100}</S></LST></Obj>"
        clixml = f"<Obj><LST>{shared}<Ref RefId='1'/><Ref RefId='1'/></LST></Obj>"
        assert to_plain(clixml, max_text=150) == [
            ["x" * 100],
            ["x" * 50 + more(50, "characters")],
            more(1),
        ]

    @given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 6))
    def test_any_limits_give_json(self, max_items: int, max_text: int, max_depth: int) -> None:
        clixml = serialized([{"a": [1, "two", {"b": custom(Name="x", Tags=["t", None, 2.5])}]}, "text" * 5])
        json.dumps(to_plain(clixml, max_items=max_items, max_text=max_text, max_depth=max_depth), allow_nan=False)


class TestMalformed:
    @pytest.mark.parametrize(
        "clixml",
        [
            " ",
            "text",
            "<S>",
            "<S>a</S><S>b</S>",
            "<Obj RefId=0/>",
            "<S>&unknown;</S>",
            "<S>\0</S>",
            "<S>\x01</S>",
            "<S>\ud800</S>",
            "<Unknown/>",
            "<Objs><S>a</S></Objs>",
            "<S>a<B>true</B></S>",
            "<I32>one</I32>",
            "<I32></I32>",
            "<I32>1.5</I32>",
            "<I32>1_0</I32>",
            f"<I64>{'9' * 5000}</I64>",
            "<B>True</B>",
            "<C>-1</C>",
            "<C>65536</C>",
            "<Db>much</Db>",
            "<D>NaN</D>",
            "<D>1e999</D>",
            f"<D>{'9' * 5000}</D>",
            "<Ref RefId='0'/>",
            "<Obj RefId='0'><LST><Ref/></LST></Obj>",
            "<Obj RefId='0'><LST><Ref RefId='9'/></LST></Obj>",
            "<Obj RefId='0'><Ref RefId='0'/></Obj>",
            "<Obj RefId='0'><Wrong/></Obj>",
            "<Obj RefId='0'><MS><S>without a name</S></MS></Obj>",
            "<Obj RefId='0'><DCT><En><S N='Key'>a</S></En></DCT></Obj>",
            "<Obj RefId='0'><DCT><S>a</S></DCT></Obj>",
            f"<Obj RefId='0'>{'<MS/>' * 20}</Obj>",
            f"<PR>{'<AV/>' * 20}</PR>",
            "<PR><AI>x</AI></PR>",
            "<!DOCTYPE S [<!ENTITY a 'b'>]><S>&a;</S>",
            "<!DOCTYPE S SYSTEM 'file:///etc/passwd'><S/>",
        ],
    )
    def test_raises_value_error(self, clixml: str) -> None:
        with pytest.raises(ValueError, match=r"CLIXML|type"):
            to_plain(clixml)

    @given(st.text(st.sampled_from("<>/Obj S'=RefId0LSTMSN&;x_ \ud800\uffff"), max_size=60))
    def test_no_other_error_on_any_text(self, text: str) -> None:
        try:
            json.dumps(to_plain(text))
        except ValueError:
            pass

    @given(
        st.integers(0, 10_000), st.sampled_from(["", "<", ">", "<S>", "</MS>", "'", "&", "<Ref RefId='0'/>", "<LST>"])
    )
    def test_no_other_error_on_damaged_clixml(self, at: int, damage: str) -> None:
        clixml = serialized([custom(Name="x", Day=ps.PSThreadOptions.Default), {"a": 1}, 1.5])
        at %= len(clixml)
        for damaged in (clixml[:at] + damage + clixml[at:], clixml[:at] + damage):
            try:
                json.dumps(to_plain(damaged))
            except ValueError:
                pass

    def test_errors_do_not_show_the_data(self) -> None:
        with pytest.raises(ValueError, match="a value of the CLIXML type I32 cannot be read") as failed:
            to_plain("<I32>hunter2</I32>")
        assert "hunter2" not in repr(failed.value)
        assert failed.value.__cause__ is None
        assert failed.value.__context__ is None


class TestAgainstPsrpcore:
    PLAIN = st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**63 - 1).map(ps.PSInt64)
        | st.floats(allow_nan=False, allow_infinity=False).map(ps.PSDouble)
        | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8),
                inner,
                max_size=4,
            )
        ),
        max_leaves=25,
    )

    @given(PLAIN)
    def test_plain_data_comes_back(self, value: object) -> None:
        assert to_plain(serialized(value)) == value
        assert json.loads(json.dumps(to_plain(serialized(value)))) == value

    @given(st.dictionaries(st.from_regex("[A-Za-z_][A-Za-z_0-9]{0,8}", fullmatch=True), PLAIN, max_size=5))
    def test_custom_objects_come_back(self, properties: dict[str, object]) -> None:
        object_ = ps.PSObject()
        for name, value in properties.items():
            ps.add_note_property(object_, name, value)
        plain = to_plain(serialized(object_))
        # Without any property only the text of the object is left.
        assert plain == properties or not properties

    @given(st.text(max_size=30))
    def test_any_text(self, text: str) -> None:
        octets = text.encode("utf-16-be", "surrogatepass")
        units = [octets[at : at + 2].hex().upper() for at in range(0, len(octets), 2)]
        escaped = "".join(f"_x{unit}_" for unit in units)
        plain = to_plain(f"<S>{escaped}</S>")
        assert isinstance(plain, str)
        plain.encode()
        if not any("\ud800" <= character <= "\udfff" for character in text):
            assert plain == text.replace("\0", "_x0000_")

    @pytest.mark.parametrize(
        ("value", "plain"),
        [
            (ps.PSChar("é"), "é"),
            (ps.PSByte(7), 7),
            (ps.PSSByte(-7), -7),
            (ps.PSUInt64(2**64 - 1), 2**64 - 1),
            (ps.PSSingle(0.5), 0.5),
            (ps.PSDouble(1e-7), 1e-7),
            (ps.PSDecimal("1.25"), 1.25),
            (decimal.Decimal("0.1234567890123456789"), "0.1234567890123456789"),
            (b"\x00\xff\x10", base64.b64encode(b"\x00\xff\x10").decode()),
            (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
            (ps.PSUri("https://example.com/?q=_x"), "https://example.com/?q=_x"),
            (ps.PSVersion("10.0.17763.1"), "10.0.17763.1"),
            (ps.PSXml("<a>\n</a>"), "<a>\n</a>"),
            (ps.PSScriptBlock("{ $_x }"), "{ $_x }"),
            (ps.PSSecureString("hunter2"), SECURE_STRING),
            (datetime.datetime(2024, 2, 29, 1, 2, 3, 40, tzinfo=datetime.timezone.utc), "2024-02-29T01:02:03.000040Z"),
            (datetime.timedelta(days=1, seconds=1), "P1DT1S"),
            (ps.ConsoleColor.DarkRed, "DarkRed"),
            (ps.CommandTypes.Cmdlet | ps.CommandTypes.Alias, "Alias, Cmdlet"),
            (ps.PSStack([1, 2]), [1, 2]),
            (ps.PSIEnumerable([1, 2]), [1, 2]),
            (ps.PSDict({1: "a", "1": "b", None: "c"}), {"1": "a", "1 (2)": "b", "null": "c"}),
            (ps.PSCredential("joe", ps.PSSecureString("hunter2")), {"UserName": "joe", "Password": SECURE_STRING}),
            (custom(Name="a", Inner=custom(Value=1)), {"Name": "a", "Inner": {"Value": 1}}),
        ],
    )
    def test_dotnet_types(self, value: object, plain: object) -> None:
        assert to_plain(serialized(value)) == plain
        assert to_plain(serialized([value, {"key": value}])) == [plain, {"key": plain}]

    def test_queues(self) -> None:
        values: queue.Queue[int] = queue.Queue()
        values.put(1)
        values.put(2)
        assert to_plain(serialized(values)) == [1, 2]

    def test_text_with_notes(self) -> None:
        line = ps.PSString("a line")
        ps.add_note_property(line, "PSPath", "C:\\a.txt")
        assert to_plain(serialized([line, line])) == ["a line", "a line"]

    def test_cycles(self) -> None:
        parent = custom(Name="parent")
        ps.add_note_property(parent, "Child", custom(Parent=parent))
        assert to_plain(serialized(parent)) == {"Name": "parent", "Child": {"Parent": CYCLE}}

    @given(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=6, max_size=20))
    def test_secure_strings_are_never_shown(self, secret: str) -> None:
        clixml = serialized([ps.PSSecureString(secret), custom(a={"b": ps.PSSecureString(secret)})])
        assert to_plain(clixml) == [SECURE_STRING, {"a": {"b": SECURE_STRING}}]
