"""The SDK's client goes where the machine's settings say, and nowhere else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx2
import pytest

from cloud.upstreams.connection import open_client
from cloud.upstreams.model import UpstreamSpec

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"


@dataclass
class Server:
    """Remembers the first lines of what it is asked."""

    port: int = 0
    asked: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.asked.append(head.partition(b"\r\n")[0].decode())
        writer.write(ANSWER)
        writer.close()


@asynccontextmanager
async def _listening() -> AsyncIterator[Server]:
    made = Server()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    async with server:
        yield made


async def _ask(base_url: str) -> None:
    spec = UpstreamSpec(name="p", base_url=base_url, api_key="k")
    async with open_client(spec) as client:
        await client.get("/models", cast_to=httpx2.Response)


@pytest.fixture(autouse=True)
def _no_proxy_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


async def test_without_settings_the_provider_is_dialled_itself() -> None:
    async with _listening() as provider:
        await _ask(f"http://127.0.0.1:{provider.port}/v1")

    assert provider.asked == ["GET /v1/models HTTP/1.1"]


@pytest.mark.parametrize("scheme", ["http://", ""])
async def test_a_proxy_of_the_machine_is_used(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with _listening() as proxy:
        monkeypatch.setenv("http_proxy", f"{scheme}127.0.0.1:{proxy.port}")

        await _ask("http://provider.example/v1")

    assert proxy.asked == ["GET http://provider.example/v1/models HTTP/1.1"]


async def test_a_host_that_needs_no_proxy_is_dialled_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with _listening() as proxy, _listening() as provider:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("no_proxy", "127.0.0.1")

        await _ask(f"http://127.0.0.1:{provider.port}/v1")

    assert proxy.asked == []
    assert provider.asked == ["GET /v1/models HTTP/1.1"]
