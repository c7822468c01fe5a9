"""A task while it runs: its request, context, registry, connections and journal."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations
