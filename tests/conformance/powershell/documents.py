# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Random XML, and random records of errors, warnings and information that are output objects."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape, quoteattr

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from tests.conformance.powershell.leaves import LEAVES, PRIMITIVES, texts
from tests.conformance.powershell.samples import Sample, literal

# ErrorCategory (MS-PSRP 2.2.3.9)
_CATEGORIES = ("NotSpecified", "OpenError", "ObjectNotFound", "PermissionDenied", "QuotaExceeded", "NotEnabled")
_EXCEPTIONS = ("Exception", "InvalidOperationException", "IO.FileNotFoundException", "ArgumentException")
_NAMES = st.sampled_from(["a", "b", "c", "Name", "Value", "ChildNodes", "x.y", "x-y", "_x0041_"])
_XML_TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"), max_size=6
)
_DEEPEST = 3


def _element(draw: DrawFn, name: str, depth: int) -> str:
    attributes = draw(st.dictionaries(_NAMES, _XML_TEXT, max_size=2))
    shown = "".join(f" {each}={quoteattr(value)}" for each, value in attributes.items())
    content = "".join(_content(draw, depth) for _number in range(draw(st.integers(0, 3))))
    return f"<{name}{shown}>{content}</{name}>"


def _content(draw: DrawFn, depth: int) -> str:
    kinds = ["element", "element", "text", "data", "comment"] if depth < _DEEPEST else ["text", "data"]
    kind = draw(st.sampled_from(kinds))
    if kind == "element":
        return _element(draw, draw(_NAMES), depth + 1)
    text = draw(_XML_TEXT)
    if kind == "text":
        return escape(text)
    if kind == "data":
        return f"<![CDATA[{text.replace(']', '')}]]>"
    return f"<!--{text.replace('-', '')}-->"


def _xml(draw: DrawFn, kind: str) -> Sample:
    document = f"([xml]{literal(_element(draw, 'root', 0))})"
    if kind == "XML document":
        return Sample(kind, document, f"({document}).OuterXml")
    return Sample(kind, f"{document}.DocumentElement", f"Get-XmlView {document}.DocumentElement")


def _error(draw: DrawFn, kind: str) -> Sample:
    target = draw(LEAVES[draw(st.sampled_from(PRIMITIVES))])
    message, words = literal(draw(texts())), literal(draw(texts()))
    how = draw(st.sampled_from(["made", "thrown", "written"]))
    if how == "thrown":
        target = Sample("null", f"{message}")
        return _with_view(kind, f"(Get-Thrown {message})", target)
    category = draw(st.sampled_from(_CATEGORIES))
    if how == "written":
        options = (
            f"Message = {message}; ErrorId = {words}; Category = {literal(category)}; TargetObject = ({target.source})"
        )
        return _with_view(kind, f"(Get-Written @{{ {options}; RecommendedAction = {words} }})", target)
    exception = f"[{draw(st.sampled_from(_EXCEPTIONS))}]::new({message})"
    for _number in range(draw(st.integers(0, 2))):
        exception = f"[{draw(st.sampled_from(_EXCEPTIONS))}]::new({words}, {exception})"
    made = f"[Management.Automation.ErrorRecord]::new({exception}, {words}, {literal(category)}, ({target.source}))"
    if not draw(st.booleans()):
        return _with_view(kind, made, target)
    details = f"[Management.Automation.ErrorDetails]::new({message})"
    return _with_view(kind, f"(& {{ $made = {made}; $made.ErrorDetails = {details}; , $made }})", target)


def _with_view(kind: str, source: str, target: Sample) -> Sample:
    return Sample(kind, source, f"Get-ErrorView ({source}) ({target.view})", (target,))


def _message(draw: DrawFn, kind: str) -> Sample:
    commands = {"warning": ("Write-Warning", "3"), "verbose record": ("Write-Verbose -Verbose", "4")}
    command, stream = {**commands, "debug record": ("Write-Debug -Debug", "5")}[kind]
    source = f"({command} {literal(draw(texts()))} {stream}>&1)"
    return Sample(kind, source, f"({source}).Message")


def _information(draw: DrawFn, kind: str) -> Sample:
    data = draw(LEAVES[draw(st.sampled_from(PRIMITIVES))])
    source = literal(draw(texts()))
    date = draw(LEAVES["date and time"]).source
    tags = [literal(tag) for tag in draw(st.lists(texts(), max_size=2))]
    made = "; ".join(
        (
            f"$made = [Management.Automation.InformationRecord]::new(({data.source}), {source})",
            f"$made.TimeGenerated = {date.replace('Unspecified', 'Utc').replace('Local', 'Utc')}",
            *(f"$made.Tags.Add({tag})" for tag in tags),
        )
    )
    shown = f"message_data = ({data.view}); source = $made.Source; time_generated = $made.TimeGenerated"
    view = f"(& {{ {made}; [ordered]@{{ {shown}; tags = $made.Tags }} }})"
    return Sample(kind, f"(& {{ {made}; , $made }})", view, (data,))


DOCUMENTS: dict[str, Any] = {
    "XML document": _xml,
    "XML element": _xml,
    "error record": _error,
    "warning": _message,
    "verbose record": _message,
    "debug record": _message,
    "information record": _information,
}
