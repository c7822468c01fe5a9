# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What pssession_summary shows, writes and returns at the end of a play, from the results of its hosts."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml

from .controller import Controller, Run

HINT = "Check that WinRM listens on this port."
WAIT = "Set busy_timeout to wait for it."
# The results of seven hosts, as the role registers them.
TOLD: dict[str, Any] = {
    **{name: {"outcome": "changed", "changed": True} for name in ("web01", "web02", "web03")},
    "web04": {"outcome": "ok", "sessions": [{"name": "Nightly", "inventory_hostname": "web04", "instance_id": "1"}]},
    "db01": {"outcome": "unreachable", "errors": [{"reason": "unreachable", "message": "No answer.", "hint": HINT}]},
    "db02": {"outcome": "busy", "errors": [{"reason": "busy", "message": "Another client.", "hint": WAIT}]},
    "linux01": {"skipped": True, "msg": "the connection is ssh, not psrp or winrm"},
}
LAST = "3 changed, 1 ok, 2 need attention: unreachable db01; busy db02 (another client)"
SUMMARY = "Summarise"


@pytest.fixture
def controller(tmp_path: Path) -> Controller:
    return of(tmp_path, TOLD)


def of(folder: Path, told: dict[str, Any]) -> Controller:
    """A controller whose hosts have these results in the variable `told`; none of them is a Windows computer."""
    whole = {"sessions": [], "results": [], "errors": [], "missing": [], "what_if": [], "changed": False, "msg": ""}
    hosts = {
        name: {"told": {"host": name, **whole, "failed": bool(each.get("errors")), **each}}
        for name, each in told.items()
    }
    return Controller(folder / "controller", {"all": {"vars": {"ansible_connection": "psrp"}, "hosts": hosts}})


def play(**options: Any) -> dict[str, Any]:
    return {
        "name": "Do it",
        "hosts": "all",
        "gather_facts": False,
        "tasks": [
            {
                "name": "Work",
                "block": [
                    {"name": "Tell", "ansible.builtin.set_fact": {"pssession_result": "{{ told }}"}},
                    {"name": "Fail", "ansible.builtin.fail": {"msg": "no"}, "when": "told.failed"},
                ],
                "always": [{"name": SUMMARY, "psremoting.fleet.pssession_summary": options, "run_once": True}],
            }
        ],
    }


def run(controller: Controller, *arguments: str, plays: int = 1, serial: int = 0, **options: Any) -> Run:
    book = [play(**options) for _number in range(plays)]
    if serial:
        book[0]["serial"] = serial
    return controller.run(yaml.safe_dump(book), *arguments, ANSIBLE_SHOW_CUSTOM_STATS="1")


def test_the_last_lines_say_which_hosts_need_what(controller: Controller) -> None:
    ended = run(controller)
    assert ended.exit_code == 2
    assert ended.stdout.count(LAST) == 1
    assert ended.stdout.count(HINT) == 1
    assert "1 host left out: linux01: the connection is ssh, not psrp or winrm" in ended.stdout
    assert "unreachable: db01: No answer.\n    Check that WinRM" in ended.stdout
    assert ended.stdout.index(HINT) < ended.stdout.index(LAST) < ended.stdout.index("PLAY RECAP")
    (returned,) = ended.of(SUMMARY).values()
    assert returned["stdout_lines"][-1] == LAST
    stats = json.loads(ended.stdout.partition("RUN: ")[2].strip())
    assert stats["pssession_outcomes"] == returned["outcomes"]
    assert returned["outcomes"] == {
        "unreachable": ["db01"],
        "busy": ["db02"],
        "changed": ["web01", "web02", "web03"],
        "ok": ["web04"],
    }
    assert stats["pssession_pending"] == 0


