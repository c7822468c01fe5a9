# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Random values of a playbook on their way into a script, and what is wrong with them there."""

from __future__ import annotations

import base64
import datetime
import decimal
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.conformance.powershell.samples import Sample
from tests.conformance.powershell.session import Run

INT32, INT64, DECIMAL = 2**31, 2**63, 2**96
# Tells the type of a value and its JSON, in Base64, so that no character of it depends on what is tested. JSON has no
# form for what follows: a date with its kind, and secrets.
TELL = r"""
function Reveal($secret) {
    # A NUL is a character like any other in it, but GetNetworkCredential ends there.
    $memory = [Runtime.InteropServices.Marshal]::SecureStringToBSTR($secret)
    [Runtime.InteropServices.Marshal]::PtrToStringBSTR($memory)
    [Runtime.InteropServices.Marshal]::ZeroFreeBSTR($memory)
}
function Tell($value) {
    $type = if ($null -eq $value) { 'null' } else { $value.GetType().FullName }
    if ($value -is [datetime]) {
        $form = 'yyyy-MM-ddTHH:mm:ss.ffffff'
        $value = if ($value.Kind -eq 'Unspecified') { $value.ToString($form) }
            else { $value.ToUniversalTime().ToString($form) + 'Z' }
    } elseif ($value -is [securestring]) {
        $value = Reveal $value
    } elseif ($value -is [pscredential]) {
        $value = @($value.UserName, (Reveal $value.Password))
    }
    $json = ConvertTo-Json -InputObject $value -Depth 20 -Compress -EscapeHandling EscapeNonAscii
    $type + ' ' + [Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes($json))
}
"""


@dataclass(frozen=True)
class Given(Sample):
    """One value that a task gives to a script.

    Attributes:
        way: ``input``, ``name``, ``position``, ``secure`` or ``credential``.
        declared: The type that the script declares for its parameter, with brackets, or nothing.
        value: What the task gives.
        type_name: The .NET type that the script is to see, and ``json`` the value.
    """

    way: str = "input"
    declared: str = ""
    value: Any = None
    type_name: str = ""
    json: Any = None


def givens() -> SearchStrategy[Sample]:
    """Values by all ways, with and without declared types."""
    plain = st.builds(_given, st.sampled_from(["input", "name", "position"]), st.just(""), _values())
    # No user name has U+0000: the option refuses it.
    users = _texts().filter(lambda text: text and "\0" not in text)
    secret, credential = st.builds(_secret, _texts()), st.builds(_credential, users, _texts())
    # Values without a declared type are of more kinds than this one strategy says, so there are more of them.
    return st.sampled_from([plain] * 6 + [_declared()] * 3 + [secret, credential]).flatmap(lambda strategy: strategy)


def judge_in(run: Run) -> Callable[[Sequence[Sample]], list[str | None]]:
    """Return the judge that gives values to a script in a session, all of a batch at once."""

    def judge(samples: Sequence[Sample]) -> list[str | None]:
        given = [sample for sample in samples if isinstance(sample, Given)]
        script, options, order = _command(given)
        try:
            told = list(run(script, **options))
        except (AssertionError, ValueError) as error:
            # One value that a parameter cannot take fails the command of all.
            return [f"no output: {error}"] if len(given) == 1 else [judge([sample])[0] for sample in given]
        assert len(told) == len(given), f"{len(given)} values gave {len(told)} lines"
        verdicts: list[str | None] = [None] * len(given)
        for number, line in zip(order, told, strict=True):
            verdicts[number] = _verdict(given[number], line)
        return verdicts

    return judge


def _command(given: Sequence[Given]) -> tuple[str, dict[str, Any], list[int]]:
    """Return a script, the options that give the values to it, and the values in the order in which it tells them."""
    options: dict[str, Any] = {"arguments": [], "parameters": {}, "sensitive_parameters": [], "input": []}
    declared, told, order, piped = [], [], [], []
    for number, each in enumerate(given):
        name = f"p{number}"
        if each.way == "input":
            options["input"].append(each.value)
            piped.append(number)
            continue
        declared.append(f"{each.declared} ${name}")
        told.append(f"Tell ${name}")
        order.append(number)
        if each.way == "position":
            options["arguments"].append(each.value)
        elif each.way == "name":
            options["parameters"][name] = each.value
        elif each.way == "secure":
            options["sensitive_parameters"].append({"name": name, "value": each.value})
        else:
            user, password = each.value
            options["sensitive_parameters"].append({"name": name, "username": user, "password": password})
    lines = [f"param({', '.join(declared)})", TELL, *told, "foreach ($each in $input) { Tell $each }"]
    return "\n".join(lines), options, [*order, *piped]


def _verdict(given: Given, told: Any) -> str | None:
    type_name, _space, text = str(told).partition(" ")
    came = json.loads(base64.b64decode(text), parse_float=decimal.Decimal)
    if type_name == given.type_name and _is_same(given.json, came):
        return None
    return f"right: {given.type_name} {given.json!r}\n    came:  {type_name} {came!r}"


def _is_same(right: Any, came: Any) -> bool:
    if isinstance(right, bool) or right is None:
        return right is came
    if isinstance(right, (int, float)):
        if isinstance(came, bool) or not isinstance(came, (int, decimal.Decimal)):
            return False
        if isinstance(right, int):
            return right == came
        return right == float(came) and math.copysign(1, right) == math.copysign(1, came)
    if isinstance(right, Mapping):
        return (
            isinstance(came, dict)
            and right.keys() == came.keys()
            and all(_is_same(right[name], came[name]) for name in right)
        )
    if isinstance(right, list):
        return isinstance(came, list) and len(right) == len(came) and all(map(_is_same, right, came))
    return bool(right == came)


