"""What the sentinel's model finds: names, firms, places, numbers that only context tells."""

from collections.abc import Iterator
from typing import Final

from runtime.ids import Category
from runtime.sentinel.categories import (
    DEMOGRAPHIC,
    ON_REQUEST,
    ORGANIZATION,
    PLACE,
    QUASI_IDENTIFIERS,
    category_of,
)
from runtime.sentinel.choices import with_numbered_choices
from runtime.sentinel.detectors.plausible import is_plausible, without_choice_mark
from runtime.sentinel.measures import is_measure
from runtime.sentinel.span import Span
from runtime.sentinel.tagger.links import links_in, whole_link
from runtime.sentinel.tagger.memory import SpanMemory
from runtime.sentinel.tagger.model import SentinelModel
from runtime.sentinel.tagger.readings import Reading

__all__ = ["TaggerDetector"]

_WORDS: Final = frozenset({ORGANIZATION, PLACE, DEMOGRAPHIC})
"""Quasi-identifiers that are words, and mostly written with a capital."""
_SURE: Final = 0.9
_LEAST_LETTERS: Final = 2
_LINK: Final = "url"
_IDEOGRAMS: Final = "\u2e80"
"""From here on a letter may be a name."""


class TaggerDetector:
    """The model as a detector.

    Args:
        model: Loaded.
        asked: Of the categories that are looked for on request (``ON_REQUEST``: what tells
            somebody apart only together with others, and topics of sentences), those to look for.
        remembered: Texts whose spans are kept; see ``SpanMemory`` for where not to.
    """

    name = "tagger"

    def __init__(
        self, model: SentinelModel, *, asked: frozenset[Category], remembered: int = 0
    ) -> None:
        self._model = model
        self._memory = SpanMemory(remembered)
        self.kinds = frozenset(
            kind
            for kind in model.kinds
            if category_of(kind) not in ON_REQUEST or category_of(kind) in asked
        )
        # A word that may be a name or a town is a name: that is the kind that must not leave.
        lighter = [kind for kind in self.kinds if category_of(kind) in QUASI_IDENTIFIERS]
        self._focus = model.focus(self.kinds, lighter=lighter)

    def detect(self, text: str) -> list[Span]:
        """Return what the model reads in ``text``."""
        digest = self._memory.digest(text)
        spans = self._memory.recall(digest)
        if spans is None:
            spans = list(self._read(text))
            self._memory.keep(digest, spans)
        return spans

    def _read(self, text: str) -> Iterator[Span]:
        numbered = with_numbered_choices(text)
        found = self._model.read(numbered, self._focus)
        links = links_in(text) if any(item.kind == _LINK for item in found) else []
        for item in found:
            start, end, kind = item.start, item.end, item.kind
            if kind == _LINK:
                start, end = whole_link(links, start, end)
            if _is_guess(text, item) or not is_plausible(text, start, end, kind):
                continue
            if is_measure(text, start, end, kind):
                continue
            bare = start if numbered == text else without_choice_mark(text, start, end, kind)
            if bare is not None:
                yield Span(bare, end, kind, category_of(kind), item.score, self.name)


def _is_guess(text: str, item: Reading) -> bool:
    """Whether a reading is hardly one.

    That is so of a lone letter, and of a town, firm or job in small letters in a text that has
    capitals.
    """
    if _is_letter(text[item.start : item.end]):
        return True
    if category_of(item.kind) not in _WORDS or item.score >= _SURE:
        return False
    word = text[item.start : item.end]
    is_plain = word == word.lower() and not any(mark.isdigit() for mark in word)
    return is_plain and text != text.lower()


def _is_letter(word: str) -> bool:
    """Whether a word is one letter, with marks or without; a digit or an ideogram says more."""
    letters = [mark for mark in word if mark.isalpha()]
    is_short = len(letters) < _LEAST_LETTERS and not any(mark.isdecimal() for mark in word)
    return is_short and all(mark < _IDEOGRAMS for mark in letters)
