"""Firms, institutions, jobs and products."""

from __future__ import annotations

from faker import Faker

from reference.sentinel import words
from reference.sentinel.draw import Draw
from reference.sentinel.lists import listed

__all__ = ["coined", "job", "organization", "product"]


def coined(draw: Draw) -> str:
    """Return a firm's name that no dictionary holds, or two words grown together."""
    if draw.chance(0.4):
        word = "".join(draw.pick(words.SYLLABLES) for _ in range(draw.number(2, 3))).capitalize()
    else:
        first, second = draw.pick(listed("firm_words")), draw.pick(listed("firm_words"))
        word = draw.pick(
            (
                first.capitalize() + second,
                first.capitalize() + second.capitalize(),
                f"{first.capitalize()} {second.capitalize()}",
                first.capitalize()
                + draw.pick(("ly", "ify", "io", "er", "ex", "ia", "ster", "hub")),
            )
        )
    return f"{word} {draw.pick(words.FIRM_TAILS)}" if draw.chance(0.4) else word


def organization(draw: Draw, fake: Faker) -> str:
    """Return a firm or an institution."""
    form = draw.random.random()
    if form < 0.2:
        return draw.call(fake, "company")
    if form < 0.3:
        return draw.call(draw.faker("en_US"), "company")
    if form < 0.4:
        return draw.pick(listed("bodies"))
    if form < 0.68:
        return draw.cased(coined(draw))
    if form < 0.74:
        pair = " ".join(word.capitalize() for word in draw.faker("en_US").words(2))
        return f"{pair} {draw.pick(words.FIRM_TAILS)}" if draw.chance(0.6) else pair
    if form < 0.80:
        return f"{draw.call(fake, 'last_name')} {draw.pick(words.FIRM_TAILS)}"
    if form < 0.86:
        return str(draw.faker("en_US").word()).capitalize()
    if form < 0.89:
        return draw.shaped(draw.pick(("AAA", "AAAA", "A&A", "AA Group", "AAA Bank")))
    return draw.pick(words.INSTITUTIONS).format(
        place=draw.call(fake, "city"),
        first=draw.call(fake, "first_name"),
        last=draw.call(fake, "last_name"),
        word=draw.faker("en_US").word().capitalize(),
    )


def job(draw: Draw, _: Faker) -> str:
    """Return what somebody does for a living."""
    form = draw.random.random()
    if form < 0.35:
        return draw.pick(words.JOBS)
    if form < 0.7:
        return draw.pick(listed("workers"))
    text = str(draw.faker("en_US").job())
    if "," in text and draw.chance(0.8):
        first, _, second = text.partition(", ")
        text = f"{second} {first}"
    return text.lower() if draw.chance(0.6) else text


def product(draw: Draw, _: Faker) -> str:
    """Return a thing with a model, as shops write it."""
    thing = draw.pick(listed("products"))
    model = draw.shaped(draw.pick(("A##", "AA-###", "###", "A# Pro", "AA####")))
    return draw.pick(
        (thing, f"{thing} {model}", f"{model} {thing}", f"{draw.number(2, 9)} {thing}s")
    )
