"""The action plugin of invoke_command."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from ansible_collections.psremoting.fleet.plugins.plugin_utils._session_action import SessionAction


class ActionModule(SessionAction):
    """Run scripts in PowerShell sessions."""

    plugin = _plugins.INVOKE

    def complete(self, options: dict[str, t.Any]) -> None:
        """Read the script's file on the controller, wherever the task runs."""
        self.read_script(options)
