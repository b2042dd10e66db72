"""Enrol this device: keys made here, one-time token out, certificate back."""

from typing import Final

from edge.egress.door import open_door
from edge.identity import DeviceIdentity, IdentityStore
from leeward.v1 import enrolment_pb2_grpc
from runtime.codec.enrolment import EnrolCall, decode_credentials, encode_enrol_request
from runtime.errors import NotPermitted
from runtime.identity.csr import create_csr
from runtime.identity.keys import create_device_keys
from runtime.identity.token_file import JoinTokenFile
from runtime.rpc.calls import read_answer
from runtime.rpc.tls import ClientTls

__all__ = ["enrol"]

_TIMEOUT_S: Final = 20.0


async def enrol(file: JoinTokenFile, store: IdentityStore, *, force: bool) -> DeviceIdentity:
    """Trade the token for a certificate and keep it.

    Args:
        file: What was carried here; its CA is the only one trusted.
        store: Where the identity goes.
        force: Replace an identity that is there.

    Raises:
        NotPermitted: There is an identity, and ``force`` is off.
        TokenRefused: The token is not good.
        BackendUnavailable: The gateway cannot be reached, or is not who the token file says.
    """
    if store.exists and not force:
        raise NotPermitted("this device is enrolled already; --force replaces its identity")
    keys = create_device_keys()
    tls = ClientTls(file.ca_certificate_pem.encode())
    async with open_door(file.enrolment_address, tls) as channel:
        stub = enrolment_pb2_grpc.EnrolmentStub(channel)
        message = encode_enrol_request(EnrolCall(file.token, create_csr(keys.tls)))
        credentials = await read_answer(
            stub.Enroll(message, timeout=_TIMEOUT_S),
            lambda answer: decode_credentials(answer.credentials),
        )
    return store.save(keys, credentials)
