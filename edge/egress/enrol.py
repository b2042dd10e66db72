"""Enrol this device: keys made here, one-time token out, certificate back.

The connection is made to the enrolment port and trusts the token file's authority alone.
"""

from __future__ import annotations

from typing import Final

from edge.egress.control import ControlLog
from edge.egress.door import open_door
from edge.identity import DeviceIdentity, IdentityStore
from leeward.v1 import enrolment_pb2, enrolment_pb2_grpc
from runtime.codec.enrolment import (
    Credentials,
    EnrolCall,
    decode_credentials,
    encode_enrol_request,
)
from runtime.errors import LeewardError, NotPermitted
from runtime.identity.csr import create_csr
from runtime.identity.keys import create_device_keys
from runtime.identity.token_file import JoinTokenFile
from runtime.ids import NodeName
from runtime.ledger.record import ControlPurpose, Destination
from runtime.rpc.calls import read_answer
from runtime.rpc.tls import ClientTls

__all__ = ["enrol"]

_TIMEOUT_S: Final = 20.0


async def enrol(
    file: JoinTokenFile, store: IdentityStore, *, force: bool, control: ControlLog
) -> DeviceIdentity:
    """Trade the token for a certificate and keep it.

    Args:
        file: What was carried here; its authority is the only one trusted.
        store: Where the identity goes.
        force: Replace an identity that is there.
        control: Counts the traffic.

    Raises:
        NotPermitted: There is an identity, and ``force`` is off.
        TokenRefused: The token is not good.
        CertificateInvalid: What came back is not for this device's key, or not of its authority.
        BackendUnavailable: The gateway cannot be reached, or is not who the token file says.
    """
    if store.exists and not force:
        raise NotPermitted("this device is enrolled already; --force replaces its identity")
    keys = create_device_keys()
    message = encode_enrol_request(EnrolCall(file.token, create_csr(keys.tls)))
    received_bytes = 0
    status = "abandoned"
    try:
        async with open_door(
            file.enrolment_address, ClientTls(file.ca_certificate_pem.encode())
        ) as channel:
            stub = enrolment_pb2_grpc.EnrolmentStub(channel)
            answer = await read_answer(stub.Enroll(message, timeout=_TIMEOUT_S), _whole)
        received_bytes, credentials = answer
        status = "ok"
    except LeewardError as error:
        status = type(error).__name__
        raise
    finally:
        control.count(
            Destination(NodeName(""), file.enrolment_address),
            ControlPurpose.ENROL,
            sent_bytes=message.ByteSize(),
            received_bytes=received_bytes,
            status=status,
        )
    return store.save(keys, credentials, enrolment=file.enrolment_address)


def _whole(answer: enrolment_pb2.EnrollResponse) -> tuple[int, Credentials]:
    return answer.ByteSize(), decode_credentials(answer.credentials)
