"""Passwords in columns: exports of password managers, CSV, tables of Markdown.

A line whose cells are short names, one of them a word for a secret, makes a secret of what stands
in the same column of each line below that has as many cells.
"""

import re
from collections.abc import Iterator
from typing import Final

__all__ = ["table_passwords"]

_COLUMN: Final = re.compile(
    r"(?:[\w -]{0,20}[ _-])?(?:password|passwort|passwd|pass|pwd|pw|passphrase|pin"
    r"|secret(?: access)?(?: key)?"
    r"|api[ _-]?key|access[ _-]?token|token|kennwort|mot de passe|contrase[ñn]a|senha|has[lł]o)"
)
_MARKS: Final = (
    *("pass", "pwd", "pw", "pin", "secret", "api", "token", "kennwort", "contrase", "senha"),
    *("hasl", "hasł"),
)
_SEPARATORS: Final = (",", ";", "\t", "|")
_MAX_CELL: Final = 32
_MIN_VALUE: Final = 3
_MANY: Final = 3
"""Commas that are not those of a sentence."""
_MAX_ROWS: Final = 5_000
_RULE: Final = re.compile(r"[\s|:+-]*")
_EDGES: Final = " \t\"'`"


def table_passwords(text: str, lowered: str) -> Iterator[tuple[int, int]]:
    """Yield where the secrets of tables stand.

    Args:
        text: What is searched.
        lowered: The same in lower case.
    """
    done = 0
    for start, end in _lines_with_marks(lowered):
        column = _header(lowered[start:end]) if start >= done else None
        if column is not None:
            done = end + 1
            for _ in range(_MAX_ROWS):
                after = lowered.find("\n", done)
                line = lowered[done : after if after >= 0 else len(lowered)]
                cell = _cell(line, *column)
                if cell is None:
                    break
                if cell[1] - cell[0] >= _MIN_VALUE:
                    yield done + cell[0], done + cell[1]
                done += len(line) + 1
                if after < 0:
                    break


def _lines_with_marks(lowered: str) -> list[tuple[int, int]]:
    """Return the lines, but the last, in which one of the words may stand, in order."""
    lines = set()
    for mark in _MARKS:
        place = lowered.find(mark)
        while place >= 0:
            end = lowered.find("\n", place)
            if end < 0:
                break
            lines.add((lowered.rfind("\n", 0, place) + 1, end))
            place = lowered.find(mark, end)
    return sorted(lines)


def _cell(line: str, separator: str, index: int, size: int) -> tuple[int, int] | None:
    """Return where a row's cell stands, empty in a rule; ``None`` where the table has ended."""
    if _RULE.fullmatch(line):
        return 0, 0
    cells = line.split(separator)
    if len(cells) != size:
        return None
    at = sum(len(cell) + 1 for cell in cells[:index])
    value = cells[index].rstrip("\r\n").rstrip(_EDGES)
    return at + len(value) - len(value.lstrip(_EDGES)), at + len(value)


def _header(line: str) -> tuple[str, int, int] | None:
    """Return a first line's separator, its column of secrets, and how many columns it has."""
    for separator in _SEPARATORS:
        cells = line.split(separator)
        if len(cells) > 1 and max(map(len, cells)) <= _MAX_CELL:
            names = [cell.strip(_EDGES + "\r\n*") for cell in cells]
            found = [at for at, name in enumerate(names) if _COLUMN.fullmatch(name)]
            filled = [name for name in names if name]
            is_prose = separator == "," and len(filled) < _MANY and any(" " in n for n in filled)
            if found and len(filled) > 1 and all(map(_is_name, filled)) and not is_prose:
                return separator, found[0], len(cells)
    return None


def _is_name(cell: str) -> bool:
    return all(character.isalpha() or character in " _-" for character in cell)
