# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A library that is missing, too old or too new is named, with what is installed, what is needed, and where."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.model.errors import MissingLibraryError
from ansible_collections.psremoting.fleet.plugins.module_utils._pssession.system import libraries

BOUNDED = libraries.Library("pypsrp", "0.9.1", "1.0.0")


@pytest.fixture(autouse=True)
def _read_versions_anew() -> Iterator[None]:
    libraries.unsuitable.cache_clear()
    yield
    libraries.unsuitable.cache_clear()


def install(folder: Path, name: str, version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a library's metadata where this Python looks first, as pip leaves it."""
    metadata = folder / f"{name}-{version}.dist-info"
    metadata.mkdir(exist_ok=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder))


@pytest.mark.parametrize(
    ("version", "fits"),
    [
        ("0.8.1", False),
        ("0.9", False),
        ("0.9.1", True),
        ("0.9.1rc1", True),
        ("0.9.1.post1+local", True),
        ("0.10.0", True),
        ("0.99", True),
        ("1", False),
        ("1.0.0b1", False),
        ("1.0.1", False),
        ("unknown", True),
    ],
)
def test_bounds(version: str, fits: bool) -> None:
    assert BOUNDED.fits(version) is fits


def test_the_versions_that_are_installed_here_fit() -> None:
    libraries.require_libraries()
    assert [libraries.unsuitable(library) for library in libraries.LIBRARIES] == [None] * len(libraries.LIBRARIES)


@pytest.mark.parametrize(
    ("name", "version", "needed"),
    [
        ("pypsrp", "0.8.1", "0.9.1 or newer, but older than 1.0.0, is needed"),
        ("pypsrp", "1.0.0", "0.9.1 or newer, but older than 1.0.0, is needed"),
        ("pyspnego", "0.12.1", "0.12.2 or newer is needed"),
        ("requests", "2.28.1", "2.32.2 or newer is needed"),
    ],
)
def test_another_version_is_named(
    name: str, version: str, needed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, name, version, monkeypatch)
    with pytest.raises(MissingLibraryError) as caught:
        libraries.require_libraries()
    told = str(caught.value)
    assert told.startswith(f"{name} {version} is installed for {sys.executable}, but {needed}. ")
    assert f"'{sys.executable} -m pip install \"{name}>=" in told


def test_a_version_is_the_reason_why_an_import_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "pypsrp", "0.4.0", monkeypatch)
    monkeypatch.setattr(libraries, "IMPORT_FAILURE", "ImportError: cannot import name 'x'")
    with pytest.raises(MissingLibraryError, match=r"^pypsrp 0\.4\.0 is installed"):
        libraries.require_libraries()


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", nothing)
    monkeypatch.setattr(libraries, "IMPORT_FAILURE", "Traceback\nModuleNotFoundError: No module named 'pypsrp'")
    with pytest.raises(MissingLibraryError) as caught:
        libraries.require_libraries()
    told = str(caught.value)
    assert "The Python library pypsrp 0.9.1 or newer, but older than 1.0.0, is needed" in told
    assert f"{sys.executable} cannot import it: ModuleNotFoundError: No module named 'pypsrp'. " in told
    assert "Nothing was sent" in told
