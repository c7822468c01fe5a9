"""Python libraries that the engine needs, and errors that name a missing or unsuitable one.

They are imported once, here, so that the rest of the engine can be imported (and its options be checked) without them.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import re
import sys
import traceback
import typing as t

from ..model.errors import MissingLibraryError


class Library(t.NamedTuple):
    """A Python library with the versions that the engine works with.

    Attributes:
        name: As pip knows it.
        minimum: The lowest version.
        below: The lowest version that is too new, or None.
    """

    name: str
    minimum: str
    below: str | None = None

    @property
    def requirement(self) -> str:
        """Return the library and its bounds, as pip reads them."""
        return f"{self.name}>={self.minimum}" + (f",<{self.below}" if self.below else "")

    @property
    def wanted(self) -> str:
        """Return the bounds in words."""
        return f"{self.minimum} or newer" + (f", but older than {self.below}," if self.below else "")

    def fits(self, version: str) -> bool:
        """Return whether a version is within the bounds. A pre-release counts as its release, no number as any."""
        found = _numbers(version)
        if not found:
            return True
        return _numbers(self.minimum) <= found and (self.below is None or found < _numbers(self.below))


# The bounds and the reason for each are kept in meta/ee-requirements.txt, for pip and for execution environments. A
# module that runs on another host has no such file, so they are repeated here; a test compares them.
PYPSRP = Library("pypsrp", "0.9.1", "1.0.0")
PYSPNEGO = Library("pyspnego", "0.12.2")
REQUESTS = Library("requests", "2.32.2")
# For hosts with a winrm connection and for SOCKS proxies only: checked where one of them is used.
PYWINRM = Library("pywinrm", "0.5.0")
PYSOCKS = Library("PySocks", "1.7.1")

LIBRARIES = (PYPSRP, PYSPNEGO, REQUESTS, PYWINRM, PYSOCKS)
# The libraries that every task needs.
_NEEDED = (PYPSRP, PYSPNEGO, REQUESTS)

IMPORT_FAILURE: str | None = None
try:
    importlib.import_module("pypsrp.wsman")  # with it come pyspnego, requests and urllib3
except ImportError:
    IMPORT_FAILURE = traceback.format_exc()


def require_libraries() -> None:
    """Check that pypsrp, pyspnego and requests are installed in supported versions.

    Raises:
        MissingLibraryError: One of them is not; the message names the library, what is installed, what is needed and
            the interpreter.
    """
    # The versions first: a library of another version is a reason why an import fails.
    for library in _NEEDED:
        if problem := unsuitable(library):
            raise MissingLibraryError(f"{problem} {_advice(library)}")
    if IMPORT_FAILURE is not None:
        raise MissingLibraryError(
            f"The Python library pypsrp {PYPSRP.wanted} is needed, and {sys.executable} cannot import it: "
            f"{IMPORT_FAILURE.strip().splitlines()[-1]}. {_advice(PYPSRP)}"
        )


@functools.cache
def unsuitable(library: Library) -> str | None:
    """Return a sentence about an installed version that is out of bounds; None if it is within them or unknown."""
    try:
        version = str(importlib.metadata.version(library.name))  # None in damaged metadata
    except importlib.metadata.PackageNotFoundError:
        return None  # not installed, or copied without its metadata: an import tells
    if library.fits(version):
        return None
    return f"{library.name} {version} is installed for {sys.executable}, but {library.wanted} is needed."


def _advice(library: Library) -> str:
    return (
        f"Install it with '{sys.executable} -m pip install \"{library.requirement}\"', or use an execution environment "
        "built with this collection. Nothing was sent."
    )


def _numbers(version: str) -> tuple[int, ...]:
    """Return the numbers of a release, which are equal for 1, 1.0 and 1.0.0."""
    found = re.match(r"v?(\d+(?:\.\d+)*)", version)
    numbers = [int(number) for number in found[1].split(".")] if found else []
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)
