"""The real edge in one process, with the far side of its gate replaced by a recorder.

Planner, flow check, executor, sentinel, releases, vault, ledger and gate are the real ones. The
edge's model is a function of everything it reads, so that a secret does influence its answers,
votes and decisions; the cloud's is a function of everything it receives.
"""

import asyncio
import hashlib
import json
import random
import shutil
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from edge.egress.gate import Gate
from edge.privacy.releases import EdgeReleases
from edge.privacy.vault import Vault
from runtime.catalog.document import parse_catalog
from runtime.codec.inference import encode_generate_request
from runtime.codec.ledger import LedgerReference
from runtime.collaboration.collaboration import Collaboration, CollaborationRequest
from runtime.collaboration.graphs import GraphBook, Inline
from runtime.errors import ContextOverflow, LeewardError
from runtime.executor.events import AnswerFinished, Receipt, RunFinished
from runtime.executor.executor import Executor
from runtime.graph.model import Graph
from runtime.ids import NodeName, RequestId, SessionId
from runtime.ledger.keys import load_or_create_keys
from runtime.ledger.record import Destination
from runtime.ledger.writer import LedgerWriter
from runtime.policy.document import parse_policy, policy_hash
from runtime.ports import (
    ChatMessage,
    Chunk,
    Completion,
    FinishReason,
    GenerateRequest,
    TextDelta,
    TokenLogprob,
    Usage,
)
from runtime.sentinel.defaults import default_detectors
from runtime.sentinel.scan import Sentinel
from runtime.testing.fakes import ManualClock, SeededIds

EDGE, CLOUD = NodeName("edge"), NodeName("cloud")
POLICY = """
leeward: policy/v1
categories: {person: confidential, contact: confidential, finance: confidential, health: restricted,
             identity: confidential, location: confidential, network: confidential,
             secret: restricted}
clearance: {edge: restricted, cloud: internal}
releases:
  - {categories: [person, contact, finance], to: cloud, by: redact}
when_unsure: restricted
cloud_away: edge_only
"""
CATALOG = """
leeward: catalog/v1
nodes: {edge: {zone: edge}, cloud: {zone: cloud}}
models:
  tern-s: {node: edge, decode_tokens_per_s: 100, prefill_tokens_per_s: 500}
  gannet-m:
    node: cloud
    fallback: tern-s
    decode_tokens_per_s: 100
    prices: [{valid_from: 2020-01-01, prompt_usd_per_mtok: 1, completion_usd_per_mtok: 2}]
"""


def digest_of(request: GenerateRequest) -> int:
    """A number that depends on every character that a model reads."""
    text = "\n".join(turn.content for turn in request.messages) + str(request.sampling.seed)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def values_of(number: int) -> str:
    """Outputs of every name that a graph of these tests declares, as JSON."""
    return json.dumps(
        {
            "score": number % 10 / 9,
            "verdict": ("yes", "no")[number % 2],
            "branch": ("left", "right")[number // 2 % 2],
            "items": [f"item {at} of {number % 97}" for at in range(1 + number % 3)],
            "parts": [f"part {at} of {number % 89}" for at in range(1 + number % 4)],
        }
    )


@dataclass
class SwayedModel:
    """An edge model that lets its input show in answer, length, certainty and decisions."""

    fails: bool = False
    """Whether it also fails on every third input."""

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Chunk, None]:
        number = digest_of(request)
        if self.fails and number % 3 == 0:
            raise ContextOverflow("the prompt is longer than the context")
        read = request.messages[-1].content
        text = f"{read[: number % 40]}\n{values_of(number)}\nAnswer: {number % 3}"
        for word in text.split(" "):
            logprob = -((number % 7) / 7)
            yield TextDelta(word + " ", logprobs=(TokenLogprob(word, logprob),))
        yield Completion(FinishReason.STOP, usage=Usage(len(read), len(text)), node=EDGE)


