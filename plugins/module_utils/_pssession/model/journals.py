"""Journals of hosts: the files to which a job writes the starts and the output of each host."""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from dataclasses import dataclass


@dataclass(frozen=True)
class HostJournal:
    """The journal of one host.

    Attributes:
        path: Path of the file.
        work: A description of the work as plain data. The journal has it with each command, to recognise the work.
        known: The ids, in lower case, of all commands in the journal at the time of the job's decision. If the journal
            has another one, another run has worked there meanwhile, and nothing may be done. None allows any.
    """

    path: str
    work: t.Mapping[str, str] | None = None
    known: frozenset[str] | None = None
