"""Find many fixed terms in a text at once, by whole words, in linear time.

A trie over tokens (not characters): a term matches where its words follow one another,
whatever their case, Unicode composition and the whitespace between them. Knows nothing of
what the terms mean.
"""

import re
import unicodedata
from collections.abc import Iterator
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
_IDEOGRAM: Final = re.compile(rf"[{_CJK}]")
_SPACED_TOKEN: Final = re.compile(rf"[\w{_MARKS}]+|[^\w\s]")
"""The same where every script has spaces, three times as fast."""
_ASCII_TOKEN: Final = re.compile(r"\w+|[^\w\s]")


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
    matches, keys = _cut(text)
    return [Token(key, *match.span()) for match, key in zip(matches, keys, strict=True)]


def _cut(text: str) -> tuple[list[re.Match[str]], list[str]]:
    """Return the words and marks of a text, and by what each is compared."""
    if text.isascii():
        matches = list(_ASCII_TOKEN.finditer(text))
        return matches, [match[0].lower() for match in matches]
    cut = _TOKEN if _IDEOGRAM.search(text) else _SPACED_TOKEN
    matches = list(cut.finditer(text))
    if unicodedata.is_normalized("NFC", text):  # and so is each of its words
        return matches, [match[0].casefold() for match in matches]
    return matches, [_key(match[0]) for match in matches]


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

    def find(self, text: str) -> Iterator[Match[T]]:
        """Yield, for each word of ``text``, the longest term that starts there."""
        following = self._root.following
        matches, keys = _cut(text)
        if following.keys().isdisjoint(keys):
            return
        for index, key in enumerate(keys):
            if key in following:
                size, values = self._longest(keys, index)
                for value in values:
                    yield Match(matches[index].start(), matches[index + size - 1].end(), value)

    def _longest(self, keys: list[str], index: int) -> tuple[int, tuple[T, ...]]:
        """Return of how many words the longest term from ``index`` on is, and its values."""
        node = self._root
        best: tuple[int, tuple[T, ...]] = (0, ())
        for position in range(index, len(keys)):
            found = node.following.get(keys[position])
            if found is None:
                break
            node = found
            if node.values:
                best = (position - index + 1, node.values)
        return best
