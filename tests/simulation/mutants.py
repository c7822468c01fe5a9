# Copyright (c) 2026, psremoting.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Machine-made faults: changes one decision of the engine or of the jobs, and asks the simulation to notice.

``python -m tests.simulation.mutants --mutants 200 --seed 0`` draws mutants and plays histories against each in a
process of its own. A mutant that breaks no promise within the histories has survived, and is printed to be read.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib.machinery
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
ENGINE = "plugins/module_utils/_pssession"
# Where it is decided what is asked of servers, what is on disk before, and what counts as done. Check mode is not
# simulated.
FILES = (
    f"{ENGINE}/output/*.py",
    f"{ENGINE}/verbs/*.py",
    f"{ENGINE}/finding/*.py",
    f"{ENGINE}/state/journal.py",
    f"{ENGINE}/psrp/starting.py",
    "plugins/plugin_utils/_jobs/*.py",
)
NOT_SIMULATED = (
    f"{ENGINE}/output/foreseeing.py",
    "plugins/plugin_utils/_jobs/cleanup.py",
    "plugins/plugin_utils/_jobs/extend.py",
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
_KILLED, _SURVIVED = 3, 0


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
    for node in ast.walk(tree):
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
        for path in sorted(set(ROOT.glob(pattern)) - {ROOT / name for name in NOT_SIMULATED}):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            name = str(path.relative_to(ROOT))
            found += [Mutant(name, number, line, text) for number, (line, text, _make) in enumerate(changes(tree))]
    return found


def mutated(source: bytes, number: int, path: str) -> CodeType:
    """Return the code of a module with one of its changes."""
    tree = copy.deepcopy(ast.parse(source))
    next(make for count, (_line, _text, make) in enumerate(changes(tree)) if count == number)()
    return compile(ast.fix_missing_locations(tree), path, "exec")


def play_against(path: str, number: int, histories: int) -> int:
    """Import the collection with a mutant in it, and play until a promise is broken; return the exit status."""
    read = importlib.machinery.SourceFileLoader.get_code

    def get_code(self: importlib.machinery.SourceFileLoader, name: str) -> CodeType | None:
        if self.path.endswith(path):
            return mutated(self.get_data(self.path), number, self.path)
        return read(self, name)

    setattr(importlib.machinery.SourceFileLoader, "get_code", get_code)  # noqa: B010 - mypy knows no such assignment
    import tests.conftest  # noqa: F401 - it makes the collection importable
    from tests.simulation.history import draw
    from tests.simulation.known import unknown
    from tests.simulation.simulation import play

    for seed in range(histories):
        if violations := unknown(play(draw(seed))):
            print(f"seed {seed}: {violations[0]}")
            return _KILLED
    return _SURVIVED


def judge(mutant: Mutant, histories: int, seconds: float) -> tuple[bool, str]:
    """Return whether the simulation noticed a mutant, and how."""
    command = [sys.executable, "-m", "tests.simulation.mutants", "--play", mutant.path, str(mutant.number)]
    try:
        done = subprocess.run(
            [*command, "--histories", str(histories)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return True, f"it did not end within {seconds:.0f} s"
    last = [*(done.stdout.split("\n")), *done.stderr.strip().split("\n")[-1:]]
    return done.returncode != _SURVIVED, next(filter(None, last), "")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutants", type=int, default=200, help="how many are drawn")
    parser.add_argument("--seed", type=int, default=0, help="that they are drawn by")
    parser.add_argument("--histories", type=int, default=300, help="that are played against each")
    parser.add_argument("--seconds", type=float, default=600, help="until a mutant counts as one that hangs")
    parser.add_argument("--play", nargs=2, metavar=("FILE", "NUMBER"), help="play against one mutant in this process")
    given = parser.parse_args()
    if given.play:
        return play_against(given.play[0], int(given.play[1]), given.histories)
    possible = all_mutants()
    drawn = random.Random(given.seed).sample(possible, min(given.mutants, len(possible)))
    survivors, began = [], time.monotonic()
    for count, mutant in enumerate(drawn, 1):
        is_killed, how = judge(mutant, given.histories, given.seconds)
        print(f"{count}/{len(drawn)} {'killed  ' if is_killed else 'SURVIVED'} {mutant}: {how}", flush=True)
        survivors += [] if is_killed else [mutant]
    killed, took = len(drawn) - len(survivors), time.monotonic() - began
    print(f"{killed} of {len(drawn)} killed, of {len(possible)} possible; {took:.0f} s")
    return 1 if len(survivors) > 0.05 * len(drawn) else 0


if __name__ == "__main__":
    sys.exit(main())
