# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every library by every way to log on by HTTP and HTTPS by message encryption; docs/authentication.md has the table.

PSSESSION_WRITE_DOCS=1 writes what the run has seen into that file.
"""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.engine.controller import ADMIN, Controller, error_ids, names
from tests.integration.engine.logons import (
    DEMANDING,
    NEED_REALM,
    WAYS,
    carried_out,
    octets_on_the_wire,
    set_up,
    tickets_for,
)
from tests.simulator import SimulatedComputer, SimulatedFleet

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "authentication.md"
BEGIN = "<!-- The table is made by tests/integration/engine/test_authentication_matrix.py: do not edit it. -->\n"
END = "<!-- The end of the table. -->\n"
LABELS = {
    "basic": "`basic`",
    "digest": "`digest`",
    "NTLM": "`negotiate`, without Kerberos",
    "Negotiate": "`negotiate`, with Kerberos",
    "Kerberos, password": "`kerberos`, password",
    "Kerberos, ticket": "`kerberos`, ticket",
    "implicit": "`negotiate_with_implicit_credential`",
    "CredSSP": "`credssp`",
    "thumbprint": "`certificate_thumbprint`",
    "PEM": "`certificate_pem`",
}
COLUMNS = tuple(itertools.product(("HTTP", "HTTPS"), ("auto", "always", "never")))
REFUSED = "not possible"


@dataclass(frozen=True)
class Cell:
    """One combination."""

    library: str
    way: str
    transport: str
    encryption: str

    def __str__(self) -> str:
        return f"{self.library}-{self.way}-{self.transport}-{self.encryption}".replace(", ", "_")

    @property
    def tls(self) -> bool:
        return self.transport == "HTTPS"

    @property
    def encrypts(self) -> bool:
        return self.encryption == "always" or (self.encryption == "auto" and not self.tls)


CELLS = [Cell(library, way, *column) for library in ("psrp", "winrm") for way in WAYS for column in COLUMNS]

# How the server sees who comes; pywinrm's Negotiate with a password is NTLM.
SEEN = {
    "basic": "basic",
    "digest": "digest",
    "NTLM": "ntlm",
    "Negotiate": "kerberos",
    "Kerberos, password": "kerberos",
    "Kerberos, ticket": "kerberos",
    "implicit": "kerberos",
    "CredSSP": "credssp",
    "thumbprint": "certificate",
    "PEM": "certificate",
}
SEEN_FROM_PYWINRM = {**SEEN, "Negotiate": "ntlm"}
HAS_KEYS, IS_BOUND = {"ntlm", "kerberos", "credssp"}, {"ntlm", "kerberos"}


def expected(cell: Cell) -> tuple[str, bool, bool, bool | None] | None:
    """Scheme, encrypted, secure and channel-bound as the server should see them; None where nothing may be sent."""
    scheme = (SEEN_FROM_PYWINRM if cell.library == "winrm" else SEEN)[cell.way]
    if cell.encrypts and scheme not in HAS_KEYS:
        return None  # it would go in clear
    if scheme == "certificate" and not cell.tls:
        return None  # there is nothing to show it in
    if scheme == "digest" and cell.library == "winrm":
        return None  # pywinrm has no Digest
    return scheme, cell.encrypts, cell.tls, True if cell.tls and scheme in IS_BOUND else None


def in_words(facts: tuple[str, bool, bool, bool | None] | None) -> str:
    """One cell of the table."""
    if facts is None:
        return REFUSED
    scheme, encrypted, secure, bound = facts
    name = {"ntlm": "NTLM", "credssp": "CredSSP"}.get(scheme, scheme.capitalize())
    how = ["encrypted"] * encrypted + ["TLS" + " (bound)" * bool(bound)] * secure
    return f"{name}, {' in '.join(how) or 'in clear'}"


@pytest.fixture(scope="module")
def seen() -> dict[Cell, str]:
    """What this run has seen, in words."""
    return {}


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_cell(
    fleet: SimulatedFleet,
    computer: SimulatedComputer,
    controller: Controller,
    request: pytest.FixtureRequest,
    seen: dict[Cell, str],
    cell: Cell,
) -> None:
    realm = request.getfixturevalue("realm") if cell.way in NEED_REALM else None
    # Plain messages over HTTP are possible only where the server wants it, too.
    settings = {**DEMANDING, "channel_binding": "strict", "allow_unencrypted": cell.encryption == "never"}
    computer.configure(settings)
    computer.add_session("job1")
    options = set_up(controller, fleet, cell.way, cell.tls, message_encryption=cell.encryption, transport=cell.library)
    with tickets_for(cell.way, realm):
        result = controller.connect("srv01", **options)
    facts = {(each.scheme, each.encrypted, each.secure, each.channel_bound) for each in carried_out(fleet)}
    if expected(cell) is None:
        assert error_ids(result) == ["InvalidAuthentication,RemotePSSessionQueryFailed"]
        assert all(error["hint"] for error in result["errors"])
        assert fleet.requests == []
        seen[cell] = in_words(None)
        return
    assert (result["errors"], names(result)) == ([], ["job1"])
    assert [each.operation for each in carried_out(fleet)] == ["Enumerate", "Connect"]
    assert facts == {expected(cell)}
    wire = octets_on_the_wire(fleet)
    assert wire
    assert (b"Envelope" in wire) is not cell.encrypts
    assert not any(ADMIN.password.encode(encoding) in wire for encoding in ("utf-8", "utf-16-le"))
    (fact,) = facts
    seen[cell] = in_words((fact[0] or "", *fact[1:]))


def table(words: dict[Cell, str]) -> str:
    """The table as Markdown."""
    lines = [f"| log-on | library | {' | '.join(f'{transport}, `{mode}`' for transport, mode in COLUMNS)} |"]
    lines.append("| --- " * (2 + len(COLUMNS)) + "|")
    for way, library in itertools.product(WAYS, ("psrp", "winrm")):
        cells = [words.get(Cell(library, way, *column), "?") for column in COLUMNS]
        lines.append(f"| {LABELS[way]} | {library} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def test_the_table_in_the_documentation_is_what_happens(seen: dict[Cell, str]) -> None:
    before, _begin, rest = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)
    documented, _end, after = rest.partition(END)
    if os.environ.get("PSSESSION_WRITE_DOCS"):
        assert set(seen) == set(CELLS), "only a whole run can write the table"
        DOCUMENT.write_text(before + BEGIN + table(seen) + END + after, encoding="utf-8")
        return
    # Cells that did not run here (a part of the matrix was asked for, or Kerberos is not there) are taken on trust.
    rows = [[word.strip() for word in line.strip("|\n").split("|")] for line in documented.splitlines()[2:]]
    way_of = {label: way for way, label in LABELS.items()}
    trusted = {
        Cell(library, way_of[label], *column): word
        for label, library, *words in rows
        for column, word in zip(COLUMNS, words, strict=True)
    }
    assert documented == table({**trusted, **seen})
