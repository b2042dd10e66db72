"""Reports to the gateway: control traffic, without free text, counted in the ledger."""

from __future__ import annotations

from typing import Final

from edge.egress.cloud_link import CloudLink
from edge.egress.control import ControlLog
from leeward.v1 import desired_state_pb2 as pb
from leeward.v1 import fleet_pb2_grpc
from runtime.codec.fleet import decode_sync_response, encode_sync_request
from runtime.errors import LeewardError
from runtime.fleet.report import SyncAnswer, SyncReport
from runtime.ledger.record import ControlPurpose, Destination
from runtime.rpc.calls import read_answer

__all__ = ["SyncClient"]

_TIMEOUT_S: Final = 30.0


class SyncClient:
    """Sends reports over the link to the gateway.

    Args:
        link: Its channel may be another at every report.
        destination: The gateway, as the ledger names it.
        control: Counts the traffic.
    """

    def __init__(self, link: CloudLink, destination: Destination, *, control: ControlLog) -> None:
        self._link = link
        self._destination = destination
        self._control = control

    async def sync(self, report: SyncReport) -> SyncAnswer:
        """Send a report; return what the gateway answers.

        Raises:
            BackendUnavailable: The gateway cannot be reached.
            LeewardError: Whatever it reported.
        """
        message = encode_sync_request(report)
        received_bytes = 0
        status = "abandoned"
        try:
            stub = fleet_pb2_grpc.FleetStub(self._link.channel)
            call = stub.Sync(message, timeout=_TIMEOUT_S)
            received_bytes, answer = await read_answer(call, _sized)
            status = "ok"
        except LeewardError as error:
            status = type(error).__name__
            raise
        finally:
            self._control.count(
                self._destination,
                ControlPurpose.SYNC,
                sent_bytes=message.ByteSize(),
                received_bytes=received_bytes,
                status=status,
            )
        return answer


def _sized(message: pb.SyncResponse) -> tuple[int, SyncAnswer]:
    return message.ByteSize(), decode_sync_response(message)
