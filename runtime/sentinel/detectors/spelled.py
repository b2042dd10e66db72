"""Names and numbers written letter by letter: ``K-o-w-a-l-s-k-a``, ``D E 8 9 3 7 0 4 ...``.

Dictation, forms with a box for each letter and scanned headings come out so. Set apart, no word
list, checksum or model knows them; put together, they are judged as what they say.
"""

import re
from typing import Final

from stdnum import iban, luhn

from runtime.sentinel.categories import category_of
from runtime.sentinel.detectors.context import Context
from runtime.sentinel.detectors.finance import is_issued
from runtime.sentinel.detectors.names import NameLists, shipped_names
from runtime.sentinel.span import Span

__all__ = ["SpelledDetector"]

_SPELLED: Final = re.compile(
    r"(?<![\w'\u2019])[^\W_](?P<gap>-|\.| |\. |, )[^\W_](?:(?P=gap)[^\W_]){2,40}(?![\w'\u2019])"
)
_SAID: Final = Context(
    r"spell(?:s|ed|ing|t)?|spelt|letters?|buchstabier\w*|[eé]pel\w*|deletre\w*|literuj\w*|sillab\w*"
    r"|soletr\w*|gespeld|name(?: is)?|surname|nazwisko|nachname|nom|apellido|cognome",
)
_LEAST_NAME: Final = 4
_LEAST_CARD: Final = 12
_GAPS_OF_NUMBERS: Final = frozenset(" -")
"""With commas between them, digits are a list."""
_SURE: Final = 0.9
_LIKELY: Final = 0.7


class SpelledDetector:
    """Finds what is set letter by letter and, put together, is a name, an account or a number.

    Args:
        names: Known names; the shipped lists when absent. Others count where a word such as
            "spelled" or "name" stands before them.
    """

    name = "spelled"
    kinds = frozenset({"person", "iban", "card"})

    def __init__(self, names: NameLists | None = None) -> None:
        self._known = (names or shipped_names()).known

    def detect(self, text: str) -> list[Span]:
        """Return what is spelled in ``text``."""
        spans: list[Span] = []
        for match in _SPELLED.finditer(text):
            word = re.sub(r"[\W_]", "", match[0])
            kind, score = self._judge(word, match["gap"], text, match.start())
            if kind:
                spans.append(Span(*match.span(), kind, category_of(kind), score, self.name))
        return spans

    def _judge(self, word: str, gap: str, text: str, start: int) -> tuple[str, float]:
        if word.isdigit():
            is_card = len(word) >= _LEAST_CARD and luhn.is_valid(word) and is_issued(word)
            return ("card", _SURE) if is_card and gap in _GAPS_OF_NUMBERS else ("", 0.0)
        if not word.isalpha():
            return ("iban", _SURE) if iban.is_valid(word) else ("", 0.0)
        if len(word) < _LEAST_NAME or _is_alphabet(word):
            return "", 0.0
        if word.casefold() in self._known:
            return "person", _LIKELY
        return ("person", _LIKELY) if _SAID.is_before(text, start) else ("", 0.0)


def _is_alphabet(word: str) -> bool:
    """Whether the letters follow each other as in the alphabet: a list, not a word."""
    letters = [ord(letter) for letter in word.casefold()]
    return letters == list(range(letters[0], letters[0] + len(letters)))
