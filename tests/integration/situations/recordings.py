# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Recorded outcomes as files: one for each table, in the order of the table, made to be read and compared by people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

_HEAD = """---
# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Written by `make record-situations`; the situations are in ../tables/{name}.yml.

"""

Outcomes = list[dict[str, Any]]


class _Dumper(yaml.SafeDumper):
    """Writes lists below their name with an indent, and everything in full."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """Write text of several lines as it is."""
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def dumped(value: Any) -> str:
    """Return a value as YAML for people."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=118)


def loaded(path: Path) -> Any:
    """Return what a YAML file holds."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


class Recordings:
    """The recorded outcomes of all tables.

    Args:
        folder: Has a file for each table.
        tables: The names of the situations of each table, in order.
    """

    def __init__(self, folder: Path, tables: Mapping[str, Sequence[str]]) -> None:
        self._folder = folder
        self._tables = tables
        self._outcomes: dict[str, dict[str, Outcomes]] = {
            path.stem: loaded(path) or {} for path in sorted(folder.glob("*.yml"))
        }

    def of(self, table: str, situation: str) -> Outcomes | None:
        """Return the recorded outcomes of a situation, None where there are none."""
        return self._outcomes.get(table, {}).get(situation)

    def record(self, table: str, situation: str, outcomes: Outcomes) -> None:
        """Replace the outcomes of a situation; `write` writes them down."""
        self._outcomes.setdefault(table, {})[situation] = outcomes

    def left_over(self) -> list[str]:
        """Return what is recorded and in no table any more."""
        return [
            f"{table}: {situation}"
            for table, outcomes in self._outcomes.items()
            for situation in outcomes
            if situation not in self._tables.get(table, ())
        ]

    def write(self) -> None:
        """Write all files in the order of the tables, without what is in no table any more."""
        self._folder.mkdir(exist_ok=True)
        for path in self._folder.glob("*.yml"):
            if path.stem not in self._tables:
                path.unlink()
        for table, situations in self._tables.items():
            recorded = self._outcomes.get(table, {})
            parts = [dumped({each: recorded[each]}) for each in situations if each in recorded]
            text = _HEAD.format(name=table) + "\n".join(parts)
            (self._folder / f"{table}.yml").write_text(text, encoding="utf-8")
