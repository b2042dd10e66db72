"""Find the sums that a working writes out, ``3 * 4 = 12`` or ``11:15 - 20 min = 10:55``, and check.

Knows arithmetic on decimal numbers and on times of day; nothing of what they count.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, DecimalException
from typing import Final

__all__ = ["Sums", "check_sums"]

_NUMBER: Final = r"-?\d{1,12}(?:\.\d{1,6})?"
_SUM: Final = re.compile(
    rf"(?<![\d.:/])({_NUMBER})\s*([-+*/x×÷])\s*({_NUMBER})\s*=\s*({_NUMBER})(?![\d:])"  # noqa: RUF001
)
_TIME: Final = r"(\d{1,2}):(\d{2})"
_TIME_SUM: Final = re.compile(
    rf"(?<![\d:]){_TIME}\s*([-+])\s*(\d{{1,4}})\s*(?:min|minutes)\s*=\s*{_TIME}(?![\d:])"
)
_MINUTES_A_DAY: Final = 24 * 60
_SLACK: Final = Decimal("0.005")
"""Quotients are rounded to cents."""


@dataclass(frozen=True, slots=True)
class Sums:
    """What was found in a working."""

    count: int
    held: int
    """How many are right."""
    results: tuple[str, ...]
    """What stands behind each equals sign."""


def check_sums(text: str) -> Sums:
    """Check every sum that ``text`` writes out."""
    plain = [(found.group(4), _holds(*found.groups())) for found in _SUM.finditer(text)]
    times = [
        (f"{found.group(5)}:{found.group(6)}", _time_holds(found))
        for found in _TIME_SUM.finditer(text)
    ]
    found = [*plain, *times]
    return Sums(len(found), sum(held for _, held in found), tuple(result for result, _ in found))


def _holds(left: str, sign: str, right: str, result: str) -> bool:
    first, second, said = Decimal(left), Decimal(right), Decimal(result)
    try:
        made = {
            "+": lambda: first + second,
            "-": lambda: first - second,
            "/": lambda: first / second,
            "÷": lambda: first / second,
        }.get(sign, lambda: first * second)()
    except DecimalException:  # a division by nothing
        return False
    return made == said if sign not in "/÷" else abs(made - said) <= _SLACK


def _time_holds(found: re.Match[str]) -> bool:
    hour, minute, sign, minutes, to_hour, to_minute = found.groups()
    moved = int(minutes) if sign == "+" else -int(minutes)
    start = int(hour) * 60 + int(minute)
    end = int(to_hour) * 60 + int(to_minute)
    return (start + moved - end) % _MINUTES_A_DAY == 0
