"""The cascade of two voting edge models as a graph, run live against always asking the cloud.

Two daemons with real small models, the real planner and executor. On questions of the search half
both ends answer, and a threshold is fitted to what they said; on questions of the report half the
graph with that threshold runs beside the cloud's model alone, under the same policy.
"""

from __future__ import annotations

import os
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
from rich.console import Console
from rich.progress import Progress, TaskID

from bench.patterns_figures import difference
from bench.patterns_live import ports
from bench.patterns_run import Ran, run_arm
from bench.patterns_world import Arm, Task
from optimizer.calibration.records import Records
from optimizer.calibration.thresholds import ALWAYS
from reference.proportion import Proportion
from reference.tabulated.concurrency import gather_some
from reference.tabulated.nodes import weight_files
from reference.tabulated.questions import draw_questions
from reference.tabulated.releases import KnownSpans
from reference.tabulated.world import policy
from runtime.clock import Clock, SystemClock
from runtime.executor.voting import majority
from runtime.graph.document import parse_graph
from runtime.ids import NodeName
from runtime.ports import Chunk, Completion, GenerateRequest, ModelPort

__all__ = ["CASCADE", "live_figures"]

CASCADE: Final = """\
leeward: graph/v1
name: cascade-of-two
steps:
  first: {{role: assistant, model: {first}, samples: {samples}, sampling: {sampling}}}
  second: {{role: assistant, model: {second}, samples: {samples}, sampling: {sampling}}}
  vote: {{role: verifier, rule: vote}}
  far: {{role: assistant, model: {far}}}
  final: {{role: fuser, rule: last}}
edges:
  - "[first, second] -> vote"
  - {{from: vote, to: final, otherwise: true}}
  - {{from: vote, to: far, when: "vote.agreement < {threshold}"}}
  - far -> final
"""
"""``far`` improves what most agree on; it reads the vote's answer, as every cascade's does."""
_FAR: Final = """\
leeward: graph/v1
name: all-cloud
steps: {{answer: {{role: assistant, model: {far}}}}}
"""
_SAMPLING: Final = "{temperature: 0.8}"
_QUESTIONS: Final = 192
_MAX_TOKENS: Final = 160
"""No reference model writes more to a question."""
_AT_ONCE: Final = 2
_EDGE: Final = NodeName("edge")

R = TypeVar("R")
Fit = Callable[[Records, int], float]


@dataclass
class _Heard:
    """A port that remembers what was answered through it."""

    port: ModelPort
    texts: list[str] = field(default_factory=list)

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Chunk, None]:
        said: list[str] = []
        async with aclosing(self.port.generate(request)) as chunks:
            async for chunk in chunks:
                if not isinstance(chunk, Completion):
                    said.append(chunk.text)
                yield chunk
        self.texts.append("".join(said))


@dataclass(frozen=True, slots=True)
class _Both:
    """Both ends of the cascade on one question, and the cloud's model alone."""

    agreement: float
    near_right: bool
    far: Ran
    alone: Ran


async def live_figures(
    near: tuple[str, str],
    far: str,
    *,
    samples: int,
    fit: Fit,
    limit_s: float,
    kept: Path | None = None,
) -> dict[str, object]:
    """Fit on one half, run on the other; return the figures.

    Args:
        near: The two models of the edge.
        far: The model of the cloud.
        samples: How often each of the two answers.
        fit: Returns the threshold below which the cloud is asked, from records and from how many
            of them the cloud alone had right.
        limit_s: After so long it ends with the questions that it had; half of it for each half.
        kept: File of the answers, for a run that goes on from it.
    """
    clock = SystemClock()
    names = {"first": near[0], "second": near[1], "far": far}
    told = {**names, "samples": samples, "sampling": _SAMPLING}
    always, alone = _arm(CASCADE.format(**told, threshold=ALWAYS)), _arm(_FAR.format(far=far))
    searched, reported = _halves()
    files = weight_files((*near, far))
    async with ports(files, kept, environment=dict(os.environ)) as nodes:  # noqa: TID251
        run = partial(run_arm, nodes=nodes, pool=tuple(files))
        with Progress(console=Console(stderr=True), transient=True) as progress:
            until = _Until(clock, clock.monotonic_s() + limit_s / 2, progress)
            both = await until.each(
                searched, "both ends", lambda task: _both(always, alone, task, nodes, files)
            )
            threshold = fit(_records(both), sum(one.alone.right for one in both))
            cascade = _arm(CASCADE.format(**told, threshold=f"{threshold:.4f}"))
            until = _Until(clock, clock.monotonic_s() + limit_s / 2, progress)
            pairs = await until.each(
                reported,
                "cascade",
                lambda task: _pair(run(cascade, task), run(alone, task)),
            )
    return {"threshold": round(threshold, 4), "fitted_on": len(both), **_figures(pairs)}


