# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which hosts each form of a task affects: the requests that the computers got, and the table in docs/scope.md.

PSSESSION_WRITE_DOCS=1 writes what the run has seen into that file. All forms run in one playbook; each has a client
identity and a session of its own on every computer, so that its requests and what it removed can be told from others.
"""

from __future__ import annotations

import json
import os
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.simulator import SimulatedFleet, User

from .controller import PASSWORD, PATIENT, USER, Controller, inventory_of

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "scope.md"
BEGIN, END = "<!-- The table of forms. -->\n", "<!-- The end of the table. -->\n"
FLEET = ("web1", "web2", "web3")
REFUSED = "none, it is refused"
ACCOUNT = {"ansible_user": USER, "ansible_password": PASSWORD}
REMOVE = "psremoting.fleet.remove_pssession"
LOOKUP = "ansible.builtin.debug: {msg: \"{{ query('psremoting.fleet.pssession', name='NAME') }}\"}"
ONE_FOR_ALL = f"{REMOVE}: {{computer_name: '{{{{ ansible_play_hosts }}}}', name: NAME}}\nrun_once: true"
ROLE = """
ansible.builtin.HOW: {name: psremoting.fleet.pssession}
vars: {pssession_name: NAME, pssession_way: WAY}
"""


@dataclass(frozen=True)
class Form:
    """One form of a task.

    Attributes:
        text: As the table has it.
        affects: Names of the computers.
        task: YAML of the task; NAME stands for the name of its session.
        hosts: The pattern of the play.
        play: More YAML of the play.
    """

    text: str
    affects: str
    task: str = f"{REMOVE}: {{name: NAME}}"
    hosts: str = "web1"
    play: str = ""


def removing(keywords: str, options: str = "name: NAME") -> str:
    return f"{REMOVE}: {{{options}}}\n{keywords}"


LOCAL = "vars: {ansible_connection: local}"
FORMS = [
    Form("no more than `name`", "web1"),
    Form("`run_once: true`, in a play for all", "web1", removing("run_once: true"), hosts="windows"),
    Form("`delegate_to: localhost`", "web1", removing("delegate_to: localhost")),
    Form(
        "`delegate_to: localhost` and `ansible_connection: local` in `vars` of the task",
        "web1",
        removing(f"delegate_to: localhost\n{LOCAL}"),
    ),
    Form("`delegate_to: web2`", "web2", removing("delegate_to: web2")),
    Form(
        "`delegate_to: web2` and `ansible_connection: local` in `vars` of the task",
        "web2",
        removing(f"delegate_to: web2\n{LOCAL}"),
    ),
    Form("`delegate_to: linux1`", "web1", removing("delegate_to: linux1")),
    Form("`connection: local` of the task", "web1", removing("connection: local")),
    Form("`connection: local` of the play", "web1", play="connection: local"),
    Form("`ansible_connection: local` in `vars` of the task", "web1", removing(LOCAL)),
    Form("`ansible_connection: local` in `vars` of the play", "web1", play=LOCAL),
    Form("`local_action`", "web1", f"local_action: {REMOVE} name=NAME"),
    Form("`computer_name: [web2, web3]`", "web2, web3", removing("", "computer_name: [web2, web3], name: NAME")),
    Form(
        'a loop with `computer_name: "{{ item }}"`',
        "web2, web3",
        removing("loop: [web2, web3]", "computer_name: '{{ item }}', name: NAME"),
    ),
    Form(
        'a loop with `delegate_to: "{{ item }}"`',
        "web2, web3",
        removing("loop: [web2, web3]\ndelegate_to: '{{ item }}'"),
    ),
    Form(
        "`include_role` of the role pssession", "web1", ROLE.replace("HOW", "include_role").replace("WAY", "per_host")
    ),
    Form(
        "`import_role` of the role pssession with `pssession_way: fleet`, in a play for web1 and web2",
        "web1, web2",
        ROLE.replace("HOW", "import_role").replace("WAY", "fleet"),
        hosts="web1,web2",
    ),
    Form(
        "the role with `ansible_connection: local` in `vars` of the play",
        "web1",
        ROLE.replace("HOW", "import_role").replace("WAY", "fleet"),
        play=LOCAL,
    ),
    Form(
        "lookup with `name`",
        "web1",
        LOOKUP,
    ),
    Form(
        "lookup with `name`, `ansible_connection: local` in `vars` of the task",
        "web1",
        f"{LOOKUP}\n{LOCAL}",
    ),
    Form(
        "lookup with the term `web2`",
        "web2",
        LOOKUP.replace("name=", "'web2', name="),
    ),
    Form("`name`, in a play for a host that `add_host` made of web3's variables", "web3", hosts="added"),
    Form(
        "user and password in group_vars, one task for all hosts",
        "web1, web2, web3",
        ONE_FOR_ALL,
        hosts="in_group_vars",
    ),
    Form(
        "user and password in host_vars, one task for all hosts", "web1, web2, web3", ONE_FOR_ALL, hosts="in_host_vars"
    ),
    Form(
        "user and password in `vars` of the play, one task for all hosts",
        "web1, web2, web3",
        ONE_FOR_ALL,
        hosts="bare",
        play=f"vars: {json.dumps(ACCOUNT)}",
    ),
    Form(
        "user and password in `vars` of the task, one task for all hosts",
        "web1, web2, web3",
        f"{ONE_FOR_ALL}\nvars: {json.dumps(ACCOUNT)}",
        hosts="bare",
    ),
    Form(
        "user and password in `vars_files`, one task for all hosts",
        "web1, web2, web3",
        ONE_FOR_ALL,
        hosts="bare",
        play="vars_files: [account.yml]",
    ),
    Form(
        "user and password by `vars_prompt`, one task for all hosts",
        "web1, web2, web3",
        ONE_FOR_ALL,
        hosts="bare",
        play=f"vars_prompt: {json.dumps([{'name': name, 'default': value} for name, value in ACCOUNT.items()])}",
    ),
    Form(
        "password in group_vars that names a variable of `vars_files`, one task for all hosts",
        "web1, web2, web3",
        ONE_FOR_ALL,
        hosts="templated",
        play="vars_files: [vault.yml]",
    ),
    Form(
        "user and password by `set_fact` on each host, one task for all hosts",
        "web1, web2, web3",
        ONE_FOR_ALL,
        hosts="bare",
        play=f"pre_tasks: [{{ansible.builtin.set_fact: {json.dumps(ACCOUNT)}}}]",
    ),
    Form("on localhost, `computer_name: web2`", "web2", removing("", "computer_name: web2, name: NAME"), "localhost"),
    Form("on localhost, `name`", REFUSED, hosts="localhost"),
    Form(
        "on localhost, `name` and `all_known: true`",
        "web1, web2, web3",
        removing("", "name: NAME, all_known: true"),
        "localhost",
    ),
    Form("on web1, `name` and `all_known: true`", REFUSED, removing("", "name: NAME, all_known: true")),
    Form("on web1, nothing that selects sessions", REFUSED, f"{REMOVE}: {{}}"),
    Form("on linux1, `name`", REFUSED, hosts="linux1"),
    Form("on linux1, `name`, `delegate_to: localhost`", REFUSED, removing("delegate_to: localhost"), hosts="linux1"),
    Form(
        "on linux1, `name`, `delegate_to: localhost`, `connect_pssession`",
        REFUSED,
        "psremoting.fleet.connect_pssession: {name: NAME}\ndelegate_to: localhost",
        hosts="linux1",
    ),
    Form("on linux1, lookup with `name`", REFUSED, LOOKUP, hosts="linux1"),
]
ACCOUNT_BY_EXTRA = Form("user and password by `-e`, one task for all hosts", "web1, web2, web3", ONE_FOR_ALL, "bare")
LOCAL_BY_EXTRA = Form("`-e ansible_connection=local`", REFUSED)
ALL = [*FORMS, ACCOUNT_BY_EXTRA, LOCAL_BY_EXTRA]
PREPARE = """
- name: See which sessions there are
  hosts: localhost
  gather_facts: false
  tasks:
    - psremoting.fleet.pssession_info: {computer_name: [web1, web2, web3]}
    - ansible.builtin.add_host: {name: added, groups: [], ansible_host: ADDRESS}
