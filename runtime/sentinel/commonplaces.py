"""Readings that tell of nobody: words of everyday, shared days and bodies, people of history.

"Who was Marie Curie?" holds a name, and no secret. What is let go here is let go whole: a text
that holds an address, an account or the like keeps every name, and so does one who has a title.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

from runtime.labels import Level
from runtime.policy.model import Policy
from runtime.sentinel.categories import (
    CONTACT,
    DATE,
    FINANCE,
    HEALTH,
    IDENTITY,
    LOCATION,
    ORGANIZATION,
    PERSON,
    PLACE,
    SECRET,
)
from runtime.sentinel.data_files import read_sections
from runtime.sentinel.detectors.names import shipped_names
from runtime.sentinel.eponyms import is_eponym, is_offered
from runtime.sentinel.span import Span

__all__ = ["may_pass", "without_commonplaces"]

_NAMES: Final = frozenset({PERSON, ORGANIZATION, PLACE, DATE})
"""Categories of words; a number or a key is never a commonplace."""
_MODEL: Final = "tagger"
_GUESSING: Final = frozenset({"person", _MODEL})
"""Detectors that go by words. Others, operators' dictionaries first, know what they mark."""
_TELLING: Final = frozenset({CONTACT, IDENTITY, FINANCE, LOCATION, SECRET})
"""Beside one of these a name of the history books may well be somebody's own."""
_ENDINGS: Final = (
    *("tion", "tions", "sion", "ism", "isms", "logy", "logical", "graphy", "osis", "itis", "emia"),
    *("ectomy", "cephaly", "ularity", "ability", "ivity", "ization", "isation", "ically"),
)
"""No name ends so, nearly; the few that do are in the lists of names."""
_LEAST_LETTERS: Final = 8
_EDGES: Final = " \t\n.,;:!?\"'()[]"


@dataclass(frozen=True, slots=True)
class _Lists:
    """Casefolded."""

    plain: frozenset[str]
    shared: frozenset[str]
    """Abbreviations, days, and bodies."""
    compass: frozenset[str]
    figures: frozenset[str]
    substances: frozenset[str]
    given: frozenset[str]
    family: frozenset[str]

    def is_name(self, word: str) -> bool:
        """Whether a word is a known name."""
        return word in self.given or word in self.family

    def is_only_given(self, word: str) -> bool:
        """Whether a word is a known given name, and nothing but that."""
        return word in self.given and word not in self.family


@cache
def _lists() -> _Lists:
    read, names = read_sections("commonplaces.txt"), shipped_names()
    words = {name: frozenset(" ".join(lines).split()) for name, lines in read.items()}
    terms = {name: frozenset("|".join(lines).split("|")) for name, lines in read.items()}
    return _Lists(
        plain=words["plain"],
        shared=words["abbreviations"] | terms["days"] | terms["bodies"],
        compass=words["compass"],
        figures=terms["figures"],
        substances=words["substances"],
        given=names.given,
        family=names.family,
    )


def may_pass(policy: Policy) -> bool:
    """Whether a policy lets go what tells of nobody: not where names of people are restricted."""
    return policy.categories.get(PERSON) is not Level.RESTRICTED


def without_commonplaces(text: str, spans: Iterable[Span]) -> list[Span]:
    """Return ``spans`` without those that tell of nobody; some places lose "southern" before them.

    Only what our own readers of names guessed is judged; operators' own terms stay.
    """
    found = list(spans)
    lists = _lists()
    tells = any(span.category in _TELLING for span in found)
    figures = set() if tells else _figures(text, found, lists)
    kept = []
    places = {span.start for span in found if span.category == PLACE}
    for span in found:
        words = _words(text, span)
        if span.category == HEALTH and span.detector == _MODEL and words in lists.substances:
            continue
        if span.category not in _NAMES or span.detector not in _GUESSING:
            kept.append(span)
            continue
        if words in lists.shared or words in figures or lists.plain.issuperset(words.split()):
            continue
        if span.category == PLACE and words in lists.compass and span.end + 1 in places:
            continue  # marked apart from the place behind it
        if span.category == PERSON and words.isalpha() and not tells:
            if is_eponym(text, span.start, span.end) and not lists.is_only_given(words):
                continue
            if is_offered(text, span.start, span.end) and not lists.is_name(words):
                continue
        if span.category == PERSON and _is_notion(words, lists):
            continue
        kept.append(_trimmed(text, span, lists.compass) if span.category == PLACE else span)
    return kept


def _figures(text: str, found: Iterable[Span], lists: _Lists) -> set[str]:
    """Return the people of the history books in a text, by whole name and by last name."""
    whole = {_words(text, span) for span in found if span.category == PERSON} & lists.figures
    return whole | {name.rpartition(" ")[2] for name in whole}


def _is_notion(words: str, lists: _Lists) -> bool:
    """Whether a lone word is built as those for notions are, and is no known name."""
    is_lone = len(words) >= _LEAST_LETTERS and words.isalpha()
    return is_lone and words.endswith(_ENDINGS) and not lists.is_name(words)


def _words(text: str, span: Span) -> str:
    words = text[span.start : span.end].strip(_EDGES).casefold()
    return " ".join(words.removesuffix("'s").removesuffix("\u2019s").split())


def _trimmed(text: str, span: Span, compass: frozenset[str]) -> Span:
    """Return a place without the word that says which part of it is meant."""
    first, blank, rest = text[span.start : span.end].partition(" ")
    if not blank or not rest.strip() or first.casefold() not in compass:
        return span
    return replace(span, start=span.end - len(rest))
