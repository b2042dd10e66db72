"""Which questions belong to the search, which to the report, and which never leave the edge.

By a hash of the id alone, so that every tool and every run splits alike.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from optimizer.replay.space_document import HashClass, TeamSpec
from runtime.errors import ConfigInvalid

__all__ = ["Halves", "members", "split_questions"]

Halves = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
"""Positions of the search questions and of the report questions."""


def members(question_ids: Sequence[str], chosen: HashClass) -> npt.NDArray[np.bool_]:
    """Return which ids fall into a hash class."""
    return np.array(
        [
            int.from_bytes(hashlib.sha256(one.encode()).digest()) % chosen.modulus
            == chosen.remainder
            for one in question_ids
        ],
        np.bool_,
    )


def split_questions(question_ids: Sequence[str], spec: TeamSpec) -> Halves:
    """Split by the space's hash class.

    Raises:
        ConfigInvalid: One side would be empty.
    """
    searched = members(question_ids, spec.split)
    if searched.all() or not searched.any():
        raise ConfigInvalid("leaves the search or the report without questions", field="split")
    return np.flatnonzero(searched), np.flatnonzero(~searched)
