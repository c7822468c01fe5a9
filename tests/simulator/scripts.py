# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Declared scripts: which of them a client means, and running them. ``steps`` has what a script can do."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from psrpcore.types import PSRPMessageType

from . import messages, steps
from .records import Origin
from .script_context import Execution, NextInput, ScriptContext, ScriptError, ScriptExit, ScriptFailure

_NOT_DECLARED = {
    "error_id": "CommandNotFoundException",
    "category": "ObjectNotFound",
    "exception": "System.Management.Automation.CommandNotFoundException",
}


class _DryRun:
    """A context that sends nothing, for checks."""

    def __init__(self) -> None:
        self.variables: dict[str, Any] = {}
        self.parameters: dict[str, Any] = {}
        self.origin = Origin("HOST\\user", "HOST", 0)
        self.has_ui: bool | None = True

    def emit(self, _kind: PSRPMessageType, _value: Any) -> None:
        """Discard the message."""

    def call_host(self, method: str, parameters: Sequence[Any]) -> int:
        """Check that the call is a possible one."""
        messages.host_call(0, method, parameters)
        return 0

    def tell_host(self, method: str, parameters: Sequence[Any]) -> None:
        """Check that the call is a possible one."""
        messages.host_call(messages.NO_ANSWER, method, parameters)


@dataclass(frozen=True)
class Script:
    """A declared script.

    Attributes:
        name: what declared commands and error messages call it.
        pattern: a regular expression searched in the script text; ``None`` means the text equals ``name``.
        steps: verb and argument of each step.
    """

    name: str
    steps: tuple[tuple[str, Any], ...]
    pattern: re.Pattern[str] | None = None

    def matches(self, text: str) -> bool:
        """Whether this script is meant by ``text``."""
        if self.pattern is not None:
            return self.pattern.search(text) is not None
        return self.name.strip() == text.strip()

    def run(self, context: ScriptContext) -> Execution:
        """Run the script, waiting where it must.

        Raises:
            ScriptFailure: the script throws.
        """
        with contextlib.suppress(ScriptExit):
            yield from steps.run(self.steps, context)

    def checked(self) -> Script:
        """Run the script without waiting or sending anything, and return it.

        Raises:
            ScriptError: a step cannot be carried out. It is found now, not when a client waits for its output.
        """
        execution = steps.run(steps.once(self.steps), _DryRun())
        try:
            wait = next(execution)
            while True:
                wait = execution.send([] if isinstance(wait, NextInput) else None)
        except (StopIteration, ScriptFailure, ScriptExit):
            return self
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ScriptError(f"script {self.name!r}: {error}") from error


@dataclass
class ScriptLibrary:
    """The scripts of a fleet; the first that matches a text wins, exact texts before patterns."""

    scripts: list[Script] = field(default_factory=list)
    default: Script | None = None

    @property
    def is_declared(self) -> bool:
        """Whether there is any script."""
        return bool(self.scripts) or self.default is not None

    @classmethod
    def load(cls, declared: Mapping[str, Any]) -> ScriptLibrary:
        """Read ``{name: steps}`` or ``{name: {match: text, regex: pattern, steps: steps}}``; ``default`` is special.

        Raises:
            ScriptError: an unknown verb or a malformed declaration.
        """
        library = cls()
        for name, declaration in declared.items():
            details = declaration if isinstance(declaration, Mapping) else {"steps": declaration}
            unknown = set(details) - {"match", "regex", "steps"}
            if unknown:
                raise ScriptError(f"script {name!r}: unknown {', '.join(sorted(unknown))}")
            try:
                pattern = re.compile(details["regex"], re.DOTALL) if "regex" in details else None
            except re.error as error:
                raise ScriptError(f"script {name!r}: {error}") from error
            checked = steps.check(name, details.get("steps"))
            if name == "default":
                library.default = Script(name, checked).checked()
                continue
            library.scripts.append(Script(name, checked, pattern).checked())
            if "match" in details:
                library.scripts.append(Script(str(details["match"]), checked))
        return library

    def find(self, text: str) -> Script:
        """The script for ``text``; an undeclared one fails as PowerShell does with an unknown command."""
        for exact in (True, False):
            for script in self.scripts:
                if (script.pattern is None) is exact and script.matches(text):
                    return script
        if self.default is not None:
            return self.default
        word = text.split(maxsplit=1)[0] if text.strip() else text
        failure = {**_NOT_DECLARED, "message": f"The script is not declared: {text}", "target": word}
        return Script(text, (("throw", failure),))

    def named(self, name: str) -> Script:
        """The script called ``name``, or else the one that matches it as a text."""
        return next((script for script in self.scripts if script.name == name), None) or self.find(name)
