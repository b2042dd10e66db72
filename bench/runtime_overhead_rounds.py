"""The measured calls of ``bench.runtime_overhead``, taken in turns so that drift hits all alike."""

from __future__ import annotations

import gc
import os
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

import grpc

from bench.runtime_overhead_server import BARE_METHOD, PIECES, SLEEP_MARK
from edge.egress.gate import Gate
from runtime.clock import SystemClock
from runtime.codec.inference import encode_generate_request
from runtime.executor.events import AnswerFinished
from runtime.executor.executor import Executor
from runtime.graph.document import check_graph
from runtime.graph.model import Edge, Graph, Step
from runtime.graph.roles import Role
from runtime.ids import ModelName, PlanId, RequestId, SessionId, StepId
from runtime.ledger.record import Destination
from runtime.ledger.writer import LedgerWriter
from runtime.planner.model import Plan
from runtime.policy.document import policy_hash
from runtime.ports import ChatMessage, GenerateRequest, ModelPort, Provenance
from runtime.rpc.inference_client import InferenceClient
from runtime.sentinel.defaults import default_detectors
from runtime.sentinel.detector import Detector
from runtime.sentinel.scan import Sentinel
from runtime.testing.fakes import FakeReleases
from runtime.testing.plans import CATALOG, CLOUD, POLICY, plan_of

__all__ = ["BRANCHES", "CHAIN_STEPS", "GATED", "PLAIN", "SLEEP_MS", "Calls", "request_of"]

PLAIN: Final = ("bare", "step", "chain")
"""Taken in turns: a bare stream; a run of one remote step; a run of ``CHAIN_STEPS`` remote steps in
a row, per step."""
GATED: Final = ("bare", "ledgered", "gated", "fsync")
"""Taken in turns, apart from the others because scans and fsyncs leave the caches cold: a bare
stream; a run of one step through a gate without detectors (policy and ledger alone); through a
gate with all of them; a bare write and fsync of a ledger line."""
CHAIN_STEPS: Final = 8
BRANCHES: Final = 16
SLEEP_MS: Final = 200
_PROMPT: Final = "What is the answer to the ultimate question? " * 12
_TIMEOUT_S: Final = 30.0
_MESSAGES: Final = (ChatMessage("system", "Answer briefly."), ChatMessage("user", _PROMPT))


def request_of(model: str) -> GenerateRequest:
    """Return the request that every timed call sends, give or take ids."""
    provenance = Provenance(
        RequestId("request-000001"),
        SessionId("session-1"),
        PlanId("plan-1"),
        StepId("s0"),
        graph="chain",
    )
    return GenerateRequest(
        ModelName(model),
        _MESSAGES,
        provenance=provenance,
        idempotency_key="request-000001/s0/0",
        timeout_s=_TIMEOUT_S,
    )


