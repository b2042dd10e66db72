"""Letters that number the lines of a list, which read like the initials of people's names.

In "A. Lincoln was right" the A is nobody's initial where a line before or after it begins with
"B.". Names are looked for in a text of the same length in which such letters are digits.
"""

import re
from typing import Final

__all__ = ["with_numbered_choices"]

_MARK: Final = re.compile(r"(?<!\S)[(\[]?(?P<letter>[A-Ia-i])[.):\]](?=\s)")
_LEAST: Final = 2
_LEAST_IN_LINE: Final = 3
"""Of choices that do not all begin a line; two initials in a row are not rare in prose."""


def with_numbered_choices(text: str) -> str:
    """Return ``text`` with ``A.``, ``B.``, ``C.`` as ``1.``, ``2.``, ``3.`` where they number.

    Numbers begin at A and go up by one. Nothing moves: what stood at a place still does.
    """
    marks = list(_MARK.finditer(text))
    if len(marks) < _LEAST:
        return text
    changed = list(text)
    for row in _rows(marks):
        is_listed = all(_begins_line(text, mark.start()) for mark in row)
        if len(row) >= (_LEAST if is_listed else _LEAST_IN_LINE):
            for number, mark in enumerate(row, start=1):
                changed[mark.start("letter")] = str(number)
    return "".join(changed)


def _rows(marks: list[re.Match[str]]) -> list[list[re.Match[str]]]:
    """Return the runs of marks that count up from A."""
    rows: list[list[re.Match[str]]] = []
    before: re.Match[str] | None = None
    for mark in marks:
        if mark["letter"] in "Aa":
            rows.append([mark])
        elif before and rows and before is rows[-1][-1] and _follows(mark, before):
            rows[-1].append(mark)
        before = mark
    return rows


def _follows(mark: re.Match[str], before: re.Match[str]) -> bool:
    return ord(mark["letter"]) == ord(before["letter"]) + 1


def _begins_line(text: str, at: int) -> bool:
    line = text.rfind("\n", 0, at) + 1
    return not text[line:at].strip(" \t>|*-")
