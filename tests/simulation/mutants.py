# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Machine-made faults: changes one decision of the engine or of the jobs, and asks the simulation to notice.

``python -m tests.simulation.mutants --mutants 200 --seed 0`` draws mutants and plays histories against each in a
forked process of its own, which imports the collection with the mutant. One that breaks no promise within the histories
meets the tests of the engine in a second process: they know the words, formats and requests that no promise is about.
What they do not notice either has survived, and is printed to be read.
"""

from __future__ import annotations

import argparse
import ast
import copy
import functools
import importlib.machinery
import itertools
import os
import random
import resource
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any

# What takes long to import and has nothing of the collection in it: the forked processes have it already.
import hypothesis  # noqa: F401  # pylint: disable=unused-import
import psrpcore  # noqa: F401  # pylint: disable=unused-import
import pypsrp.wsman  # noqa: F401  # pylint: disable=unused-import
import requests  # noqa: F401  # pylint: disable=unused-import
from ansible.module_utils import basic  # noqa: F401  # pylint: disable=unused-import

import tests.simulator  # noqa: F401  # pylint: disable=unused-import

ROOT = Path(__file__).resolve().parents[2]
ENGINE = "plugins/module_utils/_pssession"
# Where it is decided what is asked of servers, what is on disk before, and what counts as done.
FILES = (
    f"{ENGINE}/output/*.py",
    f"{ENGINE}/verbs/*.py",
    f"{ENGINE}/finding/*.py",
    f"{ENGINE}/state/journal.py",
    f"{ENGINE}/psrp/starting.py",
    "plugins/plugin_utils/_jobs/*.py",
)
_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
# What a mutant meets that the histories do not notice.
TESTS = (
    "tests/unit",
    "tests/integration/situations",
    *(
        f"tests/integration/engine/test_{name}.py"
        for name in (
            *("check_mode", "delivery", "disconnect", "dropped_output", "invoke", "journal", "last_look", "new"),
            *("receive", "remove", "robust_receive", "scenarios_selection", "scenarios_state", "start", "when_done"),
        )
    ),
)
_SURVIVED, _CRASHED, _KILLED = 0, 1, 3


@dataclass(frozen=True)
class Mutant:
    """One change of one file.

    Attributes:
        path: Of the file, from the root.
        number: Of the change among those that are possible in the file.
    """

    path: str
    number: int
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


def changes(tree: ast.Module) -> Iterator[tuple[int, str, Any]]:
    """Yield line, description and a function that makes the change, for each change that a tree allows."""
    for node in _deciding(tree):
        if isinstance(node, (ast.If, ast.While, ast.IfExp)):
            yield node.lineno, f"not ({ast.unparse(node.test)})", _negation(node)
        elif isinstance(node, ast.Compare) and type(node.ops[0]) in _COMPARISONS:
            new = _COMPARISONS[type(node.ops[0])]()
            yield (
                node.lineno,
                f"{type(new).__name__} in {ast.unparse(node)}",
                _setter(node, "ops", [new, *node.ops[1:]]),
            )
        elif isinstance(node, ast.BoolOp):
            other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            yield node.lineno, f"{type(other).__name__} in {ast.unparse(node)}", _setter(node, "op", other)
        elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
            yield node.lineno, f"{node.value} becomes {not node.value}", _setter(node, "value", not node.value)
        elif isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and node.value:
            yield node.lineno, f"{node.value} becomes {node.value * 1000}", _setter(node, "value", node.value * 1000)
        body = getattr(node, "body", None)
        if isinstance(node, (ast.FunctionDef, ast.With, ast.For, ast.If, ast.While, ast.Try)) and isinstance(
            body, list
        ):
            yield from _changes_of_body(body)


def _deciding(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a tree but for those that only choose between words."""
    todo = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, (ast.JoinedStr, ast.Raise)) or _is_choice_of_words(node):
            continue
        yield node
        todo += ast.iter_child_nodes(node)


def _is_choice_of_words(node: ast.AST) -> bool:
    def is_text(value: ast.expr) -> bool:
        if isinstance(value, ast.BinOp):
            return is_text(value.left) or is_text(value.right)
        return isinstance(value, ast.JoinedStr) or (isinstance(value, ast.Constant) and isinstance(value.value, str))

    return isinstance(node, ast.IfExp) and is_text(node.body) and is_text(node.orelse)


def _changes_of_body(body: list[ast.stmt]) -> Iterator[tuple[int, str, Any]]:
    """Yield the removal of each call, and the exchange of each two neighbours that are calls or assignments."""
    for number, statement in enumerate(body):
        is_call = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)
        if is_call:
            yield statement.lineno, f"without {ast.unparse(statement)[:80]}", _putter(body, number, [ast.Pass()])
        after = body[number + 1] if number + 1 < len(body) else None
        if is_call and isinstance(after, (ast.Expr, ast.With, ast.Try, ast.For)):
            text = f"{ast.unparse(statement)[:60]} after its next statement"
            yield statement.lineno, text, _putter(body, number, [after, statement], 2)


def _negation(node: ast.If | ast.While | ast.IfExp) -> Any:
    return lambda: setattr(node, "test", ast.UnaryOp(ast.Not(), node.test))


def _setter(node: ast.AST, name: str, value: Any) -> Any:
    return lambda: setattr(node, name, value)


def _putter(body: list[ast.stmt], number: int, statements: list[ast.stmt], count: int = 1) -> Any:
    return lambda: body.__setitem__(slice(number, number + count), statements)


