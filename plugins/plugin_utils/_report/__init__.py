"""The report of a fleet: its data, page and files."""

# SPDX-License-Identifier: GPL-3.0-or-later
