# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: bastion
short_description: Leads to a POSIX host that Ansible does not know to be this one
description:
  - For tests. It runs commands here, as local does, but Ansible treats it as any connection to another host.
options:
  pipelining:
    description: Feed modules to the interpreter instead of copying them.
    type: bool
    default: false
    ini:
      - section: defaults
        key: pipelining
    env:
      - name: ANSIBLE_PIPELINING
    vars:
      - name: ansible_pipelining
"""

import os
from typing import Any

from ansible.plugins.connection.local import Connection as Local


class Connection(Local):
    """A local connection that does not say so."""

    transport = "bastion"

    def exec_command(self, cmd: str, *arguments: Any, **options: Any) -> Any:
        """Write down the command line where a test wants to see it, and run it."""
        if record := os.environ.get("BASTION_RECORD"):
            with open(record, "a", encoding="utf-8") as file:
                print(cmd, file=file)
        return super().exec_command(cmd, *arguments, **options)
