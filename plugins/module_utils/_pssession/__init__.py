# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to psremoting.fleet: may change at any time, import it from nowhere else.

"""The engine: finds PowerShell sessions on Windows computers and gets back to them.

The packages from the bottom up: `model`, `system`, `request`, `state`, `wsman`, `target`, `psrp`, `task`, `finding`,
`verbs`, `output`; `engine` puts them together. Nothing here imports Ansible or prints.
"""

from __future__ import annotations
