"""Rows of bare arithmetic, clock times and copying, denser than the questions that use them.

A word problem spends a hundred tokens on two or three results; a drill spends ten on each. Without
the echoes a network this small takes thousands of steps to find out that it can copy at all.
"""

import random
from collections.abc import Callable
from typing import Final

from reference.tasks import clock_text
from reference.tasks.identifiers import draw_email, draw_iban, draw_phone
from reference.tasks.people import draw_person
from reference.tasks.working import MAX_FACTOR_TOTAL

__all__ = ["Drill", "draw_drill"]

Drill = tuple[str, tuple[tuple[str, str], ...]]
"""The user's turn, and the answer in pairs: a text that is given and one that is asked for."""

_OPERATIONS_PER_DRILL: Final = 14
_LONGEST_ECHO: Final = 3
_LETTERS: Final = "ABCDEF"
_LARGEST_TOTAL: Final = 180
_LARGEST_ADDEND: Final = 45
_SMALL_ADDEND: Final = 20
_SMALL_SHARE: Final = 0.7


def draw_drill(rng: random.Random) -> Drill:
    """Draw a drill: a third of them arithmetic, the others clock times, echoes or copying."""
    kind = rng.choice(("numbers", "numbers", "times", "echo", "echo", "copy"))
    match kind:
        case "numbers":
            return "Calculate.", _repeated(rng, _operation)
        case "times":
            return "Calculate.", _repeated(rng, _time_operation)
        case "echo":
            return _echo(rng)
        case _:
            return _copy(rng)


def _repeated(
    rng: random.Random, draw: Callable[[random.Random], tuple[str, str]]
) -> tuple[tuple[str, str], ...]:
    return tuple(draw(rng) for _ in range(_OPERATIONS_PER_DRILL))


def _operation(rng: random.Random) -> tuple[str, str]:
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


def _time_operation(rng: random.Random) -> tuple[str, str]:
    start_min = rng.randrange(6 * 60, 17 * 60, 5)
    start = clock_text(start_min)
    kind = rng.choice(("hours", "later", "later", "earlier"))
    if kind == "hours":
        hours = rng.randint(2, 5)
        return f" {start} + {hours} h =", f" {clock_text(start_min + 60 * hours)}."
    minutes = rng.randrange(10, 80, 5)
    if kind == "later":
        return f" {start} + {minutes} min =", f" {clock_text(start_min + minutes)}."
    return f" {start} - {minutes} min =", f" {clock_text(start_min - minutes)}."


def _echo(rng: random.Random) -> Drill:
    """Draw a few details to repeat as they are."""
    text = ", ".join(_detail(rng) for _ in range(rng.randint(1, _LONGEST_ECHO)))
    return f"Repeat: {text}", (("", text),)


def _copy(rng: random.Random) -> Drill:
    """Draw details to repeat, in another order than they are given."""
    drawn = list(zip(_LETTERS, (_detail(rng) for _ in _LETTERS), strict=True))
    listed = " ".join(f"{letter}: {value}." for letter, value in drawn)
    rng.shuffle(drawn)
    return f"{listed} Repeat.", tuple((f" {letter}:", f" {value}.") for letter, value in drawn)


def _detail(rng: random.Random) -> str:
    person = draw_person(rng)
    kind = rng.choice(("name", "name", "email", "phone", "iban", "number", "numbers"))
    match kind:
        case "name":
            return person.name
        case "email":
            return draw_email(rng, person).value
        case "phone":
            return draw_phone(rng).value
        case "iban":
            return draw_iban(rng).value
        case "number":
            return str(rng.randint(1, _LARGEST_TOTAL))
        case _:
            return " ".join(str(rng.randint(1, 99)) for _ in range(4))
