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
      - Only where the module runs on another host, such as a bastion. On the controller it is refused.
      - The work that takes long goes on in the session, and no task needs to wait for it.
  become:
    description: Supports being used with the C(become) keyword.
    support: partial
    details:
      - Only where the module runs on another host, such as a bastion, and for its process there.
      - On the controller, C(become) of a play or task is refused, since what runs in a session runs as the account that
        opened the session. Give that account in O(credential). C(ansible_become) of the inventory refuses only what
        opens sessions or starts scripts; other tasks warn of it.
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
      - Check mode is the cmdlet's C(-WhatIf). Only reading requests are sent, but for scripts that support check mode
        (M(psremoting.fleet.invoke_command)).
      - In a run with C(--check), a task on the controller finds the sessions as the tasks before it would have left
        them.
  diff_mode:
    support: full
    details:
      - The diff shows state and availability of the sessions before and after, or what a script put into
        C($Ansible.Diff).
"""
