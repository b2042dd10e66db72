"""GBNF for the numbers between two bounds, digit by digit.

What is written lies within the bounds also when a reader makes the nearest double of it: such
numbers have no exponent, and fractions of at most six digits.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

__all__ = ["Bounds", "integer_body", "number_body"]

_LARGEST: Final = 10**15 - 1
"""Every whole number up to here is a double."""
_LARGEST_OPEN: Final = 10**9
"""Up to here a fraction of six digits is a double of its own."""
_FRACTION: Final = '("." [0-9]{1,6})'
_NOT_ZERO: Final = '("." ("0"{0,5} [1-9]))'


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where a number lies; whole numbers, or ``None`` for no bound."""

    low: int | None = None
    high: int | None = None
    is_low_open: bool = False
    """Whether ``low`` itself is left out."""
    is_high_open: bool = False

    @property
    def are_usable(self) -> bool:
        """Whether there is a number between them that can be written exactly."""
        given = [bound for bound in (self.low, self.high) if bound is not None]
        largest = _LARGEST_OPEN if self.is_low_open or self.is_high_open else _LARGEST
        if any(abs(bound) > largest for bound in given):
            return False
        if len(given) < 2:
            return True
        has_open = self.is_low_open or self.is_high_open
        return given[0] < given[1] if has_open else given[0] <= given[1]


def integer_body(low: int | None, high: int | None) -> str:
    """Return GBNF of the integers from ``low`` to ``high``; empty when there are none."""
    low = -_LARGEST if low is None else low
    high = _LARGEST if high is None else high
    bodies = [f'"-" ({body})' for body in [_naturals(max(1, -high), -low)] if body]
    bodies += [body for body in [_naturals(max(0, low), high)] if body]
    return " | ".join(bodies)


def number_body(bounds: Bounds) -> str:
    """Return GBNF of the decimal numbers within bounds; empty when there are none."""
    low = -_LARGEST if bounds.low is None else bounds.low
    high = _LARGEST if bounds.high is None else bounds.high
    bodies: list[str] = []
    if low < 0:
        # Seen from zero: what is above zero on the other side ends at zero, which has no sign.
        nearest, is_open = (-high, bounds.is_high_open) if high < 0 else (0, True)
        mirrored = _decimals(nearest, -low, is_low_open=is_open, is_high_open=bounds.is_low_open)
        bodies += [f'"-" ({body})' for body in mirrored]
    if high >= 0:
        nearest, is_open = (low, bounds.is_low_open) if low >= 0 else (0, False)
        bodies += _decimals(nearest, high, is_low_open=is_open, is_high_open=bounds.is_high_open)
    return " | ".join(bodies)


def _decimals(low: int, high: int, *, is_low_open: bool, is_high_open: bool) -> Iterator[str]:
    """Yield GBNF of the numbers from ``low`` to ``high``, both at least zero."""
    below = _naturals(low + is_low_open, high - 1)
    if below:
        yield f"({below}) {_FRACTION}?"
    if is_low_open and low < high:
        yield f'"{low}" {_NOT_ZERO}'
    if not is_high_open and high >= low + is_low_open:
        yield f'"{high}"'


def _naturals(low: int, high: int) -> str:
    """Return GBNF of the whole numbers from ``low``, at least zero, to ``high``."""
    bodies = []
    whole: list[int] = []
    for digits in range(len(str(low)), len(str(max(high, 0))) + 1):
        least = 10 ** (digits - 1) if digits > 1 else 0
        first, last = max(low, least), min(high, 10**digits - 1)
        if first == least and last == 10**digits - 1 and digits > 1:
            whole.append(digits)
        elif first <= last:
            bodies.append(_between(str(first), str(last)))
    if whole:  # all numbers of these lengths, which follow each other
        bodies.append(f"[1-9] [0-9]{{{whole[0] - 1},{whole[-1] - 1}}}")
    return " | ".join(bodies)


def _between(low: str, high: str) -> str:
    """Return GBNF of the numbers between two of the same length."""
    rest = len(low) - 1
    if not rest:
        return f"[{low}-{high}]"
    if low[0] == high[0]:
        return f'"{low[0]}" ({_between(low[1:], high[1:])})'
    if low[1:] == "0" * rest and high[1:] == "9" * rest:
        return f"[{low[0]}-{high[0]}] [0-9]{{{rest}}}"
    bodies = [f'"{low[0]}" ({_between(low[1:], "9" * rest)})']
    if int(high[0]) - int(low[0]) > 1:
        bodies.append(f"[{int(low[0]) + 1}-{int(high[0]) - 1}] [0-9]{{{rest}}}")
    bodies.append(f'"{high[0]}" ({_between("0" * rest, high[1:])})')
    return " | ".join(bodies)
