"""What a search has learned of single members and fallbacks, question by question.

Grows with the archive and looks at changed rows only. Uses right, exposed and choices of graphs
that were run, as any searcher sees them; never answers.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from optimizer.search.archive import Archive, Row
from optimizer.search.model import CandidateKey

__all__ = ["UNKNOWN", "VoteBounds", "VoteEvidence"]

UNKNOWN: Final = -1
_SLACK: Final = 1e-9
_FULL_AGREEMENT: Final = 1.0
_MOST_TEAMS: Final = 24
"""Teams that say how often wrong answers coincide; the latest are the most relevant."""

_Codes = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class VoteBounds:
    """By question: how many votes a team's winner has at least and at most, and is it right."""

    least: _Codes
    most: _Codes
    winner: _Codes
    """1, 0 or -1 for unknown."""

    @classmethod
    def none(cls, size: int, questions: int) -> "VoteBounds":
        """Return what holds of any team of a size."""
        return cls(
            np.zeros(questions, np.int8),
            np.full(questions, size, np.int8),
            np.full(questions, UNKNOWN, np.int8),
        )


@dataclass
class VoteEvidence:
    """By member or fallback and question: right (1), wrong (0) or unknown (-1).

    ``leaves`` says which questions may leave the edge at all, ``None`` where nobody told: then
    silence of a team means nothing for certain.
    """

    thresholds: tuple[float, ...]
    members: _Codes
    fallbacks: _Codes
    leaves: npt.NDArray[np.bool_] | None
    teams: dict[CandidateKey, Row] = field(default_factory=dict)
    """The latest rows of teams of several members, to learn from."""
    counts: dict[int, "VoteBounds"] = field(default_factory=dict)
    """What runs of a team, by mask of members, say of its votes."""
    wholes: dict[CandidateKey, Row] = field(default_factory=dict)
    """Rows of all members together that ask unless all agree."""
    _version: int = 0

    @classmethod
    def empty(
        cls,
        thresholds: tuple[float, ...],
        shape: tuple[int, int, int],
        leaves: npt.NDArray[np.bool_] | None,
    ) -> "VoteEvidence":
        """Return evidence of nothing; ``shape`` is members, fallbacks, questions."""
        members, fallbacks, questions = shape
        return cls(
            thresholds,
            np.full((members, questions), UNKNOWN, np.int8),
            np.full((fallbacks, questions), UNKNOWN, np.int8),
            leaves,
        )

    def learn(self, archive: Archive) -> None:
        """Take what is new in an archive."""
        for row in archive.changed_since(self._version):
            self._learn(row)
        self._version = archive.version

    def may_leave(self, questions: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Return the chance that each question may leave.

        Where nobody told: when the whole team at full agreement disagrees and does not ask,
        nothing leaves. Where all are wrong and nothing left, they may have agreed, or it may not
        leave: then the share that may leave among disputed questions is expected.
        """
        if self.leaves is not None:
            return self.leaves[questions].astype(np.float32)
        chance = np.ones(len(questions), np.float32)
        members = self.members[:, questions]
        is_split = (members == 0).any(axis=0) & (members == 1).any(axis=0)
        for row in self.wholes.values():
            seen, asked = row.seen[questions], row.exposed[questions]
            chance[seen & ~asked & is_split] = 0.0
            disputed = seen & is_split
            if disputed.any():
                chance[seen & ~asked & ~is_split] = float(asked[disputed].mean())
        return chance

    def _learn(self, row: Row) -> None:
        choices, count = row.candidate.choices, len(self.members)
        team = [model for model, chosen in enumerate(choices[:count]) if chosen]
        fallback = choices[-1]
        right = row.right > 0.5
        if fallback:
            asked = row.seen & row.exposed
            self.fallbacks[fallback - 1, asked] = right[asked]
        if len(team) == 1:
            self.members[team[0], row.seen & ~row.exposed] = right[row.seen & ~row.exposed]
            return
        self._bound(row, team)
        if fallback and self._is_unanimous(team, choices[-2]):
            self._learn_agreement(row, team)
        self.teams.pop(row.candidate.key, None)
        self.teams[row.candidate.key] = row
        while len(self.teams) > _MOST_TEAMS:
            del self.teams[next(iter(self.teams))]

    def _bound(self, row: Row, team: Sequence[int]) -> None:
        """The same members vote alike whatever the threshold and whoever is asked."""
        mask = sum(1 << model for model in team)
        bounds = self.counts.get(mask)
        if bounds is None:
            bounds = self.counts[mask] = VoteBounds.none(len(team), self.members.shape[1])
        told = row.seen & ~row.exposed
        bounds.winner[told] = row.right[told] > 0.5
        if row.candidate.choices[-1] and self.leaves is not None:
            needed = self._needed(row.candidate.choices[-2], len(team))
            kept, asked = told & self.leaves, row.seen & row.exposed
            bounds.least[kept] = np.maximum(bounds.least[kept], needed)
            bounds.most[asked] = np.minimum(bounds.most[asked], needed - 1)

    def _needed(self, threshold: int, size: int) -> int:
        return math.ceil(self.thresholds[threshold] * size - _SLACK)

    def _is_unanimous(self, team: Sequence[int], threshold: int) -> bool:
        """Say whether a team asks as soon as one of its members differs."""
        return self._needed(threshold, len(team)) == len(team)

    def _learn_agreement(self, row: Row, team: Sequence[int]) -> None:
        """A team that would ask if one differed and did not ask is of one answer."""
        if self.leaves is not None:
            agreed = row.seen & ~row.exposed & self.leaves
            self.members[np.ix_(np.array(team, np.int64), np.flatnonzero(agreed))] = (
                row.right[agreed] > 0.5
            )
        elif (
            len(team) == len(self.members)
            and self.thresholds[row.candidate.choices[-2]] >= _FULL_AGREEMENT
        ):
            self.wholes[row.candidate.key] = row
