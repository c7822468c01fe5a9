# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pssession_role
short_description: Run the job of an entry point of the role
version_added: 1.0.0
author: psremoting.fleet contributors (@psremoting)
description:
  - Each entry point of the role P(psremoting.fleet.pssession#role) is one task with this module.
  - Do not use this module directly. Use the role, or M(psremoting.fleet.pssession_job), which has options instead of
    variables.
  - The task reads the variables of the role and returns the result of its host. If all hosts of the batch run the task
    together and have the same variables, the first process does the work of all hosts. The other processes return its
    results for their hosts.
  - The other options exist for C(module_defaults) of the group.
options:
  entry_point:
    description:
      - The entry point of the role. The task does its job and reads its variables.
    type: str
    required: true
    choices: [main, start, collect, harvest, resume, extend, cleanup, list, journal]
extends_documentation_fragment:
  - psremoting.fleet._attributes
  - psremoting.fleet._attributes.verb
  - psremoting.fleet._options
seealso:
  - module: psremoting.fleet.pssession_job
"""

EXAMPLES = r"""
- name: Collect the output of the sessions of all Windows hosts
  hosts: windows
  gather_facts: false
  tasks:
    - name: Collect the output
      ansible.builtin.import_role:
        name: psremoting.fleet.pssession
        tasks_from: collect
        rolespec_validate: false
      vars:
        pssession_name: Nightly
        pssession_journal: /var/lib/nightly
"""

RETURN = r"""
entry_point:
  description: The entry point.
  returned: always
  type: str
host:
  description: The host of the result.
  returned: always
  type: str
outcome:
  description: The outcome of the host, as in P(psremoting.fleet.of_host#filter).
  returned: if the host was not left out
  type: str
msg:
  description: The errors of the host as one text. Empty if there are none. The hints are in the error records.
  returned: always
  type: str
sessions:
  description:
    - The sessions of the host. If the host failed, the result is shorter. It has no empty values. Sessions have only
      their identity and state, and error records of scripts only the message and the position in the script.
      C(pssession_output) and journals have everything.
  returned: if the host was not left out
  type: list
  elements: dict
results:
  description: The output of the commands in these sessions.
  returned: if the host was not left out
  type: list
  elements: dict
errors:
  description: The error records of the host.
  returned: if the host was not left out
  type: list
  elements: dict
missing:
  description: Names and GUIDs without a session.
  returned: if the host was not left out
  type: list
  elements: str
what_if:
  description: The lines of check mode.
  returned: if the host was not left out
  type: list
  elements: str
pending:
  description: The number of commands that still run, or whose session another client uses.
  returned: entry points collect, harvest and resume
  type: int
stdout_lines:
  description: The lines of output that the task showed (C(pssession_output_lines)).
  returned: if there are any, and the host did not fail
  type: list
  elements: str
stdout:
  description: The same lines as one text.
  returned: if there are any
  type: str
lines:
  description: The notes of the job, in the form of M(psremoting.fleet.pssession_job).
  returned: if the host was not left out
  type: list
  elements: dict
"""
