"""How long a suggestion takes when the archive holds ten thousand trials.

Knows one space and Agent-REINFORCE; outcomes of the trials before are those of nobody.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from bench.search_runs import AnySetting
from optimizer.search.archive import Archive
from optimizer.search.model import Candidate, Outcomes
from optimizer.search.registry import AGENT_REINFORCE, make_search

__all__ = ["Latency", "fill_archive", "latency_at_ten_thousand"]

_TRIALS: Final = 10_000
_ASKED: Final = 120


def fill_archive(
    archive: Archive, candidates: Sequence[Candidate], questions: int, *, trials: int = _TRIALS
) -> None:
    """Add outcomes of another study, told question by question; at most half of all there are."""
    rng = np.random.default_rng(0)
    nothing = np.zeros(1)
    trials = min(trials, len(candidates) * questions // 2)
    told = 0
    while told < trials:
        one = candidates[int(rng.integers(len(candidates)))]
        asked = np.array([int(rng.integers(questions))])
        right = rng.integers(2, size=1).astype(np.float64)
        before = archive.version
        archive.add(one, Outcomes(asked, right, nothing > 0, nothing, nothing, nothing))
        told += archive.version > before  # seen already counts for nothing


@dataclass(frozen=True, slots=True)
class Latency:
    """Processor milliseconds with ten thousand trials in the archive."""

    suggest_ms: float
    """Of asking and recommending, per trial, once the archive is known."""
    reading_ms: float
    """Of the first asking, which reads all of the archive at once, as a resumed study does."""


def latency_at_ten_thousand(setting: AnySetting) -> Latency:
    """Measure how long Agent-REINFORCE takes to say what to run next."""
    search = make_search(AGENT_REINFORCE, setting.problem, seed=0)
    evaluator = setting.evaluator()
    candidates = setting.problem.space.candidates() or ()
    fill_archive(search.archive, candidates, evaluator.questions)
    reading_s, spent_s, trials = 0.0, 0.0, 0
    while trials < _ASKED:
        started = time.process_time()
        asked = search.ask(1024)
        search.recommend()
        elapsed_s = time.process_time() - started
        if not asked:
            break
        for trial in asked:
            search.tell(trial, evaluator.evaluate(trial))
        if reading_s == 0.0:
            reading_s = elapsed_s
            continue
        spent_s += elapsed_s
        trials += len(asked)
    return Latency(round(1000.0 * spent_s / max(trials, 1), 3), round(1000.0 * reading_s, 1))
