"""Recover this device's certificate after its end, by a proof of the key that it was for.

The connection is made to the enrolment port and trusts the authorities alone that the device knows.
"""

from __future__ import annotations

from typing import Final

from edge.egress.control import ControlLog
from edge.egress.door import open_door
from edge.identity import DeviceIdentity
from leeward.v1 import enrolment_pb2 as pb
from leeward.v1 import enrolment_pb2_grpc as pb_grpc
from runtime.codec.enrolment import (
    Credentials,
    Nonce,
    RecoverCall,
    decode_credentials,
    decode_nonce_response,
    encode_recover_request,
)
from runtime.errors import NotPermitted
from runtime.identity.csr import create_csr
from runtime.identity.keys import DeviceKeys
from runtime.identity.recovery import prove_key
from runtime.ids import NodeName
from runtime.ledger.record import ControlPurpose, Destination
from runtime.rpc.calls import read_answer
from runtime.rpc.tls import ClientTls

__all__ = ["recover"]

_TIMEOUT_S: Final = 20.0


async def recover(
    identity: DeviceIdentity, old: DeviceKeys, new: DeviceKeys, *, control: ControlLog
) -> Credentials:
    """Return a certificate for the new key; nothing is kept yet.

    Args:
        identity: The one whose certificate has ended.
        old: Its keys.
        new: The keys to certify.
        control: Counts the traffic.

    Raises:
        NotPermitted: The gateway does not let this device recover; a new join token is needed.
        BackendUnavailable: The gateway cannot be reached, or is not who the device knows.
        LeewardError: Whatever the gateway reported.
    """
    if not identity.enrolment:
        raise NotPermitted(
            "this device was never told where to recover; run `leeward edge enroll --force` with a"
            " new join token"
        )
    csr_pem = create_csr(new.tls)
    destination = Destination(NodeName(""), identity.enrolment)
    with control.exchange(destination, ControlPurpose.RECOVER) as tally:
        async with open_door(identity.enrolment, ClientTls(identity.ca_bundle_pem)) as channel:
            stub = pb_grpc.EnrolmentStub(channel)
            asking = stub.GetNonce(pb.GetNonceRequest(), timeout=_TIMEOUT_S)
            tally.received_bytes, nonce = await read_answer(asking, _nonce)
            message = encode_recover_request(
                RecoverCall(
                    expired_certificate_pem=identity.certificate_chain_pem,
                    nonce=nonce.value,
                    proof=prove_key(old.tls, nonce.value, csr_pem),
                    csr_pem=csr_pem,
                )
            )
            tally.sent_bytes = message.ByteSize()
            answer = stub.Recover(message, timeout=_TIMEOUT_S)
            more_bytes, credentials = await read_answer(answer, _credentials)
        tally.received_bytes += more_bytes
    return credentials


def _nonce(answer: pb.GetNonceResponse) -> tuple[int, Nonce]:
    return answer.ByteSize(), decode_nonce_response(answer)


def _credentials(answer: pb.RecoverResponse) -> tuple[int, Credentials]:
    return answer.ByteSize(), decode_credentials(answer.credentials)
