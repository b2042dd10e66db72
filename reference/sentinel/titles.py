"""What has capitals and names nobody: works of art, bands, beings of tales, plain things."""

from __future__ import annotations

from typing import Final

from faker import Faker

from reference.sentinel.borrowed import borrowed
from reference.sentinel.draw import Draw
from reference.sentinel.lists import listed
from reference.sentinel.trade import coined

__all__ = ["band", "creature", "film", "thing", "work"]

_SMALL: Final = frozenset({"of", "and", "the", "in", "on", "for", "to", "a", "an", "with", "by"})


def _words(draw: Draw, number: int) -> str:
    fake = draw.faker("en_US")
    chosen = (
        fake.word() if draw.chance(0.6) else draw.pick(listed("firm_words")) for _ in range(number)
    )
    return " ".join(word.capitalize() for word in chosen)


def thing(draw: Draw, _: Faker) -> str:
    """Return a noun or two for something ordinary, mostly written as headings and menus do."""
    name = draw.pick(borrowed("things") or listed("notions"))
    form = draw.random.random()
    if form < 0.25:
        return name
    if form < 0.33:
        return name.upper()
    if form < 0.43:
        return name[0].upper() + name[1:]
    if draw.chance(0.2) and not name.endswith("s"):
        name += "s"
    words = name.split(" ")
    first = words[0][0].upper() + words[0][1:]
    return " ".join(
        (first, *(at if at in _SMALL else at[0].upper() + at[1:] for at in words[1:] if at))
    )


def work(draw: Draw, fake: Faker) -> str:
    """Return the title of a song, a film, a book, a law or a game."""
    if draw.chance(0.2):
        return thing(draw, fake)
    title = _words(draw, draw.number(1, 4))
    small = f"{_words(draw, 1)} {draw.pick(('of the', 'and the', 'in a', 'for my', 'on', 'to'))}"
    title = draw.pick((title, title, f"The {title}", f"{small} {_words(draw, 1)}"))
    return draw.pick(
        (
            *(f'"{title}"', title, title.lower(), f"'{title}'", f"{title} (remix)", f"*{title}*"),
            *(f"the {title} Act", f"{title} {draw.number(2, 9)}", f"Article {draw.number(2, 90)}"),
        )
    )


def film(draw: Draw, _: Faker) -> str:
    """Return the title of a film, a series or a game; often a word that no dictionary holds."""
    form = draw.random.random()
    if form < 0.4:
        title = coined(draw)
    elif form < 0.5:
        title = draw.pick(listed("creatures"))
    else:
        title = _words(draw, draw.number(1, 3))
        title = draw.pick((title, f"The {title}", f"{title} {draw.pick(('II', 'III', '2', '3'))}"))
    return draw.pick((title, title, title, f'"{title}"', title.lower()))


def band(draw: Draw, _: Faker) -> str:
    """Return what a group of musicians calls itself."""
    form = draw.random.random()
    if form < 0.35:
        return coined(draw)
    if form < 0.65:
        return f"the {_words(draw, draw.number(1, 2))}s"
    title = _words(draw, draw.number(1, 2))
    return draw.pick((title, title, f"{title} & the {_words(draw, 1)}s", title.upper()))


def creature(draw: Draw, _: Faker) -> str:
    """Return a being of myths, tales or games."""
    being = draw.pick(listed("creatures"))
    return being.lower() if draw.chance(0.2) else being
