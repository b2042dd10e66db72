"""Enrol this device: keys made here, one-time token out, certificate back.

Asked again after a lost answer, with the same token, it shows the same key and is answered again.
The connection is made to the enrolment port and trusts the token file's authority alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
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
from runtime.errors import CapacityExhausted, NotPermitted
from runtime.identity.csr import create_csr
from runtime.identity.token_file import JoinTokenFile
from runtime.ids import NodeName
from runtime.ledger.record import ControlPurpose, Destination
from runtime.rpc.calls import read_answer
from runtime.rpc.tls import ClientTls

__all__ = ["enrol", "enrol_in_turn"]

_TIMEOUT_S: Final = 20.0
_TURN_LIMIT_S: Final = 600.0


async def enrol_in_turn(
    file: JoinTokenFile,
    store: IdentityStore,
    *,
    force: bool,
    control: ControlLog,
    tell: Callable[[float], None],
    limit_s: float = _TURN_LIMIT_S,
) -> DeviceIdentity:
    """Do as :func:`enrol`, and come back when the gateway says where it has too many to enrol.

    Args:
        file: As below.
        store: As below.
        force: As below.
        control: As below.
        tell: Is told of each wait, seconds.
        limit_s: How long to wait in all.

    Raises:
        CapacityExhausted: It was not its turn in time.
        LeewardError: As below.
    """
    left_s = limit_s
    while True:
        try:
            return await enrol(file, store, force=force, control=control)
        except CapacityExhausted as error:
            left_s -= error.retry_after_s
            if left_s < 0:
                raise
            tell(error.retry_after_s)
            await asyncio.sleep(error.retry_after_s)


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
        OSError: The keys cannot be written down.
    """
    if store.exists and not force:
        raise NotPermitted("this device is enrolled already; --force replaces its identity")
    keys = store.request.keys_for(file.token)
    message = encode_enrol_request(EnrolCall(file.token, create_csr(keys.tls)))
    destination = Destination(NodeName(""), file.enrolment_address)
    with control.exchange(destination, ControlPurpose.ENROL) as tally:
        tally.sent_bytes = message.ByteSize()
        async with open_door(
            file.enrolment_address, ClientTls(file.ca_certificate_pem.encode())
        ) as channel:
            stub = enrolment_pb2_grpc.EnrolmentStub(channel)
            answer = await read_answer(stub.Enroll(message, timeout=_TIMEOUT_S), _whole)
        tally.received_bytes, credentials = answer
    if file.gateway_address:
        credentials = replace(credentials, gateway_address=file.gateway_address)
    identity = store.save(keys, credentials, enrolment=file.enrolment_address)
    store.request.forget()
    return identity


def _whole(answer: enrolment_pb2.EnrollResponse) -> tuple[int, Credentials]:
    return answer.ByteSize(), decode_credentials(answer.credentials)
