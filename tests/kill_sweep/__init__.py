# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Windows tasks by the connection psremoting.fleet.psrp, killed with SIGKILL at each of their requests and run again.

A simulated computer with a real PowerShell runs a task, `bench` kills ansible-playbook at one request of it and runs it
again, and `judge` compares with the promises of the connection's options. `python -m tests.kill_sweep` runs many cases.
How often the work began is what the work itself writes to a file, whatever requests were seen.
"""

from __future__ import annotations
