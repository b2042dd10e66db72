"""A gate against a real server on loopback, which looks at the ledger when a call arrives."""

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import grpc
import pytest

from edge.egress.gate import Gate
from leeward.v1 import inference_pb2 as pb
from leeward.v1 import inference_pb2_grpc as pb_grpc
from runtime.clock import SystemClock
from runtime.codec.inference import encode_chunk
from runtime.errors import (
    LeewardError,
)
from runtime.ids import Category, ModelName, NodeName, PlanId, RequestId, SessionId, StepId
from runtime.labels import Level
from runtime.ledger.read import read_entries
from runtime.ledger.record import ContentPassage, Destination
from runtime.ledger.writer import LedgerWriter
from runtime.policy.model import Policy, ReleaseKind, ReleaseRule
from runtime.ports import (
    ChatMessage,
    Chunk,
    Completion,
    FinishReason,
    GenerateRequest,
    Provenance,
    TextDelta,
)
from runtime.rpc.channels import ChannelSettings, open_channel
from runtime.rpc.inference_client import InferenceClient
from runtime.rpc.servers import bind, new_server
from runtime.sentinel.defaults import default_detectors
from runtime.sentinel.scan import Sentinel
from runtime.sentinel.span import Span

NODE = NodeName("cloud")
SECRETS = {
    "phone": "+48 601 234 567",
    "email": "anna.kowalska@example.com",
    "card": "4111 1111 1111 1111",
    "api_key": "AKIAIOSFODNN7EXAMPLE",
    "person": "Patient Anna Kowalska",
}
POLICY = Policy(
    categories={
        Category("person"): Level.CONFIDENTIAL,
        Category("contact"): Level.CONFIDENTIAL,
        Category("finance"): Level.CONFIDENTIAL,
        Category("health"): Level.RESTRICTED,
        Category("secret"): Level.RESTRICTED,
        Category("project_name"): Level.INTERNAL,
    },
    clearance={"edge": Level.RESTRICTED, "cloud": Level.INTERNAL},
    releases=(
        ReleaseRule(
            frozenset({Category("person"), Category("contact")}), "cloud", ReleaseKind.REDACT
        ),
        ReleaseRule(frozenset({Category("contact")}), "cloud", ReleaseKind.APPROVAL),
    ),
)


@dataclass(slots=True)
class Seen:
    """One call as the server got it, and what the ledger file held at that moment."""

    message: pb.GenerateRequest
    ledger_bytes: bytes


@dataclass(slots=True)
class Recorder(pb_grpc.InferenceServicer):
    """A gateway that reads the edge's ledger the moment a call arrives."""

    ledger: Path
    seen: list[Seen] = field(default_factory=list)
    chunks: Sequence[Chunk] = (TextDelta("42"), Completion(FinishReason.STOP))

    async def Generate(
        self, request: pb.GenerateRequest, context: Any
    ) -> AsyncIterator[pb.GenerateResponse]:
        files = sorted(self.ledger.glob("*.jsonl"))
        self.seen.append(Seen(request, b"".join(file.read_bytes() for file in files)))
        for chunk in self.chunks:
            yield encode_chunk(chunk)


class Broken:
    """A detector that fails."""

    name = "broken"
    kinds = frozenset[str]()

    def detect(self, text: str) -> list[Span]:
        raise ZeroDivisionError(text)


@dataclass(slots=True)
class House:
    """A gate with everything real behind it."""

    gate: Gate
    server: Recorder
    ledger: LedgerWriter
    directory: Path
    channel: grpc.aio.Channel

    def gate_with(self, detectors: Sequence[Any]) -> Gate:
        return gate_of(self.channel, self.ledger, Sentinel(detectors))

    async def call(self, request: GenerateRequest) -> list[Chunk]:
        async with aclosing(self.gate.generate(request)) as chunks:
            return [chunk async for chunk in chunks]

    async def refusal(self, request: GenerateRequest) -> LeewardError:
        with pytest.raises(LeewardError) as refused:
            await self.call(request)
        assert self.server.seen == []
        assert not [e for e in read_entries(self.directory) if is_content(e.record)]
        return refused.value


def is_content(record: object) -> bool:
    return isinstance(record, ContentPassage)


def gate_of(
    channel: grpc.aio.Channel, ledger: LedgerWriter, sentinel: Sentinel, *issued: str
) -> Gate:
    return Gate(
        InferenceClient(channel),
        Destination(NODE, "127.0.0.1:1"),
        zone="cloud",
        policy=POLICY,
        policy_hash="ab12",
        sentinel=sentinel,
        ledger=ledger,
        clock=SystemClock(),
        issued=lambda where: issued,
        known_names=("known", "near"),
    )


@asynccontextmanager
async def running_gate(root: Path) -> AsyncIterator[House]:
    """Bring up a gate and the server behind it; its ledger is in ``root``."""
    directory = root / "ledger"
    recorder = Recorder(directory)
    server = new_server(max_concurrent_rpcs=16)
    pb_grpc.add_InferenceServicer_to_server(recorder, server)
    port = bind(server, "127.0.0.1:0", tls=None)
    await server.start()
    ledger = LedgerWriter.open(directory, clock=SystemClock())
    settings = ChannelSettings(target=f"127.0.0.1:{port}", tls=None)
    try:
        async with open_channel(settings) as channel:
            gate = gate_of(channel, ledger, Sentinel(default_detectors()))
            yield House(gate, recorder, ledger, directory, channel)
    finally:
        await ledger.close()
        await server.stop(0)


def request_of(content: str = "How much is 6 times 7?", **changes: Any) -> GenerateRequest:
    request = GenerateRequest(
        model=ModelName("gannet-m"),
        messages=(ChatMessage("user", content),),
        provenance=Provenance(
            request_id=RequestId("0" * 32),
            session_id=SessionId("1" * 32),
            plan_id=PlanId("2" * 32),
            step_id=StepId("far"),
            graph="ask-cloud",
        ),
        timeout_s=10,
    )
    return replace(request, **changes)


def with_origin(request: GenerateRequest, **changes: Any) -> GenerateRequest:
    assert request.provenance is not None
    return replace(request, provenance=replace(request.provenance, **changes))
