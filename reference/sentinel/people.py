"""Names of people in the forms in which people write them, and names they log in with."""

from __future__ import annotations

import string

from faker import Faker

from reference.sentinel import words
from reference.sentinel.draw import Draw, plain_letters
from reference.sentinel.lists import listed

__all__ = ["family", "full_name", "given", "user_name"]

_ELSEWHERE = 0.15
"""Share of names from languages that Faker writes in letters of their own."""


def given(draw: Draw, fake: Faker) -> str:
    """Return a given name."""
    if draw.chance(_ELSEWHERE):
        return draw.pick(listed("given"))
    return draw.call(fake, "first_name")


def family(draw: Draw, fake: Faker) -> str:
    """Return a family name."""
    if draw.chance(_ELSEWHERE):
        return draw.pick(listed("family"))
    return draw.call(fake, "last_name")


def full_name(draw: Draw, fake: Faker) -> str:
    """Return a full name."""
    if draw.chance(0.08):
        first, last = draw.pick(listed("given")), draw.pick(listed("family"))
    else:
        first, last = draw.call(fake, "first_name"), draw.call(fake, "last_name")
    middle = draw.pick(string.ascii_uppercase) + draw.pick((".", ""))
    forms = (
        (60, f"{first} {last}"),
        (8, f"{first} {middle} {last}"),
        (5, f"{first[0]}. {last}"),
        (6, f"{first} {given(draw, fake)} {last}"),
        (4, f"{first} {last}-{family(draw, fake)}"),
        (3, f"{first} {last} {family(draw, fake)}"),
        (5, f"{draw.pick(words.HONORIFICS)} {first} {last}"),
        (1, f"{first} {last} {draw.pick(('Jr.', 'Sr.', 'III', 'PhD', 'MD'))}"),
        (2, f"{first} {last}".lower()),
        (2, f"{first} {last}".upper()),
        (1, f"{last} {first[0]}."),
        (3, f"{last}, {first}"),
    )
    weights = [weight for weight, _ in forms]
    return draw.random.choices([form for _, form in forms], weights)[0]


def user_name(draw: Draw, fake: Faker) -> str:
    """Return a name to log in with, mostly made of a person's."""
    first = plain_letters(given(draw, fake)) or "kim"
    last = plain_letters(family(draw, fake)) or "lee"
    number = str(draw.number(1, 2010)) if draw.chance(0.4) else ""
    word = draw.pick(words.PROJECTS).lower()
    return draw.pick(
        (
            f"{first}.{last}{number}",
            f"{first}_{last}{number}",
            f"{first[0]}{last}{number}",
            f"{first}{number}",
            f"{last}{first[0]}",
            f"{last}-{first[0]}",
            f"{word}_{first}{number}",
            f"x{first[:2]}{last[:3]}{draw.number(1, 9)}",
            draw.shaped(draw.pick(("a######", "aa####", "u#####", "svc-aaaa"))),
        )
    )
