"""A light device for ``bench.fleet_scale``: everything that a device says while nobody uses it.

Its own keys and certificate in memory, the edge's channel options, messages and codecs, and the
edge's habits: one stream that follows the gateway's health, reports, renewals over a swapped
connection, waits as long as a refusal says. No engine, no ledger on the disk.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from leeward.v1 import enrolment_pb2, enrolment_pb2_grpc, fleet_pb2_grpc
from runtime.clock import SystemClock
from runtime.codec.enrolment import (
    Credentials,
    EnrolCall,
    decode_credentials,
    encode_enrol_request,
)
from runtime.codec.fleet import decode_sync_response, encode_sync_request
from runtime.codec.renewal import RenewCall, decode_renew_response, encode_renew_request
from runtime.errors import BackendUnavailable, CapacityExhausted, LeewardError
from runtime.fleet.report import ModelHealth, ModelReport, StateReport, SyncReport
from runtime.identity.csr import create_csr
from runtime.identity.keys import create_device_keys, private_key_pem
from runtime.ids import ModelName
from runtime.ledger.entry import Head
from runtime.rpc.calls import read_answer
from runtime.rpc.channels import ChannelSettings, open_channel
from runtime.rpc.limits import KEEPALIVE_INTERVAL_S
from runtime.rpc.tls import ClientTls, KeyPair

__all__ = ["LightDevice", "Tally"]

_SERVICE: Final = "leeward.v1.Inference"
_TIMEOUT_S: Final = 30.0
_CONNECT_S: Final = 60.0
_ENROL_RETRY_S: Final = 2.0
_SYNC_RETRY_S: Final = 5.0
_WATCH_RETRY_S: Final = 1.0
_CLOCK: Final = SystemClock()
_MODELS: Final = (ModelReport(ModelName("slm-small"), ModelHealth.SERVING, 42.0),)


@dataclass(slots=True)
class Tally:
    """What a process's devices have seen."""

    refused: int = 0
    """Calls that were answered with a time to wait."""
    failed: Counter[str] = field(default_factory=Counter)
    """Calls that failed otherwise, by the error's class or the status."""
    sync_s: list[float] = field(default_factory=list)
    """How long each report took."""


