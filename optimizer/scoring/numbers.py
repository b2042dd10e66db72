"""Numbers as people and models write them, read exactly: no rounding, no tolerance."""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction
from typing import Final

from optimizer.scoring.texts import final_text

__all__ = ["is_same_number", "last_number"]

_DIGITS: Final = r"(?:[0-9]{1,3}(?:[,'\u2019_\u2009\u202f\xa0][0-9]{3})+(?![0-9])|[0-9]+)"
_PLAIN: Final = rf"(?:{_DIGITS}(?:\.[0-9]+)?|\.[0-9]+)"
_NUMBER: Final = re.compile(
    rf"""
    (?<![\w.^/])                                   # not in a word (m2), a date or an exponent
    (?P<sign>(?<![\d)\]])[-+])?                    # 10-12 is a range
    \$?\s?
    (?P<number>{_PLAIN})
    (?:[eE](?P<exponent>[-+]?[0-9]{{1,4}})(?!\w)
      |\s?(?:[x*]|\\times|\\cdot)\s?10\s?\^\s?\{{?(?P<power>[-+]?[0-9]{{1,4}})\}}?)?
    (?:\s?/\s?(?P<divisor>{_PLAIN})(?![\w/.]*/))?
    """,
    re.VERBOSE,
)
_FRACTION: Final = re.compile(
    rf"(?P<sign>[-+])?\s?\\[dt]?frac\s?\{{(?P<number>{_PLAIN})\}}\s?\{{(?P<divisor>{_PLAIN})\}}"
)
_IN_BRACKETS: Final = re.compile(r"\s*[(\[][^()\[\]]*[)\]]\s*[.!]?\s*\Z")
_LARGEST_EXPONENT: Final = 300
_BEFORE: Final = str.maketrans(
    {"\u2009": "_", "\u202f": "_", "\xa0": "_", "\xb2": "^2", "\xb3": "^3"}
)
_AFTER: Final = str.maketrans({"\u2212": "-", "\u2013": "-", "\xd7": "x", "\xb7": "*"})
_MARKS: Final = re.compile(r"(?<=\S)_(?![0-9]{3})|[*]{2,}")
"""Emphasis; an underscore before three digits groups them."""
_LONGEST: Final = 400
"""Characters of one number."""


def is_same_number(answer: str, expected: str) -> bool:
    """Say whether the last number of an answer's final part is the expected number, exactly."""
    given, wanted = last_number(final_text(answer)), last_number(expected)
    return given is not None and given == wanted


def last_number(text: str) -> Fraction | None:
    """Return the last number of a text: ``1,250.50``, ``-3``, ``3/4``, ``2e3``, ``$12``, ``5 km``.

    What stands in brackets at the end explains (``42 (6 x 7)``) and is passed over where a number
    stands before it. Digits in words (``m2``, ``H2O``), exponents and dates are no numbers; a
    percent sign is a unit.
    """
    plain = _plain(text)
    bare = _IN_BRACKETS.sub("", plain)
    return _last(bare) if _last(bare) is not None else _last(plain)


def _plain(text: str) -> str:
    r"""Write typographic forms as ASCII: minus, times, wide digits, LaTeX's ``1{,}250``."""
    plain = unicodedata.normalize("NFKC", text.translate(_BEFORE)).translate(_AFTER)
    for written, meant in (("{,}", ","), ("\\,", "_"), ("\\$", "$"), ("\\!", "")):
        plain = plain.replace(written, meant)
    return _MARKS.sub(" ", plain)


def _last(text: str) -> Fraction | None:
    found = [*_NUMBER.finditer(text), *_FRACTION.finditer(text)]
    found.sort(key=lambda match: match.end())
    return _value(found[-1]) if found else None


def _value(found: re.Match[str]) -> Fraction | None:
    groups = found.groupdict()
    exponent = int(groups.get("exponent") or groups.get("power") or 0)
    if len(found.group()) > _LONGEST or abs(exponent) > _LARGEST_EXPONENT:
        return None
    divisor = _exact(groups["divisor"]) if groups["divisor"] else Fraction(1)
    if divisor == 0:
        return None
    value = _exact(groups["number"]) / divisor * Fraction(10) ** exponent
    return -value if groups["sign"] == "-" else value


def _exact(text: str) -> Fraction:
    return Fraction(re.sub(r"[,'\u2019_]", "", text))
