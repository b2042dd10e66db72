"""Names of people, by what stands around them and by lists of known names.

Reads runs of capitalised words ("Patient Anna van den Berg") and decides for each run whether
it is a name. Recall on unknown names without any context is limited by nature; that is the
part of the token classifier, which will be one more detector beside this one.
"""

import re
from itertools import pairwise
from typing import Final, NamedTuple
from unicodedata import is_normalized, normalize

from runtime.sentinel.categories import PERSON
from runtime.sentinel.choices import with_numbered_choices
from runtime.sentinel.detectors.names import NameLists, shipped_names
from runtime.sentinel.span import Span

__all__ = ["PersonDetector"]

_WORD: Final = re.compile(r"[^\W\d_][^\W\d_\u0300-\u036f]*(?:['\u2019\-][^\W\d_]+)*")
_LATIN: Final = (
    r"A-Za-z\u00aa\u00b5\u00ba\u00b2\u00b3\u00b9\u00bc-\u00be"
    r"\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f"
)
_LATIN_TEXT: Final = re.compile(r"[\x00-\u024f\u2000-\u206f\u20ac]*\Z")
_LATIN_WORD: Final = re.compile(rf"[{_LATIN}]+(?:['\u2019\-][{_LATIN}]+)*")
"""What ``_WORD`` finds where there are no other letters, several times as fast."""
_OWNING: Final = frozenset({"'s", "\u2019s", "'S", "\u2019S"})
_SPACE: Final = re.compile(r"[ \t\u00a0]{1,2}")
_ABBREVIATED: Final = re.compile(r"\.?[ \t\u00a0]{0,2}")
_INTRODUCED: Final = re.compile(r"[ \t:,\"'(\[*_]{0,4}\n?[ \t\"'(\[*_]{0,4}")
_COMMA: Final = re.compile(r",[ \t]{1,2}")
_MAX_PARTICLES: Final = 3
_MAX_PLAIN_WORDS: Final = 4
_MIN_LONE_GIVEN: Final = 4
_MIN_LONE_FAMILY: Final = 5
_MIN_LOWER_CHARACTERS: Final = 3
_SHORT: Final = frozenset({"mr", "dr"})
"""Short titles that count in lower case too; ``5 ms Berg`` is no lady."""
_SCORE_TITLED: Final = 0.9
_SCORE_LISTED: Final = 0.8
_SCORE_INTRODUCED: Final = 0.6
_SCORE_LONE: Final = 0.5


class _Word(NamedTuple):
    start: int
    end: int
    text: str
    key: str
    is_initial: bool
    """Whether it is one capital, and a full stop follows."""
    is_capitalised: bool


class _Surroundings(NamedTuple):
    """What stands beside a run of capitalised words, casefolded; empty for nothing."""

    before: str
    after: str


