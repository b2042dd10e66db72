"""Outcomes of every team on every question of a matrix, computed from counted votes.

Knows rows and masks; knows neither searchers nor accounts. Sensitive questions never leave: the
fallback is not asked for them, whatever the vote.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from optimizer.replay.matrix import AnswerMatrix
from optimizer.replay.space_document import TeamSpec
from optimizer.replay.split import members, split_questions
from optimizer.replay.team_space import Team
from optimizer.replay.votes import VoteTable, count_votes

__all__ = ["TeamTable", "build_table"]

_SLACK = 1e-9


@dataclass(frozen=True)
class TeamTable:
    """All outcomes; questions are positions in the matrix."""

    spec: TeamSpec
    votes: VoteTable
    edge_right: npt.NDArray[np.bool_]
    cloud_right: npt.NDArray[np.bool_]
    """Shape ``(cloud models, questions)``."""
    call_cost_usd: npt.NDArray[np.float64]
    """Per model (edge first) and question; zeros where the matrix has no prices."""
    call_latency_s: npt.NDArray[np.float64]
    may_leave: npt.NDArray[np.bool_]
    search: npt.NDArray[np.int64]
    report: npt.NDArray[np.int64]
    tie_order: npt.NDArray[np.int64]
    matrix_sha256: str

    @cached_property
    def votes_needed(self) -> npt.NDArray[np.uint8]:
        """How many votes keep a subset's answer, shape ``(thresholds, subsets)``."""
        thresholds = np.array(self.spec.thresholds)[:, None]
        needed: npt.NDArray[np.float64] = np.ceil(thresholds * self.votes.sizes[None, :] - _SLACK)
        return needed.astype(np.uint8)

    @property
    def calls(self) -> int:
        """How many (model, question) pairs there are; their ids count from 0."""
        return (len(self.edge_right) + len(self.cloud_right)) * int(self.edge_right.shape[1])

    def exposed(self, team: Team, questions: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Return which questions reach the cloud."""
        if not team.fallback:
            return np.zeros(len(questions), np.bool_)
        needed = self.votes_needed[team.threshold, team.mask - 1]
        unsure: npt.NDArray[np.bool_] = self.votes.votes[team.mask - 1, questions] < needed
        return unsure & self.may_leave[questions]

    def right(
        self,
        team: Team,
        questions: npt.NDArray[np.int64],
        exposed: npt.NDArray[np.bool_],
    ) -> npt.NDArray[np.bool_]:
        """Return which questions are answered right, given which were asked outside."""
        voted: npt.NDArray[np.bool_] = self.votes.right[team.mask - 1, questions]
        if not team.fallback:
            return voted
        return np.where(exposed, self.cloud_right[team.fallback - 1, questions], voted)

    def called(
        self, team: Team, questions: npt.NDArray[np.int64], exposed: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.bool_]:
        """Return which calls the answers rest on, shape ``(models, questions)``."""
        edge = len(self.edge_right)
        calls = np.zeros((edge + len(self.cloud_right), len(questions)), np.bool_)
        for model in range(edge):
            if team.mask >> model & 1:
                calls[model] = True
        if team.fallback:
            calls[edge + team.fallback - 1] = exposed
        return calls


def build_table(matrix: AnswerMatrix, spec: TeamSpec) -> TeamTable:
    """Count all votes of a spec's models in a matrix.

    Ties are broken by accuracy on the search half alone, so that nothing of the report half is
    known to any search.

    Raises:
        ConfigInvalid: A model of the spec has no answers, or a half would be empty.
    """
    edge, cloud = matrix.rows_of(spec.edge), matrix.rows_of(spec.cloud)
    search, report = split_questions(matrix.question_ids, spec)
    accuracy = matrix.right[edge][:, search].mean(axis=1)
    tie_order = np.argsort(-accuracy, kind="stable")
    rows = [*edge, *cloud]
    shape = (len(rows), len(matrix.question_ids))
    may_leave = np.ones(shape[1], np.bool_)
    if spec.sensitive is not None:
        may_leave = ~members(matrix.question_ids, spec.sensitive)
    return TeamTable(
        spec=spec,
        votes=count_votes(matrix.codes[edge], matrix.right[edge], tie_order),
        edge_right=matrix.right[edge],
        cloud_right=matrix.right[cloud],
        call_cost_usd=np.zeros(shape) if matrix.cost_usd is None else matrix.cost_usd[rows],
        call_latency_s=np.zeros(shape) if matrix.latency_s is None else matrix.latency_s[rows],
        may_leave=may_leave,
        search=search,
        report=report,
        tie_order=tie_order,
        matrix_sha256=matrix.sha256,
    )
