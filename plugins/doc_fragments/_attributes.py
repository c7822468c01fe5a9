"""Documentation of the attributes (check mode, diff mode, platform) that several modules share."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # What all modules of the collection have in common.
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
  diff_mode:
    description: Returns details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
  platform:
    description: Target OS or families that can be operated against.
    platforms: windows
    support: full
    details: The sessions are on Windows. The task itself runs on a POSIX host, usually the controller.
  async:
    description: Supports being used with the C(async) keyword.
    support: partial
    details:
      - Only where the module runs on another host, such as a bastion. On the controller the task fails.
      - A session needs no C(async). Its work goes on while no task waits for it.
  become:
    description: Supports being used with the C(become) keyword.
    support: partial
    details:
      - Only where the module runs on another host, such as a bastion. It applies to the process of the module there.
      - On the controller, C(become) of a play or task is refused. A script runs as the account that opened its session.
        Give that account in O(credential). With C(ansible_become) in the inventory, tasks that open sessions or start
        scripts are refused. Other tasks only warn.
  action_group:
    description: Use C(group/psremoting.fleet.all) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - psremoting.fleet.all
"""

    # For modules that only look.
    INFO = r"""
options: {}
attributes:
  check_mode:
    support: full
    details: This action does not modify state.
  diff_mode:
    support: N/A
    details: This action does not modify state.
"""

    # For modules that change sessions.
    VERB = r"""
options: {}
attributes:
  check_mode:
    support: full
    details:
      - Check mode is the cmdlet's C(-WhatIf). It only sends requests that read. The exception is a script that supports
        check mode (M(psremoting.fleet.invoke_command)).
      - In a run with C(--check), a task on the controller sees the sessions in the state in which the earlier tasks
        would have left them.
  diff_mode:
    support: full
    details:
      - The diff shows state and availability of the sessions before and after the task. A script can give its own diff
        in C($Ansible.Diff).
"""
