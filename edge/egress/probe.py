"""Ask the gateway once whether it serves, over the connection that calls would take."""

from __future__ import annotations

from typing import Any, Final

from grpc_health.v1 import health_pb2, health_pb2_grpc

from edge.egress.cloud_link import GATEWAY_SERVICE, open_gateway
from edge.egress.control import ControlLog
from edge.identity import DeviceIdentity
from runtime.ids import NodeName
from runtime.ledger.record import ControlPurpose, Destination
from runtime.rpc.calls import read_answer

__all__ = ["probe_gateway"]

_TIMEOUT_S: Final = 5.0


async def probe_gateway(node: NodeName, identity: DeviceIdentity, *, control: ControlLog) -> bool:
    """Whether the gateway says that it serves.

    Raises:
        BackendUnavailable: It does not answer to this device's certificate.
        LeewardError: Whatever it reported.
    """
    request = health_pb2.HealthCheckRequest(service=GATEWAY_SERVICE)
    with control.exchange(Destination(node, identity.gateway), ControlPurpose.HEALTH) as tally:
        tally.sent_bytes = request.ByteSize()
        async with open_gateway(identity) as channel:
            call = health_pb2_grpc.HealthStub(channel).Check(request, timeout=_TIMEOUT_S)
            answer = await read_answer(call, _same)
        tally.received_bytes = answer.ByteSize()
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def _same(answer: Any) -> Any:
    return answer
