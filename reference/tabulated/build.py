"""Build the table: plan every graph, answer every question, prove a sample, write the file.

Everything that a model answered is in the cache, so a build that was stopped, killed or repeated
goes on where it was.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from optimizer.replay.graph_table import GraphTable
from optimizer.replay.table_file import TableData
from reference.tabulated.assembling import assemble
from reference.tabulated.cache import CallCache
from reference.tabulated.checking import Differences, Ran, compare, run_graph, sample_pairs
from reference.tabulated.concurrency import gather_some
from reference.tabulated.documents import MAX_TOKENS, TEMPERATURE
from reference.tabulated.fingerprint import fingerprint
from reference.tabulated.node_calls import NodeCalls, PortOver
from reference.tabulated.nodes import running_nodes, weight_files, weight_hashes
from reference.tabulated.plans import Moves, plan_all
from reference.tabulated.questions import digest_of
from reference.tabulated.space import Space
from reference.tabulated.store import write_table
from reference.tabulated.sweep import Answered, answer_question
from reference.tabulated.world import catalog_of, label_of, policy, zone_of
from reference.tasks import Question
from runtime.clock import Clock
from runtime.ids import NodeName

__all__ = ["BuildFailed", "Built", "Job", "answer_all", "build_table", "open_calls", "plan_space"]

_QUESTIONS_AT_ONCE: Final = 4
"""In flight: while one sweep waits for its last call, the others keep the models busy."""
_RUNS_AT_ONCE: Final = 16
_CHECK_SEED: Final = 7
_LOGGED_EVERY: Final = 8

PROTOCOL: Final = (
    "Every graph is planned by the real planner for every label that a question has. The steps of "
    "all graphs that read the same are one call of a real edge daemon over gRPC, made once and "
    "kept by the content of the prompt, the sampling with its seed and the model's file. Prompts "
    "are worded by the executor's own compose. A random sample of graphs and questions is run "
    "through the real executor and must give the same answer, tokens, cost and exposure."
)


class BuildFailed(Exception):
    """The executor does not do what the table says; nothing was written."""


@dataclass(frozen=True, slots=True)
class Job:
    """What to build, and from what."""

    space: Space
    questions: tuple[Question, ...]
    work: Path
    """Directory of cache, daemons' state and logs; kept, so that a build can go on."""
    weights: Path | None = None
    """Folder of the weights; the committed ones where None."""
    checked_pairs: int = 3000


@dataclass(frozen=True, slots=True)
class Built:
    """What was written."""

    sha256: str
    fresh_calls: int
    calls: int
    checked: Differences


async def build_table(
    job: Job, path: Path, *, environment: Mapping[str, str], clock: Clock, console: Console
) -> Built:
    """Build a table and write it.

    Args:
        job: What to build.
        path: The file to write.
        environment: What the daemons inherit.
        clock: Dates the table.
        console: Shows progress.

    Raises:
        BuildFailed: The executor and the sweep disagree.
        LeewardError: A node failed at every try; run the same command again to go on.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns, TimeRemainingColumn(elapsed_when_finished=True), console=console
    ) as bar:
        moves = plan_space(job.space, job.questions, bar)
        async with open_calls(job, environment) as calls:
            answered = await answer_all(job.questions, moves, calls, bar)
            data = assemble(job.space, moves, job.questions, answered, header=_header(job, clock))
            checked = await _check(job, GraphTable(data), calls, bar)
    if checked.same_text < checked.compared or checked.same_account < checked.compared:
        raise BuildFailed(f"the executor differs from the table: {checked}")
    fresh = calls.counts.fresh
    whole = TableData({**data.header, "checked": asdict(checked)}, data.graph_keys, data.arrays)
    total = sum(len(one.calls) for one in answered)
    return Built(write_table(path, whole), fresh, total, checked)


def plan_space(space: Space, questions: Sequence[Question], bar: Progress) -> Moves:
    """Plan every graph for every label of the questions."""
    labels = {label_of(question).names(): label_of(question) for question in questions}
    planning = bar.add_task("plans", total=len(labels) * len(space.graphs))
    return plan_all(
        space,
        list(labels.values()),
        policy=policy(),
        catalog=catalog_of(space.pool),
        tick=lambda: bar.advance(planning),
    )


@asynccontextmanager
async def open_calls(job: Job, environment: Mapping[str, str]) -> AsyncIterator[NodeCalls]:
    """Start the nodes and open the cache while the block runs.

    Raises:
        WeightsUnusable: A model's file is missing or altered.
        BackendUnavailable: A daemon did not come up.
    """
    files = weight_files(job.space.pool, job.weights)
    with CallCache(job.work / "calls.sqlite") as cache:
        async with running_nodes(files, job.work / "nodes", environment=environment) as nodes:
            yield NodeCalls(
                nodes,
                {model: NodeName(zone_of(model)) for model in job.space.pool},
                weights=weight_hashes(files),
                cache=cache,
            )


async def answer_all(
    questions: Sequence[Question], moves: Moves, calls: NodeCalls, bar: Progress
) -> list[Answered]:
    """Answer every question, some at once; in the order of the questions."""
    shown = bar.add_task("questions", total=len(questions))

    async def answer(question: Question) -> Answered:
        answered = await answer_question(question, moves, calls)
        fresh = calls.counts.fresh
        bar.update(shown, advance=1, description=f"questions ({fresh:,} fresh calls)")
        _tell_log(bar, shown)
        return answered

    return await gather_some(
        [partial(answer, question) for question in questions], _QUESTIONS_AT_ONCE
    )


def _tell_log(bar: Progress, shown: TaskID) -> None:
    """Print a line now and then where no bar is drawn: a log has to show that work goes on."""
    task = next(task for task in bar.tasks if task.id == shown)
    if bar.console.is_terminal or round(task.completed) % _LOGGED_EVERY:
        return
    left_s = task.time_remaining
    left = "" if left_s is None else f", about {left_s / 60:.0f} minutes left"
    bar.console.print(f"{task.description}: {task.completed:.0f} of {task.total:.0f}{left}")


async def _check(job: Job, table: GraphTable, calls: NodeCalls, bar: Progress) -> Differences:
    """Run a random sample through the executor over the same calls."""
    pairs = sample_pairs(table, job.checked_pairs, seed=_CHECK_SEED)
    shown = bar.add_task("executor", total=len(pairs))
    nodes = {
        NodeName(zone): PortOver(calls, NodeName(zone))
        for zone in {zone_of(model) for model in job.space.pool}
    }

    async def run(graph: int, question: int) -> tuple[int, int, Ran]:
        ran = await run_graph(
            table.graphs[graph], job.questions[question], nodes, pool=job.space.pool
        )
        bar.advance(shown)
        return graph, question, ran

    ran = await gather_some([partial(run, *pair) for pair in pairs], _RUNS_AT_ONCE)
    return compare(table, ran)


def _header(job: Job, clock: Clock) -> dict[str, Any]:
    files = weight_files(job.space.pool, job.weights)
    return {
        "protocol": PROTOCOL,
        "built_on": clock.now().date().isoformat(),
        "fingerprint": fingerprint(),
        "weights_sha256": weight_hashes(files),
        "questions_sha256": digest_of(job.questions),
        "temperature": TEMPERATURE,
        "max_tokens": MAX_TOKENS,
        "counts": job.space.describe(),
    }
