"""A server's certificate files are followed; what cannot be used changes nothing."""

import asyncio
import logging
import socket
import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from runtime.clock import SystemClock
from runtime.http.certificate_files import following_certificate
from runtime.http.server import bind_http, serving_http, tls_context
from runtime.identity.authority import CertificateAuthority
from runtime.identity.keys import private_key_pem

AUTHORITY = CertificateAuthority.create("test", clock=SystemClock(), lifetime_s=3600)


def issue(directory: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    issued = AUTHORITY.issue_server(key.public_key(), ["127.0.0.1"], lifetime_s=3600)
    (directory / "key.pem").write_bytes(private_key_pem(key))
    (directory / "chain.pem").write_bytes(issued.chain_pem)


def shown(port: int) -> bytes | None:
    context = ssl.create_default_context(cadata=AUTHORITY.certificate_pem.decode())
    with (
        socket.create_connection(("127.0.0.1", port), timeout=20) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
    ):
        return secured.getpeercert(binary_form=True)


async def nothing(scope: object, receive: object, send: object) -> None:
    """An application that nobody asks."""


async def test_renewed_files_are_shown_and_damaged_ones_are_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    issue(tmp_path)
    files = tmp_path / "chain.pem", tmp_path / "key.pem"
    context, bound = tls_context(*files), bind_http("127.0.0.1:0")
    port = bound.getsockname()[1]
    async with (
        serving_http(nothing, bound, tls=context, grace_s=0),
        following_certificate(context, *files, interval_s=0.02),
    ):
        first = await asyncio.to_thread(shown, port)
        issue(tmp_path)
        await _wait_logged(caplog, "certificate_files_loaded")
        second = await asyncio.to_thread(shown, port)
        (tmp_path / "key.pem").write_bytes(b"half a k")
        await _wait_logged(caplog, "certificate_files_unusable")
        third = await asyncio.to_thread(shown, port)

    assert first != second
    assert second == third


async def _wait_logged(caplog: pytest.LogCaptureFixture, event: str) -> None:
    async with asyncio.timeout(30):
        while event not in [record.message for record in caplog.records]:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
