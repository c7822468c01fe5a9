# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The loopback addresses of a fleet, and the open files that so many listeners need."""

from __future__ import annotations

import ipaddress
import random
import resource
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .computer import SimulatedComputer


class Addresses:
    """Gives addresses to computers without a declared one.

    Attributes:
        fixed: another attempt would give the same addresses.
    """

    def __init__(self, computers: Sequence[SimulatedComputer], block: str | None) -> None:
        """Take the computers, and the first address of a block; a random block is chosen without one."""
        self._computers = computers
        self._block = block
        self._without = [computer for computer in computers if not computer.address]
        self.fixed = block is not None or not self._without

    def assign(self) -> None:
        """Give each computer without a declared address one of the block; of another block each time.

        Raises:
            ValueError: an address is not a loopback address.
        """
        block = self._block or f"127.{random.randint(16, 250)}.{random.randint(0, 250)}.0"
        declared = {computer.address for computer in self._computers if computer not in self._without}
        free = (address for address in _host_addresses(block) if address not in declared)
        for computer, address in zip(self._without, free, strict=False):
            computer.address = address
        for computer in self._computers:
            if not ipaddress.ip_address(computer.address).is_loopback:
                raise ValueError(f"{computer.name}: {computer.address} is not a loopback address")


def _host_addresses(block: str) -> Iterator[str]:
    """Addresses from ``block`` on, without those that look like a network or a broadcast address."""
    number = int(ipaddress.ip_address(block))
    while True:
        number += 1
        if number % 256 not in (0, 255):
            yield str(ipaddress.ip_address(number))


def raise_file_limit() -> None:
    """Allow as many open files as the hard limit does: with 1024, some hundred listeners choke."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65536 if hard == resource.RLIM_INFINITY else min(hard, 65536)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