def _figures(pairs: Sequence[tuple[Ran, Ran]]) -> dict[str, object]:
    """Return what the cascade came to beside the cloud on the same questions."""
    cascade, cloud = [one for one, _ in pairs], [one for _, one in pairs]
    spent = sum(one.cost_usd for one in cloud)
    found: dict[str, object] = {"questions": len(pairs)}
    for name, ran in (("accuracy", cascade), ("accuracy_always_cloud", cloud)):
        share = Proportion(sum(one.right for one in ran), len(ran))
        found[name] = round(share.share, 4)
        found[f"{name}_interval"] = [round(end, 4) for end in share.interval]
    gained = difference(cascade, cloud)
    return found | {
        "accuracy_minus_always_cloud": gained["difference"],
        "accuracy_minus_always_cloud_interval": gained["interval"],
        "cost": round(sum(one.cost_usd for one in cascade) / spent, 4) if spent else None,
        "asked": round(float(np.mean([one.cost_usd > 0 for one in cascade])), 4),
        "failures": sorted({one.failure for one in cascade if one.failure}),
        "failures_always_cloud": sum(bool(one.failure) for one in cloud),
    }


@dataclass(frozen=True, slots=True)
class _Until:
    """Does one thing after the other until a moment has come, and shows how far it is."""

    clock: Clock
    ends_at_s: float
    progress: Progress

    async def each(
        self, items: Sequence[Task], name: str, work: Callable[[Task], Awaitable[R]]
    ) -> list[R]:
        """Return what came of the items that were done; the first ones are, however long."""
        bar: TaskID = self.progress.add_task(name, total=len(items))
        done: list[R] = []
        for first in range(0, len(items), _AT_ONCE):
            if done and self.clock.monotonic_s() > self.ends_at_s:
                break
            batch = items[first : first + _AT_ONCE]
            done += await gather_some([partial(work, item) for item in batch], _AT_ONCE)
            self.progress.advance(bar, len(batch))
        return done


async def _both(
    always: Arm,
    alone: Arm,
    task: Task,
    nodes: Mapping[NodeName, ModelPort],
    files: Mapping[str, Path],
) -> _Both:
    heard = _Heard(nodes[_EDGE])
    far = await run_arm(always, task, {**nodes, _EDGE: heard}, tuple(files))
    by_cloud = await run_arm(alone, task, nodes, tuple(files))
    if not heard.texts:  # nothing may run: refused before anybody was asked
        return _Both(0.0, near_right=False, far=far, alone=by_cloud)
    winner, agreement = majority(heard.texts)
    elected = KnownSpans(task.asked).put_back(heard.texts[winner])
    return _Both(agreement, near_right=bool(task.right(elected)), far=far, alone=by_cloud)


async def _pair(one: Awaitable[Ran], other: Awaitable[Ran]) -> tuple[Ran, Ran]:
    return await one, await other


def _records(both: Sequence[_Both]) -> Records:
    return Records(
        confidence=np.array([one.agreement for one in both]),
        near=np.array([one.near_right for one in both]),
        far=np.array([bool(one.far.right) for one in both]),
        near_usd=np.zeros(len(both)),
        far_usd=np.array([one.far.cost_usd for one in both]),
    )


def _halves() -> tuple[list[Task], list[Task]]:
    """Return the questions of both halves in a mixed order: a run cut short has all kinds."""
    drawn = draw_questions(_QUESTIONS)
    halves = []
    for half in (drawn[: _QUESTIONS // 2], drawn[_QUESTIONS // 2 :]):
        mixed = [Task((question,)) for question in half]
        random.Random(0).shuffle(mixed)  # noqa: S311 - an order
        halves.append(mixed)
    return halves[0], halves[1]


def _arm(text: str) -> Arm:
    graph = parse_graph(text)
    steps = tuple(
        replace(step, sampling=replace(step.sampling, max_tokens=_MAX_TOKENS))
        for step in graph.steps
    )
    graph = replace(graph, steps=steps)
    return Arm(graph.name, graph, policy(), is_double=False)
