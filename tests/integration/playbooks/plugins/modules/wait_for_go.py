# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module is wait_for_go.ps1; ansible-core reads the documentation from here."""

from __future__ import annotations

DOCUMENTATION = r"""
module: wait_for_go
short_description: Write to a log, and wait for a file
author: psremoting.fleet contributors (@psremoting)
description: For tests.
options:
  log:
    description: The file to write to.
    type: str
    required: true
  go:
    description: The file to wait for.
    type: str
"""
