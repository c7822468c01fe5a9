# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: new_pssession
short_description: Open PowerShell sessions
version_added: 1.0.0
author: psremoting.fleet contributors (@psremoting)
description:
  - Opens named PowerShell sessions (PSSessions) on Windows computers, as C(New-PSSession) does on Windows.
  - A session is opened once. If one with the name exists on a computer, for the same account and in the same
    configuration, it is connected to, if it can be, and returned.
options:
  name:
    description:
      - Names of the sessions. Each computer gets one session of each name. It is what C(Get-PSSession) shows.
    type: list
    elements: str
    required: true
extends_documentation_fragment:
  - psremoting.fleet._attributes
  - psremoting.fleet._attributes.verb
  - psremoting.fleet._options
  - psremoting.fleet._options.computers
  - psremoting.fleet._result
  - psremoting.fleet._sessions.uri
  - psremoting.fleet._sessions.change
  - psremoting.fleet._endpoints
notes:
  - The task runs on the controller (or wherever C(delegate_to) sends it, if that is no Windows host). It never runs on
    Windows, and the task's own connection is never opened.
  - On a Windows host of the inventory, and with neither O(computer_name) nor O(connection_uri), the computer is that
    host.
  - O(configuration_name) is the configuration the session is opened in, V(Microsoft.PowerShell) by default. Without it
    an existing session counts whatever its configuration is.
  - Of O(session_option), C(idle_timeout), C(output_buffering_mode), C(no_machine_profile) and C(application_arguments)
    shape a session that is opened. An existing one keeps what it has.
  - A session that is open and not used becomes disconnected after about a minute, and lives on for its idle timeout.
  - In check mode no session is opened. Later tasks of a run with C(--check) find the sessions all the same, as this
    task would leave them. They have no number (C(id)), and tasks on another host than the controller do not find them.
seealso:
  - module: psremoting.fleet.connect_pssession
  - module: psremoting.fleet.disconnect_pssession
  - name: New-PSSession
    description: The cmdlet's documentation.
    link: https://learn.microsoft.com/powershell/module/microsoft.powershell.core/new-pssession
"""

EXAMPLES = r"""
- name: Have a session on each Windows host of the play that survives a day without a client
  psremoting.fleet.new_pssession:
    name: Nightly
    session_option:
      idle_timeout: 86400
"""

RETURN = r"""
sessions:
  description:
    - One session for each name and computer, as M(psremoting.fleet.connect_pssession) returns them.
    - In check mode the sessions that exist, as they were found, and those that would be opened, with state V(Closed).
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
  description: Always empty, since sessions that do not exist are opened.
  returned: always
  type: list
  elements: str
  sample: []
what_if:
  description:
    - The changes that a run would make, one line for each session, in the cmdlet's words. Sessions that would be
      refused are in RV(errors) instead.
    - If the server lists a session as connected, and this client may be the one that is, the line has both outcomes.
      The session does not count as changed then, since only a changing request would tell.
  returned: always, with lines in check mode
  type: list
  elements: str
  sample: ['What if: Performing the operation "New" on target "ITTask".']
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
    _plugins.main(_plugins.NEW)


if __name__ == "__main__":
    main()
