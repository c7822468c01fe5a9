"""Verbs: what can be done to a session, one file each, planned by `plan` and carried out by `apply`."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations
