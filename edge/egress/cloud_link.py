"""The link to the gateway: one channel, and whether the other side serves.

gRPC reconnects by itself. A gateway that refuses an expired certificate looks like one that is
down, so the link looks at its own certificate and says so. A new certificate takes a new channel;
calls that run stay on the old one until they end.
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
from runtime.background import meanwhile
from runtime.clock import Clock
from runtime.errors import BackendUnavailable
from runtime.ledger.record import ControlPurpose, Destination
from runtime.rpc.swapping import SwappingChannel
from runtime.rpc.tls import ClientTls, KeyPair

__all__ = ["GATEWAY_SERVICE", "CloudLink", "open_gateway", "opened_link"]

GATEWAY_SERVICE: Final = "leeward.v1.Inference"
_RETRY_S: Final = 1.0
_FIRST_ANSWER_S: Final = 3.0
_CONNECT_S: Final = 15.0
_EXPIRY_CHECK_S: Final = 60.0
_LITTLE_LEFT: Final = 0.25
"""What share of its lifetime a certificate has left when somebody should look: it was to be renewed
long before."""

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
        channel: SwappingChannel,
        identity: DeviceIdentity,
        *,
        destination: Destination,
        control: ControlLog,
        clock: Clock,
    ) -> None:
        self.channel = channel
        self.identity = identity
        """Whose certificate new calls show."""
        self.destination = destination
        self.is_refused = False
        """Whether the gateway said that it does not know this device, or not any more."""
        self._control = control
        self._clock = clock
        self._is_serving = False
        self._known = asyncio.Event()
        self._swapped = asyncio.Event()

    @property
    def is_healthy(self) -> bool:
        """Whether the gateway said that it serves, has not gone since, and will know us."""
        return self._is_serving and self.certificate_left_s > 0 and not self.is_refused

    @property
    def certificate_left_s(self) -> float:
        """How long the device's certificate is still valid, seconds; negative after its end."""
        return (self.identity.expires_at - self._clock.now()).total_seconds()

    async def adopt(self, identity: DeviceIdentity) -> None:
        """Show this identity from the next call on; calls that run keep the one they began with.

        Raises:
            BackendUnavailable: The gateway cannot be reached with it yet; the former one, which is
                still good, is shown still.
        """
        newer = open_gateway(identity)
        try:
            async with asyncio.timeout(_CONNECT_S):
                await newer.channel_ready()
        except TimeoutError:
            if self.certificate_left_s > 0:
                await newer.close()
                reason = "the gateway cannot be reached with the new certificate yet"
                raise BackendUnavailable(reason) from None
        except BaseException:
            await newer.close()
            raise
        self.identity = identity
        self.is_refused = False
        self.channel.swap(newer)
        swapped, self._swapped = self._swapped, asyncio.Event()
        swapped.set()

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
        while True:
            swapped = self._swapped
            following = asyncio.ensure_future(self._follow(stub))
            other_channel = asyncio.ensure_future(swapped.wait())
            try:
                await asyncio.wait({following, other_channel}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (following, other_channel):
                    task.cancel()
                await asyncio.gather(following, other_channel, return_exceptions=True)
            if swapped.is_set():
                continue  # at once, on the new channel; what is known of the gateway stands
            self._note(False, code=following.result())
            await asyncio.sleep(_RETRY_S)

    async def drain_for_ever(self) -> None:
        """Close former channels as their calls end."""
        while True:
            swapped = self._swapped
            await self.channel.drain()
            await swapped.wait()

    async def watch_certificate(self) -> None:
        """Warn when the certificate should have been renewed long ago, and when it has ended."""
        while True:
            left_s = self.certificate_left_s
            if left_s <= 0:
                _logger.error("certificate_expired", extra={"device": self.identity.device})
            elif left_s < _LITTLE_LEFT * _lifetime_s(self.identity):
                _logger.warning("certificate_ends_soon", extra={"left_s": round(left_s)})
            await asyncio.sleep(_EXPIRY_CHECK_S)

    async def _follow(self, stub: health_pb2_grpc.HealthStub) -> str:
        """Follow the gateway's health until the stream ends; return the status of that."""
        request = health_pb2.HealthCheckRequest(service=GATEWAY_SERVICE)
        self._count(sent_bytes=request.ByteSize())
        try:
            async for answer in stub.Watch(request):
                self._count(received_bytes=answer.ByteSize())
                self._note(answer.status == health_pb2.HealthCheckResponse.SERVING)
        except grpc.aio.AioRpcError as error:
            return str(error.code().name)
        return ""

    def _count(self, *, sent_bytes: int = 0, received_bytes: int = 0) -> None:
        self._control.count(
            self.destination,
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
    async with SwappingChannel(open_gateway(identity)) as channel:
        link = CloudLink(channel, identity, destination=destination, control=control, clock=clock)
        async with meanwhile(link.watch, link.drain_for_ever, link.watch_certificate):
            await link.wait_known()
            yield link


def open_gateway(identity: DeviceIdentity) -> grpc.aio.Channel:
    """Open a connection to the gateway as this device."""
    pair = KeyPair(identity.certificate_chain_pem, identity.private_key_pem)
    return open_door(identity.gateway, ClientTls(identity.ca_bundle_pem, pair))


def _lifetime_s(identity: DeviceIdentity) -> float:
    return (identity.expires_at - identity.begins_at).total_seconds()
