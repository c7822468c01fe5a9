# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of differences: where a task result has another form than ConvertTo-Json, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """A row of the table, in Markdown.

    Attributes:
        kinds: The kinds of samples that differ so; those in `expectations.EVERYWHERE` are not kinds of one value.
        value: The same for readers.
        said: By ConvertTo-Json.
        result: In a task result.
        reason: Why.
    """

    kinds: Sequence[str]
    value: str
    said: str
    result: str
    reason: str


DIFFERENCES = (
    Difference(
        ["decimal"],
        "`[decimal]`",
        "a number: `100.0`, `0.1234567890123456789`",
        "an integer if there is no fraction (`100`); text if a float has not enough digits",
        "Ansible reads numbers with a point as floats, and a float would change the last digits.",
    ),
    Difference(
        ["128 bits", "unsigned 128 bits", "half precision"],
        "`[int128]`, `[uint128]`, `[half]`",
        "`{}`",
        "the number",
        "JSON has such numbers.",
    ),
    Difference(
        ["enum"],
        "a value of an enum that has no name",
        "the number",
        "text of the number",
        "Enums appear as text, as `-EnumsAsStrings` writes values with a name.",
    ),
    Difference(
        ["duration"],
        "`[timespan]`",
        "an object of 15 properties",
        "ISO 8601: `PT1H30M`",
        "The session sends this text.",
    ),
    Difference(
        ["date"], "`[dateonly]`", "an object", "ISO 8601: `2026-11-30`", "The properties only describe the date."
    ),
    Difference(["time"], "`[timeonly]`", "an object", "ISO 8601: `08:30:00`", "The properties only describe the time."),
    Difference(
        ["GUID"],
        "a GUID that a script property gives",
        'an object: `{"value": ..., "Guid": ...}`',
        "text",
        "The session sends GUIDs as text everywhere.",
    ),
    Difference(["version"], "`[version]`", "an object", "text: `10.0.17763`", "The session sends this text."),
    Difference(
        ["semantic version"],
        "`[semver]`",
        "an object",
        "text: `7.6.0-rc.1`",
        "The text has the same information and can be compared.",
    ),
    Difference(
        ["URI"],
        "`[uri]`",
        "the original text",
        "the text of .NET: `http://host:080/` becomes `http://host/`",
        "The session sends this text.",
    ),
    Difference(
        ["bytes"], "`[byte[]]`", "a list of numbers", "Base64", "The session sends Base64, a third of the size."
    ),
    Difference(
        ["regular expression", "StringBuilder", "index", "range"],
        "`[regex]`, `[Text.StringBuilder]`, `[index]`, `[range]`",
        "an object without the text",
        "the text",
        "The properties do not have the value.",
    ),
    Difference(["script block"], "a script block", "its syntax tree", "its text", "The session sends the text."),
    Difference(
        ["XML document"],
        "`[xml]`",
        "lists of child nodes without names",
        "the text of the document",
        "The session sends this text.",
    ),
    Difference(
        ["XML element"],
        "an element of an XML document",
        "lists of child nodes without names",
        'attributes and elements by name: `{"b": {"c": "d", "#text": "e"}}`',
        "These are the properties that the element has in PowerShell.",
    ),
    Difference(
        ["error record"],
        "an error in the output: `2>&1`, `catch { $_ }`, `$Error`",
        "an object of many levels",
        "the form that it has in `error`; `pipeline_iteration_info` is empty",
        "One form for all errors. The session leaves that property out of errors in the output.",
    ),
    Difference(
        ["warning", "verbose record", "debug record"],
        "a warning, verbose or debug record in the output: `3>&1`",
        "an object",
        "its text",
        "The form that it has in `warning`, `verbose` and `debug`.",
    ),
    Difference(
        ["information record"],
        "an information record in the output: `6>&1`",
        "an object of 10 properties",
        "the form that it has in `information`",
        "One form for all information records.",
    ),
    Difference(
        ["odd keys"],
        "a dictionary whose keys are not all texts",
        "an error",
        "keys as JSON writes such values (`1`, `true`); other keys as their text or type; a second `1` is `1 (2)`",
        "JSON allows only texts as keys, and no entry may be lost.",
    ),
    Difference(
        ["dictionary entry"],
        "`[Collections.DictionaryEntry]`",
        "`Key` and `Value`",
        "`Name` beside them",
        "PowerShell adds the property to the type, and the session sends it.",
    ),
    Difference(["tuple"], "`[Tuple]`", "`Item1`, `Item2`", "`Length` beside them", "The session sends this property."),
    Difference(
        ["note on a value"],
        "a text, number, date, list or dictionary with `Add-Member` properties",
        'an object for some types: `{"value": 1.5, "note": 1}`',
        "the value alone",
        "Otherwise each line of `Get-Content` would be an object.",
    ),
    Difference(
        ["property that throws"],
        "a property whose script throws",
        "`null`",
        "no such property",
        "The session does not send it.",
    ),
    Difference(
        ["object in an object"],
        "an object in a property of a .NET object or of an instance of a class",
        "an object",
        "its text",
        "The session sends the properties of such objects one level deep; lists and dictionaries are whole.",
    ),
    Difference(
        ["cyclic object", "cyclic dictionary", "cyclic list"],
        "an object that refers to itself",
        "the object again and again, as deep as `-Depth`",
        "a text in place of the reference: `... a reference back to an object around it is not followed`; an output "
        "object that is a list or a dictionary is shown twice",
        "Repetition adds nothing. The session itself sends such an output object twice.",
    ),
    Difference(
        ["empty object"],
        "a PSCustomObject without properties inside another value",
        "`{}`",
        "`null`, or `{}` for an output object",
        "The session sends the same for a command without output, such as `(1 | Where-Object { $false })`.",
    ),
    Difference(
        ["note of a client"],
        "properties `RunspaceId`, `PSShowComputerName`, `PSSourceJobInstanceId`",
        "there",
        "left out",
        "PowerShell's own remoting adds them to all objects.",
    ),
    Difference(
        ["half of a pair"],
        "half of a surrogate pair in a text",
        "`\\ud83d`",
        "`_xD83D_`",
        "It is not a character, and UTF-8 cannot represent it.",
    ),
    Difference(
        ["null character"],
        "the character U+0000 in a text",
        "`\\u0000`",
        "`_x0000_`",
        "Databases, including AWX's, refuse texts with it.",
    ),
)


def table() -> str:
    """Return the table as it is in docs/output.md."""
    rows = [("value", "`ConvertTo-Json` says", "the result has", "because"), ("---", "---", "---", "---")]
    rows += [(each.value, each.said, each.result, each.reason) for each in DIFFERENCES]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)
