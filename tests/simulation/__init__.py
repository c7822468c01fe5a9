# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Deterministic simulation: tasks, simulated servers, clocks and disks in one process, and everything from a seed.

A history is a list of steps of a user and a list of faults. It is drawn from a seed, runs in virtual time, and is
checked against the three promises: nothing is lost, nothing happens twice, green means done. `python -m
tests.simulation` runs many of them.
"""

from __future__ import annotations
