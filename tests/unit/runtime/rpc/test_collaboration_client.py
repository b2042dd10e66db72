"""The client of graphs against a real server on loopback."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from leeward.v1 import collaboration_pb2 as pb
from leeward.v1 import collaboration_pb2_grpc as pb_grpc
from runtime.codec.collaboration import (
    CollaborationCall,
    decode_plan_request,
    decode_run_request,
    encode_plan_response,
)
from runtime.codec.events import encode_event
from runtime.errors import LeakFound, StreamBroken
from runtime.executor.events import AnswerDelta, AnswerFinished, Event, Receipt, RunFinished
from runtime.flow.model import FlowProof
from runtime.graph.model import Graph, Step
from runtime.graph.roles import Role
from runtime.ids import PlanId, RequestId, SessionId, StepId
from runtime.labels import PUBLIC
from runtime.planner.model import Plan
from runtime.ports import ChatMessage, FinishReason, Usage
from runtime.rpc.boundary import error_boundary
from runtime.rpc.channels import ChannelSettings, open_channel
from runtime.rpc.collaboration_client import CollaborationClient
from runtime.rpc.servers import bind, new_server, stop

ALONE = Graph("alone", (Step(StepId("near"), Role.ASSISTANT),), ())
PLAN = Plan(PlanId("p"), ALONE, "hash", PUBLIC, (), (), FlowProof((), ()))
RECEIPT = Receipt(
    request_id=RequestId("r"),
    session_id=SessionId("s"),
    plan_id=PlanId("p"),
    graph="alone",
    graph_hash="hash",
    label=PUBLIC,
    steps=(),
    releases=(),
    left_the_edge=False,
    latency_s=0.5,
    cost_usd=0.0,
    usage=Usage(),
)
ASK = CollaborationCall(graph="alone", messages=(ChatMessage("user", "Why?"),))
Context = grpc.aio.ServicerContext[Any, Any]


class Node(pb_grpc.CollaborationServicer):
    """Plans and runs as told."""

    def __init__(self, events: list[Event], failure: Exception | None) -> None:
        self._events = events
        self._failure = failure
        self.calls: list[CollaborationCall] = []

    async def Plan(self, request: pb.PlanRequest, context: Context) -> pb.PlanResponse:
        async with error_boundary(context, "Collaboration.Plan"):
            self.calls.append(decode_plan_request(request))
            if self._failure is not None:
                raise self._failure
            return encode_plan_response(PLAN)

    async def Run(self, request: pb.RunRequest, context: Context) -> AsyncIterator[pb.RunResponse]:
        async with error_boundary(context, "Collaboration.Run"):
            self.calls.append(decode_run_request(request))
            for event in self._events:
                yield encode_event(event)


@asynccontextmanager
async def serving(
    *events: Event, failure: Exception | None = None
) -> AsyncIterator[tuple[Node, CollaborationClient]]:
    node = Node(list(events), failure)
    server = new_server(max_concurrent_rpcs=4)
    pb_grpc.add_CollaborationServicer_to_server(node, server)
    port = bind(server, "127.0.0.1:0", tls=None)
    await server.start()
    channel = open_channel(ChannelSettings(f"127.0.0.1:{port}", None))
    try:
        yield node, CollaborationClient(channel)
    finally:
        await channel.close()
        await stop(server, None, grace_s=0)


async def test_a_run_is_streamed_to_its_receipt() -> None:
    events: list[Event] = [
        AnswerDelta("Be"),
        AnswerFinished("Be", FinishReason.STOP, PUBLIC),
        RunFinished(RECEIPT),
    ]

    async with serving(*events) as (node, client):
        received = [event async for event in client.run(ASK, timeout_s=5)]

    assert received == events
    assert node.calls == [ASK]


async def test_a_run_without_its_receipt_is_broken() -> None:
    async with serving(AnswerDelta("Be")) as (_, client):
        with pytest.raises(StreamBroken):
            [event async for event in client.run(ASK, timeout_s=5)]


async def test_a_plan_is_returned() -> None:
    async with serving() as (node, client):
        assert await client.plan(ASK, timeout_s=5) == PLAN

    assert node.calls == [ASK]


async def test_a_plan_that_could_leak_is_refused_with_its_path() -> None:
    leak = LeakFound("x", path=("request", "far@cloud-1"))

    async with serving(failure=leak) as (_, client):
        with pytest.raises(LeakFound) as refused:
            await client.plan(ASK, timeout_s=5)

    assert refused.value.path == leak.path
