"""Whether what a task expects can tell right from wrong at all; asked before anything is run."""

from __future__ import annotations

import ast
import builtins
from typing import Final

from optimizer.scoring.choices import is_choice
from optimizer.scoring.code.extract import is_python
from optimizer.scoring.code.model import CodeTests
from optimizer.scoring.model import Scorer
from optimizer.scoring.numbers import last_number
from optimizer.scoring.patterns import pattern_problem
from optimizer.scoring.sandbox.wire import CannotCross, encode
from optimizer.scoring.texts import normalised

__all__ = ["code_problem", "expectation_problem", "functions_used"]

_GIVEN: Final = frozenset({"candidate", "__name__"})


def expectation_problem(scorer: Scorer, expected: str) -> str | None:
    """Say why ``expected`` can never be met, or always is, under ``scorer``; or ``None``."""
    match scorer:
        case Scorer.EXACT if not normalised(expected):
            return "holds nothing that the exact scorer compares"
        case Scorer.NUMERIC if last_number(expected) is None:
            return "is not a number, which the numeric scorer needs"
        case Scorer.CHOICE if not is_choice(expected):
            return "is not one letter or option number, which the choice scorer needs"
        case Scorer.REGEX:
            return pattern_problem(expected)
        case _:
            return None


def code_problem(tests: CodeTests) -> tuple[str, str] | None:
    """Say which part of a code task cannot be used, and why; or ``None``."""
    if not tests.tests and not tests.cases:
        return "", "needs `tests` or `cases`"
    for name in ("prelude", "tests"):
        if not is_python(getattr(tests, name)):
            return name, "is not Python"
    if "check" in _defined(tests.tests) and not tests.entry_point:
        return "entry_point", "is needed: the tests define check(candidate)"
    if tests.tests and not tests.entry_point and not tests.functions:
        return "tests", "never call the answer's code"
    return _case_problem(tests)


def _case_problem(tests: CodeTests) -> tuple[str, str] | None:
    for place, case in enumerate(tests.cases):
        if case.stdout is None and not tests.entry_point:
            return "entry_point", "is needed: a case has arguments"
        try:
            encode([case.args, case.returns])
        except CannotCross as problem:
            return f"cases.{place}", f"cannot be passed to the code: {problem}"
    return None


def functions_used(tests: str) -> tuple[str, ...]:
    """Return the names that tests use and nobody but the answer can define, in order."""
    if not is_python(tests):
        return ()
    names = {
        node.id
        for node in ast.walk(ast.parse(tests))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    known = _defined(tests) | _GIVEN
    return tuple(sorted(name for name in names - known if not hasattr(builtins, name)))


def _defined(tests: str) -> set[str]:
    """Return every name that tests bind somewhere."""
    found: set[str] = set()
    if not is_python(tests):
        return found
    for node in ast.walk(ast.parse(tests)):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                found.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                found.add(name)
            case ast.ClassDef(name=name):
                found.add(name)
            case ast.ExceptHandler(name=str(name)):
                found.add(name)
            case ast.alias(name=name, asname=other):
                found.add(other or name.partition(".")[0])
            case _:
                pass
    return found
