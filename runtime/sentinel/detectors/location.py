"""Where somebody is: coordinates, and street addresses by their usual words."""

import re
from typing import Final

from runtime.sentinel.categories import LOCATION
from runtime.sentinel.span import Span

__all__ = ["AddressDetector", "CoordinatesDetector"]

_DECIMAL: Final = re.compile(
    r"(?<![\w.,-])[-+]?(?:[1-8]?\d"
    r"|90)\.\d{4,10}°?(?: ?[NS])?[,;]?(?: {0,2}|\n)(?:[\"']?(?i:lon|lng|long)"
    r"(?:gitude)?[\"']?[:= ]{1,2})?"
    r"[-+]?(?:1[0-7]\d|\d{1,2}|180)\.\d{4,10}°?(?: ?[EWO]\b)?(?!\w|\.\d)"
)
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
        return [
            Span(*match.span(), "coordinates", LOCATION, 0.9, self.name)
            for shape in (_DECIMAL, _SEXAGESIMAL)
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
_NUMBER_LAST: Final = re.compile(
    r"(?<!\w)(?:(?:ulica|ul\.|aleja|al\.|rue|avenue|boulevard|calle|c/|avenida|plaza|via|viale"
    r"|piazza"
    rf"|rua|strada|str\.)(?: (?:de|la|las|los|du|des|di|della|del|do"
    rf"|da))? {_WORD}(?: {_WORD}){{0,3}}"
    # The look ahead says what the rest needs anyway, and spares most words their ending's search.
    r"|(?=[^\W\d_]{2,33}\.?,? \d)[^\W\d_][^\W\d_-]{1,24}"
    r"(?:stra(?:ß|ss)e|str\.|gasse|weg|platz|allee|damm|ufer|straat|laan"
    r"|plein|gracht|kade|vej|gade|gatan|v[äa]gen|katu|tie"
    rf"|utca|{_RING}))"
    r",? \d{1,5}[a-zA-Z]?(?:/\d{1,4})?(?!\w|[.,]\d)",
    re.IGNORECASE,
)
_PO_BOX: Final = re.compile(r"(?<!\w)(?:P\.? ?O\.? Box|Postfach) \d{1,7}(?!\w)", re.IGNORECASE)


class AddressDetector:
    """Finds the street line of addresses; towns and postcodes alone are left to a model."""

    name = "address"
    kinds = frozenset({"address"})

    def detect(self, text: str) -> list[Span]:
        """Return the street lines in ``text``."""
        if not any(character.isdecimal() for character in text):
            return []
        return [
            Span(*match.span(), "address", LOCATION, 0.7, self.name)
            for shape in (_ENGLISH, _NUMBER_LAST, _PO_BOX)
            for match in shape.finditer(text)
        ]
