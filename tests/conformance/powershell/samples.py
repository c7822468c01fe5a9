# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Samples: PowerShell expressions for random values, with the structure that they were built from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Sample:
    """One random value.

    Attributes:
        kind: Name of its kind, a key of `kinds.KINDS`.
        source: The PowerShell expression of the value.
        view: The expression whose ConvertTo-Json is compared with it: the value itself, or, where JSON cannot tell
            the value, an expression that shows it by other means of PowerShell.
        parts: The samples inside, in the order of the value.
        names: Their names, where the value has names for them.
    """

    kind: str
    source: str
    view: str = ""
    parts: tuple[Sample, ...] = ()
    names: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        if not self.view:
            object.__setattr__(self, "view", self.source)

    def walk(self) -> Iterator[Sample]:
        """Yield the sample and all samples inside."""
        yield self
        for part in self.parts:
            yield from part.walk()

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of the sample and of all samples inside."""
        return frozenset(each.kind for each in self.walk())

    @property
    def has_own_view(self) -> bool:
        """Whether the view is not just the value with the views of its parts."""
        return self.view != self.source and all(part.view == part.source for part in self.parts)

    def __str__(self) -> str:
        return self.source


def literal(text: str) -> str:
    """Return the PowerShell literal of a text, in ASCII and without line breaks, for every version of PowerShell."""
    if all(" " <= character <= "~" for character in text):
        return "'" + text.replace("'", "''") + "'"
    units = text.encode("utf-16-le", "surrogatepass")
    codes = ",".join(str(int.from_bytes(units[at : at + 2], "little")) for at in range(0, len(units), 2))
    return f"(-join [char[]]({codes}))"
