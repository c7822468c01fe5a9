"""The action plugin of invoke_command."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleActionFail, AnsibleError

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.request.scripts import decoded
from ansible_collections.psremoting.fleet.plugins.plugin_utils._session_action import SessionAction


class ActionModule(SessionAction):
    """Run scripts in PowerShell sessions."""

    plugin = _plugins.INVOKE

    def complete(self, options: dict[str, t.Any]) -> None:
        """Read the script's file on the controller, wherever the task runs."""
        path = options.get("path")
        if path is None:
            return
        if options.get("script") is not None:
            raise AnsibleActionFail("script and path cannot be used together")
        try:
            with open(self._find_needle("files", path), "rb") as file:
                options["script"] = decoded(file.read())
        except (AnsibleError, OSError, ValueError) as error:
            raise AnsibleActionFail(f"path: {path} cannot be read: {error}") from error
        options["path"] = None