@dataclass
class Recorder:
    """The far side of the gate: keeps the exact bytes of every passage."""

    passages: list[bytes] = field(default_factory=list)

    async def generate(
        self, request: GenerateRequest, *, ledger: LedgerReference | None = None
    ) -> AsyncGenerator[Chunk, None]:
        # The ledger reference is left out: a keyed MAC, and a position that also counts outcomes,
        # whose place among concurrent passages is a matter of timing.
        assert ledger is not None
        message = encode_generate_request(request)
        deadline = f"{request.timeout_s:.6f}".encode()
        self.passages.append(message.SerializeToString(deterministic=True) + deadline)
        number = digest_of(request)
        seen = request.messages[-1].content[:60]
        yield TextDelta(f"About {seen}: {number % 89}. {values_of(number)} ")
        yield TextDelta(f"Answer: {number % 5}")
        yield Completion(FinishReason.STOP, usage=Usage(10, 10), node=CLOUD)


@dataclass
class Outcome:
    """What one run came to."""

    passages: list[bytes]
    """Request by request, sorted within each: of passages that run side by side the machine's
    threads decide the order; those that depend on each other hold each other's text."""
    answer: str = ""
    receipt: Receipt | None = None
    failure: str = ""


@asynccontextmanager
async def opened_house(
    root: Path, keys: Path, *, fails: bool = False
) -> AsyncIterator[tuple[Collaboration, Recorder]]:
    """A fresh edge in ``root``, with the ledger keys of ``keys``: nonces are arguments here."""
    clock = ManualClock()
    ledger = await asyncio.to_thread(_open_ledger, root / "ledger", keys, clock)
    vault = Vault(root / "vault", clock=clock)
    rules, catalog = parse_policy(POLICY), parse_catalog(CATALOG)
    sentinel = Sentinel(default_detectors())
    recorder = Recorder()
    gate = Gate(
        recorder,  # type: ignore[arg-type]  # all that the gate uses of a client
        Destination(CLOUD, "cloud:7443"),
        zone="cloud",
        policy=rules,
        policy_hash=policy_hash(rules),
        sentinel=sentinel,
        ledger=ledger,
        clock=clock,
    )
    releases = EdgeReleases(sentinel, vault, clock=clock)
    executor = Executor(
        {EDGE: SwayedModel(fails), CLOUD: gate},
        releases,
        policy=rules,
        catalog=catalog,
        clock=clock,
        rng=random.Random(5),
    )
    ids = SeededIds(3)
    try:
        yield (
            Collaboration(
                graphs=GraphBook({}, catalog, default=""),
                policy=rules,
                catalog=catalog,
                sentinel=sentinel,
                executor=executor,
                healthy=lambda: frozenset({EDGE, CLOUD}),
                clock=clock,
                new_id=lambda: str(ids.plan()),
                people_of=releases.people_of,
            ),
            recorder,
        )
    finally:
        await ledger.close()
        vault.close()


def _open_ledger(directory: Path, keys: Path, clock: ManualClock) -> LedgerWriter:
    if not keys.exists():
        load_or_create_keys(keys)
    shutil.copytree(keys, directory)
    return LedgerWriter.open(directory, clock=clock)


async def run_once(
    root: Path, keys: Path, graph: Graph, texts: Sequence[str], *, fails: bool = False
) -> Outcome:
    """Run the requests of one session in a fresh edge, and return all that passed the gate."""
    async with opened_house(root, keys, fails=fails) as (collaboration, recorder):
        outcome = Outcome([])
        for number, text in enumerate(texts):
            request = CollaborationRequest(
                choice=Inline(graph),
                messages=(ChatMessage("user", text),),
                session_id=SessionId("a" * 32),
                request_id=RequestId(f"{number:032x}"),
                deadline_s=30.0,
            )
            await _run(collaboration, request, outcome)
            outcome.passages += sorted(recorder.passages)
            recorder.passages.clear()
        return outcome


async def _run(
    collaboration: Collaboration, request: CollaborationRequest, outcome: Outcome
) -> None:
    try:
        async with aclosing(collaboration.run(request)) as events:
            async for event in events:
                if isinstance(event, AnswerFinished):
                    outcome.answer = event.text
                elif isinstance(event, RunFinished):
                    outcome.receipt = event.receipt
    except LeewardError as error:
        outcome.failure = type(error).__name__
