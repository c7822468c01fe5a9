# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: format_table
short_description: Show PowerShell sessions as a table
version_added: 1.0.0
author: psremoting.fleet contributors (@psremoting)
description:
  - Shows sessions as C(Get-PSSession) and C(Format-Table) do on Windows, with the same columns in the same order.
  - Columns are as wide as their content, so nothing is cut. Only command lines are shortened; see O(columns).
positional: _input, columns
options:
  _input:
    description: Sessions, as the modules and the lookup of this collection return them, or entries of C(results).
    type: list
    elements: dict
    required: true
  columns:
    description:
      - The columns, in this order.
      - PowerShell shows the columns Id, Name, Transport, ComputerName, ComputerType, State, ConfigurationName and
        Availability.
      - Command has the first line of each command in the session, if the server sends it, at most 60 characters.
        Comments, attributes and C(param) at the beginning of a script are left out.
        CommandState has the states of the commands. A server lists a command as running until a client has received its
        output, so this state is C(Running or not received). Both columns are empty unless the task listed commands
        (O(psremoting.fleet.pssession_info#module:list_commands)).
      - Age is the time that the session has had no client. ExpiresIn is the time until the server removes it.
        Both are durations, such as C(1 h 59 min).
      - "Progress is the last progress record, such as C(Rebuild indexes: Sales, 45 %), and ExitCode the exit code.
        Entries of RV(psremoting.fleet.receive_pssession#module:results) have both; sessions do not."
      - Owner, InstanceId, DisconnectedOn, ExpiresOn, IdleTimeout, OutputBufferingMode, ClientIp and ConnectionUri are
        properties of the session.
      - Column names may have any case, and may have underscores (C(expires_in)).
    type: list
    elements: str
    default: [Id, Name, Transport, ComputerName, ComputerType, State, ConfigurationName, Availability]
seealso:
  - plugin: psremoting.fleet.format_list
    plugin_type: filter
  - plugin: psremoting.fleet.pssession
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: Show the sessions of the fleet
  ansible.builtin.debug:
    msg: "{{ (query('psremoting.fleet.pssession', groups['windows']) | psremoting.fleet.format_table).splitlines() }}"

- name: Find the sessions of the fleet and their commands
  psremoting.fleet.pssession_info:
    computer_name: "{{ groups['windows'] }}"
    list_commands: true
  register: found
  run_once: true

- name: Show owner, commands and expiry of the sessions
  ansible.builtin.debug:
    msg: "{{ (found.sessions | psremoting.fleet.format_table(columns)).splitlines() }}"
  run_once: true
  vars:
    columns: [ComputerName, Name, Owner, Command, ExpiresIn]
"""

RETURN = r"""
_value:
  description: The table, with two lines of headings and one line for each session.
  type: str
"""

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.psremoting.fleet.plugins.plugin_utils import _tables


def format_table(sessions: t.Any, columns: t.Iterable[str] = _tables.DEFAULT) -> str:
    """Return the table of some sessions."""
    try:
        return "\n".join(_tables.format_table(_tables.entries_of(sessions), _tables.names_of(columns)))
    except ValueError as error:
        raise AnsibleFilterError(f"format_table: {error}") from error


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"format_table": format_table}
