"""Runs teams on the search half of a record, and books what that costs.

Questions are numbered 0 to n-1 within the search half; the report half cannot be reached from
here. Asserts on every run that no sensitive question left.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from optimizer.replay.accounts import Accounts
from optimizer.replay.team_space import TeamSpace
from optimizer.replay.team_table import TeamTable
from optimizer.search.model import Candidate, Outcomes, Trial
from optimizer.search.virtual import Decided
from runtime.errors import PolicyViolation

__all__ = ["TeamEvaluator"]


class TeamEvaluator:
    """Replays trials; one instance per search, because it holds the search's accounts."""

    def __init__(self, space: TeamSpace, table: TeamTable, *, with_calls: bool = False) -> None:
        self._space = space
        self._table = table
        self._with_calls = with_calls
        models = len(table.edge_right) + len(table.cloud_right)
        self.accounts = Accounts.empty(len(table.edge_right), models, len(table.search))
        self.violations = 0

    @property
    def space(self) -> TeamSpace:
        """The teams."""
        return self._space

    @property
    def questions(self) -> int:
        """How many questions the search half has."""
        return len(self._table.search)

    def evaluate(self, trial: Trial) -> Outcomes:
        """Look the outcomes of a trial up.

        Raises:
            PolicyViolation: A sensitive question left, which the masks rule out.
        """
        asked = np.array(trial.questions, np.int64)
        where = self._table.search[asked]
        team = self._space.team(trial.candidate)
        exposed = self._table.exposed(team, where)
        if (exposed & ~self._table.may_leave[where]).any():
            self.violations += 1
            raise PolicyViolation(f"{trial.candidate.key}: a sensitive question left the edge")
        called = self._table.called(team, where, exposed)
        self.accounts.charge(trial.candidate.key, asked, called)
        return Outcomes(
            questions=asked,
            right=self._table.right(team, where, exposed).astype(np.float64),
            exposed=exposed,
            cost_usd=(self._table.call_cost_usd[:, where] * called).sum(axis=0),
            flops=np.zeros(len(asked)),
            latency_s=self._latency_s(called, where),
            calls=self._call_ids(called, asked) if self._with_calls else (),
        )

    def decided(self, candidates: Sequence[Candidate], questions: Sequence[int]) -> Decided:
        """Say for free what the calls already made decide (accounting B only)."""
        return self.decided_by(self.accounts.paid, candidates, questions)

    def decided_by(
        self,
        made: npt.NDArray[np.bool_],
        candidates: Sequence[Candidate],
        questions: Sequence[int],
    ) -> Decided:
        """Say what some calls decide, by model (those of the edge first) and question."""
        where = self._table.search[np.array(questions, np.int64)]
        paid = made[:, np.array(questions, np.int64)]
        edge = len(self._table.edge_right)
        choices = np.array([one.choices for one in candidates], np.int64)
        masks = (choices[:, :edge] << np.arange(edge)).sum(axis=1)
        fallback = choices[:, -1]
        unpaid = ((~paid[:edge]).astype(np.int64) << np.arange(edge)[:, None]).sum(axis=0)
        placed = (masks[:, None] & unpaid[None, :]) == 0
        needed = self._table.votes_needed[choices[:, -2], masks - 1]
        needed = np.where(fallback > 0, needed, 0).astype(np.uint8)
        exposed = self._table.votes.votes[:, where][masks - 1] < needed[:, None]
        exposed &= self._table.may_leave[where][None, :] & placed
        nothing = np.zeros((1, len(where)), np.bool_)
        answered = np.vstack([nothing, paid[edge:]])[fallback]
        answer = np.vstack([nothing, self._table.cloud_right[:, where]])[fallback]
        known = placed & (~exposed | answered)
        voted = self._table.votes.right[:, where][masks - 1]
        return Decided(np.where(exposed, answer, voted) & known, exposed, known, placed)

    def _latency_s(
        self, called: npt.NDArray[np.bool_], where: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float64]:
        """Members answer side by side; the fallback comes after the slowest."""
        latency_s: npt.NDArray[np.float64] = self._table.call_latency_s[:, where] * called
        edge = len(self._table.edge_right)
        slowest: npt.NDArray[np.float64] = latency_s[:edge].max(axis=0)
        after: npt.NDArray[np.float64] = latency_s[edge:].sum(axis=0)
        return slowest + after

    def _call_ids(
        self, called: npt.NDArray[np.bool_], asked: npt.NDArray[np.int64]
    ) -> tuple[tuple[int, ...], ...]:
        count = len(self._table.search)
        return tuple(
            tuple(int(model) * count + int(question) for model in np.flatnonzero(column))
            for question, column in zip(asked, called.T, strict=True)
        )
