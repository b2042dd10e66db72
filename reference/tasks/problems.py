"""Draw one multi-step word problem from a table of stories.

The level of a problem is the number of operations that its working writes down, so an answer
that errs with a fixed chance per operation falls off with the level.
"""

import random
from collections.abc import Sequence
from typing import Final

from reference.tasks.draft import Draft
from reference.tasks.identifiers import draw_email, draw_iban, draw_phone
from reference.tasks.people import draw_person
from reference.tasks.question import Marked, write
from reference.tasks.stories import ASIDES, CONDITIONS, DRUGS, Clause, Story
from reference.tasks.working import Chain, Change, apply_change, draw_change, operations

__all__ = ["draw_problem"]

_PERSONAL_SHARE: Final = 0.65
_ASIDE_SHARE: Final = 0.35
_CONDITION_SHARE: Final = 0.15
_SMALL_LEVELS: Final = 2
"""Up to this level the smaller numbers are drawn."""

Value = str | int | Marked


def draw_problem(rng: random.Random, stories: Sequence[Story], level: int) -> Draft:
    """Draw a word problem whose working has exactly ``level`` operations."""
    is_personal = rng.random() < _PERSONAL_SHARE
    story = rng.choice([story for story in stories if story.is_personal == is_personal])
    told: list[tuple[Clause, Change]] | None = None
    while told is None:
        told = _draw_events(rng, story, level)
    values = _draw_values(rng, story)
    chain = Chain(0, ())
    sentences: list[tuple[str, dict[str, Value]]] = []
    for clause, change in told:
        chain = apply_change(chain, change)
        sentences.append((clause.text, {**values, "a": change.first, "b": change.second}))
    if story.is_personal:
        _insert_asides(rng, sentences, values, is_care="Patient " in story.titles)
    sentences.append((rng.choice(story.ask), values))
    parts = [write(text, fields) for text, fields in sentences]
    statement, _ = write(story.tell, {**values, "total": chain.total})
    return Draft(
        parts=tuple(parts),
        solution=f"{' '.join(chain.lines)} {statement}",
        answer=str(chain.total),
    )


def _draw_events(
    rng: random.Random, story: Story, level: int
) -> list[tuple[Clause, Change]] | None:
    """Draw clauses whose operations add up to ``level``, or None where the draw leads nowhere."""
    small = level <= _SMALL_LEVELS
    told: list[tuple[Clause, Change]] = []
    chain = Chain(0, ())
    left = level
    clauses: Sequence[Clause] = story.openings
    while left > 0 or not told:
        fitting = [
            clause
            for clause in clauses
            if operations(clause.kind) <= left and all(clause is not seen for seen, _ in told)
        ]
        if not fitting:
            return None
        clause = rng.choice(fitting)
        change = draw_change(rng, clause.kind, chain.total, small=small)
        if change is None:
            return None
        chain = apply_change(chain, change)
        told.append((clause, change))
        left -= operations(clause.kind)
        clauses = story.events
    return told


def _draw_values(rng: random.Random, story: Story) -> dict[str, Value]:
    person = draw_person(rng)
    return {
        "name": Marked(person.name, "person"),
        "title": rng.choice(story.titles),
        "drug": rng.choice(DRUGS),
        "iban": draw_iban(rng),
        "phone": draw_phone(rng),
        "email": draw_email(rng, person),
    }


def _insert_asides(
    rng: random.Random,
    sentences: list[tuple[str, dict[str, Value]]],
    values: dict[str, Value],
    *,
    is_care: bool,
) -> None:
    if rng.random() < _ASIDE_SHARE:
        sentences.insert(rng.randint(1, len(sentences)), (rng.choice(ASIDES), values))
    if is_care and rng.random() < _CONDITION_SHARE:
        condition = Marked(rng.choice(CONDITIONS), "health")
        fields: dict[str, Value] = {**values, "condition": condition}
        sentences.insert(rng.randint(1, len(sentences)), ("{name} has {condition}.", fields))
    elif is_care and rng.random() < _CONDITION_SHARE:
        doctor = Marked(draw_person(rng).name, "person")
        sentences.insert(
            rng.randint(1, len(sentences)), ("Ordered by Dr. {doctor}.", {"doctor": doctor})
        )
