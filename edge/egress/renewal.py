"""Keeps this device's certificate good: renews it in time, or recovers it after its end.

The moment is drawn between a half and seven tenths of a certificate's life, so that a fleet that
was enrolled at once does not come back at once. Every renewal is for a new key. A device that was
away until its certificate had ended proves its old key at the enrolment port.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from edge.egress.cloud_link import CloudLink
from edge.egress.control import ControlLog
from edge.egress.recover import recover
from edge.identity import DeviceIdentity, IdentityStore
from leeward.v1 import fleet_pb2, fleet_pb2_grpc
from runtime.clock import Clock
from runtime.codec.enrolment import Credentials
from runtime.codec.renewal import (
    RenewCall,
    Renewed,
    decode_renew_response,
    encode_renew_request,
)
from runtime.errors import CapacityExhausted, LeewardError, NotPermitted
from runtime.identity.certificates import CLOCK_SKEW_S
from runtime.identity.csr import create_csr
from runtime.identity.keys import DeviceKeys, create_device_keys
from runtime.ledger.countersignature import Countersignature
from runtime.ledger.entry import Head
from runtime.ledger.record import ControlPurpose
from runtime.rpc.calls import read_answer

__all__ = ["Renewal", "due_of"]

_EARLIEST: Final = 0.5
_LATEST: Final = 0.7
"""Shares of a certificate's life; what is left serves for further tries."""
_LOOK_S: Final = 30.0
"""How often the clock is looked at: it may be set, and somebody may enrol the device anew."""
_FIRST_RETRY_S: Final = 2.0
_SLOWEST_RETRY_S: Final = 300.0
_REFUSED_S: Final = 900.0
"""After how long a gateway that refused the device is asked again."""
_TIMEOUT_S: Final = 20.0

_logger: Final = logging.getLogger("leeward.edge.renewal")


def _keep_nothing(_: Countersignature) -> None:
    return


