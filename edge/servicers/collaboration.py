"""``leeward.v1.Collaboration`` on the edge: where a gRPC request of a local application enters."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import grpc

from edge.engine.limits import check_priority
from edge.outbox.queueing import Runs
from edge.servicers.queued import QueuedRuns
from leeward.v1 import collaboration_pb2 as pb
from leeward.v1 import collaboration_pb2_grpc as pb_grpc
from runtime.codec.collaboration import (
    CollaborationCall,
    decode_plan_request,
    decode_run_request,
    encode_plan_response,
)
from runtime.codec.events import encode_event
from runtime.collaboration.collaboration import CollaborationRequest
from runtime.rpc.boundary import error_boundary
from runtime.rpc.deadlines import remaining_s

__all__ = ["CollaborationServicer"]

Context = grpc.aio.ServicerContext[Any, Any]


class CollaborationServicer(pb_grpc.CollaborationServicer):
    """Plans and runs graphs for local applications."""

    def __init__(
        self,
        collaboration: Runs,
        queued: QueuedRuns,
        *,
        default_timeout_s: float,
        max_priority: int = 0,
    ) -> None:
        self._collaboration = collaboration
        self._queued = queued
        self._default_timeout_s = default_timeout_s
        self._max_priority = max_priority

    async def Plan(self, request: pb.PlanRequest, context: Context) -> pb.PlanResponse:
        """Decide what ``Run`` would do."""
        async with error_boundary(context, "Collaboration.Plan"):
            call = self._request(decode_plan_request(request), context)
            return encode_plan_response(await self._collaboration.plan(call))

    async def Run(self, request: pb.RunRequest, context: Context) -> AsyncIterator[pb.RunResponse]:
        """Run a graph and stream its events."""
        async with error_boundary(context, "Collaboration.Run"):
            call = self._request(decode_run_request(request), context)
            async with aclosing(self._collaboration.run(call)) as events:
                async for event in events:
                    yield encode_event(event)

    async def GetQueued(
        self, request: pb.GetQueuedRequest, context: Context
    ) -> pb.GetQueuedResponse:
        """Say how a queued request stands."""
        async with error_boundary(context, "Collaboration.GetQueued"):
            return await self._queued.get(request)

    async def CancelQueued(
        self, request: pb.CancelQueuedRequest, context: Context
    ) -> pb.CancelQueuedResponse:
        """Take a request out of the queue."""
        async with error_boundary(context, "Collaboration.CancelQueued"):
            return await self._queued.cancel(request)

    def _request(self, call: CollaborationCall, context: Context) -> CollaborationRequest:
        check_priority(call.priority, most=self._max_priority)
        deadline_s = remaining_s(context, default_s=self._default_timeout_s)
        return call.request(deadline_s=deadline_s, caller=call.session_id or context.peer())
