"""Certificates for a server and a client that meet on loopback, made anew for every benchmark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from runtime.clock import SystemClock
from runtime.identity.authority import CertificateAuthority
from runtime.identity.csr import create_csr
from runtime.identity.keys import private_key_pem
from runtime.ids import DeviceId
from runtime.rpc.tls import ClientTls, KeyPair, ServerTls

__all__ = ["LoopbackTls", "make_loopback_tls"]

_LIFETIME_S: Final = 7200.0


@dataclass(frozen=True, slots=True)
class LoopbackTls:
    """Both ends of a mutually authenticated connection."""

    server: ServerTls
    client: ClientTls


def make_loopback_tls() -> LoopbackTls:
    """Return fresh certificates: one authority, one server on 127.0.0.1, one device."""
    authority = CertificateAuthority.create("bench", clock=SystemClock(), lifetime_s=_LIFETIME_S)
    server_key = ec.generate_private_key(ec.SECP256R1())
    server = authority.issue_server(
        server_key.public_key(), ["127.0.0.1", "localhost"], lifetime_s=_LIFETIME_S
    )
    client_key = ec.generate_private_key(ec.SECP256R1())
    client = authority.issue_client(
        create_csr(client_key), DeviceId("bench-1"), lifetime_s=_LIFETIME_S
    )
    root = authority.certificate_pem
    return LoopbackTls(
        ServerTls(KeyPair(server.chain_pem, private_key_pem(server_key)), root),
        ClientTls(root, KeyPair(client.chain_pem, private_key_pem(client_key))),
    )
