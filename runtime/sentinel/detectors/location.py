"""Where somebody is: coordinates, and street addresses by their usual words."""

import re
from collections.abc import Iterator
from typing import Final

from runtime.sentinel.categories import LOCATION
from runtime.sentinel.detectors.lowered import lowered_in_place
from runtime.sentinel.detectors.stems import matches_at
from runtime.sentinel.span import Span

__all__ = ["AddressDetector", "CoordinatesDetector"]

_DECIMAL: Final = re.compile(
    r"(?<![\w.,-])[-+]?(?:[1-8]?\d"
    r"|90)\.\d{4,10}°?(?: ?[NS])?[,;]?(?: {0,2}|\n)(?:[\"']?(?i:lon|lng|long)"
    r"(?:gitude)?[\"']?[:= ]{1,2})?"
    r"[-+]?(?:1[0-7]\d|\d{1,2}|180)\.\d{4,10}°?(?: ?[EWO]\b)?(?!\w|\.\d)"
)
_FRACTION: Final = re.compile(r"\.\d{4}")
_SEXAGESIMAL: Final = re.compile(
    r"(?<!\w)\d{1,2}° ?\d{1,2}['\u2032\u2019] ?(?:\d{1,2}"
    r"(?:\.\d{1,4})?[\"\u2033\u201d] ?)?[NS][,;]? {0,2}"
    r"\d{1,3}° ?\d{1,2}['\u2032\u2019] ?(?:\d{1,2}(?:\.\d{1,4})?[\"\u2033\u201d] ?)?[EWO]"
    # Minutes with decimals, the sides before or after
    r"|(?<!\w)(?:[NS] ?)?\d{1,2}° ?\d{1,2}\.\d{1,6}['\u2032\u2019] ?[NS]?[,;]? {0,2}"
    r"(?:[EWO] ?)?\d{1,3}° ?\d{1,2}\.\d{1,6}['\u2032\u2019](?: ?[EWO]\b)?"
)


class CoordinatesDetector:
    """Finds pairs of geographic coordinates precise to some ten metres."""

    name = "coordinates"
    kinds = frozenset({"coordinates"})

    def detect(self, text: str) -> list[Span]:
        """Return the pairs in ``text``."""
        shapes = [_DECIMAL] if _FRACTION.search(text) else []
        shapes += [_SEXAGESIMAL] if "\N{DEGREE SIGN}" in text else []
        return [
            Span(*match.span(), "coordinates", LOCATION, 0.9, self.name)
            for shape in shapes
            for match in shape.finditer(text)
        ]


_WORD = r"[^\W\d_][\w'\u2019.-]{0,24}"
_CAPITALISED = r"(?:[A-ZÀ-ÖØ-Þ][\w'\u2019.-]{0,24}|\d{1,3}(?:st|nd|rd|th))"
_STREET: Final = (
    r"(?:Street|St\.?|Avenue|Ave\.?|Road|Rd\.?|Boulevard|Blvd\.?|Lane|Ln\.?|Drive|Dr\.?|Court|Ct\.?"
    r"|Square|Sq\.?|Place|Pl\.?|Terrace|Way|Parkway|Pkwy\.?|Highway|Hwy\.?|Close|Crescent|Circle"
    r"|Cir\.?"
    r"|Mews|Row|Alley|Trail|Walk|Grove|Gardens)"
)
_UNIT: Final = (
    r"(?:,? {1,2}(?:[Aa]pt\.?|[Aa]partment|[Ss]uite|[Ss]te\.?|[Uu]nit|[Ff]lat|#) {0,2}\w{1,6})?"
)
_ENGLISH: Final = re.compile(
    rf"(?<![\w.])\d{{1,6}}[A-Za-z]?(?:[-/]\d{{1,4}})?,? {{1,2}}"
    rf"(?:{_CAPITALISED} {{1,2}}){{1,4}}{_STREET}(?!\w){_UNIT}"
)
_RING_STEMS: Final = (
    *("europa", "goethe", "industrie", "donau", "hanse", "messe", "schiller", "luther", "kaiser"),
    *("römer", "bürger", "jäger"),
)
_RING: Final = (
    r"(?:(?<![aeiour])(?<!st)(?<!sp)(?<!\bb)(?<!key)|"
    + "|".join(f"(?<={stem})" for stem in _RING_STEMS)
    + ")ring"
)
"""Ends a German street, and no English word: "during 2019", "Spring 2024", "bearing 62"."""
_NUMBER: Final = r",? \d{1,5}[a-zA-Z]?(?:/\d{1,4})?(?!\w|[.,]\d)"
_KIND_FIRST: Final = re.compile(
    r"(?<!\w)(?:ulica|ul\.|aleja|al\.|rue|avenue|boulevard|calle|c/|avenida|plaza|via|viale"
    r"|piazza"
    rf"|rua|strada|str\.)(?: (?:de|la|las|los|du|des|di|della|del|do"
    rf"|da))? {_WORD}(?: {_WORD}){{0,3}}{_NUMBER}",
    re.IGNORECASE,
)
_KIND_STEMS: Final = (
    *("ulica", "ul.", "aleja", "al.", "rue", "aven", "boulevard", "calle", "c/", "plaza", "via"),
    *("piazza", "rua", "strada", "str."),
)
_KIND_LAST: Final = re.compile(
    r"(?<!\w)[^\W\d_][^\W\d_-]{1,24}"
    r"(?:stra(?:ß|ss)e|str\.|gasse|weg|platz|allee|damm|ufer|straat|laan"
    r"|plein|gracht|kade|vej|gade|gatan|v[äa]gen|katu|tie"
    rf"|utca|{_RING}){_NUMBER}",
    re.IGNORECASE,
)
_NUMBERED: Final = re.compile(r" \d")
_LONGEST_STREET: Final = 36
_PO_BOX: Final = re.compile(r"(?<!\w)(?:P\.? ?O\.? Box|Postfach) \d{1,7}(?!\w)", re.IGNORECASE)


class AddressDetector:
    """Finds the street line of addresses; towns and postcodes alone are left to a model."""

    name = "address"
    kinds = frozenset({"address"})

    def detect(self, text: str) -> list[Span]:
        """Return the street lines in ``text``."""
        if not any(character.isdecimal() for character in text):
            return []
        found = [
            *_ENGLISH.finditer(text),
            *matches_at(_KIND_FIRST, text, lowered_in_place(text), _KIND_STEMS),
            *_joined_streets(text),
            *_PO_BOX.finditer(text),
        ]
        return [Span(*match.span(), "address", LOCATION, 0.7, self.name) for match in found]


def _joined_streets(text: str) -> Iterator[re.Match[str]]:
    """Yield streets in one word with their numbers: from the number back to its beginning."""
    for number in _NUMBERED.finditer(text):
        start = end = number.start() - (text[number.start() - 1 : number.start()] == ",")
        start -= text[start - 1 : start] == "."
        lowest = max(0, end - _LONGEST_STREET)
        while start > lowest and text[start - 1].isalpha():
            start -= 1
        match = _KIND_LAST.match(text, start)
        if match is not None:
            yield match
