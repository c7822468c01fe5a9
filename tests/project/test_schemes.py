# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requirements and documentation agree with the table of authentication schemes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ansible import constants as C
from ansible.plugins.loader import connection_loader

from ansible_collections.psremoting.fleet.plugins.doc_fragments._options import ModuleDocFragment
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.wsman.schemes import (
    OPTIONS,
    SCHEMES,
    WINRM_TRANSPORTS,
)

ROOT = Path(__file__).resolve().parents[2]
EXTRAS = {
    (library, scheme.name): list(modules.values())
    for scheme in SCHEMES.values()
    for library, modules in scheme.extras.items()
}


def rows(document: str, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, its first line included."""
    text = (ROOT / "docs" / document).read_text(encoding="utf-8").partition(f"\n{heading}\n")[2]
    (table,) = re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE)[:1]
    lines = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()]
    return lines[:1] + lines[2:]


def words(text: str) -> list[str]:
    return re.findall(r"[`(]([a-z_]+)[`)]", text)


def test_lower_bounds_of_extras_are_those_of_the_requirements() -> None:
    text = (ROOT / "meta" / "ee-requirements.txt").read_text(encoding="utf-8")
    decided = {
        (library, extra): re.findall(r"([\w-]+)>=([\d.]+)", libraries)
        for library, extra, libraries in re.findall(r"^#   (\w+)\[(\w+)\][^:]*: (.*)$", text, flags=re.MULTILINE)
    }
    assert {
        extra: [match.groups() for match in re.finditer(r"([\w-]+) ([\d.]+)", " ".join(libraries))]
        for extra, libraries in EXTRAS.items()
    } == decided


def test_the_option_tells_what_each_scheme_needs_and_cannot_do() -> None:
    text = ModuleDocFragment.DOCUMENTATION.partition("\n  authentication:\n")[2].partition("\n  certificate")[0]
    choices = re.findall(r"choices: \[(.*)\]", text)[0].split(", ")
    assert choices == list(OPTIONS)
    needs = re.findall(r"V\((\w+)\) needs (?:the Python libraries )?([\w-]+(?: and [\w-]+)?)", text)
    named = {
        name: [library.split()[0] for library in EXTRAS["pypsrp", name]] for _library, name in EXTRAS if name in OPTIONS
    }
    assert {name: libraries.split(" and ") for name, libraries in needs} == named
    clear = re.findall(r"- (V.*) cannot encrypt messages", text)[0]
    assert words(clear) == [name for name in OPTIONS.values() if not SCHEMES[name].encrypts]


def test_the_libraries_of_the_documentation_are_those_of_the_table() -> None:
    (_for, *_columns), *lines = rows("authentication.md", "### Libraries")
    extras = re.findall(r"'(\w+)\[(\w+)\]'", str(lines))
    assert sorted(extras) == sorted(EXTRAS)


@pytest.mark.parametrize(
    ("library", "variable", "known"),
    [
        ("psrp", "ansible_psrp_auth", set(SCHEMES) - {"digest"}),
        ("winrm", "ansible_winrm_transport", set(WINRM_TRANSPORTS)),
    ],
)
def test_the_inventory_can_name_them(library: str, variable: str, known: set[str]) -> None:
    (meaning,) = [
        row[1]
        for row in rows("connection_variables.md", f"## Hosts with `ansible_connection: {library}`")
        if f"`{variable}`" in row[0]
    ]
    assert set(words(meaning)) == known


def test_the_psrp_plugin_has_no_scheme_that_we_lack() -> None:
    connection_loader.get("psrp", class_only=True)
    definition: Any = C.config.get_configuration_definitions("connection", "psrp")["auth"]
    assert set(definition["choices"]) <= set(SCHEMES)


def expected(label: str, library: str, column: str) -> str:
    """What the table says of one cell of the matrix, apart from what the server decides."""
    (word, *_others), (protocol, mode) = words(label), re.findall(r"(HTTPS?), `(\w+)`", column)[0]
    scheme = SCHEMES[OPTIONS.get(word, "certificate")]
    encrypted = mode == "always" or (mode == "auto" and protocol == "HTTP")
    make = scheme.pywinrm if library == "winrm" else scheme.pypsrp
    if make is None or (encrypted and not scheme.encrypts) or (protocol == "HTTP" and not scheme.over_http):
        return "not possible"
    return " in ".join(["encrypted"] * encrypted + ["TLS"] * (protocol == "HTTPS")) or "in clear"


def test_the_matrix_of_the_documentation_follows_from_the_table() -> None:
    (_label, _library, *columns), *lines = rows("authentication.md", "## What works where")
    for label, library, *cells in lines:
        said = [cell.removesuffix(" (bound)").rpartition(", ")[2] for cell in cells]
        assert said == [expected(label, library, column) for column in columns], (label, library)
    asked = {words(label)[0] for label, *_cells in lines}
    assert asked == {*OPTIONS, "certificate_thumbprint", "certificate_pem"} - {"default"}
    assert {library for _label, library, *_cells in lines} == {"psrp", "winrm"}
