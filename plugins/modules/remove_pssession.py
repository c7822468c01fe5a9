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
  - Ends PowerShell sessions (PSSessions) on Windows computers, and all work in them, as C(Remove-PSSession) does on
    Windows.
  - A session that another client is connected to is not removed, unless O(force) says so.
  - A session that does not exist needs no removal, so finding none is not an error, see O(on_missing).
options:
  force:
    description:
      - Remove sessions that another client is connected to as well.
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
  - The task runs on the controller (or wherever C(delegate_to) sends it, if that is no Windows host). It never runs on
    Windows, and the task's own connection is never opened.
  - On a Windows host of the inventory, and with none of O(computer_name), O(connection_uri), O(session) and O(id), the
    computer is that host.
  - With a computer, one of O(name), O(instance_id), O(owner), O(minimum_age) and O(expires_within) is needed, so that a
    forgotten option does not end everything. O(name=*) means all sessions there.
  - Before it is removed a session is connected, as the cmdlet does. That proves that no other client is connected. An
    administrator cannot connect to sessions of other accounts; their computer is listed once more instead. The protocol
    has no request that does both, so a client that connects in the moment between the two loses the session.
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

- name: Remove what was left behind for more than a day by one account
  psremoting.fleet.remove_pssession:
    computer_name: [server01, server02]
    owner: operator
    minimum_age: 86400
  delegate_to: localhost
"""

RETURN = r"""
sessions:
  description:
    - The sessions that were removed, as M(psremoting.fleet.connect_pssession) returns them, with state V(Closed).
    - In check mode the sessions selected that would not be refused, as they were found.
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
what_if:
  description:
    - The changes that a run would make, one line for each session, in the cmdlet's words. Sessions that would be
      refused are in RV(errors) instead.
    - If the server lists a session as connected, and this client may be the one that is, the line has both outcomes.
      The session does not count as changed then, since only a changing request would tell.
  returned: always, with lines in check mode
  type: list
  elements: str
  sample: ['What if: Performing the operation "Remove" on target "server01" (ITTask).']
stdout:
  description:
    - A table of the sessions that the task has changed, 50 at most. In check mode the lines of RV(what_if), each with
      its host, 1000 at most. Errors follow, grouped by reason, unless they fail the task, whose C(msg) has them.
    - A task for several computers, or in a play for one host, shows it on the terminal. A task that runs for each
      host of a play shows the lines of check mode and such errors only. One with C(no_log) or C(until) shows nothing.
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
    _plugins.main(_plugins.REMOVE)


if __name__ == "__main__":
    main()
