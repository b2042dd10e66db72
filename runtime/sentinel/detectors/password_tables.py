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
    "pass",
    "pwd",
    "pw",
    "pin",
    "secret",
    "api",
    "token",
    "kennwort",
    "contrase",
    "senha",
    "has",
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
    if "\n" not in text or not any(mark in lowered for mark in _MARKS):
        return
    column: tuple[str, int, int] | None = None
    rows = start = 0
    for line in lowered.splitlines(keepends=True):
        if column is None or rows > _MAX_ROWS:
            column, rows = _header(line), 0
        elif not _RULE.fullmatch(line):
            separator, index, size = column
            cells = line.split(separator)
            if len(cells) == size:
                rows += 1
                at = start + sum(len(cell) + 1 for cell in cells[:index])
                value = cells[index].rstrip("\r\n").rstrip(_EDGES)
                lead = len(value) - len(value.lstrip(_EDGES))
                if len(value) - lead >= _MIN_VALUE:
                    yield at + lead, at + len(value)
            else:
                column, rows = _header(line), 0
        start += len(line)


def _header(line: str) -> tuple[str, int, int] | None:
    """Return a first line's separator, its column of secrets, and how many columns it has."""
    if not any(mark in line for mark in _MARKS):
        return None
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
