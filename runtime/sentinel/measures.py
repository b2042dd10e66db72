"""Numbers that measure something: ``BP 132/84``, ``LDL 3.1 mmol/L``, ``torque 25 Nm``.

In a note of numbers a model takes vital signs for a patient's record and a laboratory's values for
an address. A value of up to three digits behind the name of what is measured, or a number before a
unit, says of nobody who they are. Knows forms and words (``data/measures.txt``), and no values.
"""

import re
from functools import cache
from typing import Final, NamedTuple

from runtime.sentinel.data_files import read_sections

__all__ = ["is_measure"]

_REACH: Final = 120
"""How far measures are looked for to either side: a row of vital signs."""
_KINDS: Final = frozenset(
    {
        *("record_number", "national_id", "address", "phone", "iban", "card", "coordinates"),
        *("username", "host", "ip", "mac", "age", "date", "year", "date_of_birth"),
    }
)
"""What a number, or a word beside one, is taken for."""
_GAP: Final = re.compile(r"[\s,;()|.]{0,3}(?:and |on )?")


class _Forms(NamedTuple):
    measure: re.Pattern[str]
    short: re.Pattern[str]


def is_measure(text: str, start: int, end: int, kind: str) -> bool:
    """Whether a reading of that kind is but measures, on one line."""
    if kind not in _KINDS:
        return False
    low = max(text.rfind("\n", 0, start) + 1, start - _REACH)
    line_end = text.find("\n", end)
    high = min(len(text) if line_end < 0 else line_end, end + _REACH)
    row = text[low:high]
    return any(first <= start - low and end - low <= last for first, last in _rows(row))


def _rows(row: str) -> list[tuple[int, int]]:
    """Return where measures stand one after the other."""
    forms = _forms()
    sure = [match.span() for match in forms.measure.finditer(row)]
    if not sure:
        return []
    short = [
        match.span()
        for match in forms.short.finditer(row)
        if not any(first < match.end() and match.start() < last for first, last in sure)
    ]
    rows: list[tuple[int, int, bool]] = []
    for first, last in sorted([*sure, *short]):
        is_sure = (first, last) in sure
        if rows and _GAP.fullmatch(row, rows[-1][1], first):
            rows[-1] = rows[-1][0], last, rows[-1][2] or is_sure
        else:
            rows.append((first, last, is_sure))
    return [(first, last) for first, last, is_sure in rows if is_sure]


@cache
def _forms() -> _Forms:
    lists = read_sections("measures.txt")
    names, pressures = (
        _either("|".join(lists[name]).split("|")) for name in ("names", "pressures")
    )
    units, short, standards, faults = (
        _either(" ".join(lists[name]).split()) for name in ("units", "short", "standards", "faults")
    )
    value = r"[<>≤≥~]?\s?\d{1,3}(?:[.,]\d{1,3})?"
    amount = r"\d{1,5}(?:[.,]\d{1,4})?"
    said = r"(?:\s?[:=]\s?|\s(?:is|was|of|at)\s|\s)"
    unit = rf"(?:\s?(?:{units})(?![\w/]))"
    end = r"(?![\w]|[-/.,]\d)"
    measures = (
        rf"(?:{pressures}){said}\d{{2,3}}\s?/\s?\d{{2,3}}{unit}?{end}",
        rf"(?:{names}){said}{value}(?:{unit}|{end})",
        rf"(?<![\d/])[<>≤≥~]?{amount}(?:\s?[-\u2013/]\s?{amount})?{unit}",
        rf"[ctls]\d{{1,2}}\s?[/-]\s?[ctls]?\d{{1,2}}{end}",  # of the spine
        rf"(?:{standards})(?:[ /-](?:{standards}))*[ -]?\d{{1,6}}(?:-\d{{1,3}}){{0,2}}(?![\w])",
        rf"[pbcu][0-3][\da-f]{{3}}\s(?:\w{{1,12}}\s){{0,2}}(?:{faults})(?!\w)",
        rf"[67]\.\d{{1,2}}(?:/\d{{2,3}}){{2}}(?:/\d{{1,2}}(?:\.\d)?){{0,2}}{end}",  # blood gases
        r"g\d{1,3}(?:\s[xyzabcijkrfs]-?\d{1,5}(?:\.\d{1,4})?){1,8}(?![\w])",  # of a machine tool
        rf"(?<=(?:code|ault)\s)[pbcu][0-3][\da-f]{{3}}{end}",
    )
    shorts = (
        rf"(?:{short})(?:\s?[:=]\s?|\s){value}{end}",
        rf"m\d{{1,2}}(?:x\d{{1,3}}(?:[.,]\d{{1,2}})?)?{end}",  # a thread
    )
    return _Forms(
        re.compile(r"(?<![\w.-])(?:" + "|".join(measures) + ")", re.IGNORECASE),
        re.compile(r"(?<![\w.-])(?:" + "|".join(shorts) + ")", re.IGNORECASE),
    )


def _either(words: list[str]) -> str:
    return "|".join(map(re.escape, sorted(words, key=len, reverse=True)))
