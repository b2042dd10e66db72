"""The real edge in one process, with the far side of its gate replaced by a recorder.

For the benchmark and the tests of non-interference alike.
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
from edge.privacy.approvals import Approvals
from edge.privacy.releases import EdgeReleases
from edge.privacy.sketch import Sketcher
from edge.privacy.vault import Vault
from runtime.catalog.document import parse_catalog
from runtime.catalog.model import Catalog
from runtime.codec.inference import encode_generate_request
from runtime.codec.ledger import LedgerReference
from runtime.collaboration.collaboration import Collaboration, CollaborationRequest
from runtime.collaboration.graphs import GraphBook, Inline
from runtime.errors import ContextOverflow, LedgerUnavailable, LeewardError
from runtime.executor.events import AnswerFinished, Event, Receipt, RunFinished
from runtime.executor.executor import Executor
from runtime.graph.document import parse_graph
from runtime.graph.model import Graph
from runtime.ids import NodeName, RequestId, SessionId
from runtime.ledger.keys import load_or_create_keys
from runtime.ledger.record import Destination
from runtime.ledger.writer import LedgerWriter
from runtime.planner.model import Plan
from runtime.policy.document import parse_policy, policy_hash
from runtime.policy.model import ApprovalRules, PlaceholderStyle, Policy
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
from runtime.sentinel.detector import Detector
from runtime.sentinel.scan import Sentinel
from runtime.testing.fakes import ManualClock, SeededIds

__all__ = [
    "ASK_CLOUD",
    "CLOUD",
    "EDGE",
    "RULES",
    "House",
    "Outcome",
    "World",
    "opened_house",
    "run_once",
]

EDGE, CLOUD = NodeName("edge"), NodeName("cloud")
_SESSION = SessionId("a" * 32)
_DEADLINE_S = 30.0
_POLICY = """
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
_CATALOG = """
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


class _AnyName:
    """Every name: the graphs under trial count as this device's own, whatever its keys are."""

    def __contains__(self, name: object) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class World:
    """What a house is furnished with."""

    policy: Policy
    catalog: Catalog
    detectors: tuple[Detector, ...] = ()
    """Besides the shipped ones."""
    scan_timeout_s: float = 10.0
    sketcher: Sketcher | None = None


RULES = World(parse_policy(_POLICY), parse_catalog(_CATALOG))
"""A small policy that redacts people, contacts and accounts; one model on either side."""
ASK_CLOUD = parse_graph("""
leeward: graph/v1
name: ask-cloud
steps: {answer: {role: assistant, model: gannet-m}}
""")
"""The shortest graph of which something leaves: one question to the far side's model."""


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
        for place, word in enumerate(text.split(" ")):
            logprob = -((number + place) % 7 / 7)
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
        if ledger is None:
            raise LedgerUnavailable("a call came through the gate without its ledger reference")
        message = encode_generate_request(request)
        deadline = f"{request.timeout_s:.6f}".encode()
        self.passages.append(message.SerializeToString(deterministic=True) + deadline)
        number = digest_of(request)
        seen = request.messages[-1].content[:60]
        yield TextDelta(f"About {seen}: {number % 89}. {values_of(number)} ")
        yield TextDelta(f"Answer: {number % 5}")
        # Of an answer that two write together there is always more to ask for.
        finish = FinishReason.LENGTH if request.draft or request.begun else FinishReason.STOP
        yield Completion(finish, usage=Usage(10, 10), node=CLOUD, continued=request.continues)


@dataclass
class Outcome:
    """What one run came to."""

    passages: list[bytes]
    """Request by request, sorted within each: of passages that run side by side the machine's
    threads decide the order; those that depend on each other hold each other's text."""
    answer: str = ""
    receipt: Receipt | None = None
    failure: str = ""


@dataclass(frozen=True, slots=True)
class House:
    """One edge."""

    collaboration: Collaboration
    executor: Executor
    recorder: Recorder
    approvals: Approvals
    releases: EdgeReleases


@asynccontextmanager
async def opened_house(
    root: Path, keys: Path, *, world: World = RULES, fails: bool = False
) -> AsyncIterator[House]:
    """A fresh edge in ``root``, with the ledger keys of ``keys``: nonces are arguments here."""
    clock = ManualClock()
    ledger = await asyncio.to_thread(_open_ledger, root / "ledger", keys, clock)
    vault = Vault(root / "vault", clock=clock)
    rules, catalog = world.policy, world.catalog
    detectors = [*default_detectors(), *world.detectors]
    sentinel = Sentinel(detectors, timeout_s=world.scan_timeout_s)
    releases = EdgeReleases(
        sentinel,
        vault,
        clock=clock,
        sketcher=world.sketcher,
        has_surrogates=rules.placeholders is PlaceholderStyle.SURROGATES,
    )
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
        issued=releases.issued,
        known_names=_AnyName(),
    )
    executor = Executor(
        {EDGE: SwayedModel(fails), CLOUD: gate},
        releases,
        policy=rules,
        catalog=catalog,
        clock=clock,
        rng=random.Random(5),  # noqa: S311 - jitter that repeats
    )
    ids = SeededIds(3)
    approvals = Approvals(
        releases,
        ledger,
        at_most=(rules.approvals or ApprovalRules()).at_most,
        directory=root / "approvals",
        clock=clock,
    )
    await approvals.settle_leftovers()
    try:
        yield House(
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
                ended=releases.finish,
                approvals=approvals,
                can_sketch=world.sketcher is not None,
            ),
            executor,
            recorder,
            approvals,
            releases,
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
    root: Path,
    keys: Path,
    graph: Graph,
    texts: Sequence[str],
    *,
    world: World = RULES,
    plan: Plan | None = None,
    fails: bool = False,
) -> Outcome:
    """Run the requests of one session in a fresh edge, and return all that passed the gate.

    Args:
        root: An empty directory for ledger and vault.
        keys: Where the ledger's keys are, or will be.
        graph: What every request runs.
        texts: The requests, in order.
        world: Policy and catalog.
        plan: Carried out instead of what the planner would decide.
        fails: Whether the edge's model fails on some inputs.
    """
    async with opened_house(root, keys, world=world, fails=fails) as house:
        outcome = Outcome([])
        for number, text in enumerate(texts):
            request = CollaborationRequest(
                choice=Inline(graph),
                messages=(ChatMessage("user", text),),
                session_id=_SESSION,
                request_id=RequestId(f"{number:032x}"),
                deadline_s=_DEADLINE_S,
            )
            await _run(_events(house, request, plan), outcome)
            outcome.passages += sorted(house.recorder.passages)
            house.recorder.passages.clear()
        return outcome


def _events(
    house: House, request: CollaborationRequest, plan: Plan | None
) -> AsyncGenerator[Event, None]:
    if plan is None:
        return house.collaboration.run(request)
    return house.executor.run(
        plan,
        request.messages,
        request_id=request.request_id,
        session_id=_SESSION,
        deadline_s=_DEADLINE_S,
    )


async def _run(running: AsyncGenerator[Event, None], outcome: Outcome) -> None:
    try:
        async with aclosing(running) as events:
            async for event in events:
                if isinstance(event, AnswerFinished):
                    outcome.answer = event.text
                elif isinstance(event, RunFinished):
                    outcome.receipt = event.receipt
    except LeewardError as error:
        outcome.failure = type(error).__name__
