"""What an edge and a cloud model gain by writing one answer together, across a link.

``python -m bench.link --json [--quick]``. A device with the smallest model of a family, a gateway,
and llama.cpp's packaged server with the largest of it: all real programs, and between device and
gateway a link whose answers take their time. The large model alone, drafted for, and drafted for
where that was found to pay, take turns question by question; then the small model writes and asks
where it is not sure. ``bench/README.md`` explains the keys.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import Progress

from bench.link_world import FAR, NEAR, LinkWorld, answer_graph, running_link
from bench.machine import describe_machine
from bench.patterns_world import Task
from bench.shown import show_figures
from reference.proportion import Proportion
from reference.tabulated.questions import draw_questions
from reference.weights import WeightsUnusable
from runtime.clock import Clock, SystemClock
from runtime.executor.events import ReceiptStep
from runtime.graph.model import Graph
from runtime.testing.faulty_house import ask

__all__ = ["main"]

_TIMEOUT_S: Final = 60.0
_ROUND_TRIPS_MS: Final = (0, 20, 100)
_SURE: Final = (0.5, 0.8, 0.95)
_TOKENS: Final = 4
_AT_MOST: Final = 8

_ALONE: Final = answer_graph(FAR)
_NEAR_ALONE: Final = answer_graph(NEAR)
_ALWAYS: Final = answer_graph(FAR, draft=f"{{model: {NEAR}, always: true}}")
_WHERE_IT_PAYS: Final = answer_graph(FAR, draft=f"{{model: {NEAR}}}")
_BY_NAME: Final = {"alone": _ALONE, "drafted": _ALWAYS, "switched": _WHERE_IT_PAYS}


@dataclass(frozen=True, slots=True)
class Size:
    """How much is run."""

    round_trips_ms: tuple[int, ...]
    questions: int
    """At each round trip, each arm."""
    sure: tuple[float, ...]
    escalated: int
    """Questions of each arm that asks where it is not sure."""
    limit_s: float
    """No question is begun after this long from when everything was up, in equal parts."""


FULL: Final = Size(_ROUND_TRIPS_MS, questions=32, sure=_SURE, escalated=96, limit_s=240.0)
QUICK: Final = Size((0, 100), questions=4, sure=(0.8,), escalated=8, limit_s=27.0)


@dataclass(frozen=True, slots=True)
class _Answered:
    text: str
    is_right: bool
    line: ReceiptStep
    took_s: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench.link", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object, last line")
    parser.add_argument("--quick", action="store_true", help="under 50 seconds, a smaller sample")
    parser.add_argument("--only", choices=("drafted", "escalated"), help="one part of it")
    options = parser.parse_args(arguments)
    size = QUICK if options.quick else FULL
    if options.only == "drafted":
        size = replace(size, escalated=0)
    elif options.only == "escalated":
        size = replace(size, round_trips_ms=())
    environment = dict(os.environ)  # noqa: TID251 - a program's root
    try:
        figures = asyncio.run(_measured(size, environment, SystemClock()))
    except WeightsUnusable as failure:
        print(f"bench.link: {failure}", file=sys.stderr)
        return 1
    show_figures(figures, as_json=options.json)
    return 0


async def _measured(size: Size, environment: Mapping[str, str], clock: Clock) -> dict[str, object]:
    tasks = _tasks(max(size.questions, size.escalated))
    with (
        tempfile.TemporaryDirectory(prefix="leeward-link-") as work,
        Progress(console=Console(stderr=True), transient=True) as progress,
    ):
        async with running_link(Path(work), environment=environment) as world:
            part_s = size.limit_s / (len(size.round_trips_ms) + bool(size.escalated))
            run = _Run(world, clock, progress, part_s)
            drafted = {}
            for round_trip_ms in size.round_trips_ms:
                world.link.answers_take_s = round_trip_ms / 1000
                arms = await run.arms(_BY_NAME, tasks[: size.questions], f"{round_trip_ms} ms")
                drafted[f"{round_trip_ms}_ms"] = _drafted_figures(arms)
            world.link.answers_take_s = 0.0
            asking = {
                str(sure): answer_graph(
                    FAR,
                    draft=f"{{model: {NEAR}, keep_above: {sure}, tokens: {_TOKENS},"
                    f" at_most: {_AT_MOST}}}",
                )
                for sure in size.sure
            }
            both = {"all_edge": _NEAR_ALONE, "all_cloud": _ALONE, **asking}
            asked = (
                await run.arms(both, tasks[: size.escalated], "unsure") if size.escalated else {}
            )
    every = list(drafted.values())
    return {
        "near": NEAR,
        "far": FAR,
        "identical_output_share": _mean([float(one["identical"]) for one in every]),
        "acceptance": _mean([float(one["acceptance"]) for one in every]),
        "drafted": drafted,
        "escalated": {name: _escalated_figures(ran) for name, ran in asked.items()},
        "machine": describe_machine(("leeward", "llama-cpp-python", "grpcio")),
    }


@dataclass(frozen=True, slots=True)
class _Run:
    world: LinkWorld
    clock: Clock
    progress: Progress
    part_s: float

    async def arms(
        self, graphs: Mapping[str, Graph], tasks: Sequence[Task], name: str
    ) -> dict[str, list[_Answered]]:
        """Answer every question with every graph, in turns: drift of the machine hits all alike."""
        bar = self.progress.add_task(name, total=len(tasks))
        found: dict[str, list[_Answered]] = {graph: [] for graph in graphs}
        ends_at_s = self.clock.monotonic_s() + self.part_s
        for graph in graphs.values():
            await self._answered(graph, tasks[0])
        for task in tasks:
            if next(iter(found.values())) and self.clock.monotonic_s() > ends_at_s:
                break
            for graph_name, graph in graphs.items():
                found[graph_name].append(await self._answered(graph, task))
            self.progress.advance(bar)
        done = len(next(iter(found.values())))
        self.progress.console.print(f"{name}: {done} of {len(tasks)} questions")
        return found

    async def _answered(self, graph: Graph, task: Task) -> _Answered:
        started_s = self.clock.monotonic_s()
        told = await ask(self.world.edge, graph, task.asked.text, timeout_s=_TIMEOUT_S)
        took_s = self.clock.monotonic_s() - started_s
        (line,) = told.receipt.steps
        return _Answered(told.answer, bool(task.right(told.answer)), line, took_s)


def _drafted_figures(arms: Mapping[str, Sequence[_Answered]]) -> dict[str, float]:
    alone, drafted, switched = arms["alone"], arms["drafted"], arms["switched"]
    counts = [one.line.drafted for one in drafted if one.line.drafted is not None]
    written = sum(one.written_tokens for one in counts)
    pairs = [*zip(alone, drafted, strict=True), *zip(alone, switched, strict=True)]
    return {
        "questions": len(alone),
        "alone_s": _median(alone),
        "drafted_s": _median(drafted),
        "switched_s": _median(switched),
        "drafted_over_alone": round(_median(drafted) / _median(alone), 3),
        "alone_ms_per_token": _ms_per_token(alone, alone),
        "drafted_ms_per_token": _ms_per_token(drafted, alone),
        "switched_over_alone": round(_median(switched) / _median(alone), 3),
        "identical": round(_mean([one.text == other.text for one, other in pairs]), 4),
        "acceptance": round(sum(one.kept_tokens for one in counts) / max(1, written), 4),
        "calls_per_answer": _mean([one.line.calls for one in drafted]),
        "switched_calls_per_answer": _mean([one.line.calls for one in switched]),
        "cost_over_alone": round(_usd(drafted) / _usd(alone), 3),
    }


def _escalated_figures(ran: Sequence[_Answered]) -> dict[str, object]:
    share = Proportion(sum(one.is_right for one in ran), len(ran))
    lines = [one.line for one in ran]
    kept = sum(line.drafted.kept_tokens for line in lines if line.drafted is not None)
    written = sum(line.usage.completion_tokens for line in lines if line.zone == "cloud")
    kept += sum(line.usage.completion_tokens for line in lines if line.zone == "edge")
    calls = [line.calls if line.zone == "cloud" else 0 for line in lines]
    return {
        "questions": len(ran),
        "accuracy": round(share.share, 4),
        "accuracy_interval": [round(end, 4) for end in share.interval],
        "cloud_token_share": round(written / max(1, kept + written), 4),
        "calls_per_answer": _mean(calls),
        "answers_that_asked": _mean([count > 0 for count in calls]),
        "usd_per_answer": round(_usd(ran) / len(ran), 8),
        "median_s": _median(ran),
    }


def _ms_per_token(ran: Sequence[_Answered], alone: Sequence[_Answered]) -> float:
    """Return the time per token of the answers, which are as long as those of the model alone."""
    tokens = sum(one.line.usage.completion_tokens for one in alone)
    return round(1000 * sum(one.took_s for one in ran) / max(1, tokens), 2)


def _tasks(count: int) -> list[Task]:
    """Return questions of the report half, every task and level as often as the others."""
    drawn = draw_questions(-(-count // 32) * 64)
    half = drawn[len(drawn) // 2 :]
    order = sorted(range(len(half)), key=lambda place: (place * 7919) % len(half))
    return [Task((half[place],)) for place in order][:count]


def _usd(ran: Sequence[_Answered]) -> float:
    return sum(one.line.usage.cost_usd for one in ran)


def _median(ran: Sequence[_Answered]) -> float:
    return round(statistics.median(one.took_s for one in ran), 4)


def _mean(values: Sequence[float]) -> float:
    return round(statistics.fmean(values), 4) if values else 0.0


if __name__ == "__main__":
    sys.exit(main())