def test_report_and_limit_file_are_written_where_they_were_asked_for(controller: Controller) -> None:
    folder = controller.folder / "reports"
    ended = run(controller, report=str(folder / "night.html"))
    assert f"Report: {(folder / 'night.html').as_uri()}" in ended.stdout
    written = {path.name for path in folder.iterdir()}
    assert written == {"night.csv", "night.failed.limit", "night.html", "night.json"}
    limit = folder / "night.failed.limit"
    assert limit.read_text(encoding="utf-8") == "db01\ndb02\n"
    for page in ("night.html", "night.json"):
        text = (folder / page).read_text(encoding="utf-8")
        assert "Set pssession_busy_timeout to wait" in text
        assert "Do it: Nightly" in text
    assert stat.S_IMODE(limit.stat().st_mode) == 0o600
    assert f"--limit @{limit}" in ended.stdout
    again = run(controller, "--limit", f"@{limit}")
    assert "2 need attention" in again.stdout
    assert "web01" not in again.stdout
    well = of(controller.folder, {name: told for name, told in TOLD.items() if "errors" not in told})
    run(well, report=str(folder / "morning.html"))
    assert limit.exists(), "the report of another playbook removed it"
    assert "--limit" not in run(well, report=str(folder / "night.html")).stdout
    assert not limit.exists()


def test_output_is_in_the_report_only_where_it_is_asked_for(tmp_path: Path) -> None:
    command = {"name": "Nightly", "state": "Completed", "output": ["first", "second", "third"], "failed": False}
    controller = of(tmp_path, {"web01": {"outcome": "ok", "results": [command]}})
    page = tmp_path / "night.html"
    run(controller, report=str(page))
    assert "third" not in page.read_text(encoding="utf-8")
    run(controller, report=str(page), report_output_lines=2)
    with_output = page.read_text(encoding="utf-8")
    assert ("first" in with_output, "second" in with_output, "third" in with_output) == (True, False, True)


def test_the_limit_file_is_in_the_output_folder_without_a_report(controller: Controller) -> None:
    run(controller, output=str(controller.folder / "out"), report="")
    assert (controller.folder / "out" / "failed.limit").read_text(encoding="utf-8") == "db01\ndb02\n"


def test_check_mode_writes_nothing(controller: Controller) -> None:
    ended = run(controller, "--check", report=str(controller.folder / "reports" / "night.html"))
    assert LAST in ended.stdout
    assert not (controller.folder / "reports").exists()


def test_a_report_that_cannot_be_written_fails_after_the_lines(controller: Controller) -> None:
    controller.write("file", "")
    ended = run(controller, report=str(controller.folder / "file" / "night.html"))
    assert LAST in ended.stdout
    (returned,) = ended.of(SUMMARY).values()
    assert returned.outcome == "failed"
    assert "file" in returned.message


def test_a_play_in_which_every_host_was_left_out_fails_with_the_reason(tmp_path: Path) -> None:
    ended = run(of(tmp_path, {"linux01": TOLD["linux01"]}))
    assert ended.exit_code == 2
    (returned,) = ended.of(SUMMARY).values()
    assert returned.message == (
        "Nothing was done: every host was left out. linux01: the connection is ssh, not psrp or winrm."
    )


def test_standard_output_stays_json_for_a_callback_that_prints_json(controller: Controller) -> None:
    ended = controller.run(yaml.safe_dump([play()]), ANSIBLE_STDOUT_CALLBACK="document")
    assert "web01" in json.loads(ended.stdout)
    assert LAST in ended.stderr


def test_a_secret_task_shows_nothing(controller: Controller) -> None:
    book = [play()]
    book[0]["tasks"][0]["always"][0]["no_log"] = True
    assert LAST not in controller.run(yaml.safe_dump(book)).output


def test_each_batch_summarises_what_is_done_so_far(controller: Controller) -> None:
    """The second play of the run finds results of the first for hosts that it has not come to."""
    well = of(controller.folder, {name: TOLD[name] for name in ("web01", "web02", "web03", "web04")})
    ended = run(well, plays=2, serial=3)
    assert [line for line in ended.stdout.splitlines() if line.endswith((" ok", " changed"))] == [
        "3 changed",
        "3 changed, 1 ok",
        "3 changed, 1 ok",
    ]
    book = [play(), {**play(), "serial": 3}]
    ended = well.run(yaml.safe_dump(book))
    assert [line for line in ended.stdout.splitlines() if line.endswith((" ok", " changed"))] == [
        "3 changed, 1 ok",
        "3 changed",
        "3 changed, 1 ok",
    ]


def test_an_extra_variable_is_not_taken_for_the_result(controller: Controller) -> None:
    assert LAST in run(controller, "--extra-vars", json.dumps({"pssession_result": {"outcome": "ok"}})).stdout
