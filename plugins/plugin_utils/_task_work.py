"""The work of a task on a computer, and the key by which a later run recognises the same work.

The key is made from the properties that two runs have in common: module, arguments, environment, become, the code of
the module, and the contents of files that were sent for it. The rest of Ansible's payload differs from run to run: the
verbosity, the order of lists made from sets, the time in the compressed part, ids of jobs, names of temporary folders.
The payload itself is only read.
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

# The separator of the parts of a payload.
_DIVIDER = "\0\0\0\0"
# The name of a folder that ansible-core makes for one task: time, process and a random number.
_TEMPORARY = re.compile(r"ansible-tmp-[0-9.]+-[0-9]+-[0-9]+")
_ENCODED = "-EncodedCommand"
# The prefix of a module's internal arguments, and the two of them that have to be equal in both runs.
_INTERNAL, _CHECK_MODE, _MODULE_NAME = "_ansible_", "_ansible_check_mode", "_ansible_module_name"
# Modules whose result is valid only for the moment of the run, by the last part of their name.
_READ_ONLY = frozenset(
    {"setup", "slurp", "async_status", "win_ping", "win_stat", "win_find", "win_whoami", "win_reg_stat", "win_wait_for"}
)
_READ_ONLY_ENDS = ("_info", "_facts")

Parts = t.Mapping[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Work:
    """One command of a task.

    Attributes:
        name: The name of the module, raw, script, or the name of an operation of the connection itself.
        content: The text that the key is made from. None for a command that is never joined.
        is_module: Whether the command writes its result once, at its end.
        is_repeatable: Whether the command may be run again, however an earlier run of it ended. That is so for commands
            that only read, for check mode, and for operations of the connection itself.
        is_secret: Whether its task has no_log, so that no part of its result may be written to a file.
    """

    name: str
    content: bytes | None = None
    is_module: bool = False
    is_repeatable: bool = False
    is_secret: bool = False


TRANSFER = Work("transfer of a file", is_repeatable=True)
_HELPER = Work("preparation of a task", is_repeatable=True)
# The work of a version of ansible-core that writes its payload in an unknown form.
_UNKNOWN = Work("task of an unknown form")


def work_of(command: str, in_data: str | bytes | None, files: t.Mapping[str, str]) -> Work:
    """Return the work of a command of ansible-core.

    Args:
        command: The command as connection plugins get it.
        in_data: The input of the command.
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
    """Return the description of the task in a payload, or None for a script of ansible-core itself.

    The form of the payload changed in ansible-core 2.19.
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
