# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: format_list
short_description: Show all properties of PowerShell sessions as a list
version_added: 1.0.0
author: psremoting.fleet contributors (@psremoting)
description:
  - Shows sessions as C(Get-PSSession) and C(Format-List) do on Windows, one property on each line.
positional: _input, columns
options:
  _input:
    description: Sessions, as the modules and the lookup of this collection return them, or entries of C(results).
    type: list
    elements: dict
    required: true
  columns:
    description:
      - The properties, in this order. P(psremoting.fleet.format_table#filter) describes them. The default is all of
        them.
    type: list
    elements: str
seealso:
  - plugin: psremoting.fleet.format_table
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Show all properties of the session of each host
  ansible.builtin.debug:
    msg: "{{ (query('psremoting.fleet.pssession', name='ITTask') | psremoting.fleet.format_list).splitlines() }}"
"""

RETURN = r"""
_value:
  description: One line for each property, and an empty line between sessions.
  type: str
"""

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.psremoting.fleet.plugins.plugin_utils import _tables


def format_list(sessions: t.Any, columns: t.Iterable[str] = _tables.ALL) -> str:
    """Return the properties of some sessions."""
    try:
        return "\n".join(_tables.format_list(_tables.entries_of(sessions), _tables.names_of(columns)))
    except ValueError as error:
        raise AnsibleFilterError(f"format_list: {error}") from error


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"format_list": format_list}
