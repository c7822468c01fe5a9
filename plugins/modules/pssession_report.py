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
  - Writes what earlier tasks found and did on a fleet of Windows computers. For people it is one HTML page with the
    hosts that need attention and why, the states of the sessions, what expires next, and tables to sort and search.
    For programs it is JSON, for spreadsheets CSV.
  - The page is a single file that loads nothing from any network.
  - The report has counts and states of commands. Their output may be secret, so it is in the page only with
    O(output_lines), and never in the other files. Messages of errors are in the report; a script that ended with an
    error may have written such a message itself.
options:
  results:
    description:
      - The results to report. Each entry is what the filter P(psremoting.fleet.of_host#filter) returns, the result
        C(pssession_result) that the role C(psremoting.fleet.pssession) registers, or the registered result of a task
        with any other module of this collection, in a loop as well. Results of tasks that were skipped are left out.
      - A host that is in several entries is told once. Of a session in several entries the last one counts.
      - A plain result tells only of hosts that have a session or an error in it. Those without either are in the report
        when their entries come from the filter or the role.
    type: list
    elements: dict
    required: true
  dest:
    description:
      - The file on the controller. Each format gets its own suffix, in place of V(.html), V(.json) or V(.csv) at the
        end.
      - A relative path starts at the folder of the playbook. Missing folders are made, for the user alone.
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
      - How many lines of the output of each command the page has, collapsed, from 0 to 1,000. With V(0) it has none.
      - Of a longer output these are the first and the last lines. Text for the host, warnings and errors follow the
        output. A line is cut after 300 characters.
      - A page has at most 4,000,000 characters of output, in equal shares for all commands.
      - Output may be secret. It is in the page even if the task that received it has C(no_log).
    type: int
    default: 0
  mode:
    description:
      - Permissions of the files in octal digits, best in quotes.
      - By default only the user of the controller can read them, for names, accounts and messages of errors tell much
        about a network.
    type: raw
    default: "0600"
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
    details: The files are written on the controller.
  async:
    description: Supports being used with the C(async) keyword.
    support: none
notes:
  - The task runs on the controller and writes there, whatever host it is for and whatever C(delegate_to) says, a
    bastion included. The task's connection is never opened.
  - In a play for many hosts it needs C(run_once), or each host writes the report anew.
  - In AWX the controller is a pod that goes away with its job. Take a O(dest) on a volume that stays, or send the file
    on in a later task.
  - When the files say the same already, apart from the time, nothing is changed. Each file is replaced as a whole, so
    that no reader sees half of one.
  - The module is not in the action group C(group/psremoting.fleet.all), because it has none of the options that the
    others share.
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

- name: Keep what is about the host
  ansible.builtin.set_fact:
    mine: "{{ reconnected | psremoting.fleet.of_host(inventory_hostname) }}"

- name: Report it once for all of them
  psremoting.fleet.pssession_report:
    results: "{{ ansible_play_hosts_all | map('extract', hostvars, 'mine') }}"
    dest: reports/sessions.html
    title: Sessions of the night
  run_once: true

- name: Report what one task found on many computers, for a spreadsheet that others may read
  psremoting.fleet.pssession_report:
    results: ["{{ found }}"]
    dest: /srv/reports/sessions.csv
    formats: [csv]
    mode: "0644"
"""

RETURN = r"""
paths:
  description: Path of the file of each format, in check mode as well.
  returned: success
  type: dict
  sample: {html: /home/operator/reports/sessions.html, json: /home/operator/reports/sessions.json}
counts:
  description: How many there are of everything.
  returned: success
  type: dict
  contains:
    hosts:
      description: Hosts.
      type: int
    sessions:
      description: Sessions.
      type: int
    changed:
      description: Sessions that were changed.
      type: int
    errors:
      description: Errors.
      type: int
outcomes:
  description: How many hosts came to which outcome, the worst first. The words are those of
    P(psremoting.fleet.of_host#filter).
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
