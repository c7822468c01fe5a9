# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions and commands that exist before a client of the test comes: declared, and left by an earlier client."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from .answers import receive_answer
from .declaration import CmdShell, Command, Session, read
from .earlier_client import EarlierClient
from .powershell_pool import PowerShellPool
from .scripted_pool import ScriptedPool
from .wsman import CMD_RESOURCE, POWERSHELL_PREFIX

if TYPE_CHECKING:
    from .computer import SimulatedComputer
    from .shell import Shell, User


def add_session(computer: SimulatedComputer, declared: Session) -> Shell:
    """Make a session as if a client had created it (in the loop's thread only).

    Raises:
        ValueError: no such account, the id is in use, or what is declared goes with declared scripts only, or with a
            PowerShell only.
    """
    uri = declared.configuration if "://" in declared.configuration else POWERSHELL_PREFIX + declared.configuration
    client = declared.client_session_id or str(uuid.uuid4())
    shell = computer.new_shell(declared.shell_id, uri, _account(computer, declared.owner), client)
    try:
        _describe(shell, declared, computer.clock.now())
        pool = computer.new_pool(shell)
        pool.min_runspaces, pool.max_runspaces = declared.min_runspaces, declared.max_runspaces
        if isinstance(pool, ScriptedPool):
            _open_scripted(shell, pool, declared)
        else:
            _open_powershell(computer.name, shell, pool, declared)
        for command in declared.commands:
            _add_command(computer.name, pool, read(Command, command))
    except ValueError:
        computer.remove_shell(shell)
        raise
    return shell


def add_cmd_shell(computer: SimulatedComputer, declared: CmdShell) -> Shell:
    """Make a shell of the Windows command line (in the loop's thread only).

    Raises:
        ValueError: no such account, or the id is in use.
    """
    account = _account(computer, declared.owner)
    return computer.new_shell(declared.shell_id, CMD_RESOURCE, account, str(uuid.uuid4()))


def _account(computer: SimulatedComputer, name: str | None) -> User:
    account = computer.users[0] if name is None and computer.users else computer.find_user(name or "")
    if account is None:
        raise ValueError(f"{computer.name} has no user {name!r}")
    return account


def _describe(shell: Shell, declared: Session, now: float) -> None:
    shell.name, shell.client_ip, shell.held = declared.name, declared.client_ip, declared.held
    shell.idle_timeout, shell.max_idle_timeout = declared.idle_timeout, declared.max_idle_timeout
    shell.buffer_mode = declared.buffer_mode
    shell.locale = shell.data_locale = declared.locale
    shell.created = now - max(declared.age, declared.inactivity)
    shell.last_activity = now - declared.inactivity
    shell.state = "Connected" if declared.state == "Connected" else "Disconnected"


def _open_scripted(shell: Shell, pool: ScriptedPool, declared: Session) -> None:
    pool.variables.update(declared.variables)
    if declared.application_private_data is not None:
        pool.private_data = declared.application_private_data
    shell.unacknowledged = receive_answer([pool.open_earlier()])


def _open_powershell(computer: str, shell: Shell, pool: PowerShellPool, declared: Session) -> None:
    if declared.variables or declared.application_private_data is not None:
        raise ValueError(f"{computer} has a PowerShell: it makes variables and private data by itself")
    pool.earlier_client = EarlierClient(lambda last: setattr(shell, "unacknowledged", receive_answer([last])))


def _add_command(computer: str, pool: ScriptedPool | PowerShellPool, declared: Command) -> None:
    script = declared.script if isinstance(pool, ScriptedPool) else declared.script_text
    if script is None:
        content, right, wrong = (
            ("declared scripts", "script", "script_text")
            if isinstance(pool, ScriptedPool)
            else ("a PowerShell", "script_text", "script")
        )
        raise ValueError(f"{computer} has {content}: a command there is declared by {right}, not by {wrong}")
    identity = uuid.UUID(declared.command_id) if declared.command_id else uuid.uuid4()
    pool.new_pipeline(identity, declared.command_line).start_earlier(script, declared.state == "finished")
