# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pssession_role
short_description: Do the job of an entry point of the role
version_added: 1.0.0
author: psremoting.fleet contributors (@psremoting)
description:
  - The role P(psremoting.fleet.pssession#role) is made of this module. Each of its entry points is one task.
  - Use the role, or M(psremoting.fleet.pssession_job) for a job whose options are those of a task.
  - The task reads the variables of the role and returns the result of the host that it runs for. Where all hosts of the
    batch run the task together and have the same variables, the first process does the work of all hosts and leaves
    their results to the others.
  - The other options are those that C(module_defaults) sets for the group.
options:
  entry_point:
    description:
      - The entry point of the role whose job is done, and whose variables are read.
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
- name: Collect what the sessions of all Windows hosts gave
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
  description: The entry point whose job was done.
  returned: always
  type: str
host:
  description: The host that the result is about.
  returned: always
  type: str
outcome:
  description: How the host fared, as P(psremoting.fleet.of_host#filter) says it.
  returned: if the host was not left out
  type: str
msg:
  description: Its errors in one text, without hints, which the error records have; empty if there are none.
  returned: always
  type: str
sessions:
  description:
    - The sessions of the host. Where it failed, sessions, results and errors have no empty values, sessions only what
      they are and how they stand, and error records of scripts a message and a place in the script. C(pssession_output)
      and journals have all of it.
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
  description: Names and GUIDs that were not found.
  returned: if the host was not left out
  type: list
  elements: str
what_if:
  description: The lines of check mode.
  returned: if the host was not left out
  type: list
  elements: str
pending:
  description: How many commands still run or have a session in use elsewhere.
  returned: entry points collect, harvest and resume
  type: int
stdout_lines:
  description: The lines of output that were shown, as C(pssession_output_lines) says.
  returned: if there are any, and the host did not fail
  type: list
  elements: str
stdout:
  description: The same as one text.
  returned: if there are any
  type: str
lines:
  description: Lines to show, as M(psremoting.fleet.pssession_job) returns them.
  returned: if the host was not left out
  type: list
  elements: dict
"""
