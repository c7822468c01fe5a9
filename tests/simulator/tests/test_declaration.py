# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One form for a fleet: its file and Python code declare the same, and mistakes are named with their place."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import yaml

from .. import CmdShell, Command, Computer, Fleet, Injection, Session, SimulatedFleet, User
from ..declaration import read

TEXT = """
users:
  - {name: admin, password: pw, administrator: true}
scripts:
  hello: [{output: hello}]
switches: {page_size: 3, silence_timeout: 5}
authentication: [negotiate]
computers:
  - name: srv{:02}
    count: 2
    first: 8
    authentication: basic
    switches: {page_size: 1}
    sessions:
      - ITTask
      - {name: Busy, state: Connected, held: true, commands: [{script: hello, state: finished}]}
    cmd_shells: [{owner: admin}]
    injections: [{operation: Get, action: reset}]
  - other
"""
CODE = Fleet(
    users=[User("admin", "pw", administrator=True)],
    scripts={"hello": [{"output": "hello"}]},
    switches={"page_size": 3, "silence_timeout": 5},
    authentication=["negotiate"],
    computers=[
        Computer(
            "srv{:02}",
            count=2,
            first=8,
            authentication="basic",
            switches={"page_size": 1},
            sessions=[
                Session("ITTask"),
                Session("Busy", state="Connected", held=True, commands=[Command("hello", state="finished")]),
            ],
            cmd_shells=[CmdShell("admin")],
            injections=[Injection("Get", action="reset")],
        ),
        Computer("other"),
    ],
)


def test_a_file_and_code_declare_the_same() -> None:
    assert read(Fleet, yaml.safe_load(TEXT)) == CODE


def test_what_is_declared_exists() -> None:
    fleet = SimulatedFleet(CODE)
    assert [computer.name for computer in fleet] == ["srv08", "srv09", "other"]
    for name in ("srv08", "srv09"):
        computer = fleet[name]
        assert [session.name for session in computer.sessions] == ["ITTask", "Busy", None]
        assert (computer.page_size, computer.silence_timeout) == (1, 5)
        assert computer.authentication == ("basic",)
        (command,) = computer.session("Busy").commands
        assert (command.script, command.state) == ("hello", "Completed")
    assert (fleet["other"].page_size, fleet["other"].authentication) == (3, ("negotiate",))


def test_computers_of_one_declaration_share_nothing() -> None:
    """An injection that one computer has used up is still there for the others."""
    fleet = SimulatedFleet(CODE)
    assert fleet["srv08"].injections[0].hits("Get", None)
    assert not fleet["srv08"].injections[0].hits("Get", None)
    assert fleet["srv09"].injections[0].hits("Get", None)


@pytest.mark.parametrize(
    ("declared", "place"),
    [
        (
            {"computers": [{"name": "a"}, {"name": "b", "colour": 1}]},
            r"computers\[1\] \(b\): unknown key colour; there are",
        ),
        ({"computers": [{"count": 3}]}, r"computers\[0\]: name is missing"),
        ({}, "computers is missing"),
        ({"computers": "srv01"}, "computers is a list"),
        ({"computers": [1]}, r"computers\[0\]: a mapping with name, count, .* is expected, not 1"),
        (
            {"computers": [{"name": "a", "sessions": [{"name": "s", "commands": [{"script": "x", "state": "lost"}]}]}]},
            r"computers\[0\] \(a\): sessions\[0\] \(s\): commands\[0\]: the state of a command is running or finished",
        ),
        ({"computers": [{"name": "a", "sessions": [{"commands": [{}]}]}]}, "either script or script_text"),
        ({"computers": [{"name": "a", "injections": [{"action": "odd"}]}]}, r"injections\[0\]: 'odd' is not one of"),
        ({"computers": ["a"], "users": [{"name": "admin"}]}, r"users\[0\] \(admin\): password is missing"),
    ],
)
def test_mistakes_are_named_with_their_place(declared: dict[str, Any], place: str) -> None:
    with pytest.raises(ValueError, match=place):
        SimulatedFleet(declared)


def test_a_session_is_added_in_every_form() -> None:
    computer = SimulatedFleet.build(["srv01"], [User("admin", "pw")])["srv01"]
    declared = Session("s", state="Connected", idle_timeout=600)
    added = [
        computer.add_session(declared),
        computer.add_session({"name": "s", "state": "Connected", "idle_timeout": 600}),
        computer.add_session("s", state="Connected", idle_timeout=600),
        computer.add_session(name="s", state="Connected", idle_timeout=600),
    ]
    assert {(session.name, session.state, session.idle_timeout) for session in added} == {("s", "Connected", 600)}
    assert len({session.shell_id for session in added}) == 4
    with pytest.raises(ValueError, match="has all its fields"):
        computer.add_session(declared, name="other")
    with pytest.raises(ValueError, match="unknown key colour"):
        computer.add_session("s", colour=1)


@pytest.mark.parametrize("kind", [Fleet, Computer, Session, Command, CmdShell, User, Injection])
def test_every_key_is_described(kind: type[Any]) -> None:
    text = kind.__doc__ or ""
    related = {"first": "count", "max_idle_timeout": "idle_timeout", "max_runspaces": "min_runspaces"}
    described = {"password", "status", "body", "content_type", "headers", "fault_code", "subcode"}
    for item in dataclasses.fields(kind):
        known = item.name in described or f"        {item.name}:" in text
        assert known or f"        {related.get(item.name)}:" in text, item.name
