# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: remove_pssession
short_description: Remove PowerShell sessions
version_added: 1.0.0
author: psremoting.fleet contributors (@psremoting)
description:
  - Removes PowerShell sessions (PSSessions) on Windows computers, as C(Remove-PSSession) does on Windows. This ends all
    commands in them.
  - If another client is connected to a session, the task removes the session only with O(force).
  - A session that does not exist needs no removal, so a missing session is not an error (O(on_missing)).
options:
  force:
    description:
      - Also remove sessions that another client is connected to.
    type: bool
    default: false
  on_missing:
    default: skip
extends_documentation_fragment:
  - psremoting.fleet._attributes
  - psremoting.fleet._attributes.verb
  - psremoting.fleet._options
  - psremoting.fleet._options.computers
  - psremoting.fleet._result
  - psremoting.fleet._sessions.uri
  - psremoting.fleet._sessions.existing
  - psremoting.fleet._sessions.all_known
  - psremoting.fleet._sessions.owner
  - psremoting.fleet._sessions.commands
  - psremoting.fleet._sessions.change
  - psremoting.fleet._sessions.conditions
  - psremoting.fleet._endpoints
notes:
  - The task runs on the controller, or on the host that C(delegate_to) names if this is not a Windows host. It never
    runs on Windows and never opens the connection of the host.
  - In a task for a Windows host of the inventory, without O(computer_name), O(connection_uri), O(session) and O(id),
    the computer is that host.
  - With a computer, the task needs one of O(name), O(instance_id), O(owner), O(minimum_age) and O(expires_within). So a
    forgotten option cannot remove all sessions. O(name=*) means all sessions there.
  - The task connects to a session before it removes it, as the cmdlet does. This proves that no other client is
    connected. An administrator cannot connect to sessions of other accounts; in this case the task lists the sessions
    once more instead. Both take two requests. A client that connects between the two requests loses the session.
seealso:
  - module: psremoting.fleet.pssession_info
  - name: Remove-PSSession
    description: The cmdlet's documentation.
    link: https://learn.microsoft.com/powershell/module/microsoft.powershell.core/remove-pssession
"""

EXAMPLES = r"""
- name: Remove a finished session on each Windows host of the play
  psremoting.fleet.remove_pssession:
    name: ITTask

- name: Remove the sessions of one account that have had no client for more than a day
  psremoting.fleet.remove_pssession:
    computer_name: [server01, server02]
    owner: operator
    minimum_age: 86400
  delegate_to: localhost
"""

RETURN = r"""
sessions:
  description:
    - The removed sessions, in the form of M(psremoting.fleet.connect_pssession), with state V(Closed).
    - In check mode, the selected sessions that would not be refused, in the state in which they were found.
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
what_if:
  description:
    - One line for each session that a run would change, in the cmdlet's words. Sessions that would be refused are in
      RV(errors) instead.
    - The server may list a session as connected without showing whether this client is the connected one. Then the line
      has both outcomes, and the session does not count as changed.
  returned: always, with lines in check mode
  type: list
  elements: str
  sample: ['What if: Performing the operation "Remove" on target "server01" (ITTask).']
stdout:
  description:
    - A table of at most 50 sessions that the task changed. In check mode, at most 1000 lines of RV(what_if), each with
      its host. Then follow the errors, grouped by reason. If the errors fail the task, they are in C(msg) instead.
    - A task for several computers, or in a play for one host, shows this text on the terminal. A task that runs for
      each host of a play shows only the lines of check mode and these errors. A task with C(no_log) or C(until) shows
      nothing.
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
    _plugins.main(_plugins.REMOVE)


if __name__ == "__main__":
    main()
