# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The checks: one for each assumption and question of docs/protocol.md. Importing a file registers its checks."""

from ..verdicts import CHECKS
from . import clients, faults, output, scripts, times

__all__ = ["CHECKS", "clients", "faults", "output", "scripts", "times"]
