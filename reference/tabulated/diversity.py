"""How different several answers of one model to one question are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.replay.graph_table import GraphTable
from reference.tabulated.statistics import Share, share_of

__all__ = ["Diversity", "diversities"]


@dataclass(frozen=True, slots=True)
class Diversity:
    """One model's greedy answer and its sampled ones, over all questions of a table."""

    model: str
    answers: int
    """Answers to each question, the greedy one among them."""
    greedy: Share
    """Questions whose greedy answer is right."""
    sampled: float
    """Share of the sampled answers that are right; no interval, because those to one question
    depend on each other."""
    texts: float
    """Mean number of different texts among the answers to one question."""
    mixed: Share
    """Questions with right and wrong ones among the answers."""
    any_right: Share
    """Questions with at least one right answer: what a perfect choice among them would reach."""


def diversities(table: GraphTable) -> tuple[Diversity, ...]:
    """Describe every model that gave several answers; questions with fewer are left out."""
    found = (_diversity(table, model) for model in table.pool)
    return tuple(one for one in found if one is not None)


def _diversity(table: GraphTable, model: str) -> Diversity | None:
    by_question = list(table.own_answers(model).values())
    count = max(map(len, by_question), default=0)
    full = [answers for answers in by_question if len(answers) == count]
    if count < 2:
        return None
    right = np.array([[answers[one][0] for one in sorted(answers)] for answers in full])
    best, worst = np.asarray(right.max(axis=1)), np.asarray(right.min(axis=1))
    texts = [len({text for _, text in answers.values()}) for answers in full]
    return Diversity(
        model=model,
        answers=count,
        greedy=share_of(right[:, 0]),
        sampled=float(right[:, 1:].mean()),
        texts=float(np.mean(texts)),
        mixed=share_of(best & ~worst),
        any_right=share_of(best),
    )
