# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: disconnect_pssession
short_description: Disconnect from PowerShell sessions
version_added: 1.0.0
author: psremoting.fleet contributors (@psremoting)
description:
  - Disconnects from PowerShell sessions (PSSessions) that this controller is connected to, as C(Disconnect-PSSession)
    does on Windows. Commands in the sessions go on.
  - If a session is already disconnected, the task returns it unchanged, with its present idle timeout.
  - If another client is connected to a session, this is an error. Only that client can disconnect from it.
options:
  idle_timeout:
    description:
      - Seconds that the server keeps the sessions without a client. The default is O(session_option.idle_timeout), or
        else each session's present idle timeout.
      - It must be at least 60, and at most the session's RV(ignore:max_idle_timeout). V(-1) means the default. If it is
        less than 900 (15 minutes), a warning gives the time of expiry.
    type: int
  output_buffering_mode:
    description:
      - How the server handles output when its buffer is full and no client is connected. V(block) suspends the command,
        V(drop) drops the oldest output, and V(none) does not change the session's setting.
    type: str
    choices: [none, drop, block]
extends_documentation_fragment:
  - psremoting.fleet._attributes
  - psremoting.fleet._attributes.verb
  - psremoting.fleet._options
  - psremoting.fleet._options.computers
  - psremoting.fleet._result
  - psremoting.fleet._sessions.uri
  - psremoting.fleet._sessions.existing
  - psremoting.fleet._sessions.owner
  - psremoting.fleet._sessions.commands
  - psremoting.fleet._sessions.change
  - psremoting.fleet._endpoints
notes:
  - The task runs on the controller, or on the host that C(delegate_to) names if this is not a Windows host. It never
    runs on Windows and never opens the connection of the host.
  - In a task for a Windows host of the inventory, without O(computer_name), O(connection_uri), O(session) and O(id),
    the computer is that host.
  - "Differences from the cmdlet: A task can also select sessions by their computer. O(idle_timeout) and
    O(output_buffering_mode) do not reset each other."
seealso:
  - module: psremoting.fleet.connect_pssession
  - name: Disconnect-PSSession
    description: The cmdlet's documentation.
    link: https://learn.microsoft.com/powershell/module/microsoft.powershell.core/disconnect-pssession
"""

EXAMPLES = r"""
- name: Disconnect from the sessions of each Windows host, which keeps them for a day
  psremoting.fleet.disconnect_pssession:
    name: ITTask
    idle_timeout: 86400

- name: Connect to sessions that would expire soon, and disconnect with a longer idle timeout
  block:
    - name: Connect
      psremoting.fleet.connect_pssession:
        name: Nightly*
      register: nightly

    - name: Disconnect
      psremoting.fleet.disconnect_pssession:
        session: "{{ nightly.sessions }}"
        idle_timeout: 43200
"""

RETURN = r"""
sessions:
  description:
    - The disconnected sessions, in the form of M(psremoting.fleet.connect_pssession).
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
  sample: ['What if: Performing the operation "Disconnect" on target "ITTask".']
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
    _plugins.main(_plugins.DISCONNECT)


if __name__ == "__main__":
    main()
