"""Terms that an operator lists: customers, project code names, host names."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from runtime.ids import Category
from runtime.sentinel.categories import DICTIONARY
from runtime.sentinel.span import Span
from runtime.sentinel.terms import TermTrie

__all__ = ["DictionaryDetector", "Term", "terms_of"]


@dataclass(frozen=True, slots=True)
class Term:
    """One entry of an operator's dictionary."""

    text: str
    """Matched as whole words in any case."""
    kind: str
    """What placeholders call it, such as ``project_name``."""
    category: Category
    """What policies call it; may be one that only this deployment knows."""


def terms_of(dictionaries: Mapping[str, Iterable[str]]) -> list[Term]:
    """Return the terms of dictionaries by category, as documents hold them."""
    return [
        Term(text, kind=category, category=Category(category))
        for category, texts in dictionaries.items()
        for text in texts
    ]


class DictionaryDetector:
    """Finds the terms of a dictionary of any size, in time linear in the text."""

    name = DICTIONARY

    def __init__(self, terms: Iterable[Term]) -> None:
        self._trie: TermTrie[tuple[str, Category]] = TermTrie()
        kinds: set[str] = set()
        for term in terms:
            self._trie.add(term.text, (term.kind, term.category))
            kinds.add(term.kind)
        self.kinds = frozenset(kinds)

    def detect(self, text: str) -> list[Span]:
        """Return the terms in ``text``."""
        return [
            Span(match.start, match.end, *match.value, 1.0, self.name)
            for match in self._trie.find(text)
        ]
