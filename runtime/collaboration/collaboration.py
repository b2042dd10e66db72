"""The life of a request on a node: label, graph, plan, run.

Decisions are made in pure code below (``runtime.planner``, ``runtime.flow``); this module puts
them in order and is shared by the gRPC servicer and the HTTP front.
"""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Final

from runtime.catalog.model import Catalog
from runtime.clock import Clock
from runtime.collaboration.approval import ApprovalDesk, Question
from runtime.collaboration.auto import AutoRouter, Routed
from runtime.collaboration.graphs import Auto, GraphBook, GraphChoice, Named, PlainModel, known_as
from runtime.collaboration.intake import Intake, take_in
from runtime.errors import ApprovalRefused, RequestInvalid, VaultLocked
from runtime.executor.events import Event
from runtime.executor.executor import Executor
from runtime.executor.offer import Offer
from runtime.graph.hash import graph_hash
from runtime.ids import NodeName, PlanId, RequestId, SessionId
from runtime.labels import PUBLIC, Label
from runtime.planner.approvals import approval_wanted
from runtime.planner.model import Plan, PlanRequest
from runtime.planner.plan import plan
from runtime.policy.model import Policy, Unapproved
from runtime.ports import ChatMessage, SamplingOverrides, ToolDefinition, uses_tools
from runtime.sentinel.scan import Sentinel

__all__ = ["Collaboration", "CollaborationRequest"]

_WAITING_SHARE: Final = 0.5
"""Of a request's time, how much it may spend waiting for a person: the rest is for its answer."""
Observer = Callable[[str, AsyncGenerator[Event, None]], AsyncGenerator[Event, None]]
"""Passes the events of a run of the named graph on, and may look at them."""


@dataclass(frozen=True, slots=True)
class CollaborationRequest:
    """What an application asks of a node."""

    choice: GraphChoice
    messages: tuple[ChatMessage, ...]
    declared: Label = PUBLIC
    session_id: SessionId | None = None
    """Placeholders stay the same within a session; none given means one of its own."""
    sampling: SamplingOverrides = field(default_factory=SamplingOverrides)
    """What the caller changes in how every step draws tokens."""
    deadline_s: float = 60.0
    caller: str = ""
    """Who asks, as far as the front can tell: callers take turns and share no cache."""
    priority: int = 0
    """Where its calls of this node's own models stand among those that wait: higher goes first."""
    tools: tuple[ToolDefinition, ...] = ()
    """What the model may ask for; only where one plain model is asked."""
    tool_choice: str = "auto"
    idempotency_key: str = ""
    """Same key: run once, where this node keeps requests until they are answered."""
    no_retry: bool = False
    """With a key: whether models beyond this node are asked at most once."""
    request_id: RequestId = field(default_factory=lambda: RequestId(uuid.uuid4().hex))


