# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: journal
short_description: Read the output of commands from a journal
version_added: 1.0.0
author: psremoting.fleet contributors (@psremoting)
description:
  - Returns the output of commands in PowerShell sessions from journals. M(psremoting.fleet.receive_pssession),
    M(psremoting.fleet.invoke_command) and M(psremoting.fleet.pssession_job) write these journals.
  - The lookup needs no session and asks no computer. It runs on the controller and changes nothing. It can also read a
    journal while another run writes to it.
options:
  _terms:
    description:
      - Paths of journals on the controller. A folder means all files C(*.jsonl) in it.
    type: list
    elements: path
    required: true
  max_output_objects:
    description:
      - The maximum number of objects of the output stream to return for each command, and of records of each other
        stream. If there are more, an item that begins with C(...) has their number.
    type: int
notes:
  - In the folder of the job V(resume), the journal of a host is C(HOST.jsonl). In a folder of
    M(psremoting.fleet.receive_pssession), each session has a file.
  - The lookup returns a command as soon as a task with that journal may have started it. It leaves out commands that
    the server refused to start.
  - In journals of earlier versions, sessions may have no name or no inventory host.
seealso:
  - module: psremoting.fleet.receive_pssession
  - module: psremoting.fleet.pssession_job
"""

EXAMPLES = r"""
- name: Show the output of a host from last night, although its session was removed
  ansible.builtin.debug:
    msg: "{{ query('psremoting.fleet.journal', '/var/lib/nightly/server01.jsonl') | map(attribute='output') }}"

- name: Show the commands in a folder of journals whose end was not received
  ansible.builtin.debug:
    msg: "{{ item.inventory_hostname }}, session {{ item.name }}"
  loop: "{{ query('psremoting.fleet.journal', '/var/lib/nightly/') | selectattr('state', 'eq', 'Running') }}"
"""

RETURN = r"""
_raw:
  description:
    - One entry for each command, in the form of C(results) of M(psremoting.fleet.receive_pssession).
    - The state is V(Running) if the journal does not have the command's end.
    - The name of the inventory host is in lower case. It is also the name of the computer. Without an inventory host,
      the computer is the host in the address of the endpoint.
    - RV(_raw[].reboot_required) is true if the script ended with V(3010) or V(1641). The journal does not have the
      expected codes.
  type: list
  elements: dict
  contains:
    reboot_required:
      description: Whether the script ended with an exit code that asks for a restart of the computer.
      type: bool
"""

import os
import typing as t

from ansible.errors import AnsibleLookupError, AnsibleOptionsError
from ansible.plugins.lookup import LookupBase
from ansible.utils.display import Display

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import PSSessionError
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.text import shown_in_line
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system.libraries import require_libraries
from ansible_collections.psremoting.fleet.plugins.plugin_utils._journals import Unreadable, read_journals

display = Display()
# Loops (with_psremoting.fleet.journal) pass wantlist to every lookup.
_KNOWN = frozenset({"max_output_objects", "wantlist"})


class LookupModule(LookupBase):
    """Read the output of commands from a journal."""

    def run(self, terms: list[t.Any], variables: t.Any = None, **kwargs: t.Any) -> list[dict[str, t.Any]]:
        """Return an entry for each command of each journal."""
        for name in sorted(set(kwargs) - _KNOWN):  # Ansible would ignore it
            raise AnsibleOptionsError(
                f"journal: the lookup has no option {name}. Its only option is max_output_objects"
            )
        self.set_options(var_options=variables, direct=kwargs)
        most = self.get_option("max_output_objects")
        paths = [path for term in terms for path in (term if isinstance(term, (list, tuple)) else [term])]
        if not paths:
            raise AnsibleOptionsError("journal: name the path of a journal")
        try:
            require_libraries()
            return [entry for path in paths for entry in self._entries(str(path), most)]
        except PSSessionError as error:
            raise AnsibleLookupError(str(error)) from error

    @staticmethod
    def _entries(path: str, most: int | None) -> t.Iterator[dict[str, t.Any]]:
        for entry in read_journals(os.path.expanduser(path), most):
            if isinstance(entry, Unreadable):
                display.warning(shown_in_line(f"journal: {entry.message}"))
            else:
                yield entry
