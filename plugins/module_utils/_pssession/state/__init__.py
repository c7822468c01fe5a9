"""Files that outlive a process: the registry of sessions, and journals of commands and their output."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations
