"""Listeners from their configuration: TLS that is renewed while it serves, metrics with a token."""

import asyncio
import socket
import ssl
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)

from cloud.config_fronts import HttpConfig, MetricsConfig
from cloud.front.opening import serving_front, serving_metrics
from runtime.clock import SystemClock
from runtime.errors import ConfigInvalid
from runtime.identity.authority import CertificateAuthority
from runtime.identity.keys import private_key_pem
from tests.unit.cloud.front.conftest import Front

_LIFETIME_S = 3600.0


@pytest.fixture
def authority() -> CertificateAuthority:
    return CertificateAuthority.create("test", clock=SystemClock(), lifetime_s=_LIFETIME_S)


@pytest.fixture
def config(tmp_path: Path, authority: CertificateAuthority) -> HttpConfig:
    certificate, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    _issue(authority, certificate, key)
    return HttpConfig(
        listen="127.0.0.1:0",
        certificate=certificate,
        private_key=key,
        timeout_s=7.0,
        max_tokens=9,
        max_calls=4,
        max_body_bytes=2000,
    )


def _issue(authority: CertificateAuthority, certificate: Path, key_file: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    issued = authority.issue_server(key.public_key(), ["127.0.0.1"], lifetime_s=_LIFETIME_S)
    certificate.write_bytes(issued.chain_pem)
    key_file.write_bytes(private_key_pem(key))


def _shown(port: int, authority: CertificateAuthority) -> bytes:
    context = ssl.create_default_context(cadata=authority.certificate_pem.decode())
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
    ):
        shown = secured.getpeercert(binary_form=True)
    assert shown is not None
    return shown


async def test_a_renewed_certificate_is_shown_from_then_on_and_a_bad_one_never(
    front: Front, authority: CertificateAuthority, config: HttpConfig
) -> None:
    assert config.certificate is not None
    assert config.private_key is not None
    async with serving_front(front.app, config, drain_s=1) as opened:
        first = await asyncio.to_thread(_shown, opened.port, authority)
        _issue(authority, config.certificate, config.private_key)
        opened.apply(config)
        second = await asyncio.to_thread(_shown, opened.port, authority)
        _damage(config.private_key, "mismatch")
        with pytest.raises(ConfigInvalid):
            opened.apply(config)
        third = await asyncio.to_thread(_shown, opened.port, authority)

    assert first != second == third


async def test_bounds_and_defaults_of_a_newer_configuration_hold_from_then_on(
    front: Front, authority: CertificateAuthority, config: HttpConfig
) -> None:
    context = ssl.create_default_context(cadata=authority.certificate_pem.decode())
    body = {"model": "big", "messages": [{"role": "user", "content": "hi"}]}
    async with (
        serving_front(front.app, config, drain_s=1) as opened,
        httpx.AsyncClient(verify=context, headers=front.headers) as http,
    ):
        url = f"https://127.0.0.1:{opened.port}/v1/chat/completions"
        opened.apply(config)
        assert (await http.post(url, json=body)).status_code == 200
        long = await http.post(url, json=body | {"user": "u" * 3000})

    (asked,) = front.models.asked
    assert (asked.timeout_s, asked.sampling.max_tokens) == (7.0, 9)  # type: ignore[union-attr]
    assert long.status_code == 413


async def test_who_speaks_no_tls_to_a_tls_port_gets_nothing(
    front: Front, config: HttpConfig
) -> None:
    async with serving_front(front.app, config, drain_s=1) as opened, httpx.AsyncClient() as http:
        with pytest.raises(httpx.TransportError):
            await http.get(f"http://127.0.0.1:{opened.port}/healthz")


def _damage(private_key: Path, how: str) -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    match how:
        case "missing":
            private_key.unlink()
        case "mismatch":
            private_key.write_bytes(private_key_pem(other))
        case "encrypted":
            locked = BestAvailableEncryption(b"x")
            private_key.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
        case _:
            private_key.write_text("no key")


@pytest.mark.parametrize("damage", ["missing", "mismatch", "encrypted", "garbage"])
async def test_material_that_cannot_be_used_is_said_before_anything_listens(
    front: Front, config: HttpConfig, damage: str
) -> None:
    assert config.private_key is not None
    await asyncio.to_thread(_damage, config.private_key, damage)

    with pytest.raises(ConfigInvalid, match="cannot be used"):
        async with serving_front(front.app, config, drain_s=1):
            pass


async def test_metrics_are_shown_to_whoever_has_the_token(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("right\n")
    config = MetricsConfig("127.0.0.1:0", tmp_path / "token")
    async with serving_metrics(config, lambda: b"up 1\n") as port, httpx.AsyncClient() as http:
        url = f"http://127.0.0.1:{port}/metrics"
        without = await http.get(url)
        wrong = await http.get(url, headers={"authorization": "Bearer wrong"})
        right = await http.get(url, headers={"authorization": "Bearer right"})

    assert [without.status_code, wrong.status_code, right.status_code] == [401, 401, 200]
    assert right.text == "up 1\n"


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe"])
async def test_a_token_file_without_a_token_is_no_open_door(
    tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "token").write_bytes(content)

    with pytest.raises(ConfigInvalid, match="holds no token"):
        async with serving_metrics(MetricsConfig("127.0.0.1:0", tmp_path / "token"), bytes):
            pass
