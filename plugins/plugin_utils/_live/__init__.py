"""Live: lines about commands that a task waits for, few in a run however many hosts it has."""

# SPDX-License-Identifier: GPL-3.0-or-later