"""


def name_of(form: Form) -> str:
    """The name of the session that the form is about."""
    return f"Work-{ALL.index(form)}"


def identity_of(form: Form) -> str:
    """The client that sends the form's requests."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, form.text)).upper()


def play_of(form: Form) -> dict[str, Any]:
    """The play that has the form as its only task."""
    play = yaml.safe_load(form.play) or {}
    task = yaml.safe_load(form.task.replace("NAME", name_of(form)))
    client = identity_of(form)
    return {
        "name": f"For {name_of(form)}",
        "hosts": form.hosts,
        "gather_facts": False,
        "module_defaults": {"group/psremoting.fleet.all": {"client_id": client}},
        **play,
        "vars": {"pssession_client_id": client, **play.get("vars", {})},
        "tasks": [{"name": name_of(form), "ignore_errors": True, **task}],
    }


def inventory_with(fleet: SimulatedFleet, place: str) -> dict[str, Any]:
    """An inventory in which the variables of the connection are those of the group or of all hosts."""
    inventory = inventory_of(fleet)
    windows = inventory["all"]["children"]["windows"]
    how = {name: value for name, value in windows["vars"].items() if name not in ACCOUNT}
    for group, more in {
        "bare": {},
        "in_group_vars": {},
        "in_host_vars": {},
        "templated": {"ansible_user": USER, "ansible_password": "{{ vault_password }}"},
    }.items():
        hosts = {f"{group}-{name}": dict(variables) for name, variables in windows["hosts"].items()}
        inventory["all"]["children"][group] = {"hosts": hosts, "vars": {**how, **more}}
    linux = {"ansible_connection": "bastion", "ansible_python_interpreter": sys.executable}
    inventory["all"]["hosts"] = {"linux1": linux}
    if place == "all":
        # Whoever listens on the controller must not get the fleet's password.
        inventory["all"]["vars"] = windows.pop("vars")
        inventory["all"]["hosts"]["localhost"] = {}
    return inventory


