"""Look one detail up in a short register of people or things: extraction, no arithmetic.

The level is the number of entries that the register holds.
"""

import random
from typing import Final

from reference.tasks.draft import Draft
from reference.tasks.identifiers import draw_email, draw_phone
from reference.tasks.people import Person, draw_person
from reference.tasks.question import Marked, write

__all__ = ["THINGS", "draw_lookup"]

_PERSONAL_SHARE: Final = 0.65
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
THINGS: Final = ("lamp", "chair", "pump", "desk", "fan", "drill", "scale", "cable", "valve")
_COLOURS: Final = ("red", "blue", "green", "white", "black", "grey")

Value = str | int | Marked


def draw_lookup(rng: random.Random, level: int) -> Draft:
    """Draw a register of ``level`` entries and ask for one detail of one of them."""
    if rng.random() < _PERSONAL_SHARE:
        return _people(rng, level)
    return _things(rng, level)


def _people(rng: random.Random, level: int) -> Draft:
    people: dict[str, Person] = {}
    while len(people) < level:
        person = draw_person(rng)
        people[person.name] = person
    entries: list[dict[str, Value]] = [
        {
            "name": Marked(name, "person"),
            "phone": draw_phone(rng),
            "email": draw_email(rng, person),
            "room": rng.randint(1, 99),
            "day": rng.choice(_DAYS),
        }
        for name, person in people.items()
    ]
    shown = rng.sample(("phone", "email", "room", "day"), 2 if level <= 2 else 1)
    template = "{name}: " + ", ".join(f"{detail} {{{detail}}}" for detail in shown) + "."
    chosen = rng.choice(entries)
    detail = rng.choice(shown)
    ask = rng.choice(
        (f"What is the {detail} of {{name}}?", f"Which {detail} is noted for {{name}}?")
    )
    return _draft(template, entries, ask, chosen, shown, detail)


def _things(rng: random.Random, level: int) -> Draft:
    entries: list[dict[str, Value]] = [
        {
            "name": thing,
            "shelf": rng.randint(1, 99),
            "colour": rng.choice(_COLOURS),
            "price": rng.randint(2, 99),
        }
        for thing in rng.sample(THINGS, level)
    ]
    shown = rng.sample(("shelf", "colour", "price"), 2)
    template = "{name}: " + ", ".join(f"{detail} {{{detail}}}" for detail in shown) + "."
    chosen = rng.choice(entries)
    detail = rng.choice(shown)
    return _draft(template, entries, f"What is the {detail} of {{name}}?", chosen, shown, detail)


def _draft(
    template: str,
    entries: list[dict[str, Value]],
    ask: str,
    chosen: dict[str, Value],
    shown: list[str],
    detail: str,
) -> Draft:
    parts = [write(template, entry) for entry in entries]
    parts.append(write(ask, chosen))
    statement, _ = write(f"The {detail} of {{name}} is {{{detail}}}.", chosen)
    answer, _ = write(f"{{{detail}}}", chosen)
    wrong = {write(f"{{{detail}}}", entry)[0] for entry in entries}
    wrong |= {write(f"{{{other}}}", chosen)[0] for other in shown}
    return Draft(
        parts=tuple(parts),
        solution=statement,
        answer=answer,
        distractors=tuple(sorted(wrong - {answer})),
    )
