"""``leeward.v1.Enrolment``: where a device enters, on the server-authenticated port.

A new one brings a join token; one whose certificate has ended, a proof of its old key.
"""

from typing import Any

import grpc

from cloud.enrolment.desk import Enrolled, EnrolmentDesk
from cloud.enrolment.recovery import RecoveryDesk
from leeward.v1 import enrolment_pb2 as pb
from leeward.v1 import enrolment_pb2_grpc as pb_grpc
from runtime.codec.enrolment import (
    Credentials,
    decode_enrol_request,
    decode_recover_request,
    encode_credentials,
    encode_nonce_response,
)
from runtime.rpc.boundary import error_boundary
from runtime.rpc.deadlines import remaining_s

__all__ = ["EnrolmentServicer"]

Context = grpc.aio.ServicerContext[Any, Any]


class EnrolmentServicer(pb_grpc.EnrolmentServicer):
    """Enrols and recovers devices."""

    def __init__(self, desk: EnrolmentDesk, recovery: RecoveryDesk, *, gateway: str) -> None:
        self._desk = desk
        self._recovery = recovery
        self._gateway = gateway

    async def Enroll(self, request: pb.EnrollRequest, context: Context) -> pb.EnrollResponse:
        """Trade a token and a signing request for a certificate."""
        async with error_boundary(context, "Enrolment.Enroll"):
            call = decode_enrol_request(request)
            enrolled = await self._desk.enrol(
                call.join_token, call.csr_pem, left_s=remaining_s(context)
            )
            return pb.EnrollResponse(credentials=self._credentials(enrolled))

    async def GetNonce(self, request: pb.GetNonceRequest, context: Context) -> pb.GetNonceResponse:
        """Give out what a proof is to be over."""
        async with error_boundary(context, "Enrolment.GetNonce"):
            return encode_nonce_response(self._recovery.nonce())

    async def Recover(self, request: pb.RecoverRequest, context: Context) -> pb.RecoverResponse:
        """Trade a proof of the old key for a certificate."""
        async with error_boundary(context, "Enrolment.Recover"):
            recovered = await self._recovery.recover(decode_recover_request(request))
            return pb.RecoverResponse(credentials=self._credentials(recovered))

    def _credentials(self, enrolled: Enrolled) -> pb.Credentials:
        return encode_credentials(
            Credentials(
                certificate_chain_pem=enrolled.chain_pem,
                ca_bundle_pem=enrolled.ca_pem,
                gateway_address=self._gateway,
                expires_at=enrolled.expires_at,
                device_id=enrolled.device,
            )
        )
