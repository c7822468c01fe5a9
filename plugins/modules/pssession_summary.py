# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pssession_summary
short_description: Summarise the results of the role on the hosts of a play
version_added: 1.0.0
author: psremoting.fleet contributors (@psremoting)
description:
  - Shows a summary at the end of a play. It begins with the predictions of check mode and the notes of the job, such as
    sessions that expire soon. Then follow the number of hosts with each outcome, the hosts that need attention with the
    reasons, and each hint once. The playbooks of this collection end with this task.
  - It reads the results C(pssession_result) that the role C(psremoting.fleet.pssession) registered for the hosts of the
    play.
  - It adds the hosts by outcome (C(pssession_outcomes)) and the number of commands that still run
    (C(pssession_pending)) to the statistics of the run, as C(set_stats) does. AWX keeps them as artifacts of the job.
  - The task fails if every host of the play was left out, and gives the reason. Otherwise it does not fail, because
    hosts with an error have failed already.
options:
  report:
    description:
      - Also write a report to this file, as M(psremoting.fleet.pssession_report) does. A relative path starts at the
        current folder.
    type: path
  report_output_lines:
    description:
      - How many lines of output the page of the report has for each command. See
        O(psremoting.fleet.pssession_report#module:output_lines).
      - This is not O(psremoting.fleet.pssession_job#module:output_lines), which applies to the terminal. Reports are
        often passed on, and output may be secret, so the default is none.
    type: int
    default: 0
  output:
    description:
      - The folder in which the role wrote the output of commands.
    type: path
  sessions:
    description:
      - Also show the sessions of all hosts. Up to 20 sessions are shown as a table. If there are more, sessions with
        the same name and state share a line.
    type: bool
    default: false
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    support: full
    details: The task writes nothing.
  diff_mode:
    description: Returns details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
    support: none
  platform:
    description: Target OS or families that can be operated against.
    platforms: posix
    support: full
    details: The task runs on the controller.
  async:
    description: Supports being used with the C(async) keyword.
    support: none
notes:
  - The task always runs on the controller. It never opens the connection of the host.
  - Set C(run_once), and put the task into the C(always) section of a block around the role. Otherwise the task does not
    run if every host failed.
  - The task writes the names of failed hosts to a file, for C(--limit @FILE) in the next run. Beside the O(report)
    C(nightly.html), the file is C(nightly.failed.limit). Without a report, it is C(failed.limit) in the O(output)
    folder. If no host failed, the task removes the file.
  - Without such a file, the task shows the names of all hosts that need attention. With the file, it shows the first
    ten for each reason.
  - The task is never C(changed), even if it writes a report, because the recap would count this as a change of the
    host.
  - With C(serial), each batch ends with a summary of all batches so far.
  - The module is not in the action group C(group/psremoting.fleet.all), because it does not have the options that the
    other modules share.
seealso:
  - module: psremoting.fleet.pssession_report
"""

EXAMPLES = r"""
- name: Collect and summarise
  hosts: windows
  gather_facts: false
  tasks:
    - name: Collect
      block:
        - name: Collect from the sessions of each host
          ansible.builtin.import_role:
            name: psremoting.fleet.pssession
            tasks_from: collect
          vars:
            pssession_name: [Nightly]
            pssession_journal: /var/lib/nightly
      always:
        - name: Summarise
          psremoting.fleet.pssession_summary:
            report: /srv/reports/nightly.html
          run_once: true
"""

RETURN = r"""
stdout_lines:
  description: The lines that the task shows. If there are more than 200 lines, these are the first 180 and the last 20.
  returned: success
  type: list
  elements: str
  sample:
    - "unreachable: server05, server18"
    - "    for example: server05 refuses connections on port 5985"
    - "    Check that WinRM listens on this port (HTTP 5985, HTTPS 5986) and that no firewall blocks it."
    - "busy: server07"
    - "    Session Nightly on server07 is in use: another client is connected to it."
    - "31 changed, 6 ok, 3 need attention: unreachable server05, server18; busy server07 (another client)"
stdout:
  description: The same lines as one text.
  returned: success
  type: str
outcomes:
  description: Names of the hosts by outcome, the worst outcome first. P(psremoting.fleet.of_host#filter) describes the
    outcomes. Hosts that were left out are not included.
  returned: success
  type: dict
  sample: {unreachable: [server05, server18], changed: [server01]}
pending:
  description: Number of sessions with a command that still runs.
  returned: success
  type: int
report:
  description: Path of the report in each format.
  returned: with O(report)
  type: dict
limit:
  description: Path of the file with the names of failed hosts.
  returned: if hosts failed, and with O(report) or O(output)
  type: str
"""
