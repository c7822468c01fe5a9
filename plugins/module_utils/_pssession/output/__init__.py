"""Commands in sessions: starts them, receives their output, and disconnects before and after."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations
