"""Documentation that several modules share: how large the result of a task becomes, and where that is a limit."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options: {}
notes:
  - AWX keeps 700,000 bytes of a task's result and cuts the rest. An entry of RV(sessions) is about 1,100 bytes long
    there, so one task fits that names 600 sessions. For more, the role P(psremoting.fleet.pssession#role) has a result
    for each host.
"""

    # Of modules that have results of commands.
    OUTPUT = r"""
options: {}
notes:
  - AWX keeps 700,000 bytes of a task's result and cuts the rest. A session with the result of its command is about
    1,500 bytes long there, and its output comes on top. So one task fits that names 450 sessions with short output, or
    20 sessions with 20,000 bytes of output each. For more, the role P(psremoting.fleet.pssession#role) has a result for
    each host.
"""