def all_mutants() -> list[Mutant]:
    """Return each change that is possible in the files."""
    found = []
    for pattern in FILES:
        for path in sorted(ROOT.glob(pattern)):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            name = str(path.relative_to(ROOT))
            found += [Mutant(name, number, line, text) for number, (line, text, _make) in enumerate(changes(tree))]
    return found


def mutated(source: bytes, number: int, path: str) -> CodeType:
    """Return the code of a module with one of its changes."""
    tree = copy.deepcopy(ast.parse(source))
    next(make for count, (_line, _text, make) in enumerate(changes(tree)) if count == number)()
    return compile(ast.fix_missing_locations(tree), path, "exec")


def plant(mutant: Mutant | None) -> None:
    """Have this process import the collection with a mutant in it."""
    read = importlib.machinery.SourceFileLoader.get_code

    def get_code(self: importlib.machinery.SourceFileLoader, name: str) -> CodeType | None:
        if mutant is not None and self.path.endswith(mutant.path):
            return mutated(self.get_data(self.path), mutant.number, self.path)
        return read(self, name)

    setattr(importlib.machinery.SourceFileLoader, "get_code", get_code)  # noqa: B010 - mypy knows no such assignment


def play_against(mutant: Mutant | None, histories: int) -> int:
    """Play against a mutant until a promise is broken; return the exit status."""
    plant(mutant)
    import tests.conftest  # noqa: F401 - it makes the collection importable
    from tests.simulation.history import JOBS, STATES, VERBS, Aim, draw, rare_aims
    from tests.simulation.known import unknown
    from tests.simulation.simulation import play

    # First each verb with each state of the sessions and nothing that goes wrong, then everything.
    aims = rare_aims(Counter(), histories)
    random.Random(0).shuffle(aims)
    plain = [Aim(verb, state, ()) for verb in (*VERBS, *JOBS) for state in STATES]
    mixed = itertools.chain.from_iterable((None, aim) for aim in itertools.cycle(aims))
    for seed, aim in zip(range(histories), itertools.chain(plain, mixed), strict=False):
        if violations := unknown(play(draw(seed, aim))):
            print(f"seed {seed}, aim {aim or 'none'}: {violations[0]}", flush=True)
            return _KILLED
    return _SURVIVED


def test_against(mutant: Mutant | None) -> int:
    """Run the tests of the engine against a mutant until one fails; return the exit status."""
    plant(mutant)
    import pytest

    status = pytest.main(["-x", "-q", "--no-header", "-p", "no:xdist", *(str(ROOT / name) for name in TESTS)])
    known: dict[int, int] = {pytest.ExitCode.OK: _SURVIVED, pytest.ExitCode.TESTS_FAILED: _KILLED}
    return known.get(int(status), _CRASHED)


def judge(work: Callable[[], int], seconds: int) -> tuple[bool, str]:
    """Return whether a process noticed a mutant, and how.

    Args:
        work: What the process does; it returns the exit status.
        seconds: Of processor time, after which a mutant counts as one that hangs.
    """
    with tempfile.TemporaryFile("w+") as told:
        child = os.fork()
        if child == 0:
            status = _CRASHED
            try:
                os.dup2(told.fileno(), 1)
                os.dup2(told.fileno(), 2)
                resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
                status = work()
            except BaseException:  # noqa: BLE001 - the mutant may break anything
                traceback.print_exc()
            finally:
                os._exit(status)
        _pid, ended = os.waitpid(child, 0)
        if os.WIFSIGNALED(ended):
            return True, f"it did not end within {seconds} s"
        told.seek(0)
        words = told.read().strip().split("\n")
        failed = [line for line in words if line.startswith(("seed", "FAILED", "ERROR"))]
        return os.WEXITSTATUS(ended) != _SURVIVED, (failed or words[-1:])[0]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutants", type=int, default=200, help="how many are drawn")
    parser.add_argument("--seed", type=int, default=0, help="that they are drawn by")
    parser.add_argument("--histories", type=int, default=300, help="that are played against each")
    parser.add_argument("--seconds", type=int, default=600, help="of processor time, until one hangs")
    parser.add_argument("--first", type=int, default=1, help="number of the first one of those drawn that is judged")
    parser.add_argument("--only", metavar="FILE:LINE", help="those of one line, whatever is drawn")
    given = parser.parse_args()
    possible = all_mutants()
    drawn = random.Random(given.seed).sample(possible, min(given.mutants, len(possible)))
    if given.only:
        drawn = [mutant for mutant in possible if f"{mutant.path}:{mutant.line}".endswith(given.only)]
    killed, survivors, began = Counter[str](), 0, time.monotonic()
    judges: dict[str, Callable[[Mutant | None], int]] = {
        "simulation": lambda mutant: play_against(mutant, given.histories),
        "tests": test_against,
    }
    for name, work in judges.items():
        is_noticed, how = judge(functools.partial(work, None), given.seconds)
        if is_noticed:
            print(f"without a mutant, by the {name}: {how}")
            return 1
    for count, mutant in list(enumerate(drawn, 1))[given.first - 1 :]:
        for name, work in judges.items():
            is_killed, how = judge(functools.partial(work, mutant), given.seconds)
            if is_killed:
                killed[name] += 1
                break
        else:
            survivors += 1
        verdict = f"killed by the {name}" if is_killed else "SURVIVED"
        print(f"{count}/{len(drawn)} {verdict}, {mutant}: {how if is_killed else ''}", flush=True)
    told = ", ".join(f"{number} by the {name}" for name, number in killed.items())
    took = time.monotonic() - began
    print(f"{killed.total()} killed ({told}), {survivors} survived, of {len(possible)} possible; {took:.0f} s")
    return 1 if survivors > 0.05 * (killed.total() + survivors) else 0


if __name__ == "__main__":
    sys.exit(main())
