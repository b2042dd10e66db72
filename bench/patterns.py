"""Every shipped pattern on the reference world's tasks, live, against all-edge and all-cloud.

``python -m bench.patterns --json [--quick]``. Two daemons with real small models are started on
loopback; the real planner and the real executor run every pattern on the same questions.
``docs/patterns.md`` explains the figures.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import Progress

from bench.machine import describe_machine
from bench.patterns_figures import difference, figures_of
from bench.patterns_fit import FITTED, fitted
from bench.patterns_leak import entity_leak, mapping_leak
from bench.patterns_picture import accuracy_by_cost
from bench.patterns_run import Ran, run_arm
from bench.patterns_world import Arm, Task, arms_of, tasks_of
from reference.tabulated.cache import CallCache
from reference.tabulated.concurrency import gather_some
from reference.tabulated.node_calls import NodeCalls, PortOver
from reference.tabulated.nodes import running_nodes, weight_files, weight_hashes
from reference.tabulated.world import zone_of
from reference.weights import WeightsUnusable, onnx_path
from runtime.clock import Clock, SystemClock
from runtime.ids import NodeName
from runtime.ports import ModelPort

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
_ASKED: Final = 0.3
"""Share of the questions for which the fitted cascade asks the cloud."""
_RUNS_AT_ONCE: Final = 4
_HALF: Final = 0.5

Results = Mapping[Arm, Sequence[Ran]]


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
            _measured(
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
    if options.json:
        print(json.dumps(figures))
    else:
        print("\n".join(f"{name}: {value}" for name, value in figures.items()))
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


async def _measured(
    arms: Sequence[Arm],
    tasks: tuple[Sequence[Task], Sequence[Task]],
    files: Mapping[str, Path],
    fit_on: Sequence[Task],
    *,
    kept: Path | None,
    limit_s: float,
    environment: Mapping[str, str],
    clock: Clock | None = None,
) -> Results:
    """Run every arm on task after task, until the tasks or the time are at their end."""
    clock = clock or SystemClock()
    ends_at_s = clock.monotonic_s() + limit_s
    singles, doubles = tasks
    async with _ports(files, kept, environment=environment) as nodes:
        cascades = [arm for arm in arms if arm.name == FITTED]
        pool = tuple(files)
        arms = [
            *arms,
            *[await fitted(arm, fit_on, nodes, pool, share=_ASKED) for arm in cascades],
        ]
        results: dict[Arm, list[Ran]] = {arm: [] for arm in arms}
        with Progress(console=Console(stderr=True), transient=True) as progress:
            bar = progress.add_task("patterns", total=len(doubles))
            for number, double in enumerate(doubles):
                both = singles[2 * number : 2 * number + 2]
                left_s = max(ends_at_s - clock.monotonic_s(), 0.0)
                try:
                    # The first round counts however long it takes: no figures help nobody.
                    async with asyncio.timeout(left_s if number else None):
                        ran = await _round(arms, both, double, nodes, pool=pool)
                except TimeoutError:
                    break
                for arm, one in ran:
                    results[arm].append(one)
                progress.advance(bar)
    return results


@asynccontextmanager
async def _ports(
    files: Mapping[str, Path], kept: Path | None, *, environment: Mapping[str, str]
) -> AsyncIterator[Mapping[NodeName, ModelPort]]:
    """Start the daemons; yield a port to each that makes every call once.

    The daemons answer the same call with the same text (``deterministic``, seeds of the
    executor's), so that arms which share one need it made but once.
    """
    hashes = weight_hashes(files)
    async with AsyncExitStack() as stack:
        enter = stack.enter_context
        work = Path(enter(tempfile.TemporaryDirectory(prefix="leeward-patterns-")))
        cache = enter(CallCache(kept or work / "calls.sqlite"))
        nodes = await stack.enter_async_context(running_nodes(files, work, environment=environment))
        node_of = {model: NodeName(zone_of(model)) for model in files}
        calls = NodeCalls(nodes, node_of, weights=hashes, cache=cache)
        yield {node: PortOver(calls, node) for node in nodes}


async def _round(
    arms: Sequence[Arm],
    singles: Sequence[Task],
    double: Task,
    nodes: Mapping[NodeName, ModelPort],
    *,
    pool: tuple[str, ...],
) -> list[tuple[Arm, Ran]]:
    """Run every arm on one double task, or on its two questions."""
    jobs = [(arm, task) for arm in arms for task in ((double,) if arm.is_double else singles)]
    makers = [partial(run_arm, arm, task, nodes, pool) for arm, task in jobs]
    came = await gather_some(makers, _RUNS_AT_ONCE)
    return [(arm, ran) for (arm, _), ran in zip(jobs, came, strict=True)]


if __name__ == "__main__":
    sys.exit(main())
