"""Documentation that several modules share: the size of a task's result, and the limit of AWX."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options: {}
notes:
  - AWX keeps 700,000 bytes of a task's result and cuts the rest. An entry of RV(sessions) has about 1,100 bytes there,
    so the result of a task fits up to about 600 sessions. For more sessions, use the role
    P(psremoting.fleet.pssession#role), which has a result for each host.
"""

    # Of modules that have results of commands.
    OUTPUT = r"""
options: {}
notes:
  - AWX keeps 700,000 bytes of a task's result and cuts the rest. A session with the result of its command has about
    1,500 bytes there, without the output. So the result of a task fits 450 sessions with short output, or 20 sessions
    with 20,000 bytes of output each. For more, use the role P(psremoting.fleet.pssession#role), which has a result for
    each host.
"""