class Calls:
    """Makes one call of a kind and says how long it took.

    Args:
        bare: Channel of the bare stream.
        node: Channel of the no-op node; its own, as a real client's would be.
        ledger: Where gated calls are recorded.
        address: Of the node, for the ledger.
        scratch: A file on the ledger's file system, for the bare fsync.
    """

    def __init__(
        self,
        bare: grpc.aio.Channel,
        node: grpc.aio.Channel,
        *,
        ledger: LedgerWriter,
        address: str,
        scratch: Path,
    ) -> None:
        # Without serializers grpc.aio passes bytes through.
        self._stream: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = bare.unary_stream(
            BARE_METHOD
        )
        client = InferenceClient(node)
        self._plain = _executor(client)
        self._ledgered = _executor(_gate(client, address, ledger, detectors=()))
        self._gated = _executor(_gate(client, address, ledger, detectors=default_detectors()))
        self._message = encode_generate_request(request_of("noop")).SerializeToString()
        self._scratch = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._one = _plan_of_chain(1, "noop")
        self._chain = _plan_of_chain(CHAIN_STEPS, "noop")
        self._count = 0
        self._makers: dict[str, Callable[[], Awaitable[None]]] = {
            "bare": self._call_bare,
            "step": lambda: self._run(self._plain, self._one),
            "chain": lambda: self._run(self._plain, self._chain),
            "ledgered": lambda: self._run(self._ledgered, self._one),
            "gated": lambda: self._run(self._gated, self._one),
            "fsync": self._write_and_sync,
        }
        self.ledger_line = b"{}\n"
        """What the bare fsync writes: set to a real line of the ledger once there is one."""

    async def time_ms(self, kind: str) -> float:
        """Make one call of a kind; return its duration, per step, in milliseconds."""
        make = self._makers[kind]
        start = time.perf_counter()
        await make()
        took_ms = (time.perf_counter() - start) * 1000
        return took_ms / CHAIN_STEPS if kind == "chain" else took_ms

    async def time_fan_ms(self, width: int) -> float:
        """Run a graph of parallel sleeping steps and a sleeping sink; return its duration.

        A width of 1 is the critical path of every other width: one branch, then the sink.
        """
        plan = _plan_of_fan(width, f"{SLEEP_MARK}{SLEEP_MS}")
        gc.collect()  # not in the middle of a run that takes half a second
        start = time.perf_counter()
        await self._run(self._plain, plan)
        return (time.perf_counter() - start) * 1000

    def close(self) -> None:
        """Close the scratch file."""
        os.close(self._scratch)

    async def _call_bare(self) -> None:
        received = 0
        async for _ in self._stream(self._message, timeout=_TIMEOUT_S):
            received += 1
        if received != len(PIECES) + 1:
            raise RuntimeError("the bare stream was cut")

    async def _run(self, executor: Executor, plan: Plan) -> None:
        self._count += 1
        events = executor.run(
            plan,
            _MESSAGES,
            request_id=RequestId(f"request-{self._count:06}"),
            session_id=SessionId("session-1"),
            deadline_s=_TIMEOUT_S,
        )
        answers = [event.text async for event in events if isinstance(event, AnswerFinished)]
        if answers != ["".join(PIECES)]:
            raise RuntimeError("a run gave no answer")

    async def _write_and_sync(self) -> None:
        os.write(self._scratch, self.ledger_line)
        os.fsync(self._scratch)


def _gate(
    client: InferenceClient, address: str, ledger: LedgerWriter, *, detectors: Sequence[Detector]
) -> Gate:
    return Gate(
        client,
        Destination(CLOUD, address),
        zone="cloud",
        policy=POLICY,
        policy_hash=policy_hash(POLICY),
        sentinel=Sentinel(detectors),
        ledger=ledger,
        clock=SystemClock(),
    )


def _executor(model: ModelPort) -> Executor:
    return Executor(
        {CLOUD: model},
        FakeReleases(),
        policy=POLICY,
        catalog=CATALOG,
        clock=SystemClock(),
        rng=random.Random(1),  # noqa: S311 - jitter
    )


def _plan_of_chain(length: int, model: str) -> Plan:
    steps = [_step(f"s{index}", model) for index in range(length)]
    edges = [Edge(one.id, two.id) for one, two in pairwise(steps)]
    return _plan("chain", steps, edges)


def _plan_of_fan(width: int, model: str) -> Plan:
    steps = [_step(f"s{index}", model) for index in range(width)]
    sink = _step("final", model, role=Role.FUSER if width > 1 else Role.ASSISTANT)
    return _plan("fan", [*steps, sink], [Edge(step.id, sink.id) for step in steps])


def _step(name: str, model: str, *, role: Role = Role.ASSISTANT) -> Step:
    return Step(StepId(name), role, ModelName(model))


def _plan(name: str, steps: list[Step], edges: list[Edge]) -> Plan:
    graph: Graph = check_graph(Graph(name, tuple(steps), tuple(edges)))
    return plan_of(graph, cloud={step.id for step in steps})
