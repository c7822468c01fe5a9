# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files of a report: their text, whether it is new, and how they are written."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import stat
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.plugin_utils._files import write_whole
from ansible_collections.psremoting.fleet.plugins.plugin_utils._report import files
from ansible_collections.psremoting.fleet.plugins.plugin_utils._report.data import Report, report_of
from tests.unit.report_results import HOSTILE, MADE_AT, error, fleet, result, session

LATER = "2026-11-25T09:00:00Z"
kinds = pytest.mark.parametrize("kind", files.FORMATS)


def report(*results: Any, title: str = "A title") -> Report:
    return report_of(results, title)


def text(of: Report, kind: str) -> str:
    return files.content(of, kind, MADE_AT).decode("utf-8-sig")


def cells(of: Report) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text(of, "csv"), newline="")))


class Page(HTMLParser):
    """The elements of a page, and the text outside scripts and styles."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._is_code = False
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._is_code = tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._is_code = False

    def handle_data(self, data: str) -> None:
        self.text += "" if self._is_code else data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def test_the_json_file_keeps_its_shape() -> None:
    made = json.loads(text(report(fleet(9)), "json"))
    assert {name: type(value).__name__ for name, value in made.items()} == {
        "format_version": "int",
        "generated_at": "str",
        "counts": "dict",
        "outcomes": "dict",
        "title": "str",
        "hosts": "list",
        "sessions": "list",
        "errors": "list",
    }
    assert (made["format_version"], made["generated_at"], made["title"]) == (1, MADE_AT, "A title")
    assert set(made["hosts"][0]) == {"host", "outcome", "changed", "sessions", "errors", "missing"}


def test_the_csv_file_has_a_row_for_each_session_and_error() -> None:
    rows = cells(report(fleet(9)))
    assert [row["record"] for row in rows] == ["session"] * 9 + ["error"] * 7
    assert (rows[0]["host"], rows[0]["outcome"], rows[0]["changed"]) == ("srv0000", "unreachable", "false")
    assert (rows[-1]["host"], rows[-1]["reason"], rows[-1]["hint"]) == ("srv0006", "missing", "Look there.")
    assert set(rows[0]) == set(files.CSV_FIELDS)


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "\r=1", "\n=1", "\uff1d1"])
def test_no_cell_is_a_formula(name: str) -> None:
    rows = cells(report(result(sessions=[session("a", name)], errors=[error("a", message=name)])))
    assert [rows[0]["name"], rows[1]["message"]] == [f"'{name}"] * 2


def test_what_is_no_formula_stays_as_it_is() -> None:
    name = 'a=b, "c"\nd-e'
    assert cells(report(result(sessions=[session("a", name)])))[0]["name"] == name


def test_the_page_escapes_whatever_servers_and_users_wrote() -> None:
    fields = [
        "name",
        "computer_name",
        "owner",
        "configuration_name",
        "state",
        "availability",
        "expires_on",
        "instance_id",
    ]
    hostile = session("a", **dict.fromkeys(fields, HOSTILE))
    wrong = error(HOSTILE, **dict.fromkeys(("message", "hint", "session_name", "reason", "target"), HOSTILE))
    made = text(report(result(sessions=[hostile], errors=[wrong]), title=HOSTILE), "html")
    page = Page(made)
    harmless = Page(text(report(fleet(1)), "html"))
    assert {tag for tag, _attributes in page.elements} <= {tag for tag, _attributes in harmless.elements} | {"wbr"}
    assert len(page.all("script")) == 1
    assert [name for _tag, attributes in page.elements for name in attributes if name.startswith("on")] == []
    assert page.text.count(HOSTILE) >= len(fields)


def test_characters_that_cannot_be_seen_are_shown_as_question_marks() -> None:
    made = text(report(result(sessions=[session("a", "x\u202egpj.exe\x01\ud800")])), "html")
    assert "x?gpj.exe??" in made


@kinds
def test_half_a_character_does_not_keep_a_file_from_being_written(kind: str) -> None:
    assert "x?" in text(report(result(sessions=[session("a", "x\ud800")])), kind)


def test_the_page_loads_nothing_and_forbids_it() -> None:
    page = Page(text(report(fleet(9)), "html"))
    assert page.all("link") == page.all("img") == page.all("iframe") == []
    assert [each for each in page.all("script") if each] == []
    (policy,) = [each["content"] for each in page.all("meta") if each.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    assert re.fullmatch(
        r"default-src 'none'; script-src 'sha256-[\w+/]{43}='; style-src 'sha256-[\w+/]{43}='; "
        r"base-uri 'none'; form-action 'none'",
        policy,
    )
    assert {each["href"] for each in page.all("a") if str(each["href"])[0] != "#"} == set()
    assert [name for _tag, attributes in page.elements for name in attributes if name == "style"] == []


@kinds
def test_the_same_again_is_current_whenever_it_was_made(kind: str, tmp_path: Path) -> None:
    made = report(fleet(9))
    path = str(tmp_path / "report")
    assert not files.is_current(path, made, kind)
    write_whole(path, files.content(made, kind, MADE_AT), 0o600)
    assert files.is_current(path, made, kind)
    assert not files.is_current(path, report(fleet(10)), kind)
    write_whole(path, files.content(made, kind, LATER), 0o600)
    assert files.is_current(path, made, kind)
    write_whole(path, b"something else", 0o600)
    assert not files.is_current(path, made, kind)


def test_another_title_is_another_report() -> None:
    assert files.content(report(title="a"), "html", MADE_AT) != files.content(report(title="b"), "html", MADE_AT)


def test_a_file_is_replaced_as_a_whole_and_has_its_mode_from_the_beginning(tmp_path: Path) -> None:
    path = tmp_path / "new" / "report.csv"
    write_whole(str(path), b"old", 0o640)
    assert files.has_mode(str(path), 0o640)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    with path.open("rb") as reader:
        write_whole(str(path), b"new", 0o600)
        assert reader.read() == b"old"
    assert path.read_bytes() == b"new"
    assert [each.name for each in path.parent.iterdir()] == ["report.csv"]


def test_a_file_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "inside").touch()
    with pytest.raises(OSError, match="taken"):
        write_whole(str(tmp_path / "taken"), b"new", 0o600)
    assert [each.name for each in tmp_path.iterdir()] == ["taken"]


def test_no_file_has_the_character_that_databases_refuse(tmp_path: Path) -> None:
    name = 'a\0,"b"\r\n\\N\\'
    failed = error("a\0", message=name, target="\0")
    of = report(result(sessions=[session("a", name)], errors=[failed], missing=["\0"]), title="\0")
    assert of.hosts[0]["missing"] or of.errors
    for kind in files.FORMATS:
        made = text(of, kind)
        assert "\0" not in made
        assert "\\u0000" not in made
    plain = name.replace("\0", "_x0000_")
    assert [cells(of)[0]["name"], cells(of)[1]["message"]] == [plain, plain]
    path = tmp_path / "report.csv"
    path.write_bytes(files.content(of, "csv", MADE_AT))
    assert loaded(path) == [("session", plain, ""), ("error", "", plain)]


def loaded(path: Path) -> list[tuple[str, ...]]:
    """What the loader of a database makes of a CSV file: record, name and message of each row."""
    program = shutil.which("sqlite3")
    if program is None:
        pytest.skip("there is no sqlite3 program")
    query = "SELECT json_group_array(json_array(record, name, message)) FROM report"
    commands = [f".import --csv {path} report", query]
    ended = subprocess.run([program, ":memory:", *commands], capture_output=True, text=True, check=True)
    assert not ended.stderr
    return [tuple(row) for row in json.loads(ended.stdout)]
