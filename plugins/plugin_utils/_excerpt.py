"""Additions of Ansible to the message of a failed task: an excerpt of a playbook, and a traceback."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import typing as t

from ansible.errors import AnsibleActionFail


def hide_excerpt(task: t.Any) -> None:
    """Keep Ansible from printing an excerpt of the collection's own files under a failure that a server caused.

    ansible-core 2.19 and later ask the task for the place in its file (`get_ds`). The task is the copy of a worker
    process, which does nothing more with it.
    """
    task._ds = None


@contextlib.contextmanager
def without_traceback() -> t.Iterator[None]:
    """Let no traceback be printed with a failure that an action raises in this block, whose message says it all.

    ansible-core before 2.19 adds the traceback of the exception under way. Where there is none, it prints "An exception
    occurred during task execution. ... The error was: NoneType: None" above the message.
    """
    try:
        yield
    except AnsibleActionFail as error:
        result: dict[str, t.Any] = getattr(error, "result", None) or {}
        result.pop("exception", None)
        raise
