"""The link to the gateway: one channel, and whether the other side serves.

gRPC reconnects by itself. A gateway that refuses an expired certificate looks like one that is
down, so the link looks at its own certificate and says so.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from edge.egress.control import ControlLog
from edge.egress.door import open_door
from edge.identity import DeviceIdentity
from runtime.clock import Clock
from runtime.ledger.record import ControlPurpose, Destination
from runtime.rpc.tls import ClientTls, KeyPair

__all__ = ["CloudLink", "opened_link"]

_SERVICE: Final = "leeward.v1.Inference"
_RETRY_S: Final = 1.0
_FIRST_ANSWER_S: Final = 3.0
_EXPIRY_CHECK_S: Final = 60.0
_EXPIRY_WARNING_S: Final = 86_400.0

_logger: Final = logging.getLogger("leeward.edge.link")


class CloudLink:
    """A channel to the gateway and what its health service says.

    Args:
        channel: To the gateway; the caller closes it.
        identity: Whose certificate the channel shows.
        destination: The gateway, as the ledger names it.
        control: Counts the health traffic.
        clock: Says whether the certificate has ended.
    """

    def __init__(
        self,
        channel: grpc.aio.Channel,
        identity: DeviceIdentity,
        *,
        destination: Destination,
        control: ControlLog,
        clock: Clock,
    ) -> None:
        self.channel = channel
        self._identity = identity
        self._destination = destination
        self._control = control
        self._clock = clock
        self._is_serving = False
        self._known = asyncio.Event()

    @property
    def is_healthy(self) -> bool:
        """Whether the gateway said that it serves, has not gone since, and will know us."""
        return self._is_serving and self.certificate_left_s > 0

    @property
    def certificate_left_s(self) -> float:
        """How long the device's certificate is still valid, seconds; negative after its end."""
        return (self._identity.expires_at - self._clock.now()).total_seconds()

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
            self._count(sent_bytes=request.ByteSize())
            try:
                async for answer in stub.Watch(request):
                    self._count(received_bytes=answer.ByteSize())
                    self._note(answer.status == health_pb2.HealthCheckResponse.SERVING)
                self._note(False)
            except grpc.aio.AioRpcError as error:
                self._note(False, code=error.code().name)
            await asyncio.sleep(_RETRY_S)

    async def watch_certificate(self) -> None:
        """Warn before the certificate ends, and when it has."""
        while True:
            left_s = self.certificate_left_s
            if left_s <= 0:
                _logger.error("certificate_expired", extra={"device": self._identity.device})
            elif left_s < _EXPIRY_WARNING_S:
                _logger.warning("certificate_ends_soon", extra={"left_s": round(left_s)})
            await asyncio.sleep(_EXPIRY_CHECK_S)

    def _count(self, *, sent_bytes: int = 0, received_bytes: int = 0) -> None:
        self._control.count(
            self._destination,
            ControlPurpose.HEALTH,
            sent_bytes=sent_bytes,
            received_bytes=received_bytes,
        )

    def _note(self, is_serving: bool, *, code: str = "") -> None:
        if is_serving != self._is_serving or not self._known.is_set():
            state = "serving" if is_serving else "away"
            _logger.info("gateway_state", extra={"state": state, "code": code})
        self._is_serving = is_serving
        self._known.set()


@asynccontextmanager
async def opened_link(
    identity: DeviceIdentity, destination: Destination, *, control: ControlLog, clock: Clock
) -> AsyncIterator[CloudLink]:
    """Open the link and follow the gateway's health until the block ends."""
    pair = KeyPair(identity.certificate_chain_pem, identity.private_key_pem)
    tls = ClientTls(identity.ca_bundle_pem, pair)
    async with open_door(identity.gateway, tls) as channel, asyncio.TaskGroup() as group:
        link = CloudLink(channel, identity, destination=destination, control=control, clock=clock)
        tasks = [
            group.create_task(link.watch()),
            group.create_task(link.watch_certificate()),
        ]
        await link.wait_known()
        try:
            yield link
        finally:
            for task in tasks:
                task.cancel()
