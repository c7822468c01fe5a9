# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pssession_report
short_description: Write a report of PowerShell sessions
version_added: 1.0.0
author: psremoting.fleet contributors (@psremoting)
description:
  - Writes a report of the results of earlier tasks on a fleet of Windows computers. The HTML page has the hosts that
    need attention with the reasons, the states of the sessions, the sessions that expire next, and tables to sort and
    search. A JSON file is for programs, and a CSV file for spreadsheets.
  - The page is a single file that loads nothing from the network.
  - The report has counts and states of commands. The output of commands may be secret, so only the page has it, and
    only with O(output_lines). The report also has error messages. The message of a script that failed may come from the
    script itself.
options:
  results:
    description:
      - The results to report. An entry can be the value of the filter P(psremoting.fleet.of_host#filter), the result
        C(pssession_result) of the role C(psremoting.fleet.pssession), or the registered result of a task with another
        module of this collection. The task may have a loop. Results of skipped tasks are left out.
      - If a host is in several entries, the report has it once. If a session is in several entries, the last entry
        counts.
      - A plain result only has hosts with a session or an error. To have all hosts in the report, use entries from the
        filter or the role.
    type: list
    elements: dict
    required: true
  dest:
    description:
      - The file on the controller. Each format has its own suffix, which replaces V(.html), V(.json) or V(.csv) at the
        end.
      - A relative path starts at the folder of the playbook. The task creates missing folders, which only the user can
        read.
    type: path
    required: true
  formats:
    description: The files to write.
    type: list
    elements: str
    choices: [html, json, csv]
    default: [html, json, csv]
  title:
    description: The heading.
    type: str
    default: PowerShell sessions
  output_lines:
    description:
      - How many lines of output the page has for each command, from 0 to 1,000. They are collapsed. With V(0) the page
        has no output.
      - If the output is longer, the page has its first and last lines. Text for the host, warnings and errors follow
        the output. Each line is cut after 300 characters.
      - A page has at most 4,000,000 characters of output. All commands share them equally.
      - Output may be secret. It is in the page even if the task that received it has C(no_log).
    type: int
    default: 0
  mode:
    description:
      - Permissions of the files in octal digits. Write them in quotes.
      - By default only the user of the controller can read the files, because names, accounts and error messages reveal
        much about a network.
    type: raw
    default: "0600"
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
    details: The task writes the files on the controller.
  async:
    description: Supports being used with the C(async) keyword.
    support: none
notes:
  - The task always runs and writes on the controller, for any host and with any C(delegate_to). It never opens the
    connection of the host.
  - In a play for many hosts, set C(run_once). Otherwise each host writes the report again.
  - In AWX the controller is a pod that is deleted after its job. Choose a O(dest) on a persistent volume, or send the
    file elsewhere in a later task.
  - If only the time differs from the existing files, the task changes nothing. It replaces each file as a whole, so a
    reader never sees half a file.
  - The module is not in the action group C(group/psremoting.fleet.all), because it does not have the options that the
    other modules share.
seealso:
  - plugin: psremoting.fleet.of_host
    plugin_type: filter
  - module: psremoting.fleet.pssession_info
"""

EXAMPLES = r"""
- name: Connect to the sessions of each host of the play
  psremoting.fleet.connect_pssession:
    name: Nightly
    on_error: report
  register: reconnected

- name: Keep the host's part of the result
  ansible.builtin.set_fact:
    mine: "{{ reconnected | psremoting.fleet.of_host(inventory_hostname) }}"

- name: Write one report for all hosts
  psremoting.fleet.pssession_report:
    results: "{{ ansible_play_hosts_all | map('extract', hostvars, 'mine') }}"
    dest: reports/sessions.html
    title: Sessions of the night
  run_once: true

- name: Write a spreadsheet of one task's result for many computers, which others may read
  psremoting.fleet.pssession_report:
    results: ["{{ found }}"]
    dest: /srv/reports/sessions.csv
    formats: [csv]
    mode: "0644"
"""

RETURN = r"""
paths:
  description: Path of the file of each format. Check mode returns it, too.
  returned: success
  type: dict
  sample: {html: /home/operator/reports/sessions.html, json: /home/operator/reports/sessions.json}
counts:
  description: Counts of the report.
  returned: success
  type: dict
  contains:
    hosts:
      description: Number of hosts.
      type: int
    sessions:
      description: Number of sessions.
      type: int
    changed:
      description: Number of changed sessions.
      type: int
    errors:
      description: Number of errors.
      type: int
outcomes:
  description: The number of hosts with each outcome, the worst outcome first. P(psremoting.fleet.of_host#filter)
    describes the outcomes.
  returned: success
  type: dict
  sample:
    unreachable: 1
    access_denied: 0
    failed: 0
    command_failed: 0
    busy: 2
    expired: 0
    missing: 0
    completed_with_errors: 0
    changed: 37
    ok: 0
"""