def _seen(value: Any) -> tuple[str, Any]:
    """Return the .NET type and the JSON of a value of a playbook in a script."""
    if value is None:
        return "null", None
    if isinstance(value, bool):
        return "System.Boolean", value
    if isinstance(value, int):
        for limit, name in ((INT32, "Int32"), (INT64, "Int64")):
            if -limit <= value < limit:
                return f"System.{name}", value
        return ("System.Decimal", value) if abs(value) < DECIMAL else ("System.String", str(value))
    if isinstance(value, float):
        if math.isnan(value):
            return "System.Double", "NaN"
        if math.isinf(value):
            return "System.Double", "Infinity" if value > 0 else "-Infinity"
        return "System.Double", value
    if isinstance(value, Mapping):
        return "System.Collections.Hashtable", {name: _seen(item)[1] for name, item in value.items()}
    if isinstance(value, list):
        return "System.Collections.ArrayList", [_seen(item)[1] for item in value]
    if isinstance(value, bytes):
        return "System.Byte[]", list(value)
    return "System.String", value if isinstance(value, str) else value.isoformat()


def _given(way: str, declared: str, value: Any, seen: tuple[str, Any] | None = None) -> Sample:
    type_name, shown = seen or _seen(value)
    kind = f"{declared or type_name} by {way}"
    return Given(
        kind, f"{declared} {value!r} by {way}", way=way, declared=declared, value=value, type_name=type_name, json=shown
    )


def _secret(text: str) -> Sample:
    return _given("secure", "[securestring]", text, ("System.Security.SecureString", text))


def _credential(user: str, password: str) -> Sample:
    return _given(
        "credential",
        "[pscredential]",
        [user, password],
        ("System.Management.Automation.PSCredential", [user, password]),
    )


def _texts() -> SearchStrategy[str]:
    """Texts with all characters that Python has, halves of pairs and control characters included."""
    return st.text(st.characters(exclude_categories=()), max_size=30) | st.sampled_from(
        ["", "-x", "_x0041_", "_X005F_", "$x", "`", "a:b", "\ufeff", "\r\n", "]]>", " ", "null", "@{}"]
    )


def _integers() -> SearchStrategy[int]:
    edges = [sign * (limit + step) for limit in (INT32, INT64, DECIMAL) for sign in (1, -1) for step in (-1, 0, 1)]
    return st.integers(-1000, 1000) | st.integers(-(2**100), 2**100) | st.sampled_from(edges)


def _names() -> SearchStrategy[str]:
    return st.text(st.characters(codec="latin-1", exclude_categories=["Cc", "Cf"]), max_size=8)


def _tables(items: SearchStrategy[Any]) -> SearchStrategy[dict[str, Any]]:
    """Dictionaries; names that differ in case only are one to PowerShell."""
    pairs = st.lists(st.tuples(_names(), items), max_size=5, unique_by=lambda pair: pair[0].casefold())
    return pairs.map(dict)


def _values() -> SearchStrategy[Any]:
    leaves = st.one_of(
        st.none(),
        st.booleans(),
        _integers(),
        st.floats(),
        _texts(),
        st.binary(max_size=20),
        st.dates(),
        st.datetimes(timezones=st.none() | st.just(datetime.timezone.utc)),
    )
    return st.recursive(leaves, lambda items: st.lists(items, max_size=5) | _tables(items), max_leaves=8)


def _declared() -> SearchStrategy[Sample]:
    """Values for parameters with declared types."""
    int32, finite = st.integers(-INT32, INT32 - 1), st.floats(allow_nan=False, allow_infinity=False)
    zones: SearchStrategy[datetime.tzinfo | None] = st.none() | st.integers(-840, 840).map(
        lambda minutes: datetime.timezone(datetime.timedelta(minutes=minutes))
    )
    naive = st.datetimes(datetime.datetime(1900, 1, 1), datetime.datetime(2100, 1, 1))
    moments = st.builds(lambda moment, zone: moment.replace(tzinfo=zone), naive, zones)
    by_any_way = st.sampled_from(["name", "position"])
    same: dict[str, tuple[str, SearchStrategy[Any]]] = {
        "[int[]]": ("System.Int32[]", st.lists(int32, max_size=5)),
        "[string[]]": ("System.String[]", st.lists(_texts(), max_size=5)),
        "[string]": ("System.String", _texts()),
        "[bool]": ("System.Boolean", st.booleans()),
        "[long]": ("System.Int64", st.integers(-INT64, INT64 - 1)),
        "[double]": ("System.Double", finite),
        "[object[]]": ("System.Object[]", st.lists(int32 | _texts(), max_size=5)),
    }
    kinds = [
        st.builds(
            lambda way, value, declared=declared, type_name=type_name: _given(way, declared, value, (type_name, value)),
            by_any_way,
            values,
        )
        for declared, (type_name, values) in same.items()
    ]
    return st.one_of(
        *kinds,
        st.builds(lambda way, value: _given(way, "[hashtable]", value), by_any_way, _tables(_values())),
        st.builds(lambda way, value: _given(way, "[datetime]", value, _moment(value)), by_any_way, moments),
        st.builds(lambda value: _given("name", "[switch]", value, _switch(value)), st.booleans()),
    )


def _moment(value: datetime.datetime) -> tuple[str, str]:
    if value.tzinfo is None:
        return "System.DateTime", f"{value:%Y-%m-%dT%H:%M:%S.%f}"
    return "System.DateTime", f"{value.astimezone(datetime.timezone.utc):%Y-%m-%dT%H:%M:%S.%fZ}"


def _switch(value: bool) -> tuple[str, dict[str, bool]]:
    return "System.Management.Automation.SwitchParameter", {"IsPresent": value}
