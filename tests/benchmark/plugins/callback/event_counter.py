# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: event_counter
type: aggregate
short_description: Counts the events of a run and finds the longest result
description:
  - For measurements. ansible-runner makes an event of each call that this plugin counts.
options:
  path:
    description: The file for what was counted, a JSON object.
    type: path
    required: true
    env:
      - name: EVENT_COUNTER_PATH
"""

import json
import typing as t

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    """Counts the events of a run and finds the longest result."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "event_counter"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *arguments: t.Any, **named: t.Any) -> None:
        super().__init__(*arguments, **named)
        self._count = self._longest = 0

    def v2_on_any(self, *args: t.Any, **kwargs: t.Any) -> None:
        self._count += 1

    def _look(self, result: t.Any) -> None:
        self._longest = max(self._longest, len(json.dumps(result._result, default=str)))

    v2_runner_on_ok = v2_runner_on_skipped = v2_runner_on_unreachable = _look

    def v2_runner_on_failed(self, result: t.Any, ignore_errors: bool = False) -> None:
        self._look(result)

    def v2_playbook_on_stats(self, stats: t.Any) -> None:
        with open(self.get_option("path"), "w", encoding="utf-8") as file:
            json.dump({"events": self._count, "longest": self._longest}, file)
