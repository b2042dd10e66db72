"""Run every arm of the benchmark of patterns over two daemons, rounds at a time, within a time.

A round is one double task and its two questions. Knows arms, tasks and time; judges nothing.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Final, TypeVar

from rich.console import Console
from rich.progress import Progress

from bench.patterns_fit import FITTED, fitted
from bench.patterns_run import Ran, run_arm
from bench.patterns_world import Arm, Task
from reference.tabulated.cache import CallCache
from reference.tabulated.concurrency import gather_some
from reference.tabulated.node_calls import NodeCalls, PortOver
from reference.tabulated.nodes import running_nodes, weight_hashes
from reference.tabulated.world import zone_of
from runtime.clock import Clock, SystemClock
from runtime.ids import NodeName
from runtime.ports import ModelPort

__all__ = ["Results", "in_time", "measured", "ports"]

_ASKED: Final = 0.3
"""Share of the questions for which the fitted cascade asks the cloud."""
_RUNS_AT_ONCE: Final = 4
_ROUNDS: Final = 3
"""Under way at a time: while one waits for its last answers, the next keeps the models busy."""

T = TypeVar("T")
Results = Mapping[Arm, Sequence[Ran]]


async def measured(
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
    async with ports(files, kept, environment=environment) as nodes:
        cascades = [arm for arm in arms if arm.name == FITTED]
        pool = tuple(files)
        arms = [
            *arms,
            *[await fitted(arm, fit_on, nodes, pool, share=_ASKED) for arm in cascades],
        ]
        with Progress(console=Console(stderr=True), transient=True) as progress:
            bar = progress.add_task("patterns", total=len(doubles))

            async def ask(number: int) -> list[tuple[Arm, Ran]]:
                both = singles[2 * number : 2 * number + 2]
                ran = await _round(arms, both, doubles[number], nodes, pool=pool)
                progress.advance(bar)
                return ran

            # The first round counts however long it takes: no figures help nobody.
            first = await ask(0)
            left_s = max(ends_at_s - clock.monotonic_s(), 0.0)
            later = await in_time([partial(ask, one) for one in range(1, len(doubles))], left_s)
    results: dict[Arm, list[Ran]] = {arm: [] for arm in arms}
    for ran in (first, *later):
        for arm, one in ran:
            results[arm].append(one)
    return results


async def in_time(makers: Sequence[Callable[[], Awaitable[T]]], limit_s: float) -> list[T]:
    """Return what the makers return until the first that the time did not suffice for."""
    done: dict[int, T] = {}

    async def one(number: int) -> None:
        done[number] = await makers[number]()

    with suppress(TimeoutError):
        async with asyncio.timeout(limit_s):
            await gather_some([partial(one, number) for number in range(len(makers))], _ROUNDS)
    return [done[number] for number in takewhile(done.__contains__, range(len(makers)))]


@asynccontextmanager
async def ports(
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
