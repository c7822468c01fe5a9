# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: document
type: stdout
short_description: Prints one JSON document at the end of the run
description:
  - For tests. Nothing else may be on standard output, as with the callback ansible.posix.json.
"""

import json
import typing as t

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    """Prints one JSON document at the end of the run."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "document"

    def __init__(self) -> None:
        super().__init__()
        self._results: dict[str, t.Any] = {}

    def v2_runner_on_ok(self, result: t.Any) -> None:
        self._results[result._host.get_name()] = {"changed": result._result["changed"]}

    def v2_playbook_on_stats(self, _stats: t.Any) -> None:
        self._display.display(json.dumps(self._results))
