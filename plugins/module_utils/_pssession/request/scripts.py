"""Scripts: their encoding, the names of their parameters, and their #requires."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import codecs
import dataclasses
import re
import typing as t

from ..model.commands import Script
from ..model.errors import ParameterBindingError
from ..model.settings import Credential

_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "UTF-8",
    codecs.BOM_UTF16_LE: "UTF-16LE",
    codecs.BOM_UTF16_BE: "UTF-16BE",
}
_LIKE_UTF16 = (
    "it holds NUL characters, so it looks like UTF-16 without a byte order mark. Save it as UTF-8, for example with: "
    "iconv -f UTF-16LE -t UTF-8 old.ps1 > new.ps1"
)
# Characters that Python's error handler surrogateescape makes of bytes that are not UTF-8.
_NOT_UTF8 = re.compile("[\udc80-\udcff]")
# The characters that PowerShell accepts as a dash before a parameter's name.
_DASHES = "-\u2013\u2014\u2015"
# The parts of a script that decide whether #requires begins a comment: comments, texts of all kinds, and escaped
# characters.
_PARTS = re.compile(
    r"""
    (?<!\w)(?P<requires>\#requires[ \t]+\S[^\r\n]*)
    | <\#.*?(?:\#>|\Z)
    | (?<!\w)\#[^\r\n]*
    | @'[ \t]*\r?\n.*?^'@
    | @"[ \t]*\r?\n.*?^"@
    | '[^']*'
    | "[^"`]*(?:`.[^"`]*)*"
    | `.
    """,
    re.IGNORECASE | re.MULTILINE | re.DOTALL | re.VERBOSE,
)

_ERROR_ACTIONS = {"stop": "Stop", "continue": "Continue", "silently_continue": "SilentlyContinue"}
# Text that may precede the attributes and parameters of a script: blanks, comments and using statements.
_BLANK = r"(?:\s|<\#(?:(?!\#>).)*\#>|\#[^\r\n]*(?=[\r\n]|\Z))*"
_START = re.compile(
    rf"(?:{_BLANK}using[ \t]+(?:namespace|module|assembly)[ \t]+[\w.\-/\\:'\" ]+(?:;|\r?\n))*",
    re.IGNORECASE | re.DOTALL,
)
_ATTRIBUTE = re.compile(
    rf"{_BLANK}(?P<attribute>\[(?:[^\[\]'\"`\#]|'[^']*'|\"[^\"`$]*\"|\[\])*\])", re.IGNORECASE | re.DOTALL
)
_TEXT_IN_ATTRIBUTE = re.compile(r"'[^']*'|\"[^\"]*\"")
_SHOULD_PROCESS = re.compile(
    r"\[\s*(?:System\.Management\.Automation\.)?CmdletBinding(?:Attribute)?\s*\((?:[^)]*,)?\s*"
    r"SupportsShouldProcess\s*(?:=\s*\$true\s*)?(?:,[^)]*)?\)\s*\]",
    re.IGNORECASE | re.DOTALL,
)
_PARAM = re.compile(rf"{_BLANK}param\s*\(", re.IGNORECASE | re.DOTALL)


def decoded(data: bytes) -> str:
    """Return the text of a script's file: UTF-8 with or without a byte order mark, or UTF-16 with one.

    Raises:
        ValueError: It is neither, or has NUL characters. The message describes how to save it.
    """
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS.items() if data.startswith(mark)), None)
    if b"\0" in data and encoding in (None, "UTF-8"):
        raise ValueError(_LIKE_UTF16)
    try:
        text = data.decode(encoding or "UTF-8")
    except UnicodeDecodeError as error:
        supposed = f"it is not valid {encoding}" if encoding else "it is not UTF-8, and has no byte order mark"
        raise ValueError(
            f"{supposed}. Save it as UTF-8, for example with: iconv -f WINDOWS-1252 -t UTF-8 old.ps1 > new.ps1"
        ) from error
    if "\0" in text:
        raise ValueError(_LIKE_UTF16)
    return text.removeprefix("\ufeff")


def script_of(options: t.Mapping[str, t.Any]) -> Script | None:
    """Return the script that the options of a task describe, or None if there is none.

    Raises:
        ParameterBindingError: An option cannot be used. The message names it, and never shows a secret value.
    """
    text, command = options.get("script"), options.get("command")
    if text is None and options.get("path"):
        _refuse("the option path is read on the controller by the action plugin; give script here")
    if text is None and command is None:
        return None
    conditions = {name: options[name] for name in ("creates", "removes", "chdir") if options.get(name)}
    if options.get("error_action"):
        conditions["error_action"] = _ERROR_ACTIONS[options["error_action"]]
    if command is not None:
        _check_command(str(command), text, conditions)
    given_input, host_ui = options.get("input"), options.get("host_ui")
    return Script(
        text=_text(str(options["script"])) if command is None else str(command),
        is_command=command is not None,
        **conditions,
        arguments=tuple(options.get("arguments") or ()),
        parameters={_name(name, "parameters"): value for name, value in (options.get("parameters") or {}).items()},
        sensitive_parameters=_sensitive_parameters(options),
        input=None if given_input is None else tuple(given_input),
        has_ui=not options.get("in_disconnected_session") if host_ui is None else bool(host_ui),
    )


