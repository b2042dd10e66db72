"""Pairs of questions for the cache: the same in other words, and close ones with other answers.

Generated from templates and a seed; one set, of rewordings as people write them, is by hand. Knows
nothing of how a cache compares them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Final

__all__ = ["CLOSE", "NATURAL", "SAME", "Pair", "pairs"]

Pair = tuple[str, str]

_THINGS: Final = ("the pump", "aspirin", "the old server", "my visa", "a mortgage", "the vaccine")
_VERBS: Final = ("restart", "return", "insure", "clean", "replace", "cancel", "refill")
_PLACES: Final = ("France", "Spain", "Kenya", "Chile", "Poland", "Japan", "Canada")
_OWNED: Final = ("capital", "population", "currency", "president", "area", "flag")
_PEOPLE: Final = ("Anna", "Peter", "Mary", "Ahmed", "Yuki", "Olga")
_UNITS: Final = ("mg", "ml", "km", "kg", "hours", "days")
_DAYS: Final = ("Monday", "Friday", "2026-11-29", "2027-01-02", "May 3", "June 3")
_OPPOSITES: Final = (
    ("safe", "unsafe"),
    ("legal", "illegal"),
    ("possible", "impossible"),
    ("cheaper", "dearer"),
    ("before", "after"),
    ("more", "less"),
    ("with", "without"),
)
_POLITE: Final = (
    "Please tell me, {0}",
    "Hi! Could you tell me {0}",
    "I would like to know {0}, please?",
    "{0} Thanks!",
    "Just wondering, {0}",
)

Draw = Callable[[random.Random], Pair]


def _question(rng: random.Random) -> str:
    return rng.choice(
        (
            f"What is the {rng.choice(_OWNED)} of {rng.choice(_PLACES)}?",
            f"How do I {rng.choice(_VERBS)} {rng.choice(_THINGS)}?",
            f"Is it safe to take {rng.randint(2, 99)} {rng.choice(_UNITS)} of it?",
            f"Can {rng.choice(_PEOPLE)} {rng.choice(_VERBS)} {rng.choice(_THINGS)} on Sunday?",
        )
    )


def _lowered(question: str) -> str:
    return question[0].lower() + question[1:]


def _polite(rng: random.Random) -> Pair:
    question = _question(rng)
    form = rng.choice(_POLITE)
    inner = question if form.startswith("{") else _lowered(question)
    return question, form.format(inner.rstrip("?") if form.endswith("?") else inner)


def _contracted(rng: random.Random) -> Pair:
    owned, place = rng.choice(_OWNED), rng.choice(_PLACES)
    return f"What is the {owned} of {place}?", f"what's the {owned} of {place}"


def _how_to(rng: random.Random) -> Pair:
    rest = f"{rng.choice(_VERBS)} {rng.choice(_THINGS)}"
    return f"How do I {rest}?", rng.choice((f"How can I {rest}?", f"how to {rest}"))


def _genitive(rng: random.Random) -> Pair:
    owned, place = rng.choice(_OWNED), rng.choice(_PLACES)
    return f"What is the {owned} of {place}?", f"What is {place}'s {owned}?"


def _negated(rng: random.Random) -> Pair:
    thing, verb, no = rng.choice(_THINGS), rng.choice(_VERBS), rng.choice(("not ", "never "))
    return f"Should I {verb} {thing}?", f"Should I {no}{verb} {thing}?"


def _contracted_negation(rng: random.Random) -> Pair:
    thing, verb = rng.choice(_THINGS), rng.choice(_VERBS)
    return f"Can I {verb} {thing}?", f"Can't I {verb} {thing}?"


def _opposite(rng: random.Random) -> Pair:
    one, other = rng.choice(_OPPOSITES)
    form = f"Is it {{0}} to {rng.choice(_VERBS)} {rng.choice(_THINGS)}?"
    return form.format(one), form.format(other)


def _two_of(rng: random.Random, values: tuple[str, ...], form: str) -> Pair:
    one, other = rng.sample(values, 2)
    return form.format(one), form.format(other)


def _numbers(rng: random.Random) -> Pair:
    one, other = rng.sample(range(2, 500), 2)
    unit, thing = rng.choice(_UNITS), rng.choice(_THINGS)
    return f"Is {one} {unit} enough for {thing}?", f"Is {other} {unit} enough for {thing}?"


def _order(rng: random.Random) -> Pair:
    one, other = rng.sample(_PLACES, 2)
    form = rng.choice(
        ("How do I send money from {0} to {1}?", "Why did {0} sue {1}?", "Is {0} larger than {1}?")
    )
    return form.format(one, other), form.format(other, one)


def _qualified(rng: random.Random) -> Pair:
    owned, place = rng.choice(_OWNED), rng.choice(_PLACES)
    word = rng.choice(("former", "first", "largest", "future", "unofficial"))
    return f"What is the {owned} of {place}?", f"What is the {word} {owned} of {place}?"


SAME: Final[dict[str, Draw]] = {
    "polite": _polite,
    "contracted": _contracted,
    "how_to": _how_to,
    "genitive": _genitive,
}
"""The same question in other words."""

CLOSE: Final[dict[str, Draw]] = {
    "negation": _negated,
    "contracted_negation": _contracted_negation,
    "opposite": _opposite,
    "number": _numbers,
    "unit": lambda rng: _two_of(rng, _UNITS, "Is it safe to take 40 {0} of it?"),
    "date": lambda rng: _two_of(rng, _DAYS, "Is the clinic open on {0}?"),
    "name": lambda rng: _two_of(rng, _PEOPLE, "When is {0}'s visit?"),
    "place": lambda rng: _two_of(rng, _PLACES, "What is the capital of {0}?"),
    "order": _order,
    "qualified": _qualified,
}
"""Questions that lie close together and have other answers."""

NATURAL: Final[tuple[Pair, ...]] = (
    ("How do I reset my password?", "I forgot my password, what now?"),
    ("How do I reset my password?", "how can I reset my password"),
    ("What is the capital of France?", "Which city is the capital of France?"),
    ("What is the capital of France?", "Can you tell me what the capital of France is?"),
    ("What is the capital of France?", "capital of France?"),
    ("How far is the moon?", "What is the distance to the moon?"),
    ("How far is the moon?", "Hi, how far is the moon?"),
    ("Why is the sky blue?", "What makes the sky blue?"),
    ("Why is the sky blue?", "Please tell me why is the sky blue"),
    ("How do I boil an egg?", "What is the best way to boil an egg?"),
    ("How do I boil an egg?", "how to boil an egg"),
    ("When does the store open?", "What are your opening hours?"),
    ("When does the store open?", "when does the store open, please?"),
    ("Is it going to rain today?", "Will it rain today?"),
    ("Who wrote Hamlet?", "Who is the author of Hamlet?"),
    ("Who wrote Hamlet?", "I'd like to know who wrote Hamlet."),
    ("Can I return an item?", "What is your return policy?"),
    ("Can I return an item?", "Could you tell me, can I return an item?"),
    ("What is photosynthesis?", "Explain photosynthesis."),
    ("What is photosynthesis?", "what's photosynthesis"),
)
"""By hand: one question as two people write it."""


def pairs(kinds: dict[str, Draw], count: int, rng: random.Random) -> Iterator[tuple[str, Pair]]:
    """Yield ``count`` pairs of each kind, with its name."""
    for kind, draw in kinds.items():
        for _ in range(count):
            yield kind, draw(rng)
