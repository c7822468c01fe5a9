"""Finding sessions: lists them on the computers and selects those that are meant. Nothing is changed here."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations
