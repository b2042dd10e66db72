"""``leeward.v1.Fleet`` on the gateway: enrolled devices renew their certificates, and report."""

from typing import Any

import grpc

from cloud.fleet.desk import SyncDesk
from cloud.fleet.renewing import Renewing
from leeward.v1 import desired_state_pb2
from leeward.v1 import fleet_pb2 as pb
from leeward.v1 import fleet_pb2_grpc as pb_grpc
from runtime.codec.fleet import decode_sync_request, encode_sync_response
from runtime.codec.renewal import decode_renew_request, encode_renew_response
from runtime.rpc.boundary import error_boundary
from runtime.rpc.peer import verified_peer

__all__ = ["FleetServicer"]

Context = grpc.aio.ServicerContext[Any, Any]


class FleetServicer(pb_grpc.FleetServicer):
    """Keeps devices in step."""

    def __init__(self, renewing: Renewing, desk: SyncDesk) -> None:
        self._renewing = renewing
        self._desk = desk

    async def Renew(self, request: pb.RenewRequest, context: Context) -> pb.RenewResponse:
        """Give the calling device a certificate for a new key."""
        async with error_boundary(context, "Fleet.Renew"):
            call = decode_renew_request(request)
            return encode_renew_response(await self._renewing.renew(verified_peer(context), call))

    async def Sync(
        self, request: desired_state_pb2.SyncRequest, context: Context
    ) -> desired_state_pb2.SyncResponse:
        """Take the calling device's report, and answer what it should have."""
        async with error_boundary(context, "Fleet.Sync"):
            report = decode_sync_request(request)
            return encode_sync_response(await self._desk.sync(verified_peer(context), report))
