"""Numbers and addresses said in words, as a person dictates them to a kiosk or in a car.

"my number is oh seven seven, double oh nine, four one two" has no digit that a pattern of digits
could find, and no name that the model could.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final, NamedTuple

from runtime.sentinel.categories import category_of
from runtime.sentinel.data_files import read_sections
from runtime.sentinel.detectors.context import Context
from runtime.sentinel.detectors.lowered import folded_in_place
from runtime.sentinel.span import Span

__all__ = ["SpokenDetector"]

_SECTIONS: Final = read_sections("spoken_words.txt")
_LANGUAGES: Final = tuple(
    section.removesuffix(" one") for section in _SECTIONS if section.endswith(" one")
)
_TOKEN: Final = re.compile(r"[^\W\d_]+|\d+")
_GAP: Final = re.compile(r"[\s,.\-\u2013\u2026]{1,4}")
_LEAST_TOKENS: Final = 3
_NEAR_WORDS: Final = 8
_LEAST_DIGITS: Final = 7
"""As many as the shortest telephone numbers have."""
_LEAST_DIGITS_ASKED: Final = 4
"""After a word that says what the number is: a PIN, the end of a card."""
_MOST_PHONE_DIGITS: Final = 15
_KINDS: Final = (
    (
        "password",
        Context(r"pin|passcode|password|code|otp|kod|has[lł]o|passwort|geheimzahl|contrase[nñ]a"),
    ),
    (
        "national_id",
        Context(
            r"social(?: security)?(?: number)?|ssn|national (?:id|insurance)(?: number)?|pesel|nhs"
            r"|steuernummer|personalausweis|dni|bsn|num[eé]ro de s[eé]curit[eé]|codice fiscale"
        ),
    ),
    ("card", Context(r"card|visa|mastercard|amex|karte|kreditkarte|carte|tarjeta|carta|karty")),
    (
        "record_number",
        Context(
            r"account|konto|compte|cuenta|conto|conta|record|patient|case|policy|member(?:ship)?"
            r"|passport|licen[cs]e|plate|mrn|chart|customer|reference|booking|order"
        ),
    ),
    (
        "phone",
        Context(
            r"phone|telephone|mobile|cell|call|dial|text|ring|reach(?: me)?|number is|my number"
            r"|telefon|telefonnummer|handy|nummer|num[eé]ro|n[uú]mero|numer|tel"
        ),
    ),
)
"""What a number is by the words before it; the first that fits."""


_COMPOUNDS: Final = {"german": ("und",), "dutch": ("en", "\u00ebn")}
"""What joins "vierunddrei\u00dfig" and "vierendertig", which are one word each."""


class _Said(NamedTuple):
    """What a word says."""

    digits: int
    """How many digits it stands for; 0 for words between numbers."""
    languages: int = 0
    """Bits: in which languages it is a number; all of them for digits, letters and joins."""
    value: int | None = None
    """What a word for one digit counts."""
    is_letter: bool = False


class _Word(NamedTuple):
    """A word in its place."""

    start: int
    end: int
    said: _Said


def _words(section: str) -> list[str]:
    return [word for line in _SECTIONS[section] for word in line.split()]


def _table() -> dict[str, _Said]:
    """Return what each word says."""
    table: dict[str, _Said] = {}
    for bit, language in enumerate(_LANGUAGES):
        ones = [line.split() for line in _SECTIONS[f"{language} one"]]
        said = {word: _Said(1, value=value) for value, words in enumerate(ones) for word in words}
        twos = _words(f"{language} two")
        said |= dict.fromkeys(twos, _Said(2))
        for join in _COMPOUNDS.get(language, ()):
            said |= dict.fromkeys(
                (one + join + two for words in ones for one in words for two in twos), _Said(2)
            )
        for word, what in said.items():
            known = table.get(word, what)
            table[word] = known._replace(languages=known.languages | 1 << bit)
    for word in _words("letters"):
        table.setdefault(word, _Said(1, _EVERYWHERE, is_letter=True))
    for word in (*_words("joins"), *_words("repeats")):
        table.setdefault(word, _Said(0, _EVERYWHERE))
    return table


_EVERYWHERE: Final = (1 << len(_LANGUAGES)) - 1
_TABLE: Final = _table()
_NUMBERS: Final = frozenset(word for word, said in _TABLE.items() if said.digits)
_REPEATS: Final = frozenset(_words("repeats"))
_AMOUNTS: Final = frozenset(_words("amounts"))
_SIGNS: Final = tuple((at, dot) for at, dot in (line.split() for line in _SECTIONS["addresses"]))
_MARKS: Final = "|".join(map(re.escape, _words("marks")))
_LABEL: Final = r"(?:(?:\w )(?:\w ){1,20}\w|[\w+-]{1,40})"
_REACH: Final = 160
"""How far an address goes to either side of its dot."""


def _address(at: str, dot: str) -> re.Pattern[str]:
    signs = rf"(?:{dot}|{_MARKS})"
    endings, no_domains = "|".join(_words("endings")), "|".join(_words("no domains"))
    return re.compile(
        rf"(?<!\w){_LABEL}(?: {signs} {_LABEL}){{0,4}} {at} "
        rf"(?!(?:{no_domains}) )[\w-]{{1,40}}(?: {signs} [\w-]{{1,40}}){{0,3}} {dot} (?:{endings})"
        rf"(?!\w)(?! {at} )"
    )


_ADDRESSES: Final = tuple((f" {at} ", f" {dot} ", _address(at, dot)) for at, dot in _SIGNS)


class SpokenDetector:
    """Finds numbers of seven digits or more said in words, shorter ones after what they are.

    Eight languages; also mixed with digits and the letters of radio ("alfa", "bravo"). Counting
    ("one two three ...") and amounts ("two million three hundred ...") are left.
    """

    name = "spoken"
    kinds = frozenset(kind for kind, _ in _KINDS) | {"email"}

    def detect(self, text: str) -> list[Span]:
        """Return the numbers and mail addresses in ``text``."""
        folded = folded_in_place(text)
        spans = [
            Span(*place, "email", category_of("email"), 0.7, self.name)
            for place in _addresses(folded)
        ]
        start = 0
        for line in folded.splitlines(keepends=True) if _has_enough(folded) else ():
            for run in _runs(line) if _has_enough(line) else ():
                place = (start + run[0].start, start + run[-1].end)
                kind = _kind(text, place[0], run)
                if kind:
                    spans.append(Span(*place, kind, category_of(kind), 0.7, self.name))
            start += len(line)
        return spans


def _addresses(folded: str) -> Iterator[tuple[int, int]]:
    """Yield where mail addresses are said."""
    for at, dot, pattern in _ADDRESSES:
        end = 0
        place = folded.find(dot) if at in folded else -1
        while place >= 0:
            around = max(end, place - _REACH), place + _REACH
            for match in pattern.finditer(folded[around[0] : around[1]]):
                end = around[0] + match.end()
                yield around[0] + match.start(), end
            place = folded.find(dot, max(end, place + 1))


def _has_enough(folded: str) -> bool:
    """Whether number words enough stand near each other to look further; most texts end here."""
    words = folded.replace("-", " ").replace(",", " ").replace(".", " ").split()
    places = [place for place, word in enumerate(words) if word in _NUMBERS]
    return any(
        last - first <= _NEAR_WORDS
        for first, last in zip(places, places[_LEAST_TOKENS - 1 :], strict=False)
    )


def _runs(folded: str) -> Iterator[list[_Word]]:
    """Yield runs of words of one language that follow each other and say digits."""
    run: list[_Word] = []
    bits = _EVERYWHERE
    for match in _TOKEN.finditer(folded):
        word = _read(match)
        follows = bool(run) and _GAP.fullmatch(folded, run[-1].end, match.start()) is not None
        if word is None or not follows or not bits & word.said.languages:
            yield from _finished(run, followed_by=match[0] if follows else "")
            run, bits = [], _EVERYWHERE
        if word is not None and (run or word.said.digits or match[0] in _REPEATS):
            run.append(word)
            bits &= word.said.languages
    yield from _finished(run, followed_by="")


def _read(match: re.Match[str]) -> _Word | None:
    written = match[0]
    if written.isdigit():
        return _Word(*match.span(), _Said(len(written), _EVERYWHERE))
    said = _TABLE.get(written)
    return None if said is None else _Word(*match.span(), said)


def _finished(run: list[_Word], *, followed_by: str) -> Iterator[list[_Word]]:
    while run and not run[-1].said.digits:
        run.pop()
    said = [word for word in run if word.said.digits and word.said.languages != _EVERYWHERE]
    letters = [word for word in run if word.said.is_letter]
    if len(said) + len(letters) >= _LEAST_TOKENS and followed_by not in _AMOUNTS:
        yield run


def _kind(text: str, start: int, run: list[_Word]) -> str:
    """Return what a run is, empty for nothing that identifies."""
    digits = sum(word.said.digits for word in run)
    for kind, context in _KINDS:
        if digits >= _LEAST_DIGITS_ASKED and context.is_before(text, start):
            return kind
    if digits < _LEAST_DIGITS or _is_counting(run):
        return ""
    is_phone = digits <= _MOST_PHONE_DIGITS and not any(word.said.is_letter for word in run)
    return "phone" if is_phone else "record_number"


def _is_counting(run: list[_Word]) -> bool:
    """Whether nothing is said but numbers that go up, or down, by one."""
    if any(word.said.is_letter for word in run):
        return False
    values = [word.said.value for word in run if word.said.digits]
    steps = {
        second - first
        for first, second in pairwise(values)
        if first is not None and second is not None
    }
    return values.count(None) <= 1 and steps in ({1}, {-1})  # "... eight nine ten"
