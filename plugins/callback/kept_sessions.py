# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: kept_sessions
type: aggregate
short_description: Name the sessions that Windows tasks have left
version_added: 1.0.0
author: psremoting.fleet contributors (@psremoting)
description:
  - At the end of a run, this callback lists the sessions that the connection plugin P(psremoting.fleet.psrp#connection)
    has kept for the next tasks, with host, id and the time after which the server removes them.
  - It sends nothing, and it removes nothing.
requirements:
  - enabled in the configuration, with C(callbacks_enabled = psremoting.fleet.kept_sessions)
"""

import typing as t

from ansible.plugins.callback import CallbackBase

from ansible_collections.psremoting.fleet.plugins.plugin_utils import _kept_list
from ansible_collections.psremoting.fleet.plugins.plugin_utils._terminal import Terminal


class CallbackModule(CallbackBase):
    """Names the sessions that a run has left."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "psremoting.fleet.kept_sessions"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_stats(self, stats: t.Any) -> None:
        """Show a line for each session, after the last task."""
        left = _kept_list.left()
        if left:
            Terminal().show(_kept_list.told(left))
