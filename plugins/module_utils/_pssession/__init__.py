# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Private to psremoting.fleet: may change at any time, import it from nowhere else.

"""The engine: finds PowerShell sessions on Windows computers and gets back to them.

One pipeline, read it in this order: `arguments` (what may be asked) -> `parameter_sets` (what is meant) ->
`endpoint` (where) -> `discovery` (what is there) -> `plan` (what to do) -> `apply` (do it) -> `report`.
Nothing here knows Ansible, prints, or reads the environment.
"""

from __future__ import annotations
