# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The limits a computer sets (MS-WSMV 3.1.4.5.2.1); ``None`` in a switch means no limit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from . import faults
from .computer import SimulatedComputer
from .faults import Fault
from .shell import User, is_cmd


def _check(limit: int | None, used: int, code: int) -> None:
    if limit is not None and used >= limit:
        raise Fault(code)


def check_new_shell(computer: SimulatedComputer, user: User, resource_uri: str) -> None:
    """Refuse one shell too many; disconnected shells count.

    Raises:
        Fault: the code of the quota that is used up.
    """
    shells = computer.live_shells()
    plugin = [shell for shell in shells if shell.resource_uri.lower() == resource_uri.lower()]
    own = [shell for shell in shells if shell.owner == user]
    users = {shell.owner.name for shell in shells} - {user.name}
    plugin_users = {shell.owner.name for shell in plugin} - {user.name}
    _check(computer.max_shells_per_user, len(own), faults.QUOTA_SHELLS_OF_USER)
    _check(computer.max_users, len(users), faults.QUOTA_USERS)
    _check(
        computer.max_plugin_shells_per_user,
        sum(shell.owner == user for shell in plugin),
        faults.QUOTA_PLUGIN_SHELLS_OF_USER,
    )
    _check(computer.max_plugin_shells, len(plugin), faults.QUOTA_PLUGIN_SHELLS)
    _check(computer.max_plugin_users, len(plugin_users), faults.QUOTA_PLUGIN_USERS)
    if computer.powershell is not None and computer.powershells.is_full and not is_cmd(resource_uri):
        # The limit is that of this machine: it holds for all accounts and computers of the fleet.
        raise Fault(faults.QUOTA_PLUGIN_SHELLS)


def check_new_command(computer: SimulatedComputer, commands: int) -> None:
    """Refuse one command too many in a shell that has ``commands``.

    Raises:
        Fault: 0x803381E9.
    """
    _check(computer.max_commands_per_shell, commands, faults.QUOTA_COMMANDS_OF_SHELL)


@contextmanager
def running_operation(computer: SimulatedComputer, user: User, resource_uri: str) -> Iterator[None]:
    """Count an operation while it runs.

    Raises:
        Fault: too many run already, of the user, of the user in this configuration, or in this configuration.
    """
    plugin = resource_uri.lower()
    keys = (f"user {user.name}", f"user {user.name} plugin {plugin}", f"plugin {plugin}")
    limits = (
        (computer.max_operations_per_user, faults.QUOTA_OPERATIONS),
        (computer.max_plugin_operations_per_user, faults.QUOTA_PLUGIN_OPERATIONS_OF_USER),
        (computer.max_plugin_operations, faults.QUOTA_PLUGIN_OPERATIONS),
    )
    running = computer.running_operations
    for key, (limit, code) in zip(keys, limits, strict=True):
        _check(limit, running[key], code)
    running.update(keys)
    try:
        yield
    finally:
        running.subtract(keys)
