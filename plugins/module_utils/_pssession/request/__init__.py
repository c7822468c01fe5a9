"""The options of a task, checked and typed: groups of options, parameter sets, the script."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations
