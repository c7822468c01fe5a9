# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The countable part of the style: words that the pages do not use, beginnings of sentences, names of tasks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PAGES = ["README.md", "CONTRIBUTING.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
# An actor has a name (the server, another user), and pictures from other worlds are no terms of the field.
UNUSED = re.compile(r"\b(nobody|somebody|whoever|rehears\w*|doors?|stages?|gates?|deaths?|dies)\b", re.IGNORECASE)
# "What is found ..." as a subject has to be read twice. Questions may begin so.
BEGINNING = re.compile(r"(What|Who|Whoever)\b")


def sentences(text: str) -> Iterator[str]:
    """Split the prose of a page: paragraphs, items of lists and cells of tables, without code."""
    prose = re.sub(r"^```.*?^```$|<!--.*?-->", "", text, flags=re.MULTILINE | re.DOTALL)
    for block in re.split(r"\n\s*\n|\n(?=\s*[-*] |\s*\d+\. |\|)", prose):
        flat = re.sub(r"`[^`]*`", "CODE", " ".join(block.split()))
        for sentence in re.split(r"(?<=[.:;!?])\s+|\s*\|\s*", flat):
            yield sentence.strip("-* ")


def odd(text: str) -> list[str]:
    """Return the sentences that break a rule."""
    return [
        sentence
        for sentence in sentences(text)
        if UNUSED.search(sentence) or (BEGINNING.match(sentence) and not sentence.endswith("?"))
    ]


@pytest.mark.parametrize("page", PAGES)
def test_words_of_pages(page: str) -> None:
    assert odd((ROOT / page).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("What is found is printed.", 1),
        ("Look. Who knows it, knows it.", 1),
        ("- Nobody sits at the other\n  end.", 1),
        ("| What does a fault mean? | `What it is` |", 0),
        ("```shell\nWhat nobody reads\n```", 0),
        ("The server disconnects the session.", 0),
    ],
)
def test_odd_sentences_are_found(text: str, found: int) -> None:
    assert len(odd(text)) == found


def descriptions(node: Any) -> Iterator[str]:
    """Return the texts of a plugin's documentation or of a role's argument specs."""
    if isinstance(node, dict):
        for key, value in node.items():
            texts = [value] if isinstance(value, str) else value
            if key in ("short_description", "description", "notes", "details") and isinstance(texts, list):
                yield from (str(text) for text in texts)
            yield from descriptions(value)
    elif isinstance(node, list):
        for each in node:
            yield from descriptions(each)


DOCUMENTED = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in ("action", "callback", "connection", "doc_fragments", "filter", "lookup", "modules")
    for path in (ROOT / "plugins" / folder).glob("*.py")
)


@pytest.mark.parametrize("path", [*DOCUMENTED, "roles/pssession/meta/argument_specs.yml"])
def test_words_of_documentation(path: str) -> None:
    text = (ROOT / path).read_text(encoding="utf-8")
    documents = re.findall(r'^ *[A-Z_]+ = r?"""\n(.*?)"""', text, re.MULTILINE | re.DOTALL)
    sources = documents if path.endswith(".py") else [text]
    found = [sentence for source in sources for each in descriptions(yaml.safe_load(source)) for sentence in odd(each)]
    assert found == []


def task_names(node: Any) -> Iterator[str]:
    """Return the names of the plays, blocks and tasks of a playbook."""
    if isinstance(node, list):
        for each in node:
            yield each.get("name", "")
            for key in ("tasks", "pre_tasks", "post_tasks", "block", "rescue", "always"):
                yield from task_names(each.get(key))


PLAYBOOKS = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("playbooks/*.yml", "roles/*/tasks/*.yml")
    for path in ROOT.glob(pattern)
)


@pytest.mark.parametrize("path", PLAYBOOKS)
def test_names_of_tasks_begin_with_a_verb(path: str) -> None:
    """AWX shows them as they are: "Connect to the sessions", and not "What comes next" or "The sessions"."""
    names = list(task_names(yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))))
    odd_names = [
        name for name in names if not re.match(r"(?!What|Who|The|All|Each|Let|Keep what|Hand on)[A-Z][a-z]+\b", name)
    ]
    assert odd_names == []
