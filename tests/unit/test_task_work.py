# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a command of ansible-core is, and which commands of two runs are the same; payloads of all forms of core."""

from __future__ import annotations

import base64
import datetime
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.psremoting.fleet.plugins.plugin_utils import _task_ids, _task_work
from ansible_collections.psremoting.fleet.plugins.plugin_utils._task_work import Work, work_of

BOOTSTRAP = "powershell -NoProfile -EncodedCommand abc"
NAME = "ansible.windows.win_updates"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def of_2_16(arguments: dict[str, Any], code: str = "code", **others: Any) -> str:
    """One text: the wrapper and a manifest with the arguments at its top."""
    manifest = {
        "module_entry": encoded(code),
        "module_args": arguments,
        "actions": ["module_powershell_wrapper"],
        "environment": {},
        "csharp_utils_module": others.pop("utilities", ["a", "b"]),
        **others,
    }
    return "wrapper\0\0\0\0" + json.dumps(manifest)


def actions(module: dict[str, Any], code: str, others: dict[str, Any]) -> dict[str, Any]:
    utilities = {"CSharpModules": others.get("utilities", ["a", "b"])}
    params = {"Script": f"{NAME}.ps1", "Environment": others.get("environment", {}), **utilities, **module}
    become = [{"name": "become_wrapper.ps1", "params": {"BecomeUser": others.get("become_user")}}]
    first = become if "become_user" in others else []
    scripts = {f"{NAME}.ps1": {"script": encoded(code), "path": "/somewhere"}}
    return {"scripts": scripts, "actions": [*first, {"name": "module_wrapper.ps1", "params": params}]}


def of_2_19(arguments: dict[str, Any], code: str = "code", **others: Any) -> str:
    variables = [{"Name": "complex_args", "Value": arguments, "Scope": "Global"}]
    manifest = actions({"ForModule": True, "Variables": variables}, code, others)
    return json.dumps({"name": "exec_wrapper", "params": {}}) + "\n\0\0\0\0\n" + json.dumps(manifest)


def of_2_22(arguments: dict[str, Any], code: str = "code", **others: Any) -> str:
    manifest = actions({"ForModule": True, "ArgumentJSON": json.dumps(arguments)}, code, others)
    packed = base64.b64encode(gzip.compress(json.dumps(manifest).encode(), mtime=others.get("time", 1))).decode()
    return json.dumps({"name": "exec_wrapper", "params": {"DecompressInput": True}}) + f"\n\0\0\0\0\n{packed}"


FORMS = pytest.mark.parametrize("form", [of_2_16, of_2_19, of_2_22])
Form = Callable[..., str]


def module(form: Form, given: dict[str, Any] | None = None, *, name: str = NAME, **others: Any) -> Work:
    arguments = {"_ansible_module_name": name, "_ansible_verbosity": 1, "_ansible_check_mode": False, **(given or {})}
    return work_of(BOOTSTRAP, form(arguments, **others).encode(), {})


@FORMS
def test_the_same_module_has_the_same_content_in_each_run(form: Form) -> None:
    first = module(form, {"b": 1, "a": 2})
    again = module(form, {"a": 2, "b": 1, "_ansible_verbosity": 4, "_ansible_diff": True}, utilities=["b", "a"], time=9)
    assert (first.name, first.is_module, first.is_repeatable) == (NAME, True, False)
    assert first.content is not None
    assert first == again


@FORMS
@pytest.mark.parametrize(
    "other", [{"given": {"a": 1}}, {"code": "other"}, {"environment": {"A": "1"}}, {"become_user": "other"}]
)
def test_other_work_has_another_content(form: Form, other: dict[str, Any]) -> None:
    assert module(form, **other).content != module(form).content


@FORMS
@pytest.mark.parametrize("name", ["setup", "ansible.windows.win_ping", "a.b.disk_facts", "a.b.c_info", "win_stat"])
def test_what_only_reads_is_repeated(form: Form, name: str) -> None:
    assert module(form, name=name) == Work(name, None, is_module=True, is_repeatable=True)


@FORMS
def test_check_mode_is_repeated(form: Form) -> None:
    work = module(form, {"_ansible_check_mode": True})
    assert (work.content, work.is_repeatable) == (None, True)


@FORMS
def test_a_temporary_folder_is_not_part_of_it_and_the_file_in_it_is(form: Form) -> None:
    def copied(folder: str, digest: str) -> bytes | None:
        path = f"C:\\Temp\\ansible-tmp-{folder}\\source"
        arguments = {"_ansible_module_name": "ansible.windows.win_copy", "src": path}
        return work_of(BOOTSTRAP, form(arguments), {path: digest}).content

    assert copied("1796070592.98-27153-1834", "a") == copied("1796070777.1-9-99", "a")
    assert copied("1796070592.98-27153-1834", "a") != copied("1796070592.98-27153-1834", "b")


def test_raw_is_its_text() -> None:
    work = work_of("shutdown /a", None, {})
    assert (work.name, work.is_module, work.is_repeatable) == ("raw", False, False)
    assert work == work_of("shutdown /a", None, {})
    assert work != work_of("shutdown /r", None, {})


@pytest.mark.parametrize("in_data", [None, b"input"])
def test_what_core_does_besides_is_repeated(in_data: bytes | None) -> None:
    assert work_of(BOOTSTRAP, in_data, {}).is_repeatable


@pytest.mark.parametrize("payload", ["{}\0\0\0\0{}", "{}\0\0\0\0[]", "x\0\0\0\0no JSON", "x\0\0\0\0{}"])
def test_a_payload_of_an_unknown_form_is_neither_joined_nor_repeated(payload: str) -> None:
    work = work_of(BOOTSTRAP, payload, {})
    assert (work.content, work.is_repeatable) == (None, False)


def test_a_title_says_what_and_when() -> None:
    now = datetime.datetime(2026, 11, 30, 20, 1, 2, 345678, tzinfo=datetime.timezone.utc)
    for work in (Work("raw", b""), _task_work.TRANSFER):
        title = _task_ids.title_of(work, now)
        assert _task_ids.read_title(title) == (work.name, now, work.is_repeatable)
    assert _task_ids.read_title("Get-Date") is None
    assert _task_ids.read_title("Ansible task: raw, started todayZ") is None


def test_ids_follow_from_secret_identity_and_content() -> None:
    def ids(secret: str = "s", scope: str = "one", content: bytes = b"x") -> tuple[str, str]:
        made = _task_ids.Ids(secret, [scope, None])
        return made.session(0), made.command(Work("raw", content))

    assert ids() == ids()
    assert ids()[1] != ids(content=b"y")[1]
    for other in (ids(secret="t"), ids(scope="two")):
        assert (other[0] != ids()[0], other[1] != ids()[1]) == (True, True)
    made = _task_ids.Ids("s", [])
    assert made.session(0) != made.session(1)
    assert made.command(_task_work.TRANSFER) != made.command(_task_work.TRANSFER)


def test_a_secret_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "tasks" / "secret"
    secret = _task_ids.secret_at(str(path), None)
    assert len(secret) == 64
    assert _task_ids.secret_at(str(path), None) == secret
    assert _task_ids.secret_at(str(path), "a long text that was given") == "a long text that was given"
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(_task_ids.SecretError):
        _task_ids.secret_at(str(path), None)
