"""What code is tried on, and how it did: plain data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

__all__ = ["Case", "CodeTests", "Ending", "Examined"]


@dataclass(frozen=True, slots=True)
class Case:
    """One thing to try: standard input and the output it must give, or arguments and result."""

    stdin: str = ""
    stdout: str | None = None
    """``None``: a call of the entry point instead of a run of the program."""
    args: tuple[object, ...] = ()
    returns: object = None


@dataclass(frozen=True, slots=True)
class CodeTests:
    """What makes code right: every case and the tests, where there are any."""

    entry_point: str = ""
    """The function that ``candidate`` in the tests and the cases' arguments are for."""
    prelude: str = ""
    """Python that stands before the answer's code: imports, given definitions."""
    tests: str = ""
    """Python that raises when the code is wrong, as HumanEval and MBPP write it."""
    functions: tuple[str, ...] = ()
    """Names that the tests use and do not define: they are the answer's."""
    cases: tuple[Case, ...] = ()


class Ending(Enum):
    """How an examination ended; only the first is right."""

    PASSED = "passed"
    WRONG = "wrong"
    """It ran, and a result was not the expected one or a test raised."""
    CRASHED = "crashed"
    """It raised where a result was wanted, ran out of memory or ended its process."""
    TIMED_OUT = "timed_out"
    REFUSED = "refused"
    """Nothing was run: no code in the answer, too much of it, or none that Python can read."""


@dataclass(frozen=True, slots=True)
class Examined:
    """The verdict on one answer; holds nothing that the code wrote."""

    ending: Ending
    case: int | None = None
    """The first case that went wrong, counted from 1."""
