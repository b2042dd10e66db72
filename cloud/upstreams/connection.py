"""A provider's connections: the SDK's client, set up so that nothing happens unseen.

No retries of its own, no redirects (they would send a prompt somewhere else), no bodies of
unbounded size, no account names out of the environment.
"""

from collections.abc import AsyncIterator
from typing import Any, Final
from urllib.request import getproxies, proxy_bypass

import httpx2
import openai
from openai import AsyncOpenAI, Omit

from cloud.upstreams.model import UpstreamSpec
from cloud.upstreams.transport import ProviderTransport

__all__ = ["TooLarge", "open_client", "read_bounded", "streamed_headers"]

_FIRST_ERROR_STATUS: Final = 300
_MAX_ERROR_BYTES: Final = 64 * 1024
_KEEPALIVE_S: Final = 30.0
_NO_KEY: Final = "none"


class TooLarge(Exception):
    """A body is larger than any answer's could be."""


def open_client(spec: UpstreamSpec) -> AsyncOpenAI:
    """Return the SDK's client for one provider; the caller closes it."""
    # Whoever waits for an answer has its own limit (``Reading.wait``).
    timeout = openai.Timeout(None, connect=spec.connect_timeout_s)
    client = AsyncOpenAI(
        base_url=spec.base_url,
        api_key=spec.api_key or _NO_KEY,
        admin_api_key="",
        max_retries=0,
        timeout=timeout,
        http_client=httpx2.AsyncClient(
            transport=ProviderTransport(
                keep_s=_KEEPALIVE_S, proxy=_proxy_of(httpx2.URL(spec.base_url))
            ),
            timeout=timeout,
            follow_redirects=False,
            event_hooks={"response": [_bound_errors]},
        ),
    )
    # The SDK takes these from the environment when they are not given, for every provider alike.
    client.organization = client.project = None
    return client


def streamed_headers(spec: UpstreamSpec, *, accept: str) -> dict[str, Any]:
    """Return the headers of a call whose body is read by us, piece by piece."""
    headers: dict[str, Any] = {
        "X-Stainless-Raw-Response": "stream",  # the SDK's own word for that
        "Accept": accept,
        "Accept-Encoding": "identity",
    }
    if spec.api_key is None:
        headers["Authorization"] = Omit()
    return headers


async def read_bounded(response: httpx2.Response, max_bytes: int) -> bytes:
    """Return a body of at most so many bytes.

    Raises:
        TooLarge: It has more.
    """
    received = bytearray()
    async for piece in response.aiter_raw():
        received += piece
        if len(received) > max_bytes:
            raise TooLarge
    return bytes(received)


def _proxy_of(url: httpx2.URL) -> str | None:
    """Return the proxy that the machine's settings name for a provider."""
    if proxy_bypass(url.host):
        return None
    proxies = getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy


async def _bound_errors(response: httpx2.Response) -> None:
    if response.status_code >= _FIRST_ERROR_STATUS:
        response.stream = _Beginning(response.stream)


class _Beginning(httpx2.AsyncByteStream):
    """The beginning of an error's body: the SDK reads it whole, however long it is."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = _MAX_ERROR_BYTES
        async for piece in self._stream:
            yield piece[:left]
            left -= len(piece)
            if left <= 0:
                return

    async def aclose(self) -> None:
        await self._stream.aclose()
