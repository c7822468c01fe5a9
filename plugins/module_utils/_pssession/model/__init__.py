"""Values that all packages share: cmdlets, codes, errors, groups of options, settings, sessions, commands."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations
