"""Tables of who answered what right: CSV files, one prompt a line.

The first column is the prompt. The next ones are models, cheapest first, right or wrong: 1 or 0,
true or false. A last column ``group`` says which prompts belong together, such as a subject; of a
folder, every file is a group where its table names none.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from runtime.errors import DocumentInvalid

__all__ = ["VALUES", "Outcomes", "read_outcomes"]

_GROUP: Final = "group"
VALUES: Final = {
    **dict.fromkeys(("0", "0.0", "false"), False),
    **dict.fromkeys(("1", "1.0", "true"), True),
}
"""How a table writes right and wrong, in small letters."""
_FEWEST_MODELS: Final = 2
_MOST_FIELD_CHARACTERS: Final = min(sys.maxsize, 2**31 - 1)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Who was right on what."""

    models: tuple[str, ...]
    """Cheapest first."""
    prompts: tuple[str, ...]
    right: npt.NDArray[np.bool_]
    """[prompts, models]."""
    groups: tuple[str, ...]
    """Of each prompt; the prompt itself where the table names no groups."""
    is_grouped: bool

    def only(self, kept: npt.NDArray[np.bool_]) -> Outcomes:
        """Return some of the prompts."""
        chosen = [int(at) for at in np.flatnonzero(kept)]
        return Outcomes(
            self.models,
            tuple(self.prompts[at] for at in chosen),
            self.right[kept],
            tuple(self.groups[at] for at in chosen),
            self.is_grouped,
        )


@dataclass(frozen=True, slots=True)
class _Row:
    prompt: str
    right: tuple[bool, ...]
    group: str


def read_outcomes(path: Path, *, models: int | None = None) -> Outcomes:
    """Read a CSV file, or every CSV file of a folder.

    Args:
        path: The file or folder.
        models: How many columns are models, where the caller knows; then the next one is the group,
            whatever it is called. Else all are but a last one called ``group``.

    Raises:
        DocumentInvalid: Names file, line and what is wrong.
    """
    if not path.is_dir():
        return _joined(path, [_read(path, models)])
    files = sorted(path.glob("*.csv"))
    if not files:
        raise DocumentInvalid("holds no CSV file", file=str(path))
    return _joined(path, [_read(file, models) for file in files])


@dataclass(frozen=True, slots=True)
class _Table:
    file: Path
    models: tuple[str, ...]
    has_group: bool
    rows: tuple[_Row, ...]


def _joined(path: Path, tables: Sequence[_Table]) -> Outcomes:
    first = tables[0]
    for table in tables:
        if table.models != first.models:
            reason = (
                f"names the models {', '.join(table.models)}, but {first.file.name} names"
                f" {', '.join(first.models)}; tables of one folder must agree"
            )
            raise DocumentInvalid(reason, file=str(table.file), line=1)
    rows = [(table, row) for table in tables for row in table.rows]
    if not rows:
        raise DocumentInvalid("holds no prompts", file=str(path))
    is_grouped = len(tables) > 1 or first.has_group
    return Outcomes(
        models=first.models,
        prompts=tuple(row.prompt for _, row in rows),
        right=np.array([row.right for _, row in rows], dtype=np.bool_),
        groups=tuple(_group(table, row) if is_grouped else row.prompt for table, row in rows),
        is_grouped=is_grouped,
    )


def _group(table: _Table, row: _Row) -> str:
    return row.group if table.has_group else table.file.stem


def _read(file: Path, models: int | None) -> _Table:
    csv.field_size_limit(_MOST_FIELD_CHARACTERS)  # prompts can be whole pages
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.reader(lines)
            header = [name.strip() for name in next(reader, [])]
            count = models or len(header) - 1 - (header[-1:] == [_GROUP])
            if count < _FEWEST_MODELS or len(header) < 1 + count:
                wanted = models or "two or more"
                reason = f"the header must name a prompt column and {wanted} models"
                raise DocumentInvalid(reason, file=str(file), line=1)
            has_group = len(header) > 1 + count
            rows = tuple(_rows(file, reader, count, has_group=has_group))
            return _Table(file, tuple(header[1 : 1 + count]), has_group, rows)
    except (OSError, UnicodeDecodeError) as error:
        raise DocumentInvalid("cannot be read as UTF-8 text", file=str(file)) from error
    except csv.Error as error:
        raise DocumentInvalid(f"is not CSV: {error}", file=str(file)) from error


def _rows(
    file: Path, reader: Iterator[list[str]], models: int, *, has_group: bool
) -> Iterator[_Row]:
    for record, cells in enumerate(reader, start=2):  # records: a prompt may hold line breaks
        if not cells:
            continue
        if len(cells) < 1 + models + has_group:
            reason = f"record {record} has {len(cells)} columns, fewer than the header"
            raise DocumentInvalid(reason, file=str(file))
        values = [cell.strip().lower() for cell in cells[1 : 1 + models]]
        if not all(value in VALUES for value in values):
            reason = f"record {record} has an outcome that is none of 0, 1, true, false"
            raise DocumentInvalid(reason, file=str(file))
        right = tuple(VALUES[value] for value in values)
        yield _Row(cells[0], right, cells[1 + models] if has_group else "")