class PersonDetector:
    """Finds names of people.

    Args:
        names: Known names; the shipped lists when absent.
    """

    name = "person"
    kinds = frozenset({"person"})

    def __init__(self, names: NameLists | None = None) -> None:
        self._names = names or shipped_names()
        self._known = self._names.known

    def detect(self, text: str) -> list[Span]:
        """Return the names in ``text``."""
        text = with_numbered_choices(text)
        words = _words(text)
        spans: list[Span] = []
        index = 0
        while index < len(words):
            size = 1
            if words[index].is_capitalised:
                size = self._run_size(text, words, index)
                spans += self._names_in_run(text, words, index, index + size)
            index += size
        return spans + self._lower_case_names(text, words)

    def _names_in_run(self, text: str, words: list[_Word], first: int, last: int) -> list[Span]:
        """Cut a run at titles and ordinary words, and judge each piece."""
        spans: list[Span] = []
        start = first
        title = self._title_before(text, words, first)
        for index in range(first, last + 1):
            is_end = index == last
            before = words[index - 1] if index > start else None
            if not is_end and not self._cuts(words[index], before, title=title):
                continue
            if index > start:
                piece = words[start:index]
                beside = _surroundings(text, words, start, index)
                score = self._judge(piece, beside, has_title=bool(title))
                if score:
                    spans.append(self._span(text, words, start, index, score))
                elif len(piece) > 1:
                    spans += self._lone_names(piece)
            if not is_end:
                title = words[index].key if words[index].key in self._names.titles else ""
            start = index + 1
        return spans

    def _cuts(self, word: _Word, before: _Word | None, *, title: str) -> bool:
        """Whether a word ends the piece before it and belongs to no name."""
        names = self._names
        if before is None and title and title not in names.soft_titles:
            return False  # "Mr. May"
        if word.is_initial:
            return False
        if before is not None and before.key in names.given and word.key in names.family:
            return False  # "Fleur Park"
        return word.key in names.not_names or word.key in names.titles

    def _judge(self, piece: list[_Word], beside: _Surroundings, *, has_title: bool) -> float:
        """Return how sure it is that a piece is a name, 0 when it is not one."""
        keys = [word.key for word in piece if word.is_capitalised]
        if has_title and len(keys) <= _MAX_PLAIN_WORDS:
            return _SCORE_TITLED
        if len(keys) == 1:
            return 0.0 if self._is_shouted(piece[0]) else self._judge_lone(keys[0], beside)
        if len(keys) > _MAX_PLAIN_WORDS:
            return 0.0
        is_shouted = any(self._is_shouted(word) for word in piece)
        if is_shouted and not all(self._is_known(key) or len(key) == 1 for key in keys):
            return 0.0  # an acronym, or a heading in capitals
        if self._is_listed(keys) or any(word.is_initial for word in piece[1:-1]):
            return _SCORE_LISTED
        return _SCORE_INTRODUCED if self._is_introduced(beside) and not is_shouted else 0.0

    @staticmethod
    def _is_shouted(word: _Word) -> bool:
        return len(word.text) > 1 and word.text.isupper()

    def _is_introduced(self, beside: _Surroundings) -> bool:
        names = self._names
        return beside.before in names.introductions or beside.after in names.human_verbs

    def _is_known(self, key: str) -> bool:
        """Whether a name, or a part of a hyphenated one, is in the lists."""
        return key in self._known or any(part in self._known for part in key.split("-")[:-1])

    def _is_listed(self, keys: list[str]) -> bool:
        names = self._names
        if any(self._is_known(key) and key not in names.ambiguous for key in keys):
            return True
        return keys[0] in names.given or any(
            len(first) == 1 and second in names.family for first, second in pairwise(keys)
        )

    def _judge_lone(self, key: str, beside: _Surroundings) -> float:
        names = self._names
        if beside.before in self._names.single_introductions and len(key) > 1:
            return _SCORE_INTRODUCED
        if key not in self._known or key in names.ambiguous:
            return 0.0
        if self._is_introduced(beside):
            return _SCORE_INTRODUCED
        is_plain = len(key) >= (_MIN_LONE_GIVEN if key in names.given else _MIN_LONE_FAMILY)
        return _SCORE_LONE if is_plain else 0.0

    def _lone_names(self, piece: list[_Word]) -> list[Span]:
        """Return the known names in a long piece, such as a heading."""
        return [
            Span(word.start, word.end, "person", PERSON, _SCORE_LONE, self.name)
            for word in piece
            if len(word.key) >= _MIN_LONE_FAMILY
            and not self._is_shouted(word)
            and word.key in self._known
            and word.key not in self._names.ambiguous
        ]

    def _span(self, text: str, words: list[_Word], start: int, end: int, score: float) -> Span:
        """Return the span of words ``start`` to ``end``, with a family name put before it."""
        first = words[start]
        if start and end - start == 1 and first.key in self._names.given:
            family = words[start - 1]
            if (
                _COMMA.fullmatch(text, family.end, first.start)
                and family.is_capitalised
                and family.key in self._names.family
            ):
                first = family  # "Kowalska, Anna"
        return Span(first.start, words[end - 1].end, "person", PERSON, score, self.name)

    def _lower_case_names(self, text: str, words: list[_Word]) -> list[Span]:
        """Return given and family name side by side where nothing is capitalised."""
        names = self._names
        return [
            Span(first.start, second.end, "person", PERSON, _SCORE_LONE, self.name)
            for first, second in pairwise(words)
            if first.key in names.given
            and second.key in names.family
            and not first.is_capitalised
            and not second.is_capitalised
            and min(len(first.key), len(second.key)) >= _MIN_LOWER_CHARACTERS
            and first.key not in names.ambiguous
            and second.key not in names.ambiguous
            and _SPACE.fullmatch(text, first.end, second.start)
        ]

    def _run_size(self, text: str, words: list[_Word], first: int) -> int:
        """Return how many words from ``first``, a capitalised one, on form a run of such."""
        end = first + 1
        while end < len(words):
            following = end
            while (
                following < min(len(words) - 1, end + _MAX_PARTICLES)
                and words[following].key in self._names.particles
                and not words[following].is_capitalised
                and self._joins(text, words, following)
            ):
                following += 1
            if not words[following].is_capitalised or not self._joins(text, words, following):
                break
            end = following + 1
        return end - first

    def _joins(self, text: str, words: list[_Word], index: int) -> bool:
        """Whether a word continues the run of the one before it."""
        before = words[index - 1]
        is_abbreviation = len(before.text) == 1 or before.key in self._names.titles
        gap = _ABBREVIATED if is_abbreviation else _SPACE
        return gap.fullmatch(text, before.end, words[index].start) is not None

    def _title_before(self, text: str, words: list[_Word], first: int) -> str:
        """Return the lower-case title right before a run, empty for none."""
        if not first:
            return ""
        before = words[first - 1]
        is_title = before.key in self._names.titles
        if not is_title or (len(before.key) < _MIN_LOWER_CHARACTERS and before.key not in _SHORT):
            return ""
        is_next = _ABBREVIATED.fullmatch(text, before.end, words[first].start)
        return before.key if is_next else ""


def _words(text: str) -> list[_Word]:
    words: list[_Word] = []
    is_composed = is_normalized("NFC", text)
    may_own = "'" in text or "\u2019" in text
    for match in (_LATIN_WORD if _LATIN_TEXT.match(text) else _WORD).finditer(text):
        word = match[0]
        start, end = match.span()
        if may_own and word[-2:] in _OWNING:
            word = word[:-2]
            end -= 2
        key = (word if is_composed else normalize("NFC", word)).casefold()
        is_initial = end - start == 1 and text.startswith(".", end) and word.isupper()
        words.append(_Word(start, end, word, key, is_initial, word[0].isupper()))
    return words


def _surroundings(text: str, words: list[_Word], start: int, end: int) -> _Surroundings:
    before = after = ""
    if start and _INTRODUCED.fullmatch(text, words[start - 1].end, words[start].start):
        before = words[start - 1].key
    if end < len(words) and _SPACE.fullmatch(text, words[end - 1].end, words[end].start):
        after = words[end].key
    return _Surroundings(before, after)
