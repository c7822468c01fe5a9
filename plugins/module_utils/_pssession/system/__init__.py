"""The machine that the engine runs on: its threads and its Python libraries."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations
