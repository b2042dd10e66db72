"""Find many fixed terms in a text at once, by whole words, in linear time.

A trie over tokens (not characters): a term matches where its words follow one another,
whatever their case, Unicode composition and the whitespace between them. Knows nothing of
what the terms mean.
"""

import re
import unicodedata
from collections.abc import Iterator, KeysView
from dataclasses import dataclass, field
from typing import Final, Generic, NamedTuple, TypeVar

__all__ = ["Match", "TermTrie", "Token", "tokens"]

T = TypeVar("T")

_CJK = r"\u3040-\u30ff\u3400-\u9fff"
_MARKS = r"\u0300-\u036f"
_TOKEN: Final = re.compile(
    rf"[{_CJK}]"  # scripts without spaces: every character is a word
    rf"|(?:(?![{_CJK}])[\w{_MARKS}])+"
    r"|[^\w\s]"
)
_ASCII_TOKEN: Final = re.compile(r"\w+|[^\w\s]")
"""The same where there are no other scripts, three times as fast."""


class Token(NamedTuple):
    """A word or a punctuation mark of a text."""

    key: str
    """What it is compared by: casefolded, composed."""
    start: int
    end: int


class Match(NamedTuple, Generic[T]):
    """Where a term stands."""

    start: int
    end: int
    value: T
    """What was stored with the term."""


@dataclass(slots=True)
class _Node(Generic[T]):
    following: dict[str, "_Node[T]"] = field(default_factory=dict)
    values: tuple[T, ...] = ()


def tokens(text: str) -> list[Token]:
    """Cut a text into words and punctuation marks."""
    if text.isascii():
        return [Token(match[0].lower(), *match.span()) for match in _ASCII_TOKEN.finditer(text)]
    return [Token(_key(match[0]), *match.span()) for match in _TOKEN.finditer(text)]


def _holds_none_of(keys: KeysView[str], text: str) -> bool:
    """Whether a text surely has no such word; quick, and only for plain ASCII."""
    return text.isascii() and keys.isdisjoint(_ASCII_TOKEN.findall(text.lower()))


def _key(word: str) -> str:
    return unicodedata.normalize("NFC", word).casefold()


class TermTrie(Generic[T]):
    """A set of terms, each with a value; build it once, search from any thread."""

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()

    def __bool__(self) -> bool:
        return bool(self._root.following)

    def add(self, term: str, value: T) -> None:
        """Add a term; one without any word is ignored. A term may have several values."""
        node = self._root
        for token in tokens(term):
            node = node.following.setdefault(token.key, _Node())
        if node is not self._root and value not in node.values:
            node.values = (*node.values, value)

    def find(self, text: str, words: list[Token] | None = None) -> Iterator[Match[T]]:
        """Yield, for each word of ``text``, the longest term that starts there.

        Args:
            text: What to search.
            words: ``tokens(text)`` where the caller has them already.
        """
        following = self._root.following
        if words is None:
            if _holds_none_of(following.keys(), text):
                return
            words = tokens(text)
        for index, word in enumerate(words):
            if word.key in following:
                yield from self._longest(words, index)

    def _longest(self, words: list[Token], index: int) -> Iterator[Match[T]]:
        node = self._root
        best: tuple[int, tuple[T, ...]] | None = None
        for position in range(index, len(words)):
            found = node.following.get(words[position].key)
            if found is None:
                break
            node = found
            if node.values:
                best = (words[position].end, node.values)
        if best is not None:
            end, values = best
            for value in values:
                yield Match(words[index].start, end, value)
