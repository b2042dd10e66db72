"""Whether the gateway of this machine serves, asked through its own front doors.

The enrolment port asks for no certificate, so its health service can be asked; of the port for
devices only the handshake's first half is seen, because this process is no device.
"""

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Any, Final

from grpc_health.v1 import health_pb2, health_pb2_grpc

from cloud.authorities import Authorities
from cloud.authority_files import configured_authorities
from cloud.config import CloudConfig
from runtime.clock import Clock
from runtime.errors import BackendUnavailable
from runtime.rpc.calls import read_answer
from runtime.rpc.channels import ChannelSettings, open_channel
from runtime.rpc.tls import ClientTls

__all__ = ["GatewayStatus", "own_address", "read_status"]

_TIMEOUT_S: Final = 5.0
_WILDCARDS: Final = frozenset({"0.0.0.0", "[::]", ""})  # noqa: S104 - compared, not bound


@dataclass(frozen=True, slots=True)
class GatewayStatus:
    """What a gateway that serves says of itself."""

    node: str
    enrolment: str
    """Where enrolment was asked."""
    devices: str
    """Where the port for devices accepted a connection."""


async def read_status(config: CloudConfig, *, clock: Clock) -> GatewayStatus:
    """Ask the gateway that runs under ``config`` on this machine.

    Raises:
        NotFound: It never ran: its state directory has no authority.
        BackendUnavailable: It does not serve, or something else has its ports.
    """
    authorities = Authorities(configured_authorities(config, clock=clock))
    enrolment = own_address(config.enrolment)
    settings = ChannelSettings(
        target=enrolment,
        tls=ClientTls(authorities.bundle_pem),
        server_name=config.hostnames[0],
    )
    async with open_channel(settings) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        call = stub.Check(health_pb2.HealthCheckRequest(), timeout=_TIMEOUT_S)
        status = await read_answer(call, _status_of)
    if status != health_pb2.HealthCheckResponse.SERVING:
        raise BackendUnavailable(f"the gateway at {enrolment} is not serving")
    devices = own_address(config.listen)
    await _require_open(devices)
    return GatewayStatus(node=str(config.name), enrolment=enrolment, devices=devices)


def _status_of(answer: health_pb2.HealthCheckResponse) -> Any:
    return answer.status


def own_address(listen: str) -> str:
    """Return where this machine reaches what listens at ``listen``."""
    host, _, port = listen.rpartition(":")
    return f"127.0.0.1:{port}" if host in _WILDCARDS else listen


async def _require_open(address: str) -> None:
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    except (OSError, TimeoutError) as error:
        raise BackendUnavailable(f"nothing accepts connections at {address}") from error
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
