"""Reports to the gateway: control traffic, without free text, counted in the ledger."""

from __future__ import annotations

from typing import Final

from edge.egress.cloud_link import CloudLink
from edge.egress.control import ControlLog
from leeward.v1 import desired_state_pb2 as pb
from leeward.v1 import fleet_pb2_grpc
from runtime.codec.fleet import decode_sync_response, encode_sync_request
from runtime.fleet.report import SyncAnswer, SyncReport
from runtime.ledger.record import ControlPurpose
from runtime.rpc.calls import read_answer

__all__ = ["SyncClient"]

_TIMEOUT_S: Final = 30.0


class SyncClient:
    """Sends reports over the link to the gateway.

    Args:
        link: Its channel may be another at every report.
        control: Counts the traffic.
    """

    def __init__(self, link: CloudLink, *, control: ControlLog) -> None:
        self._link = link
        self._control = control

    async def sync(self, report: SyncReport) -> SyncAnswer:
        """Send a report; return what the gateway answers.

        Raises:
            BackendUnavailable: The gateway cannot be reached.
            LeewardError: Whatever it reported.
        """
        message = encode_sync_request(report)
        with self._control.exchange(self._link.destination, ControlPurpose.SYNC) as tally:
            tally.sent_bytes = message.ByteSize()
            stub = fleet_pb2_grpc.FleetStub(self._link.channel)
            call = stub.Sync(message, timeout=_TIMEOUT_S)
            tally.received_bytes, answer = await read_answer(call, _sized)
        return answer


def _sized(message: pb.SyncResponse) -> tuple[int, SyncAnswer]:
    return message.ByteSize(), decode_sync_response(message)
