# Copyright: (c) 2026, psremoting.fleet contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Enumerate, Pull and Release: lists of shells and of commands, in pages."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from . import faults
from .computer import SimulatedComputer
from .faults import Fault
from .shell import User, describe
from .wsman import COMMAND_RESOURCE, SHELL_RESOURCE, Answer, Request, element, selectors_of, tag

_SELECTOR_FILTER = "http://schemas.dmtf.org/wbem/wsman/1/wsman/SelectorFilter"
#: Octets of an envelope around the items.
_OVERHEAD = 1500


@dataclass
class Listing:
    """An enumeration under way: what it had to list when it began, and how far it is."""

    items: list[str]
    user: User
    parameters: tuple[str, int, int]
    position: int = 0


class Enumerations:
    """The enumerations of one computer, by context."""

    def __init__(self, computer: SimulatedComputer) -> None:
        self._computer = computer
        self._open: dict[str, Listing] = {}

    def carry_out(self, request: Request, user: User) -> Answer:
        """Answer an Enumerate, Pull or Release.

        Raises:
            Fault: it is refused.
        """
        body = request.body
        if body is None or body.tag != tag(f"n:{request.operation}"):
            raise Fault(faults.OPERATION_NOT_SUPPORTED)
        if request.operation == "Enumerate":
            return self._enumerate(request, body, user)
        context = (body.findtext(tag("n:EnumerationContext")) or "").strip()
        listing = self._open.get(context)
        if listing is None or listing.user != user:
            raise Fault(faults.INVALID_ENUMERATION_CONTEXT)
        if request.operation == "Release":
            del self._open[context]
            return Answer(request.action + "Response")
        return self._pull(request, body, context, listing)

    def _enumerate(self, request: Request, body: ET.Element, user: User) -> Answer:
        resource = request.resource_uri.lower()
        filter_element = body.find(tag("w:Filter"))
        if resource == SHELL_RESOURCE.lower():
            mode = (body.findtext(tag("w:EnumerationMode")) or "EnumerateObject").strip()
            if mode != "EnumerateObject" or filter_element is not None:
                raise Fault(faults.SHELL_ENUMERATION_MODE)
            items = self._shells(user)
        elif resource == COMMAND_RESOURCE.lower():
            items = self._commands(filter_element, user)
        else:
            raise Fault(faults.OPERATION_NOT_SUPPORTED)

        limit = _max_elements(body, tag("w:MaxElements"))
        listing = Listing(items, user, (resource, limit, request.max_envelope_size))
        context = str(uuid.uuid4()).upper()
        page: list[str] = []
        ended = False
        if body.find(tag("w:OptimizeEnumeration")) is not None:
            # DSP0226 8.2.3: without MaxElements the optimised answer has one item.
            page, ended = self._page(listing)
        if not ended:
            self._open[context] = listing
        content = element(
            "n:EnumerateResponse",
            element("n:EnumerationContext", text="" if ended else context),
            element("w:Items", *page) if page else "",
            element("w:EndOfSequence") if ended else "",
        )
        return Answer(request.action + "Response", content)

    def _pull(self, request: Request, body: ET.Element, context: str, listing: Listing) -> Answer:
        resource, limit, size = listing.parameters
        given = _max_elements(body, tag("n:MaxElements"), absent=limit)
        if (request.resource_uri.lower(), given, request.max_envelope_size) != (resource, limit, size):
            raise Fault(faults.PULL_PARAMETERS_DIFFER)
        page, ended = self._page(listing)
        if ended:
            del self._open[context]
        content = element(
            "n:PullResponse",
            "" if ended else element("n:EnumerationContext", text=context),
            element("n:Items", *page),
            element("n:EndOfSequence") if ended else "",
        )
        return Answer(request.action + "Response", content)

    def _page(self, listing: Listing) -> tuple[list[str], bool]:
        """The next items of a listing, at least one if there are any, and whether the listing has ended."""
        _resource, limit, size = listing.parameters
        if self._computer.page_size is not None:
            limit = min(limit, self._computer.page_size)
        if self._computer.endless_pull and listing.position >= len(listing.items):
            listing.position = 0
        page: list[str] = []
        space = size - _OVERHEAD
        for item in listing.items[listing.position :]:
            space -= len(item.encode())
            if len(page) >= limit or (page and space < 0):
                break
            page.append(item)
        listing.position += len(page)
        ended = listing.position >= len(listing.items) and not self._computer.endless_pull
        return page, ended

    def _shells(self, user: User) -> list[str]:
        now = self._computer.clock.now()
        shells = self._computer.visible_shells(user)
        items = [describe(shell, now, listing=True) for shell in shells]
        if self._computer.shell_without_id and shells:
            items.append(describe(shells[0], now, listing=True, with_id=False))
        return items

    def _commands(self, filter_element: ET.Element | None, user: User) -> list[str]:
        """rsp:Command of a shell's commands; those whose end a client has received are gone."""
        if filter_element is None or filter_element.get("Dialect") != _SELECTOR_FILTER:
            raise Fault(faults.FILTER_EXPECTED)
        shell_id = selectors_of(filter_element).get("ShellId")
        if shell_id is None:
            raise Fault(faults.FILTER_EXPECTED)
        shell = self._computer.find_shell(shell_id.upper())
        if shell is None:
            raise faults.unknown_shell()
        if shell.owner != user and not user.administrator:
            raise Fault(self._computer.foreign_user_code)
        pipelines = shell.pool.pipelines.values() if shell.pool else ()
        return [
            element(
                "rsp:Command",
                element("rsp:CommandId", text=pipeline.command_id),
                element("rsp:CommandLine", text=pipeline.command_line),
                # A finished pipeline is listed as Running too, until its output was received.
                element("rsp:CommandState", text="Running"),
            )
            for pipeline in pipelines
            if not pipeline.collected
            or (self._computer.replay_after_connect != "never" and (pipeline.replay or pipeline.unacknowledged))
        ]


def _max_elements(body: ET.Element, name: str, absent: int = 1) -> int:
    """MaxElements of an Enumerate (w namespace) or a Pull (n namespace); WS-Enumeration's default is 1."""
    text = (body.findtext(name) or "").strip()
    return max(1, int(text)) if text.isdigit() else absent
