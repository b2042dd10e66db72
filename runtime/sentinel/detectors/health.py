"""Words that tell of somebody's health: conditions and treatments, from a lexicon.

The shipped lexicon is compact and English with some common foreign forms; an operator adds
terms. It says that a text *speaks of* health, not whose.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from runtime.sentinel.categories import HEALTH
from runtime.sentinel.data_files import read_sections
from runtime.sentinel.span import Span
from runtime.sentinel.terms import TermTrie

__all__ = ["HealthDetector"]

_LEXICON: Final = "health_terms.txt"


class HealthDetector:
    """Finds terms of the health lexicon as whole words, in any case.

    Args:
        extra_conditions: Further conditions, such as those of one's own field.
        extra_treatments: Further treatments and drugs.
    """

    name = "health"
    kinds = frozenset({"condition", "treatment"})

    def __init__(
        self, extra_conditions: Iterable[str] = (), extra_treatments: Iterable[str] = ()
    ) -> None:
        self._trie = _lexicon(tuple(extra_conditions), tuple(extra_treatments))

    def detect(self, text: str) -> list[Span]:
        """Return the terms in ``text``."""
        return [
            Span(match.start, match.end, match.value, HEALTH, 0.8, self.name)
            for match in self._trie.find(text)
        ]


@lru_cache(maxsize=4)
def _lexicon(conditions: tuple[str, ...], treatments: tuple[str, ...]) -> TermTrie[str]:
    """Return the shipped terms and further ones; read once in a process, never changed."""
    trie: TermTrie[str] = TermTrie()
    shipped = read_sections(_LEXICON)
    for kind, terms in (
        ("condition", (*shipped["condition"], *conditions)),
        ("treatment", (*shipped["treatment"], *treatments)),
    ):
        for term in terms:
            trie.add(term, kind)
    return trie
