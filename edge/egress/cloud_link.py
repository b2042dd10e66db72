"""The link to the gateway: one channel, and whether the other side serves."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from edge.egress.door import open_door
from edge.identity import DeviceIdentity
from runtime.rpc.tls import ClientTls, KeyPair

__all__ = ["CloudLink", "opened_link"]

_SERVICE: Final = "leeward.v1.Inference"
_RETRY_S: Final = 1.0
_FIRST_ANSWER_S: Final = 3.0
_logger = logging.getLogger("leeward.edge.link")


class CloudLink:
    """A channel to the gateway and what its health service says."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.channel = channel
        self._is_healthy = False
        self._known = asyncio.Event()

    @property
    def is_healthy(self) -> bool:
        """Whether the gateway said that it serves, and has not gone since."""
        return self._is_healthy

    async def wait_known(self) -> None:
        """Wait for the first answer, or for as long as a start may be held up."""
        try:
            async with asyncio.timeout(_FIRST_ANSWER_S):
                await self._known.wait()
        except TimeoutError:
            return

    async def watch(self) -> None:
        """Follow the gateway's health for ever."""
        stub = health_pb2_grpc.HealthStub(self.channel)
        request = health_pb2.HealthCheckRequest(service=_SERVICE)
        while True:
            try:
                async for answer in stub.Watch(request):
                    self._note(answer.status == health_pb2.HealthCheckResponse.SERVING)
            except grpc.aio.AioRpcError as error:
                self._note(False, code=error.code().name)
            await asyncio.sleep(_RETRY_S)

    def _note(self, is_healthy: bool, *, code: str = "") -> None:
        if is_healthy != self._is_healthy or not self._known.is_set():
            state = "serving" if is_healthy else "away"
            _logger.info("gateway_state", extra={"state": state, "code": code})
        self._is_healthy = is_healthy
        self._known.set()


@asynccontextmanager
async def opened_link(identity: DeviceIdentity) -> AsyncIterator[CloudLink]:
    """Open the link and follow the gateway's health until the block ends."""
    pair = KeyPair(identity.certificate_chain_pem, identity.private_key_pem)
    tls = ClientTls(identity.ca_bundle_pem, pair)
    async with open_door(identity.gateway, tls) as channel, asyncio.TaskGroup() as group:
        link = CloudLink(channel)
        watching = group.create_task(link.watch())
        await link.wait_known()
        try:
            yield link
        finally:
            watching.cancel()
