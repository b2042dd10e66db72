"""``leeward.v1.Collaboration`` on the gateway: graphs that may run in the cloud alone."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from typing import Any, NoReturn

import grpc

from cloud.collaboration import GatewayGraphs, run_id
from cloud.fleet.renewing import DeviceAccess
from cloud.open_calls import OpenCalls
from leeward.v1 import collaboration_pb2 as pb
from leeward.v1 import collaboration_pb2_grpc as pb_grpc
from runtime.codec.collaboration import (
    decode_plan_request,
    decode_run_request,
    encode_plan_response,
)
from runtime.codec.events import encode_event
from runtime.errors import NotImplementedYet
from runtime.ids import DeviceId
from runtime.rpc.boundary import error_boundary
from runtime.rpc.deadlines import remaining_s
from runtime.rpc.peer import verified_peer

__all__ = ["CollaborationServicer"]

Context = grpc.aio.ServicerContext[Any, Any]


class CollaborationServicer(pb_grpc.CollaborationServicer):
    """Plans and runs graphs for enrolled devices."""

    def __init__(self, devices: DeviceAccess, graphs: GatewayGraphs, calls: OpenCalls) -> None:
        self._devices = devices
        self._graphs = graphs
        self._calls = calls

    async def Plan(self, request: pb.PlanRequest, context: Context) -> pb.PlanResponse:
        """Decide what ``Run`` would do."""
        async with error_boundary(context, "Collaboration.Plan"):
            caller = await self._devices.by_certificate(verified_peer(context))
            asked = decode_plan_request(request).request(
                deadline_s=remaining_s(context), caller=caller.id
            )
            return encode_plan_response(await self._graphs.of(caller).plan(asked))

    async def Run(self, request: pb.RunRequest, context: Context) -> AsyncIterator[pb.RunResponse]:
        """Run a graph and stream its events."""
        async with error_boundary(context, "Collaboration.Run"):
            caller = await self._devices.by_certificate(verified_peer(context))
            call = decode_run_request(request)
            asked = call.request(deadline_s=remaining_s(context), caller=caller.id)
            again = run_id(caller, call.idempotency_key)
            asked = asked if again is None else replace(asked, request_id=again)
            async with (
                self._calls.guarding(DeviceId(caller.id)) as running,
                aclosing(self._graphs.of(caller).run(asked)) as events,
            ):
                async for event in events:
                    running.leave()
                    yield encode_event(event)
                    running.back()

    async def GetQueued(self, request: pb.GetQueuedRequest, context: Context) -> NoReturn:
        """Refuse: requests wait on devices."""
        await self._queues_nothing(context, "Collaboration.GetQueued")

    async def CancelQueued(self, request: pb.CancelQueuedRequest, context: Context) -> NoReturn:
        """Refuse: requests wait on devices."""
        await self._queues_nothing(context, "Collaboration.CancelQueued")

    async def _queues_nothing(self, context: Context, rpc: str) -> NoReturn:
        async with error_boundary(context, rpc):
            await self._devices.by_certificate(verified_peer(context))
            raise NotImplementedYet("a gateway queues nothing: requests wait on devices")
