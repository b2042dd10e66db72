"""Every shipped pattern on the reference world's tasks, live, against all-edge and all-cloud.

``python -m bench.patterns --json [--quick]``. Two daemons with real small models are started on
loopback; the real planner and the real executor run every pattern on the same questions.
``docs/patterns.md`` explains the figures.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bench.machine import describe_machine
from bench.patterns_figures import difference, figures_of
from bench.patterns_leak import entity_leak, mapping_leak
from bench.patterns_live import Results, measured
from bench.patterns_picture import accuracy_by_cost
from bench.patterns_table import as_markdown, write_block
from bench.patterns_world import Arm, Task, arms_of, tasks_of
from bench.shown import show_figures
from reference.tabulated.nodes import weight_files
from reference.weights import WeightsUnusable, onnx_path

__all__ = ["main", "summary"]

_NEAR: Final = "tern-m"
_FAR: Final = "gannet-m"
_FAR_SMALL: Final = "gannet-s"
_QUESTIONS: Final = 480
_QUICK_QUESTIONS: Final = 64
_LIMIT_S: Final = 1_500.0
_QUICK_LIMIT_S: Final = 36.0
_FIT_PART: Final = 3
"""One of so many of the questions is for fitting the cascade's threshold."""
_HALF: Final = 0.5


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="bench.patterns", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object, last line")
    parser.add_argument("--quick", action="store_true", help="under 50 seconds, fewer questions")
    parser.add_argument("--far", default=_FAR, help="the cloud's model; all-cloud asks it alone")
    parser.add_argument("--seed", type=int, default=77, help="of the questions")
    parser.add_argument(
        "--engine", choices=("gguf", "onnx"), default="gguf", help="which files of the models"
    )
    parser.add_argument("--questions", type=int, help="how many, a multiple of 16")
    parser.add_argument(
        "--calls", type=Path, help="file that keeps the answers: a stopped run goes on from it"
    )
    parser.add_argument(
        "--only", default="", help="patterns, by comma; the baselines run in any case"
    )
    parser.add_argument("--picture", type=Path, help="also draw accuracy by cost into this SVG")
    parser.add_argument("--write", type=Path, help="also put the table of arms into this page")
    parser.add_argument("--block", default="all", help="between which marks of it")
    parser.add_argument("--limit-s", type=float, help="no question begins later than this")
    options = parser.parse_args(arguments)
    models = tuple(dict.fromkeys((_NEAR, options.far, _FAR_SMALL)))
    limit_s = options.limit_s or (_QUICK_LIMIT_S if options.quick else _LIMIT_S)
    count = options.questions or (_QUICK_QUESTIONS if options.quick else _QUESTIONS)
    environment = dict(os.environ)  # noqa: TID251 - a program's root
    drawn = tasks_of(count, options.seed)
    fit_on = drawn[0][-2 * (count // (2 * _FIT_PART)) :]  # and nothing is judged on these
    tasks = (drawn[0][: -len(fit_on)], drawn[1][: -(len(fit_on) // 2)])
    try:
        files = (
            weight_files(models)
            if options.engine == "gguf"
            else {model: onnx_path(model) for model in models}
        )
        results = asyncio.run(
            measured(
                _chosen(arms_of(_NEAR, options.far, _FAR_SMALL), options.only),
                tasks,
                files,
                fit_on,
                kept=options.calls,
                limit_s=limit_s,
                environment=environment,
            )
        )
    except WeightsUnusable as failure:
        print(f"{type(failure).__name__}: {failure}", file=sys.stderr)
        return 1
    figures: dict[str, Any] = summary(results, tasks) | {
        "models": {"near": _NEAR, "far": options.far, "far_small": _FAR_SMALL},
        "engine": options.engine,
        "seed": options.seed,
        "machine": describe_machine(("grpcio", "leeward", "llama-cpp-python", "onnxruntime")),
    }
    if options.picture:
        options.picture.write_text(accuracy_by_cost(figures["arms"]))
    if options.write:
        write_block(options.write, options.block, as_markdown(figures["arms"]))
    show_figures(figures, as_json=options.json)
    return 0


def summary(results: Results, tasks: tuple[Sequence[Task], Sequence[Task]]) -> dict[str, object]:
    """Return the figures of all arms and the headline keys.

    The headline compares patterns for single questions with the cloud's model alone, which is
    asked everything in the clear.

    Args:
        results: What came of every arm, in the order of the tasks.
        tasks: Single and double ones.
    """
    named = {_key(arm): arm for arm in results}
    every: dict[str, Any] = {key: figures_of(results[arm]) for key, arm in named.items()}
    for key, arm in named.items():
        seen = tasks[1] if arm.is_double else tasks[0]
        shown = seen[: len(results[arm])]
        every[key]["entity_leak"] = round(entity_leak(shown, results[arm]), 4)
        every[key]["mapping_leak"] = round(mapping_leak(shown, results[arm]), 4)
        baseline = named["all-cloud (two questions)" if arm.is_double else "all-cloud"]
        if not arm.is_baseline:
            every[key]["minus_all_cloud"] = difference(results[arm], results[baseline])
    singles = [
        key
        for key, arm in named.items()
        # A person knows everything here, so who asks one cannot be compared.
        if not (arm.is_baseline or arm.is_double or any(one.has_asked for one in results[arm]))
    ]
    names = {arm.pattern for arm in results if not arm.is_baseline}
    return {
        "patterns": len(names),
        **_headline(results, named, every, singles),
        "arms": every,
    }


def _headline(
    results: Results,
    named: Mapping[str, Arm],
    every: Mapping[str, Any],
    singles: Sequence[str],
) -> dict[str, object]:
    cloud, all_cloud = every["all-cloud"], results[named["all-cloud"]]
    cheap = [
        key
        for key in singles
        if every[key]["usd_per_thousand"] <= _HALF * cloud["usd_per_thousand"]
    ]
    tight = [key for key in singles if not every[key]["sensitive_spans_leaving"]]
    best = max(cheap, key=lambda key: every[key]["accuracy"], default=None)
    kept = max(tight, key=lambda key: every[key]["accuracy"], default=None)
    gained = difference(results[named[best]], all_cloud, chosen_of=len(cheap)) if best else None
    is_kept = kept is not None and cloud["accuracy"] > 0
    return {
        "best_at_half_cost_minus_all_cloud": gained["difference"] if gained else None,
        "best_at_half_cost": best,
        "best_at_half_cost_interval": gained["interval"] if gained else None,
        "best_at_half_cost_of": len(cheap),
        "accuracy_kept_without_leak": (
            round(every[kept]["accuracy"] / cloud["accuracy"], 4) if kept and is_kept else None
        ),
        "accuracy_kept_interval": (
            # All-cloud's own accuracy is taken as given.
            [
                round(1 + bound / cloud["accuracy"], 4)
                for bound in every[kept]["minus_all_cloud"]["interval"]
            ]
            if kept and is_kept
            else None
        ),
        "kept_by": kept,
    }


def _chosen(arms: Sequence[Arm], only: str) -> list[Arm]:
    """Return the arms to run: of the baselines those that the chosen patterns are held against."""
    names = {name for name in only.split(",") if name}
    chosen = [arm for arm in arms if arm.is_baseline or not names or arm.pattern in names]
    is_dividing = any(arm.is_double and not arm.is_baseline for arm in chosen)
    return [arm for arm in chosen if is_dividing or not arm.is_double]


def _key(arm: Arm) -> str:
    return f"{arm.name} (two questions)" if arm.is_baseline and arm.is_double else arm.name


if __name__ == "__main__":
    sys.exit(main())
