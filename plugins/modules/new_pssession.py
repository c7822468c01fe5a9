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
  - If a session with the name exists on a computer, for the same account and configuration, the task opens no second
    one. It connects to the existing session if possible, and returns it.
options:
  name:
    description:
      - Names of the sessions, as C(Get-PSSession) shows them. Each computer gets one session of each name.
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
  - The task runs on the controller, or on the host that C(delegate_to) names if this is not a Windows host. It never
    runs on Windows and never opens the connection of the host.
  - In a task for a Windows host of the inventory, without O(computer_name) and O(connection_uri), the computer is that
    host.
  - O(configuration_name) is the configuration of a new session, V(Microsoft.PowerShell) by default. Without this
    option, the task accepts an existing session of any configuration.
  - The suboptions C(idle_timeout), C(output_buffering_mode), C(no_machine_profile) and C(application_arguments) of
    O(session_option) apply to new sessions only.
  - The server disconnects a client that is silent for about a minute, and then keeps the session for its idle timeout.
  - In check mode the task opens no session. Later tasks of a run with C(--check) still see the sessions in the state in
    which this task would leave them. Such sessions have no number (C(id)), and only tasks on the controller see them.
seealso:
  - module: psremoting.fleet.connect_pssession
  - module: psremoting.fleet.disconnect_pssession
  - name: New-PSSession
    description: The cmdlet's documentation.
    link: https://learn.microsoft.com/powershell/module/microsoft.powershell.core/new-pssession
"""

EXAMPLES = r"""
- name: Open a session on each Windows host of the play, with an idle timeout of a day
  psremoting.fleet.new_pssession:
    name: Nightly
    session_option:
      idle_timeout: 86400
"""

RETURN = r"""
sessions:
  description:
    - One session for each name and computer, in the form of M(psremoting.fleet.connect_pssession).
    - In check mode, existing sessions in the state in which they were found, and sessions that would be opened with
      state V(Closed).
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
  description: Always empty, because the task opens sessions that do not exist.
  returned: always
  type: list
  elements: str
  sample: []
what_if:
  description:
    - One line for each session that a run would change, in the cmdlet's words. Sessions that would be refused are in
      RV(errors) instead.
    - The server may list a session as connected without showing whether this client is the connected one. Then the line
      has both outcomes, and the session does not count as changed.
  returned: always, with lines in check mode
  type: list
  elements: str
  sample: ['What if: Performing the operation "New" on target "ITTask".']
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
    _plugins.main(_plugins.NEW)


if __name__ == "__main__":
    main()
