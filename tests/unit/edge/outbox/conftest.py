"""An outbox with everything real but the models, the releases and the clocks."""

import random
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from edge.outbox.calls import KeptCalls
from edge.outbox.lifetime import Mark
from edge.outbox.outbox import Outbox, OutboxTerms
from edge.outbox.queueing import QueueingCollaboration
from edge.outbox.sending import Sender
from edge.outbox.store import OutboxStore
from runtime.catalog.document import parse_catalog
from runtime.collaboration.collaboration import Collaboration, CollaborationRequest
from runtime.collaboration.graphs import GraphBook, Named
from runtime.errors import LeewardError
from runtime.executor.events import AnswerFinished
from runtime.executor.executor import Executor
from runtime.graph.document import parse_graph
from runtime.ids import NodeName
from runtime.policy.document import parse_policy
from runtime.ports import ChatMessage
from runtime.sentinel.defaults import default_detectors
from runtime.sentinel.scan import Sentinel
from runtime.testing.fakes import FakeReleases, ManualClock, ScriptedModel

POLICY = """
leeward: policy/v1
categories: {person: confidential, contact: confidential, health: restricted}
clearance: {edge: restricted, cloud: internal}
releases: [{categories: [person, contact], to: cloud, by: redact}]
when_unsure: restricted
cloud_away: queue
"""
STRICTER = POLICY.replace(
    "releases: [{categories: [person, contact], to: cloud, by: redact}]\n", ""
)
CATALOG = """
leeward: catalog/v1
nodes: {edge: {zone: edge}, cloud: {zone: cloud}}
models:
  small: {node: edge}
  large: {node: cloud, fallback: small}
"""
ASK_CLOUD = """
leeward: graph/v1
name: ask-cloud
steps: {answer: {role: assistant, model: large}}
"""
CLOUD = NodeName("cloud")
TTL_S = 100.0
KEPT_S = 1000.0


@dataclass
class ManualBoots:
    """A device that is switched off and on, with the wall clock of ``clock``."""

    clock: ManualClock
    boot: str = "boot-1"
    started_s: float = 0.0

    def mark(self) -> Mark:
        wall_s = self.clock.now().timestamp()
        return Mark(self.boot, self.clock.monotonic_s() - self.started_s, wall_s)

    def reboot(self, *, off_s: float = 0.0) -> None:
        self.clock.advance(off_s)
        self.boot += "'"
        self.started_s = self.clock.monotonic_s()


@dataclass
class OutboxHouse:
    """A device with an outbox, over a link that is there or not."""

    root: Path
    policy: str = POLICY
    max_items: int = 100
    max_bytes: int = 1 << 20
    is_linked: bool = True
    clock: ManualClock = field(default_factory=ManualClock)
    near: ScriptedModel = field(default_factory=lambda: ScriptedModel("edge", default="near"))
    far: ScriptedModel = field(default_factory=lambda: ScriptedModel("cloud", default="far"))
    releases: FakeReleases = field(default_factory=lambda: FakeReleases({"Anna Nowak": "person"}))
    originals: dict[str, str] = field(default_factory=lambda: {"<PERSON_1>": "Anna Nowak"})

    def __post_init__(self) -> None:
        self.boots = ManualBoots(self.clock)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["RunningOutbox"]:
        """Open it, as after a start of the daemon; nothing sends by itself."""
        store = OutboxStore(self.root, max_items=self.max_items, max_bytes=self.max_bytes)
        outbox = Outbox(
            store,
            OutboxTerms(TTL_S, KEPT_S),
            boot_clock=self.boots,
            clock=self.clock,
            is_clock_vouched=lambda: self.is_linked,
        )
        rules, catalog = parse_policy(self.policy), parse_catalog(CATALOG)
        graph = parse_graph(ASK_CLOUD)
        gate = KeptCalls(self.far, outbox, originals=lambda _: self.originals)
        executor = Executor(
            {NodeName("edge"): self.near, CLOUD: gate},
            self.releases,
            policy=rules,
            catalog=catalog,
            clock=self.clock,
            rng=random.Random(1),
            sleep=self.clock.sleep,
        )
        collaboration = Collaboration(
            graphs=GraphBook({graph.name: graph}, catalog, default=graph.name),
            policy=rules,
            catalog=catalog,
            sentinel=Sentinel(default_detectors()),
            executor=executor,
            healthy=lambda: frozenset({NodeName("edge"), *([CLOUD] if self.is_linked else [])}),
            clock=self.clock,
        )
        sender = Sender(
            outbox,
            collaboration,
            can_send=lambda: self.is_linked,
            cloud=frozenset({CLOUD}),
            deadline_s=20.0,
            clock=self.clock,
        )
        try:
            yield RunningOutbox(
                store,
                outbox,
                sender,
                QueueingCollaboration(collaboration, outbox, sender, cloud=frozenset({CLOUD})),
            )
        finally:
            store.close()


@dataclass
class RunningOutbox:
    """What a daemon holds of it."""

    store: OutboxStore
    outbox: Outbox
    sender: Sender
    runs: QueueingCollaboration

    async def ask(
        self, text: str, *, key: str = "", priority: int = 0, no_retry: bool = False
    ) -> str:
        """Return the answer."""
        request = CollaborationRequest(
            Named("ask-cloud"),
            (ChatMessage("user", text),),
            idempotency_key=key,
            priority=priority,
            no_retry=no_retry,
            deadline_s=20.0,
        )
        async with aclosing(self.runs.run(request)) as run:
            events = [event async for event in run]
        return next(event.text for event in events if isinstance(event, AnswerFinished))

    async def queue(
        self, text: str, *, key: str, priority: int = 0, no_retry: bool = False
    ) -> None:
        """Ask while the link is away."""
        with pytest.raises(LeewardError):
            await self.ask(text, key=key, priority=priority, no_retry=no_retry)

    async def send_all(self) -> None:
        """Answer what waits, until nothing can be."""
        while await self.sender.turn():
            pass


@pytest.fixture
def house(tmp_path: Path) -> OutboxHouse:
    return OutboxHouse(tmp_path / "outbox")
