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
  - It connects to no session and changes nothing.
options:
  on_missing:
    description:
      - How a name, number or GUID without a session is handled. Finding nothing is an answer, so V(skip) is the
        default here.
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
  - The task runs on the controller (or wherever C(delegate_to) sends it, if that is no Windows host). It never runs on
    Windows, and the task's own connection is never opened.
  - On a Windows host of the inventory, and with none of O(computer_name), O(connection_uri), O(session) and O(id), the
    computer is that host.
  - Servers tell that a session is connected, and not to whom. It is shown as V(Opened) if this controller was the last
    one to connect to it, and else as V(Disconnected) and V(Busy).
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
- name: Find the sessions of each Windows host of the play, and what runs in them
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
  description: The sessions found, as M(psremoting.fleet.connect_pssession) returns them.
  returned: always
  type: list
  elements: dict
errors:
  description:
    - The errors, one record for each computer, session or value, as M(psremoting.fleet.connect_pssession) returns
      them.
  returned: always
  type: list
  elements: dict
missing:
  description: Names, numbers and GUIDs without a session, for every value of O(on_missing).
  returned: always
  type: list
  elements: str
  sample: [NoSuchTask]
accounts:
  description:
    - The account on each computer whose sessions were looked for, as its server names it, or else as it was given.
  returned: when O(owner) has V(<own>)
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
    - A table of the sessions, 1000 lines at most, with their commands if they were listed (O(list_commands)), and in
      how much time each expires. Errors follow, grouped by reason, unless they fail the task, whose C(msg) has them.
    - A task for several computers, or in a play for one host, shows it on the terminal. A task that runs for each
      host of a play shows a line for each session, without headings, 5 at most; with C(register) it shows nothing.
      Neither does a task with C(no_log) or C(until).
  returned: always
  type: str
stdout_lines:
  description: The lines of RV(stdout).
  returned: always
  type: list
  elements: str
parameter_set:
  description: The cmdlet's parameter set that the options meant.
  returned: always
  type: str
  sample: ComputerName
"""

from ansible_collections.psremoting.fleet.plugins.module_utils import _plugins


def main() -> None:
    _plugins.main(_plugins.INFO)


if __name__ == "__main__":
    main()
