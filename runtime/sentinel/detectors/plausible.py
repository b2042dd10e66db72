"""What a model's reading must hold to be what the model calls it.

The model goes by context, and takes ``1:9:36:84`` for a machine's address where one could stand.
What has a form is held to the least of that form; a part that a slip has broken off passes.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from runtime.sentinel.detectors.network import is_everybodys

__all__ = ["is_plausible", "without_choice_mark"]

_IP: Final = re.compile(
    r"\d{1,3}\.\d{1,3}|::|(?i:[\da-f]{0,4}:){2}[\d:]*[a-f]"
    r"|[\da-fA-F]{1,4}:(?:[\da-fA-F]{1,4}:)*[\da-fA-F]{4}"
)
"""Of the older form two numbers, of the newer a gap, a letter, or a part in full."""
_LONG_PART: Final = re.compile(r"[^\W_]{13}")
"""Of a digest or a key; no address has one."""
_LONGEST_ADDRESS: Final = 39
_ADDRESS_END: Final = re.compile(r"[\da-fA-F:.]{1,39}\Z")
_ADDRESS_BEGINNING: Final = re.compile(r"[\da-fA-F:.]{0,38}[\da-fA-F:]")
_YEAR: Final = re.compile(r"(?<!\d)1[0-7]\d\d(?!\d)")
_ERA: Final = re.compile(r"\s{0,2}B?CE\b")
_YEAR_OF_ERA: Final = re.compile(r"\d{1,4}\s?(?:B?CE|BC|AD)")
_LEAST_DIGITS: Final = 2
_NUMBERS: Final = frozenset({"address", "national_id", "phone", "record_number"})
_CHOICE: Final = re.compile(r"[A-I][.)]\s{1,2}")


def is_plausible(text: str, start: int, end: int, kind: str) -> bool:
    """Whether characters ``start`` to ``end`` of a text may be of that kind."""
    if kind in _NUMBERS and text[start:end].isdecimal() and _ERA.match(text, end):
        return False  # a year
    judge = _JUDGES.get(kind)
    return judge is None or judge(text, start, end)


def without_choice_mark(text: str, start: int, end: int, kind: str) -> int | None:
    """Return where a reading begins that took a choice's letter in: ``B. United``.

    ``None`` for an address that is left without any number: the letter alone, read as one, had
    made it that. For texts in which letters number lines.
    """
    match = _CHOICE.match(text, start, end)
    line = text.rfind("\n", 0, start) + 1
    if match is None or match.end() >= end or text[line:start].strip():
        return start
    has_digit = any(mark.isdecimal() for mark in text[match.end() : end])
    return match.end() if has_digit or kind != "address" else None


def _is_number(text: str, start: int, end: int) -> bool:
    return sum(mark.isdecimal() for mark in text[start:end]) >= _LEAST_DIGITS


def _is_ip(text: str, start: int, end: int) -> bool:
    written = text[start:end]
    is_formed = _IP.search(written) is not None and _LONG_PART.search(written) is None
    return is_formed and not is_everybodys(_whole(text, start, end))


def _whole(text: str, start: int, end: int) -> str:
    """Return a reading with what a slip has broken off, dots and digits beside it."""
    before = _ADDRESS_END.search(text[max(0, start - _LONGEST_ADDRESS) : start])
    after = _ADDRESS_BEGINNING.match(text, end)
    return (before[0] if before else "") + text[start:end] + (after[0] if after else "")


def _is_birth(text: str, start: int, end: int) -> bool:
    """Who was born before 1800 is no secret any more."""
    return _YEAR.search(text, start, end) is None


def _is_address(text: str, start: int, end: int) -> bool:
    return _YEAR_OF_ERA.fullmatch(text, start, end) is None


_JUDGES: Final[Mapping[str, Callable[[str, int, int], bool]]] = {
    "ip": _is_ip,
    "national_id": _is_number,
    "date_of_birth": _is_birth,
    "address": _is_address,
}