class Renewal:
    """Renews and recovers.

    Args:
        link: Gets each new identity.
        store: Keeps it.
        control: Counts the traffic.
        head: Returns the newest head of the ledger, which the gateway is to countersign.
        clock: Says when.
        rng: Spreads the moments over a fleet.
        sleep: Waits so many seconds.
        keep: Takes the gateway's word that it has seen the head.
    """

    def __init__(
        self,
        link: CloudLink,
        store: IdentityStore,
        *,
        control: ControlLog,
        head: Callable[[], Head | None],
        clock: Clock,
        rng: random.Random,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        keep: Callable[[Countersignature], None] = _keep_nothing,
    ) -> None:
        self._link = link
        self._store = store
        self._control = control
        self._head = head
        self._clock = clock
        self._rng = rng
        self._sleep = sleep
        self._keep = keep
        self._due = due_of(link.identity.expires_at, _issued_at(link.identity), rng)
        self._not_before_s = clock.monotonic_s()
        self._failures = 0
        self._seen: object = None
        """The stamp of the identity on the disk when it was the one that is shown."""

    async def run(self) -> None:
        """Keep the certificate good for ever."""
        while True:
            await self._sleep(await self.step())

    async def step(self) -> float:
        """Do what is to be done now; return for how long nothing is, seconds."""
        try:
            await self._take_over_what_was_enrolled()
            left_s = self._left_s()
            if left_s > 0:
                return min(left_s, _LOOK_S)
            await self.renew()
        except NotPermitted:
            self._link.is_refused = True
            self._pause(_REFUSED_S)
            _logger.error("device_refused", extra={"device": self._link.identity.device})
        except LeewardError as error:
            self._failures += 1
            pause_s = self._pause(self._pause_s(error))
            extra = {"error": type(error).__name__, "pause_s": round(pause_s, 1)}
            _logger.warning("certificate_not_renewed", extra=extra)
        return min(max(self._left_s(), 0.0), _LOOK_S)

    async def renew(self) -> None:
        """Get a certificate for a new key and show it from now on.

        Raises:
            NotPermitted: The gateway does not know this device any more, or does not let a device
                recover; only a new join token helps.
            LeewardError: It did not come about; try again.
        """
        old = self._store.keys()
        keys = DeviceKeys(tls=create_device_keys().tls, signing=old.signing)
        identity = self._link.identity
        if self._link.certificate_left_s > 0:
            credentials = await self._renewed(keys, identity)
        else:
            recovered = await recover(identity, old, keys, control=self._control)
            credentials = replace(recovered, gateway_address=identity.gateway)
        saved = await asyncio.to_thread(
            self._store.save, keys, credentials, enrolment=identity.enrolment
        )
        self._due = due_of(saved.expires_at, self._clock.now(), self._rng)
        self._failures = 0
        _logger.info("certificate_renewed", extra={"expires_at": saved.expires_at.isoformat()})
        await self._link.adopt(saved)

    async def _renewed(self, keys: DeviceKeys, identity: DeviceIdentity) -> Credentials:
        message = encode_renew_request(RenewCall(create_csr(keys.tls), self._head()))
        with self._control.exchange(self._link.destination, ControlPurpose.RENEW) as tally:
            tally.sent_bytes = message.ByteSize()
            stub = fleet_pb2_grpc.FleetStub(self._link.channel)
            answer = stub.Renew(message, timeout=_TIMEOUT_S)
            tally.received_bytes, renewed = await read_answer(answer, _whole)
        if renewed.countersignature is not None:
            self._keep(renewed.countersignature)
        return Credentials(
            certificate_chain_pem=renewed.certificate_chain_pem,
            ca_bundle_pem=renewed.ca_bundle_pem,
            gateway_address=identity.gateway,
            expires_at=renewed.expires_at,
            device_id=identity.device,
        )

    async def _take_over_what_was_enrolled(self) -> None:
        """Show an identity that a command, or a renewal that was cut short, has left on the disk.

        Raises:
            BackendUnavailable: The gateway cannot be reached with it yet.
        """
        stamp = self._store.stamp
        if stamp == self._seen:
            return
        shown = self._link.identity
        stored = await asyncio.to_thread(self._store.load, at_any_time=True)
        if stored.certificate_chain_pem == shown.certificate_chain_pem:
            self._seen = stamp
            return
        if (stored.device, stored.gateway) != (shown.device, shown.gateway):
            _logger.warning("identity_replaced", extra={"state": "restart_needed"})
            return
        await self._link.adopt(stored)
        self._not_before_s = self._clock.monotonic_s()
        self._due = due_of(stored.expires_at, _issued_at(stored), self._rng)

    def _left_s(self) -> float:
        """Return how long nothing is to be asked of the gateway."""
        due_s = (self._due - self._clock.now()).total_seconds()
        return max(due_s, self._not_before_s - self._clock.monotonic_s())

    def _pause(self, pause_s: float) -> float:
        self._not_before_s = self._clock.monotonic_s() + pause_s
        return pause_s

    def _pause_s(self, error: LeewardError) -> float:
        """Return how long to wait after a failure.

        As the gateway said where it did; else longer each time, and never the same twice.
        """
        if isinstance(error, CapacityExhausted):
            return min(error.retry_after_s, _SLOWEST_RETRY_S)
        longest_s = min(_FIRST_RETRY_S * 2.0 ** min(self._failures, 16), _SLOWEST_RETRY_S)
        return self._rng.uniform(_FIRST_RETRY_S / 2, longest_s)


def due_of(expires_at: datetime, issued_at: datetime, rng: random.Random) -> datetime:
    """Return when a certificate is to be renewed: another moment on every device."""
    life = max(expires_at - issued_at, timedelta())
    return issued_at + life * rng.uniform(_EARLIEST, _LATEST)


def _issued_at(identity: DeviceIdentity) -> datetime:
    """Return when a certificate was made: it begins earlier, for clocks that are behind."""
    begins = identity.begins_at + timedelta(seconds=CLOCK_SKEW_S)
    return min(begins, identity.expires_at)


def _whole(answer: fleet_pb2.RenewResponse) -> tuple[int, Renewed]:
    return answer.ByteSize(), decode_renew_response(answer)
