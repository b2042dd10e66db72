"""Firms, institutions, jobs and products."""

from __future__ import annotations

import re
from typing import Final

from faker import Faker

from reference.sentinel import words
from reference.sentinel.borrowed import borrowed
from reference.sentinel.draw import Draw
from reference.sentinel.lists import listed

__all__ = ["coined", "job", "organization", "product"]

_PLAIN_LETTERS: Final = 4
_REAL: Final = 0.4
"""Share of firms that are real ones, where their names were borrowed."""
_TAIL: Final = re.compile(
    r"[ ,]+(?:(?:co|corp|inc|ltd|llc|gmbh|ag|sa|s\.a|plc|bv|b\.v|pty|limited|corporation|company"
    r"|group|holdings?|technolog(?:y|ies)|systems|electronics|international)\.?,?)+$",
    re.IGNORECASE,
)
"""What a firm's name has in a register and loses in speech."""
_JOINING: Final = frozenset(
    {
        *("about", "above", "after", "again", "against", "also", "although", "among", "around"),
        *(
            "because",
            "been",
            "before",
            "behind",
            "between",
            "both",
            "could",
            "does",
            "down",
            "each",
        ),
        *(
            "even",
            "every",
            "from",
            "have",
            "here",
            "however",
            "into",
            "just",
            "like",
            "many",
            "maybe",
        ),
        *(
            "might",
            "more",
            "most",
            "much",
            "must",
            "near",
            "never",
            "often",
            "only",
            "other",
            "over",
        ),
        *("perhaps", "really", "several", "she", "should", "since", "some", "such", "than", "that"),
        *(
            "their",
            "them",
            "themselves",
            "then",
            "there",
            "these",
            "they",
            "this",
            "those",
            "though",
        ),
        *("through", "throughout", "under", "until", "upon", "very", "what", "whatever", "when"),
        *("where", "whether", "which", "while", "whom", "whose", "with", "within", "without"),
        *("would", "will", "your", "yourself"),
    }
)
"""Words that nobody would call a firm, and that begin too many sentences."""


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
    if borrowed("firms") and draw.chance(_REAL):
        return _real(draw)
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
        return _plain(draw)
    if form < 0.89:
        return draw.shaped(draw.pick(("AAA", "AAAA", "A&A", "AA Group", "AAA Bank")))
    return draw.pick(words.INSTITUTIONS).format(
        place=draw.call(fake, "city"),
        first=draw.call(fake, "first_name"),
        last=draw.call(fake, "last_name"),
        word=_plain(draw),
    )


def _real(draw: Draw) -> str:
    """Return a firm that exists, as a register or as people write it."""
    name = draw.pick(borrowed("shares" if draw.chance(0.5) else "firms"))
    if draw.chance(0.6):
        name = _TAIL.sub("", _TAIL.sub("", name)) or name
    if name.isupper() and len(name) > _PLAIN_LETTERS and draw.chance(0.7):
        name = name.title()
    return draw.cased(name)


def _plain(draw: Draw) -> str:
    """Return a firm's name that is one plain word, and none of those that join others."""
    if draw.chance(0.5):
        return draw.pick(listed("firm_words")).capitalize()
    word = ""
    while len(word) < _PLAIN_LETTERS or word in _JOINING:
        word = str(draw.faker("en_US").word())
    return word.capitalize()


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
    if borrowed("goods") and draw.chance(0.3):
        return draw.pick(borrowed("goods"))
    thing = draw.pick(listed("products"))
    model = draw.shaped(draw.pick(("A##", "AA-###", "###", "A# Pro", "AA####")))
    return draw.pick(
        (thing, f"{thing} {model}", f"{model} {thing}", f"{draw.number(2, 9)} {thing}s")
    )