def requirements_of(text: str) -> list[str]:
    """Return the #requires statements of a script.

    PowerShell checks them in script files only, not in a script that is sent to a session (seen: 7.6, Linux).
    """
    if "#requires" not in text.lower():
        return []
    return [found["requires"].rstrip() for found in _PARTS.finditer(text) if found["requires"]]


def supports_should_process(text: str) -> bool:
    """Return whether a script declares ``[CmdletBinding(SupportsShouldProcess)]``, so that it takes ``-WhatIf``.

    In case of doubt the answer is False, because a script without that would do its work in check mode.
    """
    start = _START.match(text)
    position = start.end() if start else 0
    supports = False
    while attribute := _ATTRIBUTE.match(text, position):
        named = _TEXT_IN_ATTRIBUTE.sub("''", attribute["attribute"])
        supports = supports or bool(_SHOULD_PROCESS.fullmatch(named))
        position = attribute.end()
    return supports and bool(_PARAM.match(text, position))


def prepared(script: Script, *, check_mode: bool, verbosity: int) -> Script:
    """Return a script with values for ``$Ansible``, and with ``-WhatIf`` and ``-Confirm`` if it supports them.

    A task cannot confirm anything, so a script does not ask, unless the task sets the parameter.
    """
    parameters = dict(script.parameters)
    if not script.is_command and supports_should_process(script.text):
        given = {name.lower() for name in parameters}
        if not given & {"confirm", "cf"}:
            parameters["Confirm"] = False
        if check_mode:
            parameters = {name: value for name, value in parameters.items() if name.lower() not in ("whatif", "wi")}
            parameters["WhatIf"] = True
    return dataclasses.replace(script, parameters=parameters, check_mode=check_mode, verbosity=verbosity)


def _check_command(command: str, script: object, conditions: t.Collection[str]) -> None:
    """Refuse text that is not the name of a command, and options that only apply to scripts."""
    if script is not None:
        _refuse("command cannot be used together with script and path")
    if not command.strip() or set(command) & set("\0\r\n"):
        _refuse(f"command: {command!r} is not the name of a function or cmdlet")
    if conditions:
        _refuse(f"{' and '.join(conditions)} cannot be used with command, which sends no script")


def _text(text: str) -> str:
    """Return the text without the byte order mark of a file."""
    text = text.removeprefix("\ufeff")
    problems = {
        "it holds NUL characters, so it looks like UTF-16 that was read as UTF-8": "\0" in text,
        "it holds bytes that are not UTF-8, as a file in another encoding that was read as UTF-8 does": (
            _NOT_UTF8.search(text)
        ),
    }
    for problem, is_there in problems.items():
        if is_there:
            _refuse(
                f"script is not text: {problem}. Use the option path, which reads UTF-16 with a byte order mark, or "
                "save the file as UTF-8"
            )
    if not text.strip():
        _refuse("script is empty", error_id="ParameterArgumentValidationErrorEmptyStringNotAllowed")
    return text


def _sensitive_parameters(options: t.Mapping[str, t.Any]) -> dict[str, str | Credential]:
    """Return the parameters that become SecureStrings and PSCredentials. Errors name them and never show a value."""
    plain = {str(name).lower() for name in options.get("parameters") or {}}
    parameters: dict[str, str | Credential] = {}
    for entry in options.get("sensitive_parameters") or ():
        name = _name(entry.get("name", ""), "sensitive_parameters")
        if name.lower() in plain:
            _refuse(f"{name} is in parameters and in sensitive_parameters")
        if name.lower() in (each.lower() for each in parameters):
            _refuse(f"sensitive_parameters: {name} is there twice")
        parameters[name] = _sensitive_value(entry, f"sensitive_parameters: {name}")
    return parameters


def _sensitive_value(entry: t.Mapping[str, t.Any], where: str) -> str | Credential:
    """Return the text of a SecureString, or the credential of an entry of sensitive_parameters."""
    given = {name: entry[name] for name in ("value", "username", "password") if entry.get(name) is not None}
    if given.keys() not in ({"value"}, {"username", "password"}):
        _refuse(f"{where} needs either value, for a SecureString, or username and password, for a PSCredential")
    for name, value in given.items():
        # In ansible-core before 2.19, vaulted text has a separate type.
        if not isinstance(value, str) and not getattr(value, "__ENCRYPTED__", False):
            _refuse(f"{where}: {name} is not text; quote it, or make it text with the filter string")
    return str(given["value"]) if "value" in given else Credential.from_option(given, where)


def _name(name: object, option: str) -> str:
    """Return the name of a parameter. A server treats a name with a dash or a colon as source code."""
    text = str(name)
    plain = text.strip().lstrip(_DASHES).rstrip(":")
    if not plain:
        _refuse(f"{option}: {text!r} is not the name of a parameter")
    if plain != text:
        _refuse(f"{option}: {text!r} is not the name of a parameter. Write {plain!r}, without dash, colon and spaces")
    return text


def _refuse(message: str, error_id: str = "ParameterArgumentValidationError") -> t.NoReturn:
    raise ParameterBindingError(error_id, message, "InvalidData")
