"""What the parts of ``bench.fleet`` about certificates share: a gateway, and devices with links.

The gateway is a process of its own over the instrumented upstream of ``bench.gateway``. Devices are
the edge's own code in this process, each with an identity directory of its own: link, renewal,
recovery, and the client that the gate uses.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import yaml

from bench.gateway_upstream import model_name
from cloud.cli_state import operator
from cloud.config import load_config
from cloud.environment import opened_state
from cloud.stores.tables import DEFAULT_TENANT
from edge.egress.cloud_link import CloudLink, opened_link
from edge.egress.control import ControlLog
from edge.egress.enrol import enrol
from edge.egress.renewal import Renewal
from edge.identity import IdentityStore
from runtime.clock import SystemClock
from runtime.codec.enrolment import Credentials
from runtime.identity.csr import create_csr
from runtime.identity.keys import create_device_keys
from runtime.identity.token_file import JoinTokenFile
from runtime.ids import NodeName
from runtime.ledger.record import Destination
from runtime.local.ports import free_port
from runtime.local.process import LocalProcess
from runtime.testing.local_roles import LocalRoles

__all__ = ["MODEL", "Device", "FleetWorld", "linked", "running_world"]

MODEL: Final = model_name(8, 20)
"""Streams 8 pieces, 20 ms apart."""
_KEY_VARIABLE: Final = "LEEWARD_BENCH_UPSTREAM_KEY"
_START_S: Final = 90.0
_TOKEN_LIFETIME: Final = timedelta(hours=1)
_CLOCK: Final = SystemClock()


@dataclass(frozen=True, slots=True)
class Device:
    """A device that has enrolled."""

    store: IdentityStore
    control: ControlLog


@dataclass(slots=True)
class FleetWorld:
    """A running gateway, and how to command it."""

    root: Path
    config: Path
    roles: LocalRoles
    addresses: dict[str, str]

    async def enrol(self, count: int) -> list[Device]:
        """Enrol so many devices, each with a token of its own."""
        return [
            await self._enrol(file, index) for index, file in enumerate(await self.tokens(count))
        ]

    async def restart(self) -> None:
        """Start the gateway, which has been killed, at its old addresses."""
        self.addresses = await self.roles.serve("cloud", "cloud", self.config)

    async def shorten(self, devices: Iterable[Device], lifetime_s: float) -> None:
        """Give devices, which have enrolled, certificates that end so soon instead."""
        async with opened_state(load_config(self.config), clock=_CLOCK) as state:
            for device in devices:
                keys, known = create_device_keys(), device.store.load()
                issued = await state.authorities.certify_device(
                    create_csr(keys.tls), known.device, lifetime=timedelta(seconds=lifetime_s)
                )
                credentials = Credentials(
                    certificate_chain_pem=issued.chain_pem,
                    ca_bundle_pem=known.ca_bundle_pem,
                    gateway_address=self.addresses["grpc"],
                    expires_at=issued.expires_at,
                    device_id=known.device,
                )
                device.store.save(keys, credentials, enrolment=known.enrolment)

    async def tokens(self, count: int) -> list[JoinTokenFile]:
        """Make so many join tokens."""
        async with opened_state(load_config(self.config), clock=_CLOCK) as state:
            create = state.tokens.create
            made = await asyncio.gather(
                *(
                    create(operator(), lifetime=_TOKEN_LIFETIME, tenant=DEFAULT_TENANT)
                    for _ in range(count)
                )
            )
            authority = state.authorities.bundle_pem.decode()
        return [
            JoinTokenFile(
                token=token.text,
                ca_certificate_pem=authority,
                enrolment_address=self.addresses["enrolment"],
                gateway_address=self.addresses["grpc"],
                expires_at=token.expires_at,
            )
            for token in made
        ]

    async def _enrol(self, file: JoinTokenFile, index: int) -> Device:
        directory = self.root / f"device-{index}"
        store = IdentityStore(directory / "identity", clock=_CLOCK)
        control = ControlLog(directory, None)
        await enrol(file, store, force=False, control=control)
        return Device(store, control)


@asynccontextmanager
async def running_world(root: Path, changes: dict[str, Any]) -> AsyncIterator[FleetWorld]:
    """Run upstream and gateway until the block ends.

    Args:
        root: Where files go.
        changes: Of the gateway's configuration.
    """
    environment = {**os.environ, _KEY_VARIABLE: "bench"}  # noqa: TID251 - a program's root
    roles = LocalRoles(root, environment)
    ready = root / "upstream.json"
    command: Sequence[str] = [sys.executable, "-m", "bench.gateway_upstream", str(ready)]
    upstream = await LocalProcess.start(
        "upstream", command, log=root / "logs" / "upstream.log", environment=environment
    )
    try:
        port = int((await upstream.wait_ready_file(ready, timeout_s=_START_S))["port"])
        config = root / "cloud.yaml"
        config.write_text(yaml.safe_dump(_gateway_config(port) | changes))
        addresses = await roles.serve("cloud", "cloud", config)
        yield FleetWorld(root, config, roles, addresses)
    finally:
        await roles.close()
        await upstream.stop()


@asynccontextmanager
async def linked(device: Device) -> AsyncIterator[tuple[CloudLink, Renewal]]:
    """Hold a device's link open; nothing renews by itself."""
    identity = device.store.load(at_any_time=True)
    destination = Destination(NodeName("cloud"), identity.gateway)
    opened = opened_link(identity, destination, control=device.control, clock=_CLOCK)
    async with opened as link:
        yield (
            link,
            Renewal(
                link,
                device.store,
                control=device.control,
                head=lambda: None,
                clock=_CLOCK,
                rng=random.Random(),  # noqa: S311 - spreads renewals, keeps no secret
            ),
        )


def _gateway_config(upstream_port: int) -> dict[str, Any]:
    return {
        "leeward": "cloud/v1",
        "listen": f"127.0.0.1:{free_port()}",
        "enrolment": f"127.0.0.1:{free_port()}",
        "state": "gateway-state",
        "enrolments_per_minute": 100_000,
        "recoveries_per_minute": 100_000,
        "upstreams": {
            "up": {
                "base_url": f"http://127.0.0.1:{upstream_port}/v1",
                "api_key_env": _KEY_VARIABLE,
                "max_concurrency": 1024,
            }
        },
        "models": {MODEL: {"targets": [{"upstream": "up", "model": MODEL}]}},
    }