class LightDevice:
    """One device.

    Args:
        token: Its join token.
        authority_pem: Whom it trusts at first.
        tally: Shared with the other devices of the process.
        rng: Spreads what devices do.
        probe_s: How often a silent connection is probed, seconds.
    """

    def __init__(
        self,
        token: str,
        authority_pem: bytes,
        tally: Tally,
        *,
        rng: random.Random,
        probe_s: float = KEEPALIVE_INTERVAL_S,
    ) -> None:
        self._token = token
        self._authority_pem = authority_pem
        self._tally = tally
        self._rng = rng
        self._probe_s = probe_s
        self._position = 0
        self._is_known = False
        self._credentials: Credentials | None = None
        self._tls: ClientTls | None = None
        self._channel: grpc.aio.Channel | None = None
        self._watching: asyncio.Task[None] | None = None
        self._address = ""

    async def enrol(self, address: str) -> None:
        """Trade the token for a certificate, trying for as long as it takes."""
        keys = create_device_keys()
        message = encode_enrol_request(EnrolCall(self._token, create_csr(keys.tls)))
        tls = ClientTls(self._authority_pem)
        async with open_channel(ChannelSettings(address, tls)) as channel:
            stub = enrolment_pb2_grpc.EnrolmentStub(channel)
            while self._credentials is None:
                try:
                    answer = stub.Enroll(message, timeout=_TIMEOUT_S)
                    self._credentials = await read_answer(answer, _credentials)
                except LeewardError as error:
                    await self._wait_after(error, _ENROL_RETRY_S)
        self._adopt(keys.tls, self._credentials)

    def link(self, address: str) -> None:
        """Open the link to the gateway and follow its health."""
        assert self._tls is not None  # noqa: S101 - enrolled before
        self._address = address
        self._channel = self._open(self._tls)
        self._watching = asyncio.create_task(self._watch(self._channel))

    async def sync(self) -> float:
        """Report once; return when to report again, seconds from now.

        Raises:
            LeewardError: It was not answered.
        """
        assert self._channel is not None  # noqa: S101 - linked before
        self._position += 1
        message = encode_sync_request(self._report())
        started_s = time.perf_counter()
        try:
            call = fleet_pb2_grpc.FleetStub(self._channel).Sync(message, timeout=_TIMEOUT_S)
            answer = await read_answer(call, decode_sync_response)
        except LeewardError as error:
            self._tally.failed[type(error).__name__] += 1
            raise
        self._tally.sync_s.append(time.perf_counter() - started_s)
        self._is_known = not answer.wants_complete
        return answer.next_sync_s

    async def sync_at_last(self) -> None:
        """Report until it is answered, and once more where the gateway wants all of it."""
        while True:
            try:
                if await self.sync() > 0:
                    return
            except LeewardError:
                await asyncio.sleep(_SYNC_RETRY_S * self._jitter())

    async def sync_for_ever(self, *, first_within_s: float) -> None:
        """Report as a device does that has been up for a while, until cancelled."""
        await asyncio.sleep(first_within_s * self._rng.random())
        while True:
            try:
                await asyncio.sleep(await self.sync())
            except LeewardError:
                await asyncio.sleep(_SYNC_RETRY_S * self._jitter())

    async def renew(self) -> None:
        """Get a certificate for a new key, and move to a new connection that shows it.

        Raises:
            LeewardError: It did not come about.
        """
        assert self._channel is not None and self._watching is not None  # noqa: S101, PT018
        keys = create_device_keys()
        self._position += 1
        message = encode_renew_request(RenewCall(create_csr(keys.tls), self._head()))
        call = fleet_pb2_grpc.FleetStub(self._channel).Renew(message, timeout=_TIMEOUT_S)
        renewed = await read_answer(call, decode_renew_response)
        pair = KeyPair(renewed.certificate_chain_pem, private_key_pem(keys.tls))
        self._tls = ClientTls(renewed.ca_bundle_pem, pair)
        former, watching = self._channel, self._watching
        newer = self._open(self._tls)
        try:
            async with asyncio.timeout(_CONNECT_S):
                await newer.channel_ready()
        except TimeoutError:
            await newer.close()
            raise BackendUnavailable("the gateway does not take the new certificate") from None
        self._channel = newer
        self._watching = asyncio.create_task(self._watch(newer))
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await former.close()

    async def close(self) -> None:
        """Leave."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        if self._channel is not None:
            await self._channel.close()

    def _open(self, tls: ClientTls) -> grpc.aio.Channel:
        return open_channel(ChannelSettings(self._address, tls, keepalive_interval_s=self._probe_s))

    def _adopt(self, key: object, credentials: Credentials) -> None:
        pair = KeyPair(credentials.certificate_chain_pem, private_key_pem(key))  # type: ignore[arg-type]
        self._tls = ClientTls(credentials.ca_bundle_pem, pair)

    async def _watch(self, channel: grpc.aio.Channel) -> None:
        stub = health_pb2_grpc.HealthStub(channel)
        while True:
            try:
                async for _ in stub.Watch(health_pb2.HealthCheckRequest(service=_SERVICE)):
                    pass
            except grpc.aio.AioRpcError as error:
                self._tally.failed[f"watch: {error.code().name}"] += 1
            await asyncio.sleep(_WATCH_RETRY_S)

    async def _wait_after(self, error: LeewardError, pause_s: float) -> None:
        if isinstance(error, CapacityExhausted):
            self._tally.refused += 1
            await asyncio.sleep(error.retry_after_s)
            return
        self._tally.failed[type(error).__name__] += 1
        await asyncio.sleep(pause_s * self._jitter())

    def _report(self) -> SyncReport:
        return SyncReport(
            state=StateReport(),
            is_complete=not self._is_known,
            software_version="" if self._is_known else "0.1.0",
            labels={} if self._is_known else {"site": "bench"},
            models=() if self._is_known else _MODELS,
            head=self._head(),
        )

    def _head(self) -> Head:
        """Return a head as a device's ledger has it: another one at every report."""
        digest = hashlib.sha256(f"{self._token}/{self._position}".encode()).digest()
        return Head(position=self._position, hash=digest, mac=digest[::-1], at=_CLOCK.now())

    def _jitter(self) -> float:
        return self._rng.uniform(0.7, 1.3)


def _credentials(answer: enrolment_pb2.EnrollResponse) -> Credentials:
    return decode_credentials(answer.credentials)
