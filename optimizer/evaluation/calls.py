"""A graph's calls one by one, each paid for once: the second graph that makes a call gets it free.

Holds only for questions in which the edge finds nothing sensitive: then every step reads the
request as it was sent, so a call depends on its own prompt alone and a graph's answer is what its
calls give. Each call still is a run of one step on the edge: its plan, its gate, its ledger.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Set
from dataclasses import asdict, dataclass
from typing import Final

from optimizer.evaluation.cache import CallCache, CallKey
from optimizer.evaluation.edge_runs import REFUSALS, Runs
from runtime.codec.collaboration import CollaborationCall
from runtime.executor.prompts import compose
from runtime.executor.step import first_failure
from runtime.graph.model import Graph, Step
from runtime.graph.roles import Role
from runtime.ids import StepId
from runtime.ports import ChatMessage

__all__ = ["CallResult", "Calls", "CallsRun", "PaidCall"]

_ID_BITS = 52
"""Call ids stay whole numbers in every JSON reader."""


@dataclass(frozen=True, slots=True)
class CallResult:
    """What one call gave and what it cost."""

    text: str
    cost_usd: float
    tokens: int
    flops: float
    latency_s: float
    is_cloud: bool


@dataclass(frozen=True, slots=True)
class PaidCall:
    """A call, its id and the study that paid for it."""

    id: int
    result: CallResult
    study: str
    read_bytes: int
    """Text that the model was given, UTF-8."""

    @property
    def egress_bytes(self) -> int:
        """Text that left the edge."""
        return self.read_bytes if self.result.is_cloud else 0


@dataclass(frozen=True, slots=True)
class CallsRun:
    """The calls of one graph."""

    by_step: Mapping[StepId, PaidCall]
    is_complete: bool
    """Without, the graph has to be run as a whole after all: the edge found something sensitive
    in an answer, or refused a call."""
    wasted: tuple[CallResult, ...] = ()
    """Paid for and of no use to any graph."""


class _NotAlone(Exception):
    """A call does not depend on its own prompt alone; the graph must be run as a whole."""

    def __init__(self, wasted: CallResult | None = None) -> None:
        super().__init__()
        self.wasted = wasted


class Calls:
    """The calls of one study over one edge.

    Args:
        runs: The edge.
        cache: What was paid for before.
        revisions: Revision of each model.
    """

    def __init__(self, runs: Runs, cache: CallCache, *, revisions: Mapping[str, str]) -> None:
        self._runs = runs
        self._cache = cache
        self._revisions = revisions
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def run(self, graph: Graph, request: tuple[ChatMessage, ...]) -> CallsRun:
        """Make every call of a graph that was not made before.

        Raises:
            LeewardError: A call failed.
        """
        if not _is_plain(graph):
            return CallsRun({}, is_complete=False)
        tasks: dict[StepId, asyncio.Task[PaidCall | None]] = {}
        wasted: dict[StepId, CallResult] = {}

        async def play(step: Step) -> PaidCall | None:
            before = [await tasks[edge.source] for edge in graph.incoming[step.id]]
            texts = [answer.result.text for answer in before if answer is not None]
            if len(texts) < len(before):
                return None
            try:
                return await self._call(step, compose(step.role, request, texts))
            except _NotAlone as found:
                # The steps beside it go on: what they cost must not depend on how far they were.
                if found.wasted is not None:
                    wasted[step.id] = found.wasted
                return None

        try:
            async with asyncio.TaskGroup() as group:
                for step in graph.topological:
                    tasks[step.id] = group.create_task(play(step))
        except BaseExceptionGroup as failures:
            raise first_failure(failures) from None
        found = {step: task.result() for step, task in tasks.items()}
        made = {step: call for step, call in found.items() if call is not None}
        in_vain = tuple(wasted[step] for step in tasks if step in wasted)
        return CallsRun(made, is_complete=len(made) == len(found), wasted=in_vain)

    def made(
        self, graph: Graph, request: tuple[ChatMessage, ...], paid: Set[int]
    ) -> Mapping[StepId, PaidCall] | None:
        """Return a graph's calls where all were made before and are among ``paid``, by id."""
        if not _is_plain(graph):
            return None
        found: dict[StepId, PaidCall] = {}
        for step in graph.topological:
            texts = [found[edge.source].result.text for edge in graph.incoming[step.id]]
            key = self._key(step, compose(step.role, request, texts))
            call_id = _id(key.digest())
            stored = self._cache.peek(key) if call_id in paid else None
            if stored is None:
                return None
            found[step.id] = PaidCall(call_id, _result(stored.value), stored.study, _bytes(key))
        return found

    async def _call(self, step: Step, chat: tuple[ChatMessage, ...]) -> PaidCall:
        key = self._key(step, chat)
        digest = key.digest()
        call_id = _id(digest)
        async with self._locks[digest]:  # the same call of two graphs at once is made once
            stored = self._cache.get(key)
            if stored is not None:
                return PaidCall(call_id, _result(stored.value), stored.study, _bytes(key))
            result = await self._make(step, chat)
            self._cache.put(key, asdict(result))
            return PaidCall(call_id, result, self._cache.study, _bytes(key))

    def _key(self, step: Step, chat: tuple[ChatMessage, ...]) -> CallKey:
        model = str(step.model)
        if step.instruction:
            chat = (ChatMessage("system", step.instruction), *chat)
        return CallKey(model, self._revisions.get(model, ""), chat, step.sampling)

    async def _make(self, step: Step, chat: tuple[ChatMessage, ...]) -> CallResult:
        only = Step(StepId("call"), Role.ASSISTANT, step.model, sampling=step.sampling)
        try:
            run = await self._runs.run(CollaborationCall(Graph("one-call", (only,), ()), chat))
        except REFUSALS:
            raise _NotAlone from None
        result = CallResult(
            text=run.text,
            cost_usd=run.cost_usd,
            tokens=run.tokens,
            flops=run.flops,
            latency_s=run.receipt.latency_s,
            is_cloud=run.receipt.left_the_edge,
        )
        if run.receipt.label.categories:
            raise _NotAlone(result)
        return result


def _bytes(key: CallKey) -> int:
    return sum(len(turn.content.encode("utf-8", "surrogatepass")) for turn in key.chat)


def _id(digest: str) -> int:
    return int(digest[:16], 16) >> (64 - _ID_BITS)


_PLAIN_ROLES: Final = frozenset({Role.ASSISTANT, Role.FUSER})


def _is_plain(graph: Graph) -> bool:
    """Whether a graph's answer is what its calls give: no votes, fan-out, branches or rules."""
    plain_steps = all(
        step.samples == 1
        and step.map_over is None
        and step.rule is None
        and step.role in _PLAIN_ROLES
        and not step.instruction
        for step in graph.steps
    )
    return plain_steps and not any(edge.is_guarded for edge in graph.edges)


def _result(value: Mapping[str, object]) -> CallResult:
    return CallResult(**value)  # type: ignore[arg-type]  # written by `put` above
