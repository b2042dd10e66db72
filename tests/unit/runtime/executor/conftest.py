"""An executor over scripted models, and a way to run it to the end."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from runtime.executor.events import AnswerDelta, AnswerFinished, Event, Receipt, RunFinished
from runtime.executor.executor import Executor
from runtime.executor.limits import Limits
from runtime.executor.people import PersonPort
from runtime.ids import RequestId, SessionId, StepId
from runtime.planner.model import Plan
from runtime.policy.model import Policy
from runtime.ports import ChatMessage
from runtime.testing.fakes import FakeReleases, ManualClock, ScriptedModel
from runtime.testing.plans import CATALOG, CLOUD, EDGE, POLICY


@dataclass
class Bench:
    """Both nodes, the clock, and the executor that joins them."""

    near: ScriptedModel
    far: ScriptedModel
    clock: ManualClock = field(default_factory=ManualClock)
    releases: FakeReleases = field(default_factory=FakeReleases)
    policy: Policy = POLICY
    limits: Limits = field(default_factory=Limits)
    people: PersonPort | None = None

    def executor(self) -> Executor:
        models = {EDGE: self.near, CLOUD: self.far}
        return Executor(
            models,
            self.releases,
            policy=self.policy,
            catalog=CATALOG,
            clock=self.clock,
            rng=random.Random(1),
            limits=self.limits,
            sleep=self.clock.sleep,
            people=self.people,
        )

    def start(self, plan: Plan, text: str = "What is 2 + 2?", **options: object):
        arguments: dict[str, object] = {
            "request_id": RequestId("request-1"),
            "session_id": SessionId("session-1"),
            "deadline_s": 60.0,
        }
        messages: Sequence[ChatMessage] = [ChatMessage("user", text)]
        return self.executor().run(plan, messages, **(arguments | options))

    async def run(self, plan: Plan, text: str = "What is 2 + 2?", **options: object) -> "Ran":
        events: list[Event] = []
        await self.run_into(events, plan, text, **options)
        return Ran(events)

    async def run_into(
        self, events: list[Event], plan: Plan, text: str = "What is 2 + 2?", **options: object
    ) -> None:
        """Keep what came before a failure, too."""
        async for event in self.start(plan, text, **options):
            events.append(event)  # noqa: PERF401 - a comprehension would lose it


@dataclass
class Ran:
    """What a run told."""

    events: list[Event]

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]

    def names(self) -> list[str]:
        return [type(event).__name__ for event in self.events]

    @property
    def answer(self) -> str:
        (finished,) = self.of(AnswerFinished)
        return finished.text

    @property
    def streamed(self) -> str:
        return "".join(event.text for event in self.of(AnswerDelta))

    @property
    def receipt(self) -> Receipt:
        (finished,) = self.of(RunFinished)
        return finished.receipt


@pytest.fixture
def bench() -> Bench:
    return Bench(ScriptedModel(EDGE), ScriptedModel(CLOUD))


@pytest.fixture
def text_read(bench: Bench) -> Callable[[str], str]:
    """What a step's model was last given as the last turn."""

    def read(step: str) -> str:
        requests = bench.near.requests + bench.far.requests
        asked = [
            request
            for request in requests
            if request.provenance and request.provenance.step_id == StepId(step)
        ]
        return asked[-1].messages[-1].content

    return read
