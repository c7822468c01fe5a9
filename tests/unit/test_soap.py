# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Answers are read without being trusted."""

from __future__ import annotations

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import TransportError, WSManFault
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman import soap

ENVELOPE = '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>ä{}</s:Body></s:Envelope>'
DOCTYPE = '<?xml version="1.0"{}?><!DOCTYPE x [<!ENTITY lol "lol">]>' + ENVELOPE.format("&lol;")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_text_in_the_encodings_of_servers(encoding: str) -> None:
    body = ENVELOPE.format("").encode(encoding)
    assert soap.parse(soap.decode(body))[0].text == "ä"


@pytest.mark.parametrize("declared", ["utf-8", "iso-8859-1", "utf-16", "utf-7"])
def test_the_encoding_an_answer_claims_changes_nothing(declared: str) -> None:
    text = f'<?xml version="1.0" encoding="{declared}"?>{ENVELOPE.format("")}'
    assert soap.parse(soap.decode(text.encode()))[0].text == "ä"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-7"])
@pytest.mark.parametrize("declared", ["", ' encoding="utf-8"', ' encoding="utf-16"', ' encoding="utf-7"'])
def test_a_document_type_is_refused_however_it_is_encoded(encoding: str, declared: str) -> None:
    with pytest.raises(TransportError) as refused:
        soap.parse(soap.decode(DOCTYPE.format(declared).encode(encoding)))
    assert refused.value.code == 1722


def test_the_reason_is_told() -> None:
    with pytest.raises(TransportError, match="document type declaration"):
        soap.decode(DOCTYPE.format("").encode())


@pytest.mark.parametrize("body", [b"\xff\xff\xff", b"\xc3(", b"<\0?\0x"], ids=repr)
def test_what_is_no_text(body: bytes) -> None:
    with pytest.raises(TransportError, match="not text") as refused:
        soap.decode(body)
    assert refused.value.delivered, "the server may have acted all the same"


@pytest.mark.parametrize("text", ["", "<html>", "<html></html>", "{}", ENVELOPE.format("")[:-4], "<a>&lol;</a>"])
def test_what_is_no_envelope(text: str) -> None:
    with pytest.raises(TransportError):
        soap.parse(text)


def fault(subcode: str = "w:InvalidSelectors", reason: str = "", detail: str = "") -> WSManFault | None:
    content = (
        '<s:Fault xmlns:w="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"'
        ' xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault"><s:Code><s:Value>s:Sender</s:Value>'
        f"<s:Subcode><s:Value>{subcode}</s:Value></s:Subcode></s:Code>"
        f"<s:Reason><s:Text>{reason}</s:Text></s:Reason><s:Detail>{detail}</s:Detail></s:Fault>"
    )
    return soap.find_fault(soap.parse(ENVELOPE.replace("ä", "").format(content)))


def test_code_subcode_and_message() -> None:
    found = fault(
        detail='<f:WSManFault Code="2150858843" Machine="h"><f:Message> not\n  there </f:Message></f:WSManFault>'
    )
    assert found is not None
    assert (found.code, found.subcode, found.message) == (0x8033805B, "InvalidSelectors", "not there")
    assert not found.delivered


def test_the_text_of_a_nested_provider_fault() -> None:
    inner = '<f:WSManFault Code="5" Machine="h"><f:Message>the inner word</f:Message></f:WSManFault>'
    provider = f'<f:ProviderFault provider="Shell provider" path="p.dll">{inner}</f:ProviderFault>'
    found = fault(
        reason="outer",
        detail=f'<f:WSManFault Code="2150858843" Machine="h"><f:Message>{provider}</f:Message></f:WSManFault>',
    )
    assert found is not None
    assert (found.code, found.message) == (0x8033805B, "the inner word")


@pytest.mark.parametrize(
    ("reason", "code", "message"),
    [
        ("the\n reason", "5", "the reason"),
        ("", "5", "the server refused the request and gave no reason (InvalidSelectors)"),
        ("r", "", "r"),
        ("r", "-1", "r"),
        ("r", "0x5", "r"),
        ("r", "\u0665", "r"),
    ],
)
def test_faults_with_gaps(reason: str, code: str, message: str) -> None:
    found = fault("InvalidSelectors", reason, f'<f:WSManFault Code="{code}" Machine="h"/>')
    assert found is not None
    assert (found.code, found.message) == (5 if code == "5" else None, message)


def test_a_fault_of_another_service_has_no_code() -> None:
    found = fault("", "no detail")
    assert found is not None
    assert (found.code, found.subcode, found.message) == (None, None, "no detail")


def test_no_fault() -> None:
    assert soap.find_fault(soap.parse(ENVELOPE.format(""))) is None


def test_a_fault_is_read_within_bounds() -> None:
    detail = "<f:WSManFault Code='{}'>" + "<f:Message>no</f:Message>" * 5000 + "</f:WSManFault>"
    read = fault(detail=detail.format("5"))
    assert read is not None
    assert (read.code, len(read.message)) == (5, 4000)
    read = fault(reason="no " * 5000, detail=detail.format("9" * 5000))
    assert read is not None
    assert read.code is None


def test_an_answer_with_a_million_tags_is_not_parsed() -> None:
    with pytest.raises(TransportError, match="more than 1000000 tags"):
        soap.decode(b"<a/>" * (soap.MAX_TAGS + 1))
    assert soap.decode(b"<a/>" * 10)


@pytest.mark.parametrize(
    ("header", "belongs"),
    [
        ("<a:RelatesTo>uuid:ONE</a:RelatesTo>", True),
        ("<a:RelatesTo> UUID:one </a:RelatesTo>", True),
        ("<a:RelatesTo>uuid:TWO</a:RelatesTo>", False),
        ("", True),
    ],
)
def test_which_request_an_answer_belongs_to(header: str, belongs: bool) -> None:
    text = ENVELOPE.replace("<s:Body>", f"<s:Header>{header}</s:Header><s:Body>").replace(
        "<s:Envelope", '<s:Envelope xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"'
    )
    assert soap.is_answer_to("uuid:ONE", soap.parse(text.format(""))) is belongs


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        (b"<html><head><title>\n Sign in </title>", "text/plain", 'a web page with the title "Sign in"'),
        (b"<!DOCTYPE html><p>x", "", "a web page"),
        (b"x", "text/html; charset=utf-8", "a web page"),
        (b"<s:Envelope/>", "application/soap+xml", ""),
        (b"<title>" + b"x" * 100_000, "text/html", 'a web page with the title "' + "x" * 200 + '"'),
    ],
)
def test_a_web_page_is_named_by_its_title(body: bytes, content_type: str, expected: str) -> None:
    assert soap.web_page(body, content_type) == expected
