"""Outcomes from a record, question by question, as the runner asks for them. Spends nothing real.

A trial is looked up as a whole when it is announced, so the vectorised evaluator behind is asked
once per trial. What executions would have cost is counted as if they had been run.
"""

from __future__ import annotations

from optimizer.evaluation.model import Answered, Evaluated, Source, Spend, full_spend
from optimizer.search.model import Candidate, CandidateKey, Evaluator, Outcomes, Trial

__all__ = ["ReplayedEvaluator"]


class ReplayedEvaluator:
    """A recorded evaluator behind the seam of single questions.

    Args:
        evaluator: Looks whole trials up.
    """

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator
        self._found: dict[tuple[CandidateKey, int], Answered] = {}

    @property
    def questions(self) -> int:
        """How many questions there are to search on."""
        return self._evaluator.questions

    def prepare(self, trial: Trial) -> None:
        """Look up what is not known yet of a trial."""
        key = trial.candidate.key
        missing = tuple(q for q in trial.questions if (key, q) not in self._found)
        if missing:
            outcomes = self._evaluator.evaluate(Trial(trial.number, trial.candidate, missing))
            for place, question in enumerate(missing):
                self._found[key, question] = _answered(outcomes, place)

    def worst_case(self, candidate: Candidate, question: int) -> Spend:
        """Return what the execution will be charged: a record knows it beforehand."""
        return full_spend(question, self.answered(candidate, question))

    def remember(self, evaluated: Evaluated) -> None:
        """Nothing is paid for."""

    def booked(self, evaluated: Evaluated) -> Evaluated:
        """Return it as it is: executions share nothing that they spend."""
        return evaluated

    async def evaluate(self, candidate: Candidate, question: int) -> Evaluated:
        """Return the recorded outcome."""
        answered = self.answered(candidate, question)
        return Evaluated(question, answered, Source.FRESH, full_spend(question, answered))

    def answered(self, candidate: Candidate, question: int) -> Answered:
        """Return the recorded answer."""
        if (candidate.key, question) not in self._found:
            self.prepare(Trial(-1, candidate, (question,)))
        return self._found[candidate.key, question]


def _answered(outcomes: Outcomes, place: int) -> Answered:
    call_ids = outcomes.calls[place] if outcomes.calls else ()
    exposed = bool(outcomes.exposed[place])
    sent = outcomes.egress_bytes
    return Answered(
        right=float(outcomes.right[place]),
        exposed=exposed,
        cost_usd=float(outcomes.cost_usd[place]),
        flops=float(outcomes.flops[place]),
        latency_s=float(outcomes.latency_s[place]),
        calls=len(call_ids),
        call_ids=tuple(int(one) for one in call_ids),
        egress_bytes=None if sent is None else float(sent[place]),
    )
