"""How each provider is doing: asked by this process, and as the running gateway has seen it.

The two can differ: this process has its own way to the provider, the gateway has its calls. The
gateway's port for devices asks for a certificate, so whoever holds the authority's key makes one
for a moment.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from grpc_health.v1 import health_pb2, health_pb2_grpc

from cloud.authorities import Authorities, Signer
from cloud.authority_files import configured_authorities
from cloud.config import CloudConfig
from cloud.routing.watch import HEALTH_PREFIX
from cloud.status import own_address
from cloud.upstreams.model import UpstreamSpec
from cloud.upstreams.openai_upstream import OpenAIUpstream
from runtime.clock import Clock
from runtime.errors import LeewardError, NotFound
from runtime.identity.csr import create_csr
from runtime.identity.keys import create_device_keys, private_key_pem
from runtime.ids import DeviceId
from runtime.rpc.calls import read_answer
from runtime.rpc.channels import ChannelSettings, open_channel
from runtime.rpc.tls import ClientTls, KeyPair

__all__ = ["Seen", "UpstreamStatus", "read_upstreams"]

Seen = Literal["serving", "not_serving", "unknown"]
"""``unknown``: no gateway runs here, or it has not asked yet."""

_TIMEOUT_S: Final = 5.0
_CERTIFICATE_S: Final = 300.0
_OPERATOR: Final = DeviceId("operator-of-the-gateway")


@dataclass(frozen=True, slots=True)
class UpstreamStatus:
    """One provider."""

    name: str
    base_url: str
    models: tuple[str, ...]
    """Names that callers ask for, which it serves."""
    answers: bool
    """Whether it answered this process."""
    fault: str
    """What was wrong, in one word; empty when nothing was."""
    latency_s: float
    """How long the answer took."""
    gateway: Seen
    """What the running gateway reports of it."""


async def read_upstreams(
    config: CloudConfig, specs: Sequence[UpstreamSpec], *, clock: Clock
) -> list[UpstreamStatus]:
    """Ask every provider, and the gateway that runs under ``config`` on this machine."""
    seen, asked = await asyncio.gather(
        _seen(config, clock), asyncio.gather(*(_asked(spec, clock) for spec in specs))
    )
    return [
        UpstreamStatus(
            name=spec.name,
            base_url=spec.base_url,
            models=tuple(
                str(route.model)
                for route in config.routes
                if any(target.upstream == spec.name for target in route.targets)
            ),
            answers=not fault,
            fault=fault,
            latency_s=latency_s,
            gateway=seen.get(spec.name, "unknown"),
        )
        for spec, (fault, latency_s) in zip(specs, asked, strict=True)
    ]


async def _asked(spec: UpstreamSpec, clock: Clock) -> tuple[str, float]:
    upstream = OpenAIUpstream(spec, clock)
    began_s = clock.monotonic_s()
    try:
        fault = await upstream.probe()
    finally:
        await upstream.close()
    return fault.value if fault else "", clock.monotonic_s() - began_s


async def _seen(config: CloudConfig, clock: Clock) -> dict[str, Seen]:
    """Return what the running gateway reports of each provider; empty when none runs."""
    try:
        authorities = Authorities(configured_authorities(config, clock=clock))
    except NotFound:
        return {}
    settings = ChannelSettings(
        target=own_address(config.listen),
        tls=ClientTls(authorities.bundle_pem, _passing_identity(authorities.newest)),
        server_name=config.hostnames[0],
    )
    found: dict[str, Seen] = {}
    async with open_channel(settings) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for upstream in config.upstreams:
            request = health_pb2.HealthCheckRequest(service=HEALTH_PREFIX + upstream.name)
            try:
                found[upstream.name] = await read_answer(
                    stub.Check(request, timeout=_TIMEOUT_S), _decoded
                )
            except NotFound:
                found[upstream.name] = "unknown"
            except LeewardError:
                return {}
    return found


def _decoded(answer: health_pb2.HealthCheckResponse) -> Seen:
    if answer.status == health_pb2.HealthCheckResponse.SERVING:
        return "serving"
    return "not_serving"


def _passing_identity(authority: Signer) -> KeyPair:
    """Return a certificate that opens the health service and, as no device's, nothing else."""
    key = create_device_keys().tls
    issued = authority.issue_client(create_csr(key), _OPERATOR, lifetime_s=_CERTIFICATE_S)
    return KeyPair(issued.chain_pem, private_key_pem(key))
