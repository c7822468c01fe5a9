"""Verbs: the operations on a session, each in one file. `plan` plans them, and `apply` carries them out."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations
