"""Whether two questions say the same in other words; when in doubt, they do not.

Vectors cannot tell "is safe" from "is not safe", 5 mg from 50 mg, or "from A to B" from "from B
to A": such pairs lie closer together than many paraphrases. So two questions may share an answer
only if they are the same sequence of words, numbers and signs once politeness, contractions,
spelling and ``capital of X`` for ``X's capital`` are put aside. Negation, numbers, units, dates,
names, order and language can then never differ. Pure; knows no vectors, no cache.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from cloud.cache.wording_lists import (
    CLOSINGS,
    CONTRACTIONS,
    HOW_TO,
    MENTIONS,
    NUMBER_WORDS,
    OPENINGS,
    OWNED,
    QUESTION_WORDS,
    SAME_WORDS,
    VERBS_THAT_ASK,
)

__all__ = ["MAX_CHARACTERS", "wording"]

MAX_CHARACTERS: Final = 300
"""A longer text carries more than a question: a document, a table, a piece of code."""

_TOKEN: Final = re.compile(
    r"\d+(?:[.,:/]\d+)*"  # a number, a time, a date: its separators stay as they stand
    r"|[^\W\d_]+(?:['\-][^\W\d_]+)*"  # a word
    r"|\w+"
    r"|[^\w\s]"
)
_PAYLOAD: Final = re.compile(r"[\n\r\t\"`:;{}\[\]<>|\\\u00ab\u00bb\u201c-\u201f]|(?<!\w)['\u2018]")
"""Signs of quoted text, code or a list, in which every character may count."""
_STOPS: Final = frozenset({".", "!", "?"})
_OPENINGS: Final = tuple(
    sorted((tuple(opening.split()) for opening in OPENINGS), key=len, reverse=True)
)
_FOLDED: Final = (
    QUESTION_WORDS
    | VERBS_THAT_ASK
    | {opening[0] for opening in _OPENINGS}
    | {word for word in CONTRACTIONS if word != "i'm"}
)
"""Words that lose their capital at the start of a text; any other may be a name and keeps it."""


def wording(text: str) -> tuple[str, ...]:
    """Return what a question says: two questions may share an answer only if this is equal.

    Empty for what is no short plain question, or asks about words as such: it has the same
    wording as nothing else.
    """
    if len(text) > MAX_CHARACTERS or _PAYLOAD.search(text.strip()):
        return ()
    words = _TOKEN.findall(text.replace("\u2019", "'"))
    words = _without_openings(_plain(_folded(words)))
    words = _without_end(words)
    if not _is_question(words) or not MENTIONS.isdisjoint(map(str.lower, words)):
        return ()
    return tuple(_with_one_how_to(_with_genitives(words)))


def _folded(words: Iterable[str]) -> list[str]:
    folded = [word.lower() if word.partition("'")[0] == "I" else word for word in words]
    if folded and folded[0].lower() in _FOLDED and not _is_shouted(folded[0]):
        folded[0] = folded[0].lower()
    return folded


def _is_shouted(word: str) -> bool:
    """Whether a word is an acronym: ``IS`` is not ``is``."""
    return len(word) > 1 and word.isupper()


def _plain(words: Iterable[str]) -> list[str]:
    found: list[str] = []
    for word in words:
        for part in CONTRACTIONS.get(word, (word,)):
            plain = SAME_WORDS.get(part, part)
            found.append(NUMBER_WORDS.get(plain, plain))
    return found


def _without_openings(words: list[str]) -> list[str]:
    while length := _opening_of(words):
        rest = words[length:]
        while rest and rest[0] in {",", *_STOPS}:
            rest = rest[1:]
        if not rest:
            break
        words = _folded(rest) if rest[0].lower() in _FOLDED else rest
        words = _plain(words)
    return words


def _opening_of(words: Sequence[str]) -> int:
    return next(
        (len(opening) for opening in _OPENINGS if tuple(words[: len(opening)]) == opening), 0
    )


def _without_end(words: list[str]) -> list[str]:
    """Drop politeness and marks behind a question; ``5!`` is a factorial and stays."""
    words = _without_stops(words)
    for closing in CLOSINGS:
        before = len(words) - len(closing) - 1
        last = tuple(map(str.lower, words[before + 1 :]))
        if before > 0 and last == closing and words[before] in {",", *_STOPS}:
            return _without_stops(words[:before])
    return words


def _without_stops(words: list[str]) -> list[str]:
    end = len(words)
    while end > 1 and words[end - 1] in _STOPS:
        if words[end - 1] == "!" and not _is_word(words[end - 2]):
            break
        end -= 1
    return words[:end]


def _is_word(word: str) -> bool:
    return len(word) > 1 and word.isalpha()


def _is_question(words: Sequence[str]) -> bool:
    return len(words) > 1 and (words[0] in QUESTION_WORDS or words[0] in VERBS_THAT_ASK)


def _with_genitives(words: Sequence[str]) -> list[str]:
    """Write ``the capital of France`` as ``France's capital``."""
    found: list[str] = []
    for word in words:
        if found[-3:-2] == ["the"] and found[-1] == "of" and found[-2] in OWNED and _is_word(word):
            owned = found[-2]
            found[-3:] = [f"{word}'s", owned]
        else:
            found.append(word)
    return found


def _with_one_how_to(words: list[str]) -> list[str]:
    for opening in HOW_TO:
        if tuple(words[: len(opening)]) == opening:
            return ["how-to", *words[len(opening) :]]
    return words
