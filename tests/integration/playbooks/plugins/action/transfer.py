# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copies a file by the methods of the task's connection, without the modules that come before and after it."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """Put a file of the controller to `put`, or fetch one of the computer to `fetch`."""

    TRANSFERS_FILES = True

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        if "put" in self._task.args:
            self._connection.put_file(self._task.args["src"], self._task.args["put"])
        else:
            self._connection.fetch_file(self._task.args["src"], self._task.args["fetch"])
        return {**result, "changed": True}
