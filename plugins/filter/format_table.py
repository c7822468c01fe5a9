# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: format_table
short_description: Show PowerShell sessions as a table
version_added: 0.1.0
author: psremoting.fleet contributors (@psremoting)
description:
  - Shows sessions as C(Get-PSSession) and C(Format-Table) do on Windows, with the same columns in the same order.
  - Columns grow with what is in them, so nothing is cut off.
positional: _input
options:
  _input:
    description: Sessions, as the modules and the lookup of this collection return them.
    type: list
    elements: dict
    required: true
seealso:
  - plugin: psremoting.fleet.pssession
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: Show the sessions of the fleet
  ansible.builtin.debug:
    msg: "{{ query('psremoting.fleet.pssession', groups['windows']) | psremoting.fleet.format_table }}"
"""

RETURN = r"""
_value:
  description: The table, one line for each session under two lines of headings.
  type: str
"""

import typing as t
from collections.abc import Mapping

from ansible.errors import AnsibleFilterError

from ansible_collections.psremoting.fleet.plugins.plugin_utils._text import printable

# Key, heading, smallest width, alignment: the table view of PSSession in PowerShell's own formatting data.
_COLUMNS = (
    ("id", "Id", 3, str.rjust),
    ("name", "Name", 15, str.ljust),
    ("transport", "Transport", 9, str.ljust),
    ("computer_name", "ComputerName", 15, str.ljust),
    ("computer_type", "ComputerType", 15, str.ljust),
    ("state", "State", 13, str.ljust),
    ("configuration_name", "ConfigurationName", 21, str.ljust),
    ("availability", "Availability", 13, str.rjust),
)


def format_table(sessions: t.Any) -> str:
    """Return the table of some sessions."""
    if isinstance(sessions, (Mapping, str)):
        raise AnsibleFilterError("format_table needs a list of sessions, such as the sessions of a registered result")
    rows = [[_text(session, key) for key, *_rest in _COLUMNS] for session in sessions]
    headings = [heading for _key, heading, *_rest in _COLUMNS]
    table = [headings, ["-" * len(heading) for heading in headings], *rows]
    cells = zip(*table, strict=True)
    columns = [
        [align(cell, max(least, *map(len, column))) for cell in column]
        for column, (_key, _heading, least, align) in zip(cells, _COLUMNS, strict=True)
    ]
    lines = (" ".join(line).rstrip() for line in zip(*columns, strict=True))
    return "\n".join(lines)


def _text(session: t.Any, key: str) -> str:
    if not isinstance(session, Mapping):
        raise AnsibleFilterError(f"format_table: {session!r} is no session")
    value = session.get(key)
    return "" if value is None else printable(str(value))


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"format_table": format_table}
