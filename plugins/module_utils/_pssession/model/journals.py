"""Journals of hosts: where a job has the starts and the output of each host written."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from dataclasses import dataclass


@dataclass(frozen=True)
class HostJournal:
    """The journal of one host.

    Attributes:
        path: Of the file.
        work: What the work is told by that is started or received, as plain data; the journal has it with each command.
        known: The ids of all commands that the journal had when the job decided, in lower case. With any other one in
            it, another run has worked there meanwhile, and nothing may be done. None allows any.
    """

    path: str
    work: t.Mapping[str, str] | None = None
    known: frozenset[str] | None = None
