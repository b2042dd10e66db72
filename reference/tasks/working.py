"""Written-out arithmetic: a running total changed step by step.

Knows numbers and how the working is written; knows no story.
"""

import random
from dataclasses import dataclass
from typing import Literal

__all__ = ["Chain", "Change", "ChangeKind", "apply_change", "draw_change", "operations"]

ChangeKind = Literal["start", "start_product", "add", "subtract", "multiply", "add_product",
                     "subtract_product"]  # fmt: skip

MAX_TOTAL = 199
"""No number in any working is larger."""

MAX_FACTOR_TOTAL = 20
"""A running total is multiplied only while it is at most this."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change of the running total; ``second`` is 0 where only one number is used."""

    kind: ChangeKind
    first: int
    second: int = 0


@dataclass(frozen=True, slots=True)
class Chain:
    """The working so far."""

    total: int
    lines: tuple[str, ...]


def operations(kind: ChangeKind) -> int:
    """How many written operations a change takes."""
    if kind == "start":
        return 0
    return 2 if kind in ("add_product", "subtract_product") else 1


def apply_change(chain: Chain, change: Change) -> Chain:
    """Write the change down and return the new running total."""
    first, second = change.first, change.second
    product = first * second
    line = f"{first} * {second} = {product}."
    match change.kind:
        case "start":
            return Chain(first, chain.lines)
        case "start_product":
            return Chain(product, (*chain.lines, line))
        case "add":
            return _then(chain, "+", first, chain.total + first)
        case "subtract":
            return _then(chain, "-", first, chain.total - first)
        case "multiply":
            return _then(chain, "*", first, chain.total * first)
        case "add_product":
            return _then(_noted(chain, line), "+", product, chain.total + product)
        case "subtract_product":
            return _then(_noted(chain, line), "-", product, chain.total - product)


def draw_change(rng: random.Random, kind: ChangeKind, total: int, *, small: bool) -> Change | None:
    """Draw numbers for a change of ``total``.

    Args:
        rng: Source of randomness.
        kind: What changes.
        total: The running total before.
        small: Whether to keep to the smaller numbers of the lower levels.

    Returns:
        The change, or None where no allowed numbers exist.
    """
    addend = 10 if small else 20
    match kind:
        case "start":
            change = Change(kind, rng.randint(5, 20 if small else 30))
        case "start_product":
            change = Change(kind, rng.randint(2, 9), rng.randint(2, 9))
        case "add" | "subtract":
            change = Change(kind, rng.randint(2, addend))
        case "multiply":
            change = Change(kind, rng.randint(2, 5))
        case "add_product" | "subtract_product":
            change = Change(kind, rng.randint(2, 5), rng.randint(2, 9))
    after = apply_change(Chain(total, ()), change).total
    too_large = kind == "multiply" and total > MAX_FACTOR_TOTAL
    return None if too_large or not 1 <= after <= MAX_TOTAL else change


def _noted(chain: Chain, line: str) -> Chain:
    return Chain(chain.total, (*chain.lines, line))


def _then(chain: Chain, sign: str, number: int, total: int) -> Chain:
    return Chain(total, (*chain.lines, f"{chain.total} {sign} {number} = {total}."))
