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
    does on Windows. The work in them goes on.
  - A session that is disconnected already is returned unchanged, with the idle timeout it has.
  - A session that another client is connected to is an error. Only its own client can disconnect from it.
options:
  idle_timeout:
    description:
      - Seconds the server keeps the sessions without a client. The default is O(session_option.idle_timeout), or else
        what each session has.
      - It must be at least 60, and at most what the server allows (RV(ignore:max_idle_timeout) of the session). V(-1)
        is the default. Less than 900 (15 minutes) is a warning with the time of expiry.
    type: int
  output_buffering_mode:
    description:
      - How the server handles output when its buffer is full and no client is connected. V(block) suspends the
        command, V(drop) drops the oldest output, V(none) leaves it as it is.
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
  - The task runs on the controller (or wherever C(delegate_to) sends it, if that is no Windows host). It never runs on
    Windows, and the task's own connection is never opened.
  - On a Windows host of the inventory, and with none of O(computer_name), O(connection_uri), O(session) and O(id), the
    computer is that host.
  - "Differences from the cmdlet: sessions can be named by their computer, too. O(idle_timeout) and
    O(output_buffering_mode) do not reset each other."
seealso:
  - module: psremoting.fleet.connect_pssession
  - name: Disconnect-PSSession
    description: The cmdlet's documentation.
    link: https://learn.microsoft.com/powershell/module/microsoft.powershell.core/disconnect-pssession
"""

EXAMPLES = r"""
- name: Leave the sessions of each Windows host of the play for a day
  psremoting.fleet.disconnect_pssession:
    name: ITTask
    idle_timeout: 86400

- name: Connect to sessions that would expire soon, and disconnect again with more time
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
    - The sessions, disconnected now, as M(psremoting.fleet.connect_pssession) returns them.
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
  sample: ['What if: Performing the operation "Disconnect" on target "ITTask".']
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
    _plugins.main(_plugins.DISCONNECT)


if __name__ == "__main__":
    main()
