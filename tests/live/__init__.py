# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks whether a WinRM server does what docs/protocol.md assumes, with the engine's library and without Ansible."""
