"""The outcomes of those graphs of a pool that were run, stacked so that all are read at once.

Looks at rows of the archive that changed and at no others, however long the archive is.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from optimizer.search.archive import Archive, Row
from optimizer.search.prediction import Pool

__all__ = ["OwnOutcomes", "Settled"]

_FIRST_ROOM: Final = 64

_Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Settled:
    """Graphs that were run: rows of the pool, counts, and how far predictions of them were off."""

    rows: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]
    asked: npt.NDArray[np.int64]
    """How many of the outcomes were not certain beforehand."""
    error: npt.NDArray[np.float64]
    """Mean over those."""
    noise: npt.NDArray[np.float64]
    """Variance of that mean."""


class OwnOutcomes:
    """One per pool; rows in the order in which their graphs were first seen."""

    def __init__(self, pool: Pool, questions: int) -> None:
        self._pool = pool
        self._place: dict[int, int] = {}
        self._seen = np.zeros((_FIRST_ROOM, questions), np.bool_)
        self._right = np.zeros((_FIRST_ROOM, questions), np.float32)
        self._exposed = np.zeros((_FIRST_ROOM, questions), np.bool_)
        self._version = 0

    def learn(self, archive: Archive) -> None:
        """Take what is new in an archive."""
        self.learn_rows(archive.changed_since(self._version))
        self._version = archive.version

    def learn_rows(self, rows: Iterable[Row]) -> None:
        """Take rows as they are now."""
        for row in rows:
            index = self._pool.index.get(row.candidate.key)
            if index is None:
                continue
            place = self._place.setdefault(index, len(self._place))
            self._make_room(place)
            self._seen[place], self._right[place] = row.seen, row.right
            self._exposed[place] = row.exposed

    def settle(
        self,
        questions: npt.NDArray[np.int64],
        right: _Floats,
        exposed: _Floats,
        certain: npt.NDArray[np.bool_],
    ) -> Settled:
        """Write own outcomes over predicted ones, and note by how much these were off."""
        count = len(self._place)
        rows = np.fromiter(self._place, np.int64, count)
        # An archive holds few of all outcomes there could be: only those are touched.
        place, column = np.nonzero(self._seen[:count, questions])
        asked_at, graph = questions[column], rows[place]
        own = self._right[place, asked_at]
        was_open = ~certain[graph, column]
        off = np.where(was_open, own - right[graph, column], np.float32(0.0)).astype(np.float64)
        asked = np.bincount(place[was_open], minlength=count)
        among = np.maximum(asked, 1)
        error = np.bincount(place, off, minlength=count) / among
        squares = np.bincount(place, off**2, minlength=count) / among
        spread = np.maximum(squares - error**2, 0.0)
        right[graph, column] = own
        exposed[graph, column] = self._exposed[place, asked_at]
        certain[graph, column] = True
        counts = np.bincount(place, minlength=count)
        return Settled(rows, counts, asked, error, (spread + 0.01) / among)

    def _make_room(self, place: int) -> None:
        if place < len(self._seen):
            return
        self._seen = np.concatenate([self._seen, np.zeros_like(self._seen)])
        self._right = np.concatenate([self._right, np.zeros_like(self._right)])
        self._exposed = np.concatenate([self._exposed, np.zeros_like(self._exposed)])