class Collaboration:
    """Plans and runs requests."""

    def __init__(
        self,
        *,
        graphs: GraphBook,
        policy: Policy,
        catalog: Catalog,
        sentinel: Sentinel,
        executor: Executor,
        healthy: Callable[[], frozenset[NodeName]],
        clock: Clock,
        observed: Observer = lambda _, events: events,
        ended: Callable[[SessionId, RequestId], None] = lambda _session, _request: None,
        new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
        people_of: Callable[[SessionId], Awaitable[Sequence[str]]] | None = None,
        approvals: ApprovalDesk | None = None,
        can_sketch: bool = False,
        router: AutoRouter | None = None,
    ) -> None:
        self._graphs = graphs
        self._policy = policy
        self._catalog = catalog
        self._sentinel = sentinel
        self._executor = executor
        self._healthy = healthy
        self._clock = clock
        self._observed = observed
        self._ended = ended
        self._new_id = new_id
        self._people_of = people_of
        self._approvals = approvals
        self._can_sketch = can_sketch
        self._router = router

    async def plan(
        self, request: CollaborationRequest, *, also_healthy: frozenset[NodeName] = frozenset()
    ) -> Plan:
        """Decide what ``run`` would do if nobody approved anything, without doing it.

        Args:
            request: What an application asks.
            also_healthy: Nodes that count as healthy although they cannot be reached now.

        Raises:
            NotFound: No such graph or model.
            RequestInvalid: It has tools and asks a graph.
            LeakFound: The graph could leak, and no repair helps; names the path.
            DetectionFailed: A detector failed and the policy refuses such requests.
            CloudAway: The cloud is away and the policy allows no other way.
        """
        asked, _ = await self._plan_request(request)
        return self._planned(replace(asked, healthy=asked.healthy | also_healthy))

    def _planned(self, asked: PlanRequest) -> Plan:
        return plan(asked, plan_id=PlanId(self._new_id()), graph_hash=graph_hash(asked.graph))

    async def _plan_request(
        self, request: CollaborationRequest
    ) -> tuple[PlanRequest, Routed | None]:
        graph = self._graphs.find(request.choice)
        _refuse_tools_of_graphs(request)
        taken_in = await take_in(
            request.messages,
            request.declared,
            sentinel=self._sentinel,
            policy=self._policy,
            people=await self._known_people(request.session_id),
            tools=request.tools,
        )
        asked = PlanRequest(
            graph=graph,
            label=taken_in.label,
            policy=self._policy,
            catalog=self._catalog,
            today=self._clock.now().date(),
            healthy=self._healthy(),
            prompt_tokens=taken_in.prompt_tokens,
            deadline_s=request.deadline_s,
            # An abstract is a question of its own: nobody who answers it knows of tools.
            can_sketch=self._can_sketch and not uses_tools(request.messages, request.tools),
        )
        if self._router is None or not isinstance(request.choice, Auto):
            return asked, None
        return await asyncio.to_thread(self._routed, self._router, asked, taken_in)

    def _routed(
        self, router: AutoRouter, asked: PlanRequest, taken_in: Intake
    ) -> tuple[PlanRequest, Routed | None]:
        """Let the router choose; where it may not, the default graph stays."""

        def with_graph(name: str) -> PlanRequest:
            return replace(asked, graph=self._graphs.find(Named(name)))

        routed = router.route(taken_in, lambda name: self._planned(with_graph(name)))
        if routed is None:
            return asked, None
        return replace(with_graph(routed.graph), why_graph=routed.why), routed

    async def _approved(self, asked: PlanRequest, request: CollaborationRequest) -> PlanRequest:
        """Ask a person where one may help; return the request with what they approved."""
        rules = self._policy.approvals
        if rules is None or self._approvals is None:
            return asked
        wanted = approval_wanted(
            asked, plan_id=PlanId(self._new_id()), graph_hash=graph_hash(asked.graph)
        )
        if wanted is None:
            return asked
        approver = await self._approvals.ask(
            Question(
                wanted,
                Offer(request.messages, request.tools).texts(),
                request.request_id,
                request.session_id or SessionId(request.request_id),
                longest_s=min(rules.wait_s, request.deadline_s * _WAITING_SHARE),
            )
        )
        if approver is not None:
            return replace(asked, approved=wanted.categories, approver=approver)
        if rules.otherwise is Unapproved.REFUSE:
            names = ", ".join(sorted(wanted.categories))
            raise ApprovalRefused(f"nobody approved that {names} goes to {wanted.reader.node}")
        return asked

    async def run(self, request: CollaborationRequest) -> AsyncGenerator[Event, None]:
        """Answer a request as a stream of events; the last one holds the receipt.

        Raises:
            ApprovalRefused: A person said no, or nobody answered, and the policy says refuse.
            LeewardError: What ``plan`` raises, and what the executor does.
        """
        session_id = request.session_id or SessionId(request.request_id)
        started_s = self._clock.monotonic_s()
        try:
            asked, routed = await self._plan_request(request)
            decided = self._planned(await self._approved(asked, request))
            if self._router is not None and routed is not None:
                await asyncio.to_thread(self._router.note, request.request_id, routed)
            events = self._executor.run(
                decided,
                request.messages,
                request_id=request.request_id,
                session_id=session_id,
                overrides=request.sampling,
                deadline_s=request.deadline_s - (self._clock.monotonic_s() - started_s),
                caller=request.caller,
                priority=request.priority,
                tools=request.tools,
                tool_choice=request.tool_choice,
            )
            async with aclosing(self._observed(known_as(request.choice), events)) as seen:
                async for event in seen:
                    yield event
        finally:
            self._ended(session_id, request.request_id)

    async def _known_people(self, session: SessionId | None) -> Sequence[str] | None:
        """Return whom a session has named before, ``None`` when it cannot be read."""
        if session is None or self._people_of is None:
            return ()
        try:
            return await self._people_of(session)
        except VaultLocked:
            return None


def _refuse_tools_of_graphs(request: CollaborationRequest) -> None:
    if uses_tools(request.messages, request.tools) and not isinstance(request.choice, PlainModel):
        raise RequestInvalid("a graph takes no tools: ask one model by its name", field="tools")
