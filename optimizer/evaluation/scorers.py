"""Decide whether a written answer is right: exact text, number, choice or pattern.

Knows texts only. What an answer *is* follows the runtime's own vote: the text after the last
``Answer:`` where there is one, the whole text otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from enum import Enum
from types import MappingProxyType
from typing import Final

from runtime.errors import NotImplementedYet
from runtime.executor.voting import final_answer

__all__ = ["SERVED", "Scorer", "expectation_problem", "score"]

_LONGEST_SCORED: Final = 20_000
"""Characters of an answer that a pattern is tried on; what is beyond cannot be right."""
_NUMBER: Final = re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?(?:[eE][-+]?\d+)?")
_OPTION: Final = r"([A-Z]|[0-9]{1,2})"
_CHOICE: Final = re.compile(_OPTION)
_CHOICES: Final = (
    re.compile(rf"\(?{_OPTION}(?:\)?$|[).:,;])"),
    re.compile(rf".*?\({_OPTION}\)", re.DOTALL),
    re.compile(rf".*?\b(?:OPTION|CHOICE|ANSWER|ANSWER IS)\s+{_OPTION}\b", re.DOTALL),
)
"""Ways to write a choice, surest first; a letter in running text may be a word (``A``, ``I``)."""
_LONGEST_EXPONENT: Final = 300


class Scorer(Enum):
    """How a task's answers are judged."""

    EXACT = "exact"
    """Same text, without case, repeated white space and a closing full stop."""
    NUMERIC = "numeric"
    """Same number: the last one of the final answer."""
    CHOICE = "choice"
    """Same letter or option number: ``b``, ``(b) because ...``, ``option b``."""
    REGEX = "regex"
    """The expected pattern is found in the whole answer."""
    CODE = "code"
    """The answer's code passes tests in a sandbox; not in this version."""
    JUDGE = "judge"
    """A language model judges; not in this version."""


def score(scorer: Scorer, answer: str, expected: str) -> float:
    """Return 1.0 when ``answer`` is right and 0.0 when it is not.

    Raises:
        NotImplementedYet: The scorer needs a sandbox or a judge.
    """
    judge = SERVED.get(scorer)
    if judge is None:
        raise NotImplementedYet(f"this version has no {scorer.value} scorer")
    return float(judge(answer[-_LONGEST_SCORED:], expected))


def expectation_problem(scorer: Scorer, expected: str) -> str | None:
    """Say why ``expected`` can never be met under ``scorer``, or ``None``."""
    if scorer is Scorer.NUMERIC and _last_number(expected) is None:
        return "is not a number, which the numeric scorer needs"
    if scorer is Scorer.CHOICE and _CHOICE.fullmatch(expected.strip().upper()) is None:
        return "is not one letter or option number, which the choice scorer needs"
    if scorer is Scorer.REGEX:
        try:
            re.compile(expected)
        except re.error as failure:
            return f"is not a regular expression: {failure.msg}"
    return None


def _is_exact(answer: str, expected: str) -> bool:
    return final_answer(answer) == final_answer(expected)


def _is_same_number(answer: str, expected: str) -> bool:
    given, wanted = _last_number(final_answer(answer)), _last_number(expected)
    return given is not None and given == wanted


def _is_same_choice(answer: str, expected: str) -> bool:
    return _choice(final_answer(answer).upper()) == expected.strip().upper()


def _choice(text: str) -> str | None:
    """Return the option that a final answer names: ``b``, ``(b) because``, ``option b``."""
    for pattern in _CHOICES:
        found = pattern.match(text)
        if found is not None:
            return next(group for group in found.groups() if group)
    return None


def _is_matched(answer: str, expected: str) -> bool:
    return re.search(expected, answer) is not None


def _last_number(text: str) -> Decimal | None:
    """Return the last number of a text exactly: ``1,250.50`` and ``1250.5`` are equal."""
    for found in reversed([match.group() for match in _NUMBER.finditer(text)]):
        if not any(character.isdigit() for character in found):
            continue
        try:
            number = Decimal(found.replace(",", ""))
        except InvalidOperation:
            continue
        return number if abs(number.adjusted()) <= _LONGEST_EXPONENT else None
    return None


SERVED: Final[Mapping[Scorer, Callable[[str, str], bool]]] = MappingProxyType(
    {
        Scorer.EXACT: _is_exact,
        Scorer.NUMERIC: _is_same_number,
        Scorer.CHOICE: _is_same_choice,
        Scorer.REGEX: _is_matched,
    }
)
"""Scorers of this version."""
