# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pssession_info
short_description: Find PowerShell sessions
version_added: 1.0.0
author: psremoting.fleet contributors (@psremoting)
description:
  - Lists the PowerShell sessions (PSSessions) of Windows computers, as C(Get-PSSession) does on Windows.
  - It does not connect to sessions and changes nothing.
options:
  on_missing:
    description:
      - How the task handles a name, number or GUID without a session. An empty result is not an error of a search, so
        V(skip) is the default here.
    default: skip
extends_documentation_fragment:
  - psremoting.fleet._attributes
  - psremoting.fleet._attributes.info
  - psremoting.fleet._options
  - psremoting.fleet._options.computers
  - psremoting.fleet._result
  - psremoting.fleet._sessions.uri
  - psremoting.fleet._sessions.existing
  - psremoting.fleet._sessions.owner
  - psremoting.fleet._sessions.commands
  - psremoting.fleet._sessions.conditions
  - psremoting.fleet._endpoints
notes:
  - The task runs on the controller, or on the host that C(delegate_to) names if this is not a Windows host. It never
    runs on Windows and never opens the connection of the host.
  - In a task for a Windows host of the inventory, without O(computer_name), O(connection_uri), O(session) and O(id),
    the computer is that host.
  - A server reports that a session is connected, but not to which client. If this controller was the last one to
    connect to the session, its state is V(Opened). Otherwise its state is V(Disconnected), and its availability
    V(Busy).
seealso:
  - plugin: psremoting.fleet.pssession
    plugin_type: lookup
  - plugin: psremoting.fleet.format_table
    plugin_type: filter
  - name: Get-PSSession
    description: The cmdlet's documentation.
    link: https://learn.microsoft.com/powershell/module/microsoft.powershell.core/get-pssession
"""

EXAMPLES = r"""
- name: Find the sessions of each Windows host of the play, and their commands
  psremoting.fleet.pssession_info:
    list_commands: true
  register: found

- name: Find sessions that were disconnected before yesterday
  psremoting.fleet.pssession_info:
    minimum_age: 86400
  register: forgotten
"""

RETURN = r"""
sessions:
  description: The sessions found, in the form of M(psremoting.fleet.connect_pssession).
  returned: always
  type: list
  elements: dict
errors:
  description:
    - The errors, one record for each computer, session or value, in the form of M(psremoting.fleet.connect_pssession).
  returned: always
  type: list
  elements: dict
missing:
  description: Names, numbers and GUIDs without a session, whatever the value of O(on_missing).
  returned: always
  type: list
  elements: str
  sample: [NoSuchTask]
accounts:
  description:
    - The account whose sessions the task looked for, for each computer. This is the name that the server gives it, or
      else the name that the task used.
  returned: if O(owner) has V(<own>)
  type: list
  elements: dict
  contains:
    computer_name:
      description: The computer.
      type: str
    inventory_hostname:
      description: The inventory host whose variables were used, or null.
      type: str
    account:
      description: The account.
      type: str
stdout:
  description:
    - A table of the sessions, at most 1000 lines, with the time until each session expires. With O(list_commands) it
      also has the commands. Then follow the errors, grouped by reason. If the errors fail the task, they are in C(msg)
      instead.
    - A task for several computers, or in a play for one host, shows this text on the terminal. A task that runs for
      each host of a play shows at most 5 lines, one for each session, without headings; with C(register) it shows
      nothing. A task with C(no_log) or C(until) shows nothing.
  returned: always
  type: str
stdout_lines:
  description: The lines of RV(stdout).
  returned: always
  type: list
  elements: str
parameter_set:
  description: The parameter set of the cmdlet that matches the options.
  returned: always
  type: str
  sample: ComputerName
"""

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins


def main() -> None:
    _plugins.main(_plugins.INFO)


if __name__ == "__main__":
    main()
