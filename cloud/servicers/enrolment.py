"""``leeward.v1.Enrolment``: where a new device enters, on the server-authenticated port.

Recovery by proof of the old key comes with the fleet work and answers UNIMPLEMENTED.
"""

from typing import Any

import grpc

from cloud.enrolment.desk import EnrolmentDesk
from leeward.v1 import enrolment_pb2 as pb
from leeward.v1 import enrolment_pb2_grpc as pb_grpc
from runtime.codec.enrolment import Credentials, decode_enrol_request, encode_credentials
from runtime.errors import NotImplementedYet
from runtime.rpc.boundary import error_boundary

__all__ = ["EnrolmentServicer"]

Context = grpc.aio.ServicerContext[Any, Any]


class EnrolmentServicer(pb_grpc.EnrolmentServicer):
    """Enrols devices that bring a join token."""

    def __init__(self, desk: EnrolmentDesk, *, gateway: str) -> None:
        self._desk = desk
        self._gateway = gateway

    async def Enroll(self, request: pb.EnrollRequest, context: Context) -> pb.EnrollResponse:
        """Trade a token and a signing request for a certificate."""
        async with error_boundary(context, "Enrolment.Enroll"):
            call = decode_enrol_request(request)
            enrolled = await self._desk.enrol(call.join_token, call.csr_pem)
            credentials = Credentials(
                certificate_chain_pem=enrolled.chain_pem,
                ca_bundle_pem=enrolled.ca_pem,
                gateway_address=self._gateway,
                expires_at=enrolled.expires_at,
                device_id=enrolled.device,
            )
            return pb.EnrollResponse(credentials=encode_credentials(credentials))

    async def GetNonce(self, request: pb.GetNonceRequest, context: Context) -> pb.GetNonceResponse:
        """Not served yet: recovery comes with the fleet work."""
        async with error_boundary(context, "Enrolment.GetNonce"):
            raise NotImplementedYet("recovery is not served yet")

    async def Recover(self, request: pb.RecoverRequest, context: Context) -> pb.RecoverResponse:
        """Not served yet: recovery comes with the fleet work."""
        async with error_boundary(context, "Enrolment.Recover"):
            raise NotImplementedYet("recovery is not served yet")
