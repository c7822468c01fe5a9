# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: of_host
short_description: Extract one host's part of a result
version_added: 1.0.0
author: psremoting.fleet contributors (@psremoting)
description:
  - A task that works on the sessions of a whole fleet has one result for all hosts. This filter extracts the part of
    one host, and gives the outcome of that host in one word.
  - The filter returns the result of a task that ran for each host in the same form.
positional: _input, host
options:
  _input:
    description:
      - The registered result of a task with a module of this collection, or a list of such results in the order of
        their tasks. If several results have the same session, the last one counts. Results of skipped tasks are
        ignored. A task may have a loop.
    type: raw
    required: true
  host:
    description: Name of the inventory host, or of a computer that is not in the inventory.
    type: str
    required: true
  fail_on:
    description: The reasons that make the host fail.
    type: list
    elements: str
    choices: [unreachable, access_denied, failed, command_failed, busy, expired, missing]
    default: [unreachable, access_denied, failed, command_failed, busy, expired, missing]
seealso:
  - module: psremoting.fleet.connect_pssession
  - plugin: psremoting.fleet.pssession
    plugin_type: role
"""

EXAMPLES = r"""
- name: Connect to the sessions of all hosts of the play by one task
  psremoting.fleet.connect_pssession:
    computer_name: "{{ ansible_play_batch }}"
    name: Nightly
    require_each: true
    on_error: report
  register: fleet
  run_once: true

- name: Fail the hosts with an error
  ansible.builtin.fail:
    msg: "{{ mine.msg }}"
  when: mine.failed
  vars:
    mine: "{{ fleet | psremoting.fleet.of_host(inventory_hostname) }}"
"""

RETURN = r"""
_value:
  description: The part of the host.
  type: dict
  contains:
    host:
      description: Name of the host.
      type: str
    outcome:
      description:
        - The outcome of the host. If it has errors, this is the worst of their reasons, in the order V(unreachable),
          V(access_denied), V(failed), V(command_failed), V(busy), V(expired), V(missing).
        - Without errors it is V(changed) or V(ok). It is V(completed_with_errors) if a script completed but wrote to
          its error stream, which is not a failure.
      type: str
    changed:
      description: Whether one of the host's sessions was changed.
      type: bool
    failed:
      description: Whether one of the host's errors has a reason that is in O(fail_on).
      type: bool
    msg:
      description: The host's errors and the next steps as one text. Empty if there are no errors.
      type: str
    sessions:
      description: The sessions of the host.
      type: list
      elements: dict
    results:
      description: The output of the commands in these sessions, for tasks that run or receive commands.
      type: list
      elements: dict
    errors:
      description: The errors of the host, and errors that belong to no host.
      type: list
      elements: dict
    missing:
      description: Names and GUIDs without a session on the host.
      type: list
      elements: str
    what_if:
      description: The lines of check mode about the host's sessions.
      type: list
      elements: str
"""

import typing as t
from collections.abc import Mapping, Sequence

from ansible.errors import AnsibleFilterError

from ansible_collections.psremoting.fleet.plugins.plugin_utils._outcome import REASONS, of_host, unrolled


def _of_host(results: t.Any, host: t.Any, fail_on: t.Any = REASONS) -> dict[str, t.Any]:
    in_order = [results] if isinstance(results, Mapping) else results
    if not isinstance(in_order, Sequence) or not all(isinstance(result, Mapping) for result in in_order):
        raise AnsibleFilterError("of_host needs the registered result of a task, or a list of such results")
    fail_on = fail_on.split(",") if isinstance(fail_on, str) else [str(reason) for reason in fail_on]
    unknown = [reason for reason in fail_on if reason not in REASONS]
    if unknown:
        reasons = ", ".join(REASONS)
        raise AnsibleFilterError(f"of_host: fail_on has {', '.join(unknown)}, which is not one of {reasons}")
    return of_host(list(unrolled(in_order)), str(host), fail_on)


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"of_host": _of_host}
