"""What a calibrated cascade saves, and whether what it promises comes true.

``python -m bench.cascade --json [--quick]``. The tabulated reference world: the largest edge model
answers four times, and where its answers agree too little, the most accurate cloud model is asked.
Beside it, the two largest edge models vote, four answers each.
Thresholds are fitted on one half of the questions and judged on the other, over 200 random splits,
beside always asking the cloud and never asking it. The cascade of two then runs live as a graph.
``bench/README.md`` explains the keys.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from bench.cascade_live import live_figures
from bench.machine import describe_machine
from bench.shown import show_figures
from optimizer.calibration.confidence import calibration_error, fit_calibrated
from optimizer.calibration.records import Records
from optimizer.calibration.thresholds import ALWAYS, NEVER_ASK, Promise, fit_threshold
from optimizer.replay.graph_table import GraphTable
from reference.tabulated.table import load_table
from reference.weights import WeightsUnusable
from runtime.executor.voting import majority

__all__ = ["main"]

_SPLITS: Final = 200
_SAMPLES: Final = 4
_CONFIDENCE: Final = 0.9
_SPOILT: Final = 0.1
_SHARE: Final = 0.3
_SEED: Final = 7
_NEAR: Final = ("tern-m",)
_TWO: Final = ("tern-m", "tern-s")

_LIMIT_S: Final = 1_500.0
_QUICK_LIMIT_S: Final = 30.0

_Floats = npt.NDArray[np.float64]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench.cascade", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object, last line")
    parser.add_argument("--quick", action="store_true", help="fewer live questions")
    parser.add_argument("--no-live", action="store_true", help="the replay alone")
    parser.add_argument(
        "--limit-s", type=float, help="so long for the live part, half of it for each half"
    )
    parser.add_argument(
        "--calls", type=Path, help="file that keeps the answers: a stopped run goes on from it"
    )
    options = parser.parse_args(arguments)
    table = load_table()
    far = _most_accurate_cloud_model(table)
    world = _world(table, far, _NEAR)
    values = _measured(world) | {
        "two_models": _measured(_world(table, far, _TWO)),
        "near": list(_NEAR),
        "near_samples": _SAMPLES,
        "far": far,
        "questions": len(world.records),
        "splits": _SPLITS,
        "machine": describe_machine(("leeward", "llama-cpp-python", "numpy")),
    }
    if not options.no_live:
        limit_s = options.limit_s or (_QUICK_LIMIT_S if options.quick else _LIMIT_S)
        try:
            live = live_figures(
                (_TWO[0], _TWO[1]),
                far,
                samples=_SAMPLES,
                fit=_better_than,
                limit_s=limit_s,
                kept=options.calls,
            )
            values["live"] = asyncio.run(live)
        except WeightsUnusable as failure:
            print(f"bench.cascade: {failure}", file=sys.stderr)
            return 1
    show_figures(values, as_json=options.json)
    return 0


@dataclass(frozen=True, slots=True)
class _World:
    records: Records
    near_flops: _Floats
    far_flops: _Floats

    def cost_ratio(self, rows: npt.NDArray[np.int64], threshold: float) -> float:
        """Return the cascade's cost in dollars over that of always asking the far model."""
        shown = self.records.only(rows)
        return float(shown.cost_usd(threshold).sum() / shown.far_usd.sum())

    def flops_ratio(self, rows: npt.NDArray[np.int64], threshold: float) -> float:
        """Return the same in FLOPs, in which the near model is not free."""
        asked = self.records.asked(threshold)[rows]
        spent = self.near_flops[rows] + np.where(asked, self.far_flops[rows], 0.0)
        return float(spent.sum() / self.far_flops[rows].sum())


def _most_accurate_cloud_model(table: GraphTable) -> str:
    cloud = [model for model in table.pool if table.is_cloud(model)]
    return max(cloud, key=lambda model: table.right[_alone(table, model)].mean())


def _alone(table: GraphTable, model: str) -> int:
    return table.index[f"assistant@{model}#0"]


def _world(table: GraphTable, far: str, near: Sequence[str]) -> _World:
    """Return what both ends do on every question; one that may not leave is wrong when asked."""
    answers = [table.own_answers(model) for model in near]
    elected = [
        _elect([own[question][sample] for own in answers for sample in range(_SAMPLES)])
        for question in range(len(table.questions))
    ]
    rows, far_row = [_alone(table, model) for model in near], _alone(table, far)
    records = Records(
        confidence=np.array([agreement for _, agreement in elected]),
        near=np.array([is_right for is_right, _ in elected]),
        far=table.right[far_row],
        near_usd=_SAMPLES * table.cost_usd[rows].sum(axis=0),
        far_usd=table.cost_usd[far_row],
    )
    return _World(records, _SAMPLES * table.flops[rows].sum(axis=0), table.flops[far_row])


