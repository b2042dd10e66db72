"""The words that a wallet is made anew from: 12 to 24 plain words in a row, numbered or not.

No list of the words is held: prose of a dozen short words in a row, with no article, no small word
and no stop, does not occur; wallets' lists hold words of three to eight letters, and no articles.
"""

import re
from collections.abc import Iterator
from typing import Final

from runtime.sentinel.categories import SECRET
from runtime.sentinel.span import Span

__all__ = ["SeedPhraseDetector"]

_RUN: Final = re.compile(r"(?<![\w'.-])[a-z]{3,8}(?![\w'-])(?:,? ?[ \n][a-z]{3,8}(?![\w'-])){0,40}")
_SIZES: Final = (12, 15, 18, 21, 24)
_LEAST: Final = _SIZES[0]
_LEAST_CHARACTERS: Final = 4 * _LEAST - 1
_NUMBERED_WORD: Final = r"{0}[.):]? ?[a-z]{{3,8}}"
_NUMBERED: Final = re.compile(
    r"(?<![\w.])" + r"[\s,;]{1,4}".join(_NUMBERED_WORD.format(n) for n in range(1, _LEAST + 1))
    + r"(?:[\s,;]{1,4}\d\d[.):]? ?[a-z]{3,8}){0,12}(?!\w)"
)  # fmt: skip
_NO_SEED: Final = frozenset(
    {
        *("the", "and", "for", "from", "not", "are", "was", "has", "had", "his", "her", "its"),
        *("our", "your", "but", "than", "which", "were", "been", "their", "them", "these"),
        *("those", "there", "where", "would", "could", "should", "does", "did", "who", "him"),
        *("she", "how", "because", "while"),
    }
)
"""In no wallet's list, and in nearly any sentence."""
_SAYS: Final = frozenset(
    {
        *("seed", "phrase", "mnemonic", "words", "recovery", "backup", "wallet", "secret"),
        *("restore", "import", "bip"),
    }
)
_CONTEXT: Final = re.compile(
    r"(?i:seed|mnemonic|phrase|wallet|(?:12|24|twelve) words|recovery|bip-?39|my words"
    r"|the words|ledger|trezor|metamask)"
)
_LOOK_BACK: Final = 60
_WORD: Final = re.compile(r"[a-z]+")
_MAX_LEAD: Final = 6


class SeedPhraseDetector:
    """Finds a wallet's recovery words."""

    name = "seed_phrase"
    kinds = frozenset({"password"})

    def detect(self, text: str) -> list[Span]:
        """Return the phrases in ``text``."""
        places = [*_numbered(text), *_runs(text)]
        return [Span(start, end, "password", SECRET, 0.9, self.name) for start, end in places]


def _numbered(text: str) -> Iterator[tuple[int, int]]:
    if str(_LEAST) in text:
        yield from (match.span() for match in _NUMBERED.finditer(text))


def _runs(text: str) -> Iterator[tuple[int, int]]:
    for match in _RUN.finditer(text):
        if match.end() - match.start() < _LEAST_CHARACTERS:
            continue
        words = [(word[0], *word.span()) for word in _WORD.finditer(text, *match.span())]
        first = 0
        if len(words) not in _SIZES:  # what leads to them was taken in
            lead = words[: min(_MAX_LEAD, len(words) - _LEAST)]
            first = max((at + 1 for at, word in enumerate(lead) if word[0] in _SAYS), default=0)
        words = words[first:]
        size = next((at for at, word in enumerate(words) if word[0] in _NO_SEED), len(words))
        is_named = first > 0 or _CONTEXT.search(
            text, max(0, match.start() - _LOOK_BACK), match.start()
        )
        is_alone = size == len(words) and size in _SIZES and "," not in match[0]
        is_varied = len({word[0] for word in words[:size]}) > size * 3 // 4
        if size >= _LEAST and is_varied and (is_alone or is_named):
            yield words[0][1], words[size - 1][2]
