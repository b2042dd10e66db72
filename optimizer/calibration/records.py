"""Records of a cascade's two ends on the same questions: how sure the near one was, who was right.

A CSV file with columns ``confidence``, ``near`` and ``far`` (right or wrong: 1 or 0, true or
false), and, where cost matters, ``near_usd`` and ``far_usd``. Other columns are ignored.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from optimizer.routing.outcomes import VALUES
from runtime.errors import DocumentInvalid

__all__ = ["Records", "read_records"]

_NEEDED: Final = ("confidence", "near", "far")
_COSTS: Final = ("near_usd", "far_usd")

_Floats = npt.NDArray[np.float64]
_Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Records:
    """One row for each question."""

    confidence: _Floats
    """Of the near answer, 0 to 1: agreement of samples, or mean probability of its tokens."""
    near: _Bools
    """Whether the near answer is right."""
    far: _Bools
    """Whether the far one would be."""
    near_usd: _Floats
    far_usd: _Floats

    def __len__(self) -> int:
        return len(self.confidence)

    def only(self, kept: npt.NDArray[np.int64]) -> Records:
        """Return some of the questions, by place."""
        return Records(
            self.confidence[kept],
            self.near[kept],
            self.far[kept],
            self.near_usd[kept],
            self.far_usd[kept],
        )

    def asked(self, threshold: float) -> _Bools:
        """Return where the far model is asked: confidence below the threshold."""
        return self.confidence < threshold

    def right(self, threshold: float) -> _Bools:
        """Return whether the cascade is right."""
        return np.where(self.asked(threshold), self.far, self.near)

    def spoilt(self, threshold: float) -> _Bools:
        """Return where the near answer stands, is wrong, and the far one would be right."""
        return ~self.asked(threshold) & self.far & ~self.near

    def cost_usd(self, threshold: float) -> _Floats:
        """Return what each question costs."""
        return self.near_usd + np.where(self.asked(threshold), self.far_usd, 0.0)


def read_records(path: Path) -> Records:
    """Read a file of records.

    Raises:
        DocumentInvalid: Names file, line and field.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines)
            header = [name.strip() for name in reader.fieldnames or ()]
            missing = [name for name in _NEEDED if name not in header]
            if missing:
                reason = f"the header lacks {', '.join(missing)}"
                raise DocumentInvalid(reason, file=str(path), line=1)
            reader.fieldnames = header
            rows = list(_rows(path, reader))
    except (OSError, UnicodeDecodeError) as error:
        raise DocumentInvalid("cannot be read as UTF-8 text", file=str(path)) from error
    except csv.Error as error:
        raise DocumentInvalid(f"is not CSV: {error}", file=str(path)) from error
    if not rows:
        raise DocumentInvalid("holds no records", file=str(path))
    confidence, near, far, near_usd, far_usd = np.array(rows, dtype=np.float64).T
    return Records(confidence, near.astype(bool), far.astype(bool), near_usd, far_usd)


def _rows(path: Path, reader: csv.DictReader[str]) -> Iterator[tuple[float, ...]]:
    for row in reader:
        line = reader.line_num
        right = [_outcome(path, line, row, name) for name in ("near", "far")]
        costs = [_number(path, line, row, name) if name in row else 0.0 for name in _COSTS]
        confidence = _number(path, line, row, "confidence")
        if confidence > 1:
            reason = "must be a number from 0 to 1"
            raise DocumentInvalid(reason, file=str(path), line=line, field="confidence")
        yield (confidence, *right, *costs)


def _outcome(path: Path, line: int, row: Mapping[str, str | None], name: str) -> float:
    value = VALUES.get((row[name] or "").strip().lower())
    if value is None:
        raise DocumentInvalid("must be 0, 1, true or false", file=str(path), line=line, field=name)
    return float(value)


def _number(path: Path, line: int, row: Mapping[str, str | None], name: str) -> float:
    try:
        number = float(row[name] or "")
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or number < 0:
        raise DocumentInvalid("must be a number from 0 up", file=str(path), line=line, field=name)
    return number
