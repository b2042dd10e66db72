"""How well the router tells which prompts a larger model is needed for, and how fast.

``python -m bench.routing --json --data CSV_OR_FOLDER [--zero-shot] [--quick]``. The figures are
RouteLLM's (``optimizer/routing/curve.py`` has the definitions). The router is learned on four folds
and judged on the fifth, whose groups (subjects) it never saw; beside it stand, in the same run, the
longest prompt and chance. ``bench/README.md`` explains the keys.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track

from bench.machine import describe_machine
from bench.routing_learning import learning_figures
from bench.shown import show_figures
from optimizer.routing.curve import Curve, Ranking
from optimizer.routing.fit import TREES
from optimizer.routing.folds import folds_of
from optimizer.routing.intervals import draws_of_groups, draws_of_questions, interval
from optimizer.routing.outcomes import Outcomes, read_outcomes
from optimizer.routing.unseen import FOLDS, predict_unseen
from runtime.errors import DocumentInvalid
from runtime.routing.predictor import Predictor, features_of
from runtime.routing.store import read_predictor

__all__ = ["main"]

_T = TypeVar("_T")
_QUICK_TREES: Final = 40
_DRAWS: Final = 1_000
_QUICK_DRAWS: Final = 300
_TIMED_PROMPTS: Final = 1_000
_QUICK_TIMED_PROMPTS: Final = 300
_BATCH: Final = 500
_MODELS: Final = 2

_Floats = npt.NDArray[np.float32]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench.routing", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object, last line")
    parser.add_argument("--quick", action="store_true", help="smaller forests, fewer draws")
    parser.add_argument("--data", type=Path, required=True, help="CSV file, or a folder of them")
    parser.add_argument(
        "--zero-shot", action="store_true", help="judge the shipped router; nothing is learned"
    )
    options = parser.parse_args(arguments)
    try:
        outcomes = read_outcomes(options.data, models=_MODELS)
        values = _measured(outcomes, is_zero_shot=options.zero_shot, is_quick=options.quick)
    except DocumentInvalid as error:
        print(f"bench.routing: {error}", file=sys.stderr)
        return 2
    show_figures(values, as_json=options.json)
    return 0


def _measured(outcomes: Outcomes, *, is_zero_shot: bool, is_quick: bool) -> dict[str, object]:
    """Judge the router, the longest prompt and the shipped router on the same questions."""
    shipped = read_predictor()
    features = _features(outcomes.prompts)
    longest = np.array([len(prompt) for prompt in outcomes.prompts], dtype=np.float32)
    zero_shot = _gain(shipped.predict_features(features))
    learned, folds = zero_shot, None
    trees = _QUICK_TREES if is_quick else TREES
    if is_zero_shot:
        trees = len(shipped.forest.roots)
    else:
        folds = folds_of(outcomes.groups, FOLDS)
        learned = _gain(
            predict_unseen(outcomes, features, trees=trees, shown=partial(_shown, what="learning"))
        )
    weak, strong = outcomes.right.T.astype(np.float64)
    judged = _Judged(outcomes, learned, longest, draws=_QUICK_DRAWS if is_quick else _DRAWS)
    curve, baseline = judged.router.curve(), judged.longest.curve()
    timed = outcomes.prompts[:: max(1, len(outcomes.prompts) // _TIMED_PROMPTS)]
    return {
        "apgr": round(curve.apgr, 4),
        "cpt50": round(curve.cpt(0.5), 4),
        "cpt80": round(curve.cpt(0.8), 4),
        "longest_prompt_apgr": round(baseline.apgr, 4),
        "longest_prompt_cpt50": round(baseline.cpt(0.5), 4),
        "longest_prompt_cpt80": round(baseline.cpt(0.8), 4),
        "random_apgr": 0.5,
        "apgr_tenths": round(curve.apgr_tenths, 4),
        "longest_prompt_apgr_tenths": round(baseline.apgr_tenths, 4),
        "apgr_zero_shot": round(Ranking(zero_shot, weak, strong).curve().apgr, 4),
        "apgr_minus_longest_prompt": round(curve.apgr - baseline.apgr, 4),
        **judged.intervals(),
        "apgr_by_fold": _by_fold(learned, weak, strong, folds),
        "trees": trees,
        "is_zero_shot": is_zero_shot,
        "is_grouped": outcomes.is_grouped,
        "groups": len(set(outcomes.groups)) if outcomes.is_grouped else None,
        "prompts": len(outcomes.prompts),
        "models": list(outcomes.models),
        "weak_accuracy": round(float(weak.mean()), 4),
        "strong_accuracy": round(float(strong.mean()), 4),
        "learning": _learning(outcomes, features, is_zero_shot=is_zero_shot, is_quick=is_quick),
        **_speed(shipped, timed[: _QUICK_TIMED_PROMPTS if is_quick else _TIMED_PROMPTS]),
        "machine": describe_machine(("leeward", "numpy")),
    }


def _features(prompts: Sequence[str]) -> _Floats:
    batches = range(0, len(prompts), _BATCH)
    return np.concatenate(
        [features_of(prompts[at : at + _BATCH]) for at in _shown(batches, "reading prompts")]
    )


class _Judged:
    """A router and the longest prompt on the same questions, and on the same draws of them."""

    def __init__(
        self,
        outcomes: Outcomes,
        learned: npt.NDArray[np.float64],
        longest: _Floats,
        *,
        draws: int,
    ) -> None:
        weak, strong = outcomes.right.T
        try:
            self.router = Ranking(learned, weak, strong)
            self.longest = Ranking(longest, weak, strong)
            self.router.curve()
        except ValueError as error:
            raise DocumentInvalid(f"{error}, so there is nothing to route for") from error
        self._outcomes = outcomes
        self._draws = draws

    def intervals(self) -> dict[str, object]:
        """Return 95 per cent intervals, by questions and, where there are any, by groups."""
        figures: dict[str, Callable[[npt.NDArray[np.int64]], float]] = {
            "apgr": lambda counts: self.router.curve(counts).apgr,
            "apgr_minus_longest_prompt": lambda counts: (
                self.router.curve(counts).apgr - self.longest.curve(counts).apgr
            ),
        }
        found: dict[str, object] = {}
        for name, figure in figures.items():
            drawn = draws_of_questions(len(self._outcomes.prompts), self._draws, seed=1)
            found[f"{name}_interval"] = _rounded(interval(figure, drawn))
            groups = draws_of_groups(self._outcomes.groups, self._draws, seed=2)
            found[f"{name}_interval_groups"] = (
                _rounded(interval(figure, groups)) if self._outcomes.is_grouped else None
            )
        return found


def _learning(
    outcomes: Outcomes, features: _Floats, *, is_zero_shot: bool, is_quick: bool
) -> dict[str, object] | None:
    """Replay what verdicts are worth, where there are subjects to be new."""
    if is_zero_shot or len(set(outcomes.groups)) < FOLDS:
        return None
    return learning_figures(
        outcomes,
        features,
        trees=_QUICK_TREES,
        draws=_QUICK_DRAWS if is_quick else _DRAWS,
        shown=_shown(range(1 if is_quick else FOLDS), "replaying"),
    )


def _by_fold(
    learned: npt.NDArray[np.float64],
    weak: npt.NDArray[np.float64],
    strong: npt.NDArray[np.float64],
    folds: npt.NDArray[np.int64] | None,
) -> list[float | None] | None:
    if folds is None:
        return None
    found: list[float | None] = []
    for fold in range(FOLDS):
        mine = folds == fold
        try:
            curve: Curve = Ranking(learned[mine], weak[mine], strong[mine]).curve()
            found.append(round(curve.apgr, 4))
        except ValueError:
            found.append(None)
    return found


def _speed(predictor: Predictor, prompts: Sequence[str]) -> dict[str, object]:
    """Time single prompts, from the text to what is expected of each model, on one core."""
    predictor.predict(prompts[:1])
    walls, cores = [], []
    for prompt in prompts:
        wall, core = time.perf_counter(), time.thread_time()
        predictor.predict([prompt])
        walls.append((time.perf_counter() - wall) * 1_000)
        cores.append((time.thread_time() - core) * 1_000)
    return {
        "route_ms_p50": round(float(np.quantile(walls, 0.5)), 3),
        "route_ms_p99": round(float(np.quantile(walls, 0.99)), 3),
        "route_cpu_ms_p50": round(float(np.quantile(cores, 0.5)), 3),
        "route_cpu_ms_p99": round(float(np.quantile(cores, 0.99)), 3),
    }


def _gain(predicted: _Floats) -> npt.NDArray[np.float64]:
    return (predicted[:, 1] - predicted[:, 0]).astype(np.float64)


def _rounded(ends: tuple[float, float] | None) -> list[float] | None:
    return None if ends is None else [round(end, 4) for end in ends]


def _shown(items: Sequence[_T], what: str) -> Iterable[_T]:
    return track(items, what, console=Console(stderr=True), transient=True)


if __name__ == "__main__":
    sys.exit(main())
