"""Score a graph again on fresh labelled questions, and say when it is time to search again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from optimizer.evaluation.tasks import Task
from optimizer.search.model import Candidate, Outcomes, Recommendation, Trial
from optimizer.search.resampling import Resampled, difference_of_means
from optimizer.study.archive import Measured
from optimizer.study.model import LiveSource, SearcherChoice, Study
from runtime.documents.canonical import sha256_of
from runtime.errors import StudyInvalid

__all__ = ["OneGraph", "Verdict", "fresh_study", "verdict_of"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What fresh questions say of a graph."""

    accuracy: Resampled
    """Fresh minus study."""
    reasons: tuple[str, ...]
    """Why to search again; empty when the graph still fits."""


class OneGraph:
    """A searcher that asks one graph all questions, and nothing else."""

    def __init__(self, candidate: Candidate, *, questions: int) -> None:
        self._waiting: tuple[Trial, ...] = (Trial(0, candidate, tuple(range(questions))),)

    def ask(self, count: int = 1) -> Sequence[Trial]:
        """Return the one trial, once."""
        asked, self._waiting = self._waiting[:count], self._waiting[count:]
        return asked

    def tell(self, trial: Trial, outcomes: Outcomes) -> None:
        """Learn nothing."""

    def recommend(self) -> Recommendation | None:
        """Recommend nothing: nothing was searched."""
        return None

    def state(self) -> Mapping[str, object]:
        """Show nothing."""
        return {}


def fresh_study(study: Study, source: LiveSource, tasks: Sequence[Task]) -> Study:
    """Return the study of one graph on the tasks that the search has not seen.

    Raises:
        StudyInvalid: All of them were searched on.
    """
    ids = {task.id for task in source.tasks}
    texts = {task.question for task in source.tasks}
    fresh = tuple(task for task in tasks if task.id not in ids and task.question not in texts)
    if not fresh:
        raise StudyInvalid("holds only questions that the study was searched on", field="tasks")
    contents = [[task.id, task.question, task.expectation, task.scorer.value] for task in fresh]
    digest = sha256_of([study.hash, contents])
    return replace(
        study,
        hash=digest,
        outcomes_hash=digest,
        source=replace(source, tasks=fresh),
        searcher=SearcherChoice("one-graph", {}),
        trials=1,
        batch=1,
        warm_start=None,
    )


def verdict_of(before: Measured, now: Measured, *, confidence: float) -> Verdict:
    """Say whether a graph still does on fresh questions what it did in the study.

    Args:
        before: The graph in the study.
        now: The graph on fresh questions.
        confidence: How sure it must be that accuracy fell.
    """
    # The search chose the graph on the questions before, so its mean there flatters; that is not
    # corrected here.
    apart = difference_of_means(before.outcomes.right, now.outcomes.right, confidence=confidence)
    reasons = []
    if apart.high < 0:
        reasons.append(
            f"right {now.accuracy:.1%} against {before.accuracy:.1%} in the study,"
            f" a difference of {apart.low:+.1%} to {apart.high:+.1%}"
        )
    reasons.extend(
        f"{kept.constraint.measure.value} {kept.value:.4g} on fresh questions,"
        f" more than the {kept.constraint.limit:g} allowed"
        for kept in now.kept
        if kept.is_broken
    )
    return Verdict(apart, tuple(reasons))
