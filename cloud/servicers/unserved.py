"""Services of the contract that later work fills in: they answer UNIMPLEMENTED, to devices only."""

from collections.abc import AsyncIterator
from typing import Any, NoReturn

import grpc

from leeward.v1 import collaboration_pb2_grpc, fleet_pb2_grpc
from leeward.v1.collaboration_pb2 import RunResponse
from runtime.errors import NotImplementedYet
from runtime.rpc.boundary import error_boundary

__all__ = ["UnservedCollaboration", "UnservedFleet"]

Context = grpc.aio.ServicerContext[Any, Any]


async def _refuse(context: Context, rpc: str) -> NoReturn:
    async with error_boundary(context, rpc):
        raise NotImplementedYet(f"{rpc} is not served by this gateway yet")


class UnservedCollaboration(collaboration_pb2_grpc.CollaborationServicer):
    """Graphs run on edges; the gateway's own come with the gateway's work."""

    async def Plan(self, request: Any, context: Context) -> NoReturn:
        """Refuse."""
        await _refuse(context, "Collaboration.Plan")

    async def Run(self, request: Any, context: Context) -> AsyncIterator[RunResponse]:
        """Refuse."""
        await _refuse(context, "Collaboration.Run")
        yield RunResponse()  # makes this a stream; never reached


class UnservedFleet(fleet_pb2_grpc.FleetServicer):
    """Renewal and sync come with the fleet work."""

    async def Renew(self, request: Any, context: Context) -> NoReturn:
        """Refuse."""
        await _refuse(context, "Fleet.Renew")

    async def Sync(self, request: Any, context: Context) -> NoReturn:
        """Refuse."""
        await _refuse(context, "Fleet.Sync")
