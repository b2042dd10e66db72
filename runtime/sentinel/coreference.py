"""Names of people that come up again: whole, or by given or family name alone.

A detector needs context ("Patient Anna Kowalska"); the second mention often has none. Knows
text and person spans; does not know who found them.
"""

import re
from collections.abc import Iterable
from itertools import pairwise
from typing import Final
from unicodedata import is_normalized

from runtime.sentinel.categories import PERSON
from runtime.sentinel.span import Span
from runtime.sentinel.terms import TermTrie, Token, tokens

__all__ = ["TITLES", "mentions", "name_parts", "spread_people"]

_DETECTOR: Final = "coreference"
_MIN_PART_CHARACTERS: Final = 3
_PARTICLES: Final = frozenset(
    {
        *("van", "von", "der", "den", "del", "della", "dos", "das", "les", "bin", "ibn", "ter"),
        *("ten", "zum", "zur", "and", "the", "for", "jr", "sr"),
    }
)
TITLES: Final = frozenset(
    {
        *("mr", "mrs", "ms", "miss", "mx", "dr", "prof", "professor", "doctor", "sir", "madam"),
        *("lady", "lord", "dame", "rev", "reverend", "father", "sister", "judge", "captain"),
        *("herr", "frau", "fru", "hr", "mme", "mlle", "monsieur", "madame", "sr", "sra", "señor"),
        *("nurse", "señora", "sig", "dott", "pan", "pani"),
    }
)
"""What stands before a name and is none: a model marks both together, but many share the title."""
_TOUCHING: Final = 2
_GAP: Final = re.compile(r"[ \u00a0]{1,2}")


def spread_people(text: str, spans: Iterable[Span]) -> list[Span]:
    """Return further mentions, in the same text, of the people that ``spans`` mark."""
    people = {(span.start, span.end) for span in spans if span.kind == "person"}
    names = sorted({text[start:end] for start, end in people})
    if not _come_again(text, people, names):
        return []
    return [span for span in mentions(text, names) if (span.start, span.end) not in people]


def _come_again(text: str, people: set[tuple[int, int]], names: list[str]) -> bool:
    """Whether names touch, or a word of one may stand elsewhere, too: a quick look."""
    places = sorted(people)
    is_touching = any(two[0] - one[1] <= _TOUCHING for one, two in pairwise(places))
    if is_touching or not is_normalized("NFC", text):
        return True
    folded = text.casefold()
    marked = " ".join(text[start:end] for start, end in people).casefold()
    parts = {part.casefold() for name in names for part in name_parts(name)}
    return any(folded.count(part) > marked.count(part) for part in parts)


def mentions(text: str, names: Iterable[str]) -> list[Span]:
    """Return where any of ``names``, or a part of one, stands in ``text``.

    A whole name of several words matches in any case. A part, or a name of one word, must start
    with a capital, so that Ms. Rose does not turn every flower into her.
    """
    trie: TermTrie[bool] = TermTrie()
    for name in names:
        words = tokens(name)
        parts = [word.key for word in words if _is_part(word)]
        if len(parts) > 1:
            trie.add_keys([word.key for word in words], False)
        for part in parts:
            trie.add_keys((part,), True)
    if not trie:
        return []
    found = [
        (match.start, match.end)
        for match in trie.find(text)
        if not match.value or text[match.start].isupper() or not text[match.start].isascii()
    ]
    return [
        Span(start, end, "person", PERSON, 0.6, _DETECTOR) for start, end in _joined(text, found)
    ]


def name_parts(name: str) -> list[str]:
    """Return the words of a name by which a person may be called alone."""
    return [name[token.start : token.end] for token in tokens(name) if _is_part(token)]


def _is_part(token: Token) -> bool:
    key = token.key
    is_word = len(key) >= _MIN_PART_CHARACTERS and key.isalpha()
    return is_word and key not in _PARTICLES and key not in TITLES


def _joined(text: str, places: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join parts that stand side by side: one person, not two."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(places):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        elif joined and _GAP.fullmatch(text, joined[-1][1], start):
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined
