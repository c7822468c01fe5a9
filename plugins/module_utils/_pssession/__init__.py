"""The engine: finds, connects, disconnects, runs commands in and removes PowerShell sessions on Windows computers.

The packages from the bottom up: `model`, `system`, `request`, `state`, `wsman`, `target`, `psrp`, `task`, `finding`,
`verbs`, `output`; `engine` puts them together. Nothing here imports Ansible or prints.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations
