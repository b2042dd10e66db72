"""Whether the tabulated benchmark still tells what the models and the executor do today.

``python -m bench.reference_world --json [--quick]`` starts the nodes, plans and runs a random
sample of the table's graphs and questions live, without any cache, and compares answers, tokens
and exposure. Progress goes to standard error; the last line of standard output is one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from bench.machine import describe_machine
from bench.shown import show_figures
from optimizer.replay.graph_table import GraphTable
from optimizer.replay.table_file import TableUnusable
from reference.tabulated.checking import Ran, compare, run_graph, sample_pairs
from reference.tabulated.concurrency import gather_some
from reference.tabulated.fingerprint import fingerprint
from reference.tabulated.nodes import running_nodes, weight_files, weight_hashes
from reference.tabulated.questions import digest_of, draw_questions
from reference.tabulated.table import TABLE_PATH, load_table
from reference.tasks import Question
from reference.weights import WeightsUnusable
from runtime.clock import Clock, SystemClock
from runtime.ids import NodeName
from runtime.ports import ModelPort

__all__ = ["Size", "TableOutdated", "main", "measure"]

_DISTRIBUTIONS: Final = ("grpcio", "leeward", "llama-cpp-python", "numpy", "protobuf")
_RUNS_AT_ONCE: Final = 2
_SEED: Final = 31
_EVERY: Final = 20

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Size:
    """How much is run."""

    pairs: int
    """Random pairs of a graph and a question."""
    singles: int
    """Questions that every model answers alone."""
    limit_s: float
    """No run is begun after this long from the start; what was run until then counts."""


FULL: Final = Size(pairs=1500, singles=64, limit_s=1200.0)
QUICK: Final = Size(pairs=150, singles=8, limit_s=36.0)


class TableOutdated(Exception):
    """The table was built from other weights or other questions than these."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench.reference_world", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object, last line")
    parser.add_argument("--quick", action="store_true", help="under 50 seconds, a smaller sample")
    parser.add_argument("--table", type=Path, default=TABLE_PATH, help="another table")
    options = parser.parse_args(arguments)
    size = QUICK if options.quick else FULL
    environment = dict(os.environ)  # noqa: TID251 - a program's root
    try:
        figures = asyncio.run(measure(load_table(options.table), size, environment=environment))
    except (TableUnusable, TableOutdated, WeightsUnusable) as failure:
        print(f"{type(failure).__name__}: {failure}", file=sys.stderr)
        return 1
    show_figures(figures, as_json=options.json)
    return 0


async def measure(
    table: GraphTable, size: Size, *, environment: Mapping[str, str], clock: Clock | None = None
) -> dict[str, object]:
    """Return all figures.

    Raises:
        TableOutdated: The table is about other weights or questions.
        LeewardError: A live run failed.
    """
    clock = clock or SystemClock()
    ends_at_s = clock.monotonic_s() + size.limit_s
    files = weight_files(table.pool)
    questions = draw_questions(len(table.questions))
    if weight_hashes(files) != dict(table.header["weights_sha256"]):
        raise TableOutdated("the weights are not those of the table; build it again")
    if digest_of(questions) != table.header["questions_sha256"]:
        raise TableOutdated("the questions are not those of the table; build it again")
    random_pairs = sample_pairs(table, size.pairs, seed=_SEED)
    single_pairs = _single_pairs(table, size.singles)
    with tempfile.TemporaryDirectory(prefix="leeward-world-") as work:
        async with running_nodes(files, Path(work), environment=environment) as nodes:
            live = _Live(table, questions, nodes, clock, ends_at_s=ends_at_s)
            ran = await live.run([*single_pairs, *random_pairs])
    return _figures(table, ran, single_pairs) | _circumstances(table)


class _Live:
    """Runs pairs over nodes until the time is up."""

    def __init__(
        self,
        table: GraphTable,
        questions: Sequence[Question],
        nodes: Mapping[NodeName, ModelPort],
        clock: Clock,
        *,
        ends_at_s: float,
    ) -> None:
        self._table = table
        self._questions = questions
        self._nodes = nodes
        self._clock = clock
        self._ends_at_s = ends_at_s
        self._done = 0

    async def run(self, pairs: Sequence[Pair]) -> list[tuple[int, int, Ran]]:
        """Return what came of the pairs that were begun in time."""
        makers = [partial(self._one, *pair, total=len(pairs)) for pair in pairs]
        return [one for one in await gather_some(makers, _RUNS_AT_ONCE) if one is not None]

    async def _one(self, graph: int, question: int, *, total: int) -> tuple[int, int, Ran] | None:
        if self._clock.monotonic_s() >= self._ends_at_s:
            return None
        ran = await run_graph(
            self._table.graphs[graph],
            self._questions[question],
            self._nodes,
            pool=self._table.pool,
        )
        self._done += 1
        if self._done % _EVERY == 0:
            print(f"{self._done} of {total} live runs", file=sys.stderr, flush=True)
        return graph, question, ran


def _single_pairs(table: GraphTable, count: int) -> list[Pair]:
    """Every model alone, on questions spread over tasks, levels and halves; in turns."""
    stride = max(1, len(table.questions) // count - 1)
    questions = range(0, len(table.questions), stride)[:count]
    singles = [table.index[f"assistant@{model}#0"] for model in table.pool]
    return [(graph, question) for question in questions for graph in singles]


def _figures(
    table: GraphTable, ran: Sequence[tuple[int, int, Ran]], singles: Sequence[Pair]
) -> dict[str, object]:
    found = compare(table, ran)
    alone = set(singles)
    report = table.columns(split="report")
    live: dict[str, list[bool]] = {model: [] for model in table.pool}
    for graph, question, one in ran:
        if (graph, question) in alone:
            live[table.terms[graph].model].append(one.is_right)
    return {
        "table_graphs": len(table.graphs),
        "table_questions": len(table.questions),
        "table_calls": table.call_count,
        "live_vs_table_agreement": round(found.agreement, 5),
        "live_runs": found.compared,
        "live_same_right": found.same_right,
        "live_same_text": found.same_text,
        "live_same_account": found.same_account,
        "accuracy": {
            model: round(float(table.right[table.index[f"assistant@{model}#0"], report].mean()), 4)
            for model in table.pool
        },
        "accuracy_questions": len(report),
        "live_accuracy": {model: sum(right) / len(right) for model, right in live.items() if right},
        "live_accuracy_questions": {model: len(right) for model, right in live.items()},
    }


def _circumstances(table: GraphTable) -> dict[str, object]:
    here = fingerprint()
    return {
        "fingerprint_equal": here == dict(table.header["fingerprint"]),
        "fingerprint_differs_in": sorted(
            name for name, value in here.items() if table.header["fingerprint"].get(name) != value
        ),
        "table_built_on": table.header["built_on"],
        "machine": describe_machine(_DISTRIBUTIONS),
    }


if __name__ == "__main__":
    sys.exit(main())