def _elect(answers: Sequence[tuple[bool, int]]) -> tuple[bool, float]:
    """Return whether the most frequent answer is right, and how many agree with it."""
    elected, agreement = majority([str(mark) for _, mark in answers])
    return answers[elected][0], agreement


def _measured(world: _World) -> dict[str, object]:
    records = world.records
    everything = np.arange(len(records))
    splits = list(_halves(len(records)))
    equal = [_at_equal_accuracy(world, *halves) for halves in splits]
    promises = {
        "spoilt": Promise("spoilt", _SPOILT, _CONFIDENCE, coming=len(records) // 2),
        "share": Promise("share", _SHARE, _CONFIDENCE, coming=len(records) // 2),
    }
    kept = {
        name: [_kept(records, promise, *halves) for halves in splits]
        for name, promise in promises.items()
    }
    errors = [_errors(records, *halves) for halves in splits]
    asked = {name: float(np.mean([one[1] for one in of_it])) for name, of_it in kept.items()}
    return {
        "cost_at_equal_accuracy": _mean(one.cost for one in equal),
        "flops_at_equal_accuracy": _mean(one.flops for one in equal),
        "accuracy_minus_always_cloud": _mean(one.accuracy_gained for one in equal),
        "asked_at_equal_accuracy": _mean(one.asked for one in equal),
        "calibration_error": _mean(one for _, one in errors),
        "calibration_error_raw": _mean(one for one, _ in errors),
        "coverage": _mean(is_kept for is_kept, _ in kept["spoilt"]),
        "coverage_share": _mean(is_kept for is_kept, _ in kept["share"]),
        "stated_confidence": _CONFIDENCE,
        "promised_spoilt": _SPOILT,
        "promised_share": _SHARE,
        "asked_where_spoilt_is_promised": round(asked["spoilt"], 4),
        "asked_where_share_is_promised": round(asked["share"], 4),
        "accuracy_always_cloud": round(float(records.right(ALWAYS).mean()), 4),
        "accuracy_never_cloud": round(float(records.right(NEVER_ASK).mean()), 4),
        "by_threshold": [
            {
                "threshold": round(float(threshold), 4),
                "accuracy": round(float(records.right(threshold).mean()), 4),
                "asked": round(float(records.asked(threshold).mean()), 4),
                "cost": round(world.cost_ratio(everything, threshold), 4),
                "flops": round(world.flops_ratio(everything, threshold), 4),
            }
            for threshold in (*np.unique(records.confidence), ALWAYS)
        ],
    }


def _halves(count: int) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    generator = np.random.default_rng(_SEED)
    for _ in range(_SPLITS):
        order = generator.permutation(count)
        yield order[: count // 2], order[count // 2 :]


@dataclass(frozen=True, slots=True)
class _Equal:
    """A threshold that was more accurate than the cloud on one half, on the other."""

    cost: float
    flops: float
    accuracy_gained: float
    asked: float


def _at_equal_accuracy(
    world: _World, fit: npt.NDArray[np.int64], judged: npt.NDArray[np.int64]
) -> _Equal:
    new = world.records.only(judged)
    known = world.records.only(fit)
    threshold = _better_than(known, int(known.right(ALWAYS).sum()))
    return _Equal(
        world.cost_ratio(judged, threshold),
        world.flops_ratio(judged, threshold),
        float(new.right(threshold).mean() - new.right(ALWAYS).mean()),
        float(new.asked(threshold).mean()),
    )


def _better_than(known: Records, right: int) -> float:
    """Return the least threshold with more right than so many; always asking if there is none."""
    wanted = right + 1  # the least of several that are equal is luck
    thresholds = [*np.unique(known.confidence), ALWAYS]
    enough = [float(one) for one in thresholds if known.right(float(one)).sum() >= wanted]
    return min(enough, default=ALWAYS)


def _kept(
    records: Records,
    promise: Promise,
    fit: npt.NDArray[np.int64],
    judged: npt.NDArray[np.int64],
) -> tuple[bool, float]:
    """Return whether the promise came true on the other half, and how many were asked there."""
    threshold = fit_threshold(records.only(fit), promise)
    if threshold is None:
        return True, 1.0
    new = records.only(judged)
    hits = new.spoilt(threshold) if promise.kind == "spoilt" else new.asked(threshold)
    return bool(hits.mean() <= promise.bound), float(new.asked(threshold).mean())


def _errors(
    records: Records, fit: npt.NDArray[np.int64], judged: npt.NDArray[np.int64]
) -> tuple[float, float]:
    """Return the calibration error as it is, and after a map that was fitted on one half."""
    known, new = records.only(fit), records.only(judged)
    fitted = fit_calibrated(known.confidence, known.near)
    return (
        calibration_error(new.confidence, new.near),
        calibration_error(fitted.of(new.confidence), new.near),
    )


def _mean(values: Iterator[float]) -> float:
    return round(float(np.mean(list(values))), 4)


if __name__ == "__main__":
    sys.exit(main())
