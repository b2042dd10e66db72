"""Rows of bare arithmetic, to teach the facts that word problems use more densely than they do.

A word problem spends a hundred tokens on two or three results; a drill spends ten on each.
"""

import random
from typing import Final

from reference.tasks.working import MAX_FACTOR_TOTAL

__all__ = ["DRILL_PROMPT", "draw_drill"]

DRILL_PROMPT: Final = "Calculate."

_OPERATIONS_PER_DRILL: Final = 14
_LARGEST_TOTAL: Final = 180
_LARGEST_ADDEND: Final = 45
_SMALL_ADDEND: Final = 20
_SMALL_SHARE: Final = 0.7


def draw_drill(rng: random.Random) -> tuple[tuple[str, str], ...]:
    """Draw operations as pairs of the text up to ``=`` and the result with its full stop."""
    return tuple(_draw_operation(rng) for _ in range(_OPERATIONS_PER_DRILL))


def _draw_operation(rng: random.Random) -> tuple[str, str]:
    kind = rng.choice(("product", "multiply", "add", "subtract"))
    if kind == "product":
        left, right = rng.randint(2, 9), rng.randint(2, 9)
        return f" {left} * {right} =", f" {left * right}."
    if kind == "multiply":
        left, right = rng.randint(2, MAX_FACTOR_TOTAL), rng.randint(2, 5)
        return f" {left} * {right} =", f" {left * right}."
    is_small = rng.random() < _SMALL_SHARE
    left = rng.randint(2, 100 if is_small else _LARGEST_TOTAL)
    right = rng.randint(2, _SMALL_ADDEND if is_small else _LARGEST_ADDEND)
    if kind == "add" or left <= right:
        return f" {left} + {right} =", f" {left + right}."
    return f" {left} - {right} =", f" {left - right}."
