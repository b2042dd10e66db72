"""The table as matrices over graphs and questions: what a search and its judges read.

Rows are graphs, columns are questions. Everything is derived from the calls when it is first
asked for, and kept. Knows nothing of how the table was built.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from optimizer.replay.graph_terms import Term, parse_term
from optimizer.replay.table_file import TableData
from runtime.catalog.document import catalog_from_data
from runtime.catalog.model import Catalog
from runtime.ids import ModelName

__all__ = ["GraphTable", "HalfName", "QuestionRow"]

HalfName = Literal["search", "report"]
_NO_CALL: Final = int(np.iinfo(np.uint16).max)

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class QuestionRow:
    """What the table knows of a question; its text is not in it."""

    id: str
    task: str
    level: int
    split: HalfName
    label: tuple[str, ...]
    """Names of its categories."""
    spans: Mapping[str, int]
    """Sensitive spans by kind."""
    stays: bool
    """Whether the policy lets nothing of it leave the edge, in whatever form."""


class GraphTable:
    """Every graph of a space on every question.

    Args:
        data: What the file holds.
    """

    def __init__(self, data: TableData) -> None:
        self._data = data
        self._arrays = data.arrays
        self.header: Mapping[str, Any] = data.header
        self.pool: tuple[str, ...] = tuple(data.header["pool"])
        self.graphs: tuple[str, ...] = data.graph_keys
        """Canonical keys; ``terms`` has them read."""
        self.questions: tuple[QuestionRow, ...] = tuple(
            QuestionRow(**{**row, "label": tuple(row["label"])}) for row in data.header["questions"]
        )
        self._kinds: Ints = np.array(data.header["kinds"], dtype=np.int64)

    @cached_property
    def catalog(self) -> Catalog:
        """Which model of the pool stands where, at which price."""
        return catalog_from_data(self.header["catalog"])

    @cached_property
    def families(self) -> tuple[str, ...]:
        """The family of each graph."""
        names = self.header["families"]
        return tuple(names[place] for place in self._arrays["graph_family"])

    @cached_property
    def index(self) -> dict[str, int]:
        """The row of each graph, by key."""
        return {key: row for row, key in enumerate(self.graphs)}

    @cached_property
    def terms(self) -> tuple[Term, ...]:
        """Each graph as a term."""
        return tuple(parse_term(key) for key in self.graphs)

    def columns(self, *, split: HalfName | None = None, task: str | None = None) -> Ints:
        """Return the columns of a half, or of a task, in order."""
        return np.array(
            [
                column
                for column, row in enumerate(self.questions)
                if split in (None, row.split) and task in (None, row.task)
            ],
            dtype=np.int64,
        )

    @cached_property
    def right(self) -> Bools:
        """Whether the graph's answer is right; a refused request counts as wrong."""
        return self._of_sink(self._padded("call_right")).astype(bool)

    @cached_property
    def refused(self) -> Bools:
        """Whether the planner refuses the request; nothing is called then."""
        sinks = self._arrays["ways"][self._kinds, :, 0].T
        return np.ascontiguousarray(sinks) < 0

    @cached_property
    def tokens(self) -> Ints:
        """Tokens read and written by all steps."""
        return self._sum(self.call_tokens).astype(np.int64)

    @cached_property
    def flops(self) -> Floats:
        """FLOPs of all steps."""
        return self._sum(self.call_flops)

    @cached_property
    def units(self) -> Floats:
        """FLOPs in units: one is the smallest model's mean single call."""
        return self.flops / self.unit_flops

    @cached_property
    def unit_flops(self) -> float:
        """FLOPs of one unit, over all questions."""
        return float(self.flops[self.index[f"assistant@{self.smallest}#0"]].mean())

    @property
    def smallest(self) -> str:
        """The model whose single call is the unit of FLOPs."""
        return min(self.pool, key=lambda model: sum(self.header["flops"][model]))

    @cached_property
    def cost_usd(self) -> Floats:
        """What the steps cost at the catalog's prices."""
        return self._sum(self.call_cost_usd)

    @cached_property
    def latency_s(self) -> Floats:
        """Measured latencies of the calls, summed along the slowest way through the graph."""
        finished = self._finished_s
        sinks = self._arrays["ways"][self._kinds, :, 0]
        columns = np.arange(len(self.questions))[:, None]
        return np.ascontiguousarray(np.where(sinks < 0, 0.0, finished[sinks, columns]).T)

    @cached_property
    def passages(self) -> Ints:
        """Calls that left the edge."""
        return self._sum(self.call_is_cloud.astype(np.float64)).astype(np.int64)

    @cached_property
    def exposed(self) -> Bools:
        """Whether anything left the edge."""
        return self.passages > 0

    @cached_property
    def chars_out(self) -> Ints:
        """Characters that left the edge, all passages together."""
        return self._sum(self.call_is_cloud * self._padded("call_prompt_chars")).astype(np.int64)

    @cached_property
    def released(self) -> Bools:
        """Whether the question was released before something left."""
        move_released = np.append(self._arrays["move_released"], 0).astype(bool)
        by_kind = np.asarray(move_released[self._arrays["ways"]].any(axis=2))
        return np.ascontiguousarray(by_kind[self._kinds].T)

    def spans_released(self, kind: str) -> Ints:
        """Return how many spans of a kind a release replaced by placeholders."""
        held = np.array([row.spans.get(kind, 0) for row in self.questions], dtype=np.int64)
        return self.released * (held if kind != "health" else np.zeros_like(held))

    def calls(self, graph: int, question: int) -> tuple[int, ...]:
        """Return the calls that a run makes, steps in no order; equal numbers are one call.

        For accounting B: a number is paid once.
        """
        way = self._arrays["ways"][self._kinds[question], graph]
        local = self._arrays["call_of"][question, way[way >= 0]]
        return tuple(int(self._arrays["call_offset"][question]) + int(one) for one in local)

    def single_right(self, model: str, *, is_released: bool) -> dict[int, bool]:
        """Return whether a model's own first answer is right, by question, on one of the forms.

        Questions of which no graph asks the model in that form are left out. The released form
        of an edge model is what it reads when its answer goes on to the cloud.
        """
        rights: dict[int, bool] = {}
        for question, sample, released, (right, _) in self._own(model):
            if sample == 0 and released == is_released:
                rights[question] = right
        return rights

    def own_answers(self, model: str) -> dict[int, dict[int, tuple[bool, int]]]:
        """Return a model's own answers to the questions: by question, by sample number.

        Each is whether it is right, and the CRC-32 of its text. Sample 0 is the greedy one. Where
        the model answered a question in both forms, it is the form as asked.
        """
        found: dict[int, dict[int, tuple[bool, int]]] = {}
        for question, sample, _, answer in sorted(self._own(model), key=lambda one: one[2]):
            found.setdefault(question, {}).setdefault(sample, answer)
        return found

    def _own(self, model: str) -> Iterator[tuple[int, int, bool, tuple[bool, int]]]:
        """Yield question, sample number, whether in the released form, and the answer."""
        moves = self._arrays
        own = (moves["move_model"] == self.pool.index(model)) & (moves["move_inputs"][:, 0] < 0)
        for move in np.flatnonzero(own):
            sample, released = int(moves["move_sample"][move]), bool(moves["move_released"][move])
            for question, call in enumerate(self._global_call[move]):
                if call < self.call_count:
                    answer = bool(moves["call_right"][call]), int(moves["call_mark"][call])
                    yield question, sample, released, answer

    def call_models(self, calls: Sequence[int]) -> tuple[str, ...]:
        """Return the model of each call."""
        return tuple(self.pool[self._arrays["call_model"][call]] for call in calls)

    @property
    def call_count(self) -> int:
        """Distinct calls of all graphs on all questions."""
        return len(self._arrays["call_model"])

    def answer_mark(self, graph: int, question: int) -> int | None:
        """Return the CRC-32 of a graph's answer, or None where it was refused."""
        move = self._arrays["ways"][self._kinds[question], graph, 0]
        if move < 0:
            return None
        call = self._arrays["call_offset"][question] + self._arrays["call_of"][question, move]
        return int(self._arrays["call_mark"][call])

    @cached_property
    def call_tokens(self) -> Floats:
        """Tokens that each call reads and writes; like all ``call_*``, 0 for the call of none."""
        return self._padded("call_prompt_tokens") + self._padded("call_completion_tokens")

    @cached_property
    def call_flops(self) -> Floats:
        """FLOPs of each call: per model a quadratic in its tokens."""
        terms = np.array([self.header["flops"][model] for model in self.pool])[self._call_models]
        flops: Floats = terms[:, 0] * self.call_tokens + terms[:, 1] * self.call_tokens**2
        return flops

    @cached_property
    def call_cost_usd(self) -> Floats:
        """What each call costs."""
        prices = np.array([self._prices(model) for model in self.pool])[self._call_models]
        read, written = self._padded("call_prompt_tokens"), self._padded("call_completion_tokens")
        cost: Floats = read * prices[:, 0] + written * prices[:, 1]
        return cost

    @cached_property
    def call_is_cloud(self) -> Bools:
        """Which calls leave the edge."""
        cloud = np.array([self.is_cloud(model) for model in self.pool])[self._call_models]
        cloud[-1] = False
        return np.asarray(cloud, dtype=np.bool_)

    def is_cloud(self, model: str) -> bool:
        """Say whether a model of the pool stands outside the edge."""
        catalog = self.catalog
        return catalog.node_of(catalog.model_by_name[ModelName(model)]).zone == "cloud"

    def step_calls(self, columns: Ints) -> npt.NDArray[np.int32]:
        """Return the call of every step, ``call_count`` for none, shape ``(G, steps, columns)``.

        The sink comes first; equal numbers are one call, which is paid once.
        """
        ways = self._arrays["ways"]
        found = np.empty((len(self.graphs), ways.shape[2], len(columns)), np.int32)
        of_move = self._global_call.astype(np.int32)
        for kind in np.unique(self._kinds[columns]):
            places = np.flatnonzero(self._kinds[columns] == kind)
            of_kind = np.ascontiguousarray(of_move[:, columns[places]])
            found[:, :, places] = of_kind[ways[kind]]
        return found

    def _prices(self, model: str) -> tuple[float, float]:
        entry = self.catalog.model_by_name[ModelName(model)]
        day = date.fromisoformat(self.header["priced_on"])
        return (
            entry.cost_usd(day, prompt_tokens=1, completion_tokens=0),
            entry.cost_usd(day, prompt_tokens=0, completion_tokens=1),
        )

    def _padded(self, name: str) -> Floats:
        """Return a figure per call, and 0 for the call that is none."""
        return np.append(self._arrays[name].astype(np.float64), 0.0)

    @cached_property
    def _call_models(self) -> Ints:
        return np.append(self._arrays["call_model"].astype(np.int64), 0)

    @cached_property
    def _global_call(self) -> Ints:
        """The call of each move for each question, (M + 1, Q); the last row and gaps are none."""
        none = len(self._arrays["call_model"])
        local = self._arrays["call_of"].astype(np.int64)
        calls = np.where(
            local == _NO_CALL,
            none,
            local + self._arrays["call_offset"][:-1, None].astype(np.int64),
        )
        return np.concatenate([calls.T, np.full((1, len(self.questions)), none)])

    def _sum(self, per_call: Floats) -> Floats:
        """Sum a figure over the steps of each graph, for each question."""
        per_move = per_call[self._global_call]
        total = np.zeros((len(self.graphs), len(self.questions)))
        for kind in np.unique(self._kinds):
            columns = np.flatnonzero(self._kinds == kind)
            of_kind = np.ascontiguousarray(per_move[:, columns])
            steps = self._arrays["ways"][kind]
            total[:, columns] = sum(of_kind[steps[:, place]] for place in range(steps.shape[1]))
        return total

    def _of_sink(self, per_call: Floats) -> Floats:
        per_move = per_call[self._global_call]
        sinks = self._arrays["ways"][self._kinds, :, 0]
        return np.ascontiguousarray(per_move[sinks, np.arange(len(self.questions))[:, None]].T)

    @cached_property
    def _finished_s(self) -> Floats:
        """When each move is done, if everything starts as early as it can, (M + 1, Q)."""
        finished = self._padded("call_latency_us")[self._global_call] / 1e6
        inputs = self._arrays["move_inputs"]
        depth = np.zeros(len(inputs) + 1, dtype=np.int64)
        depth[-1] = -1
        for move, read in enumerate(inputs):  # inputs come before their readers
            depth[move] = depth[read].max() + 1
        for level in range(1, int(depth.max()) + 1):
            places = np.flatnonzero(depth == level)
            finished[places] += finished[inputs[places]].max(axis=1)
        return finished
