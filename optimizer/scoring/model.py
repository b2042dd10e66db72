"""The ways of judging an answer, by the names that task files use."""

from __future__ import annotations

from enum import Enum

__all__ = ["Scorer"]


class Scorer(Enum):
    """How a task's answers are judged."""

    EXACT = "exact"
    """Same text, whatever its case, white space, surrounding marks and closing full stop."""
    NUMERIC = "numeric"
    """Same number: the last one of the final answer."""
    CHOICE = "choice"
    """Same letter or option number: ``b``, ``(b) because ...``, ``option b``."""
    REGEX = "regex"
    """The expected pattern is found in the whole answer."""
    CODE = "code"
    """The answer's code passes tests in a sandbox."""
    JUDGE = "judge"
    """A language model judges by a rubric."""
