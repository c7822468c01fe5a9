"""Live: lines about the commands that a task waits for. Their number in a run is limited for any number of hosts."""

# SPDX-License-Identifier: GPL-3.0-or-later
