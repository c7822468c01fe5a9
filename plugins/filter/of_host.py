# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: of_host
short_description: Take from a result what is about one host
version_added: 1.0.0
author: psremoting.fleet contributors (@psremoting)
description:
  - A task that works with the sessions of a whole fleet at once has one result for all hosts. This filter takes from it
    what is about one of them, and says in one word how that host fared.
  - The result of a task that ran on each host comes out in the same shape.
positional: _input, host
options:
  _input:
    description:
      - The registered result of a task with a module of this collection, or a list of such results, in the order of
        their tasks. If several of them have the same session, the last one wins. Skipped ones are ignored. The result
        of a task with a loop is taken as those of its rounds.
    type: raw
    required: true
  host:
    description: Name of the inventory host, or of the computer where it is in no inventory.
    type: str
    required: true
  fail_on:
    description: The reasons of errors that count as a failure of the host.
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

- name: Let each host fail by itself
  ansible.builtin.fail:
    msg: "{{ mine.msg }}"
  when: mine.failed
  vars:
    mine: "{{ fleet | psremoting.fleet.of_host(inventory_hostname) }}"
"""

RETURN = r"""
_value:
  description: The host's part of the result.
  type: dict
  contains:
    host:
      description: The host that was asked for.
      type: str
    outcome:
      description:
        - How it fared. With errors it is the worst reason among them, in the order V(unreachable), V(access_denied),
          V(failed), V(command_failed), V(busy), V(expired), V(missing).
        - Otherwise it is V(completed_with_errors) where a script completed and wrote to its error stream, which is no
          failure, or else V(changed) or V(ok).
      type: str
    changed:
      description: Whether any of its sessions was changed.
      type: bool
    failed:
      description: Whether any of its errors has one of the reasons in O(fail_on).
      type: bool
    msg:
      description: Its errors in one text, with what to do next; empty if there are none.
      type: str
    sessions:
      description: Its sessions.
      type: list
      elements: dict
    results:
      description: The output of the commands in its sessions, for tasks that run or receive them.
      type: list
      elements: dict
    errors:
      description: The errors about it, and those that are about no host in particular.
      type: list
      elements: dict
    missing:
      description: The names and GUIDs that were not found on it, as its errors have them.
      type: list
      elements: str
    what_if:
      description: The lines of check mode about its sessions.
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
        raise AnsibleFilterError(f"of_host: fail_on has {', '.join(unknown)}, which is no reason of an error")
    return of_host(list(unrolled(in_order)), str(host), fail_on)


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"of_host": _of_host}
