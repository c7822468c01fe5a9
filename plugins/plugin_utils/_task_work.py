"""The work of a task on a computer, and the key by which a later run knows that it is the same.

The key is made of what two runs have in common: module, arguments, environment, become, the code of the module, and the
contents of files that were sent for it. Ansible's payload has more, and differs from run to run: its verbosity, the
order of lists that it makes of sets, the time in its compressed part, ids of jobs, names of temporary folders. The
payload itself is only read.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import dataclasses
import gzip
import hashlib
import json
import re
import typing as t

# Between the parts of a payload.
_DIVIDER = "\0\0\0\0"
# A folder that ansible-core makes for one task: time, process and a random number.
_TEMPORARY = re.compile(r"ansible-tmp-[0-9.]+-[0-9]+-[0-9]+")
_ENCODED = "-EncodedCommand"
# What the internal arguments of a module say and two runs have to agree on. The others begin like this, too.
_INTERNAL, _CHECK_MODE, _MODULE_NAME = "_ansible_", "_ansible_check_mode", "_ansible_module_name"
# Modules whose result is about the moment, by the last part of their name.
_READ_ONLY = frozenset(
    {"setup", "slurp", "async_status", "win_ping", "win_stat", "win_find", "win_whoami", "win_reg_stat", "win_wait_for"}
)
_READ_ONLY_ENDS = ("_info", "_facts")

Parts = t.Mapping[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Work:
    """One command of a task.

    Attributes:
        name: Of the module; raw, script; or what the connection does for itself.
        content: What the key is made of; None for what is never joined.
        is_module: Whether it writes its result once, at its end.
        is_repeatable: Whether it may be run again, whatever became of an earlier run of it: what only reads, check
            mode, and what the connection does for itself.
        is_secret: Whether its task has no_log, so that nothing of its result may be written.
    """

    name: str
    content: bytes | None = None
    is_module: bool = False
    is_repeatable: bool = False
    is_secret: bool = False


TRANSFER = Work("transfer of a file", is_repeatable=True)
_HELPER = Work("preparation of a task", is_repeatable=True)
# Of a version of ansible-core that writes its payload in another way.
_UNKNOWN = Work("task of an unknown form")


def work_of(command: str, in_data: str | bytes | None, files: t.Mapping[str, str]) -> Work:
    """Return what a command of ansible-core is.

    Args:
        command: As connection plugins get it.
        in_data: What it reads.
        files: Digests of the files that were sent for the task, by their paths on the computer.
    """
    payload = _text(in_data)
    if _DIVIDER in payload:
        try:
            parts = _parts(payload)
            return _HELPER if parts is None else _of_parts(parts, files)
        except (LookupError, TypeError, ValueError, AttributeError, OSError):
            return _UNKNOWN
    if in_data or _ENCODED in command:
        return _HELPER
    return Work("raw", _content({"raw": command}, files))


def _of_parts(parts: Parts, files: t.Mapping[str, str]) -> Work:
    arguments = parts["arguments"]
    if arguments is None:
        return Work("script", _content({**parts, "arguments": {}}, files))
    name = str(arguments.get(_MODULE_NAME) or parts["name"])
    last = name.rpartition(".")[2]
    if last in _READ_ONLY or last.endswith(_READ_ONLY_ENDS) or arguments.get(_CHECK_MODE):
        return Work(name, is_module=True, is_repeatable=True)
    given = {key: value for key, value in arguments.items() if not key.startswith(_INTERNAL)}
    return Work(name, _content({**parts, "arguments": given, "name": name}, files), is_module=True)


def _parts(payload: str) -> Parts | None:
    """Return what a payload says about its task, or None for a script of ansible-core's own.

    ansible-core writes it in one way up to 2.18, and in another from 2.19 on.
    """
    before, _divider, manifest = payload.partition(_DIVIDER)
    if before.lstrip().startswith("{"):
        return _of_actions(_manifest(json.loads(before), manifest.strip()))
    found = json.loads(manifest)
    is_script = any("script" in action for action in found["actions"])
    return {
        "name": "",
        "arguments": None if is_script else found["module_args"],
        "code": _digest(found["module_entry"]),
        "environment": found.get("environment"),
        "become": {key: found.get(key) for key in ("become_user", "become_flags")},
        "async": found.get("async_timeout_sec"),
    }


def _manifest(bootstrap: Parts, text: str) -> Parts:
    if bootstrap.get("params", {}).get("DecompressInput"):
        return t.cast(Parts, json.loads(gzip.decompress(base64.b64decode(text))))
    return t.cast(Parts, json.loads(text))


def _of_actions(manifest: Parts) -> Parts | None:
    actions = {action["name"]: action.get("params") or {} for action in manifest["actions"]}
    module = actions.get("module_wrapper.ps1")
    if module is None:
        return None
    become = [params for name, params in actions.items() if "become" in name]
    return {
        "name": str(module["Script"]),
        "arguments": _arguments(module),
        "code": _digest(manifest["scripts"][module["Script"]]["script"]),
        "environment": module.get("Environment"),
        "become": become[0] if become else None,
        "async": actions.get("async_watchdog.ps1", {}).get("Timeout"),
    }


def _arguments(module: Parts) -> Parts | None:
    """Return the arguments of a module, or None for a script."""
    if not module.get("ForModule"):
        return None
    if "ArgumentJSON" in module:  # from 2.22 on
        return t.cast(Parts, json.loads(module["ArgumentJSON"]))
    return t.cast(Parts, next(each["Value"] for each in module["Variables"] if each["Name"] == "complex_args"))


def _content(parts: Parts, files: t.Mapping[str, str]) -> bytes:
    text = json.dumps({**parts, "files": sorted(files.items())}, sort_keys=True, default=str)
    return _TEMPORARY.sub("ansible-tmp", text).encode()


def _digest(encoded: str) -> str:
    """Return the digest of code in Base64, without the names of temporary folders."""
    code = base64.b64decode(encoded).decode(errors="surrogateescape")
    return hashlib.sha256(_TEMPORARY.sub("ansible-tmp", code).encode(errors="surrogateescape")).hexdigest()


def _text(data: str | bytes | None) -> str:
    return data.decode(errors="replace") if isinstance(data, bytes) else data or ""