@pytest.fixture(scope="module", params=["windows", "all"])
def seen(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What each form affected: the computers that got its requests."""
    sessions = [{"name": name_of(form)} for form in ALL]
    computers = [{"name": name, "sessions": sessions} for name in FLEET]
    with SimulatedFleet.build(computers, [User(USER, PASSWORD)], switches=PATIENT) as fleet:
        controller = Controller(tmp_path_factory.mktemp("scope"), inventory_with(fleet, request.param))
        controller.write("account.yml", json.dumps(ACCOUNT))
        controller.write("vault.yml", json.dumps({"vault_password": PASSWORD}))
        for owner in ("group_vars/in_group_vars", *(f"host_vars/in_host_vars-{name}" for name in FLEET)):
            (controller.folder / owner).parent.mkdir(exist_ok=True)
            controller.write(f"{owner}.yml", json.dumps(ACCOUNT))
        prepare = yaml.safe_load(PREPARE.replace("ADDRESS", fleet["web3"].address))
        prepare[0]["tasks"][1]["ansible.builtin.add_host"] |= inventory_of(fleet)["all"]["children"]["windows"]["vars"]
        refused: dict[str, str] = {}
        for plays, variables in (
            ([*prepare, *map(play_of, FORMS)], {}),
            ([play_of(ACCOUNT_BY_EXTRA)], ACCOUNT),
            ([play_of(LOCAL_BY_EXTRA)], {"ansible_connection": "local"}),
        ):
            run = controller.run(yaml.safe_dump(plays), "-e", json.dumps(variables))
            assert run.exit_code == 0, run.output
            assert PASSWORD not in run.output
            refused |= {each.task: each.message for each in run.results if each.outcome == "ignored"}
        yield {form.text: affected(fleet, form, refused) for form in ALL}
        strangers = {request.client_session_id for request in fleet.requests} - {identity_of(form) for form in ALL}
        assert len(strangers) == 1, "only the first play has another identity"
        assert {request.user for request in fleet.requests} == {USER}


def affected(fleet: SimulatedFleet, form: Form, refused: dict[str, str]) -> str:
    """The computers that got requests of a form, in words; its session is removed there and nowhere else."""
    asked = [
        computer.name
        for computer in fleet
        if any(each.client_session_id == identity_of(form) for each in fleet.requests_of(computer.name))
    ]
    if REMOVE in form.task:
        assert asked == [
            computer.name for computer in fleet if name_of(form) not in {session.name for session in computer.sessions}
        ], form
    assert bool(asked) is not (name_of(form) in refused), (form, refused.get(name_of(form)))
    return ", ".join(asked) or REFUSED


@pytest.mark.parametrize("form", ALL, ids=lambda form: form.text)
def test_form(seen: dict[str, str], form: Form) -> None:
    assert seen[form.text] == form.affects


def test_the_table_in_the_documentation_is_what_happens(seen: dict[str, str]) -> None:
    before, _begin, rest = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)
    documented, _end, after = rest.partition(END)
    rows = [("form of task", "hosts that it affects"), ("---", "---"), *seen.items()]
    table = "".join(f"| {form} | {hosts} |\n" for form, hosts in rows)
    if os.environ.get("PSSESSION_WRITE_DOCS"):
        DOCUMENT.write_text(before + BEGIN + table + END + after, encoding="utf-8")
        return
    assert documented == table
