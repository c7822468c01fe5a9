"""Finding sessions: lists the sessions of the computers and selects those of the task. Nothing is changed here."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations
