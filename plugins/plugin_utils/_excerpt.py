"""The excerpt of a playbook that Ansible prints under the message of a failed task."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t


def hide_excerpt(task: t.Any) -> None:
    """Let no excerpt of the collection's own files be printed under a failure, which is a server's and not theirs.

    ansible-core 2.19 and later ask the task for the place in its file (`get_ds`). The task is the copy of a worker
    process, which does nothing more with it.
    """
    task._ds = None
