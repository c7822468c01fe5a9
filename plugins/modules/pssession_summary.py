# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pssession_summary
short_description: Summarise what the role did on the hosts of a play
version_added: 1.0.0
author: psremoting.fleet contributors (@psremoting)
description:
  - Shows at the end of a play what check mode foresees and what the job noticed, such as sessions that expire soon.
    Then it shows how many hosts have which outcome, which hosts need attention and why, and each hint once. The
    playbooks of this collection end with it.
  - It reads the results C(pssession_result) that the role C(psremoting.fleet.pssession) registered for the hosts of the
    play.
  - It puts the hosts by outcome (C(pssession_outcomes)) and the number of sessions that still run
    (C(pssession_pending)) into the statistics of the run, as C(set_stats) does. AWX keeps them as
    artifacts of the job.
  - The task fails if every host of the play was left out, and says why. Otherwise it does not fail, since the hosts
    have failed already where anything went wrong.
options:
  report:
    description:
      - Also write a report to this file, as M(psremoting.fleet.pssession_report) does. A relative path starts at the
        current folder.
    type: path
  report_output_lines:
    description:
      - How many lines of the output of each command the page of the report has. See
        O(psremoting.fleet.pssession_report#module:output_lines).
      - It is not O(psremoting.fleet.pssession_job#module:output_lines), which is about the terminal. A report is often
        passed on, and output may be secret, so the page has output only where this option asks for it.
    type: int
    default: 0
  output:
    description:
      - The folder to which the role wrote the output of commands.
    type: path
  sessions:
    description:
      - Also show the sessions of all hosts. Up to 20 have a table. Of more, those with the same name and state share a
        line.
    type: bool
    default: false
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    support: full
    details: Nothing is written.
  diff_mode:
    description: Returns details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
    support: none
  platform:
    description: Target OS or families that can be operated against.
    platforms: posix
    support: full
    details: The task works on the controller.
  async:
    description: Supports being used with the C(async) keyword.
    support: none
notes:
  - The task runs on the controller, whatever host it is for. The task's connection is never opened.
  - Set C(run_once), and put the task into the C(always) section of a block around the role. Otherwise it does not run
    where every host failed.
  - It writes the names of the hosts that failed to a file, for the option C(--limit @FILE) of the next run. Beside a
    O(report) C(nightly.html) that is C(nightly.failed.limit), or else C(failed.limit) in the O(output) folder. If no
    host failed, it removes the file.
  - Without such a file, it shows the names of all hosts that need attention. With one, it shows the first ten of each
    reason.
  - It is never C(changed), with a new report either, since the recap would count that as a change of the host.
  - With C(serial), each batch ends with a summary of all batches up to it.
  - The module is not in the action group C(group/psremoting.fleet.all), because it has none of the options that the
    others share.
seealso:
  - module: psremoting.fleet.pssession_report
"""

EXAMPLES = r"""
- name: Collect, and say how it went
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
  description: The lines that it shows; of more than 200 lines the first 180 and the last 20.
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
  description: Names of the hosts by outcome, the worst outcome first. The words are those of
    P(psremoting.fleet.of_host#filter). Hosts that were left out are not in it.
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
  description: Path of the file with the names of the hosts that failed.
  returned: if hosts failed, and with O(report) or O(output)
  type: str
"""
