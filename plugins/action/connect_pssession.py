# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.psremoting.fleet.plugins.module_utils import _verbs
from ansible_collections.psremoting.fleet.plugins.plugin_utils._session_action import SessionAction


class ActionModule(SessionAction):
    """Connect to disconnected PowerShell sessions."""

    plugin = _verbs.CONNECT
