"""No channel leaves the machine without TLS, and damaged certificates are noticed at once."""

import pytest

from runtime.errors import CertificateInvalid, ConfigInvalid
from runtime.rpc.address import host_of, is_local
from runtime.rpc.channels import ChannelSettings, open_channel
from runtime.rpc.tls import ClientTls, KeyPair, ServerTls


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1:80",
        "127.9.9.9:1",
        "localhost:1",
        "[::1]:80",
        "ipv4:127.0.0.1:80",
        "unix:/run/leeward.sock",
        "unix-abstract:leeward",
    ],
)
def test_loopback_and_unix_sockets_are_local(address: str) -> None:
    assert is_local(address)


@pytest.mark.parametrize(
    "address",
    ["10.0.0.1:80", "0.0.0.0:80", "[::]:80", "gateway.test:443", "localhost.evil.test:1"],
)
def test_everything_else_is_remote(address: str) -> None:
    assert not is_local(address)


@pytest.mark.parametrize("address", ["", "host", "host:", ":80", "host:http", "host:70000"])
def test_a_malformed_address_is_refused(address: str) -> None:
    with pytest.raises(ConfigInvalid, match="host:port"):
        host_of(address)


async def test_a_plain_channel_to_another_machine_is_refused() -> None:
    with pytest.raises(ConfigInvalid, match="TLS"):
        open_channel(ChannelSettings(target="gateway.test:443", tls=None))


def test_settings_do_not_show_the_private_key(device_tls: ClientTls) -> None:
    shown = repr(ChannelSettings(target="gateway.test:443", tls=device_tls))

    assert "PRIVATE KEY" not in shown


def test_certificates_that_are_not_pem_are_refused(device_tls: ClientTls) -> None:
    identity = device_tls.identity
    assert identity is not None

    with pytest.raises(CertificateInvalid, match="CA bundle"):
        ClientTls(ca_bundle_pem=b"")
    with pytest.raises(CertificateInvalid, match="client CA"):
        ServerTls(identity=identity, client_ca_bundle_pem=b"-----BEGIN CERTIFICATE-----")
    with pytest.raises(CertificateInvalid, match="chain"):
        KeyPair(certificate_chain_pem=b"x", private_key_pem=identity.private_key_pem)
    with pytest.raises(CertificateInvalid, match="private key"):
        KeyPair(certificate_chain_pem=identity.certificate_chain_pem, private_key_pem=b"x")


def test_a_key_of_another_certificate_is_refused(
    device_tls: ClientTls, server_tls: ServerTls
) -> None:
    identity = device_tls.identity
    assert identity is not None

    with pytest.raises(CertificateInvalid, match="does not belong"):
        KeyPair(identity.certificate_chain_pem, server_tls.identity.private_key_pem)
