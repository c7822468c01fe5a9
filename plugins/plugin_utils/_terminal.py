"""Terminal: lines that actions show to people while a task runs, beside what the callback makes of its result."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import functools
import typing as t

from ansible import constants as C
from ansible.errors import AnsibleError
from ansible.plugins.loader import callback_loader
from ansible.utils.display import Display

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.text import shown

display = Display()

# Callbacks that print for people and are not derived from the default one.
_FOR_PEOPLE = frozenset({"minimal", "oneline", "selective", "counter_enabled", "dense"})
_VERY_VERBOSE = 3


class Terminal:
    """The terminal of one task. Under ansible-runner each line is an event of the job.

    Lines go to standard output where the stdout callback prints for people. Any other callback, such as json or null,
    owns standard output: a program reads it. There the lines go to standard error.

    Attributes:
        is_silent: Whether nothing is shown.
    """

    def __init__(self, *, is_silent: bool = False) -> None:
        self.is_silent = is_silent

    @classmethod
    def of(cls, task: t.Any) -> Terminal:
        """Return the terminal of a task; one with ``no_log`` shows nothing."""
        return cls(is_silent=bool(task.no_log))

    def show(self, text: str, color: str | None = None) -> None:
        """Show a text of one or several lines, without characters that a terminal obeys.

        Args:
            color: One of Ansible's, such as ``C.COLOR_WARN``; the display leaves it out where there are no colours.
        """
        if not self.is_silent:
            display.display(_shown_lines(text), color=color, stderr=not is_stdout_for_people())

    def show_verbose(self, text: str) -> None:
        """Show a text from ``-vvv`` on."""
        if display.verbosity >= _VERY_VERBOSE:
            self.show(text, C.COLOR_VERBOSE)

    def warn(self, text: str) -> None:
        """Show a warning, on standard error. Of several with the same text Ansible shows one in a run."""
        if not self.is_silent:
            display.warning(_shown_lines(text))


def is_stdout_for_people() -> bool:
    """Return whether the stdout callback of this run prints for people."""
    return _prints_for_people(C.DEFAULT_STDOUT_CALLBACK)


def is_task_named_first() -> bool:
    """Return whether the default callback names a task when it begins, and not only above its first result."""
    options = ("display_skipped_hosts", "display_ok_hosts")
    values = (C.config.get_config_value(name, plugin_type="callback", plugin_name="default") for name in options)
    try:
        return all(values)
    except AnsibleError:  # another callback is in use
        return True


@functools.cache
def _prints_for_people(callback: str) -> bool:
    """Return whether a stdout callback prints for people: the default one, what is derived from it, and a few others.

    awx_display, which ansible-runner sets, is derived from the callback that the user has chosen.
    """
    found, default = (callback_loader.get(name, class_only=True) for name in (callback, "default"))
    if found is None or default is None:
        return False
    return issubclass(found, default) or found.CALLBACK_NAME.rpartition(".")[2] in _FOR_PEOPLE


def _shown_lines(text: str) -> str:
    return "\n".join(shown(line.expandtabs()) for line in text.splitlines())
