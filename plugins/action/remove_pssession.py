"""The action plugin of remove_pssession."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from ansible_collections.psremoting.fleet.plugins.plugin_utils._session_action import SessionAction


class ActionModule(SessionAction):
    """Remove PowerShell sessions."""

    plugin = _plugins.REMOVE
