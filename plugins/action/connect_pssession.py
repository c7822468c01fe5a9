"""The action plugin of connect_pssession."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from ansible_collections.psremoting.fleet.plugins.plugin_utils._session_action import SessionAction


class ActionModule(SessionAction):
    """Connect to disconnected PowerShell sessions."""

    plugin = _plugins.CONNECT
