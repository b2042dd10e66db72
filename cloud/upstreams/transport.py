"""How the SDK's requests travel: aiohttp's connections behind httpx2's seam.

The SDK's own transport costs more than everything else in a call, and hands on every piece of a
stream by itself, however many came together (ADR 0014). This one parses in C, takes a free
connection without looking at the others, and gives what has arrived at once.
"""

import io
from collections.abc import AsyncIterator
from typing import Final

import aiohttp
import httpx2

__all__ = ["ProviderTransport"]

_FAILURES: Final[tuple[tuple[type[Exception], type[httpx2.TransportError]], ...]] = (
    (aiohttp.ConnectionTimeoutError, httpx2.ConnectTimeout),
    (aiohttp.ClientProxyConnectionError, httpx2.ProxyError),
    (aiohttp.ClientHttpProxyError, httpx2.ProxyError),
    (aiohttp.ClientConnectorError, httpx2.ConnectError),
    (aiohttp.InvalidURL, httpx2.UnsupportedProtocol),
    (aiohttp.ServerDisconnectedError, httpx2.RemoteProtocolError),
    (aiohttp.ClientPayloadError, httpx2.RemoteProtocolError),
    (aiohttp.ClientResponseError, httpx2.RemoteProtocolError),
    (aiohttp.ClientError, httpx2.NetworkError),
    (OSError, httpx2.NetworkError),
)
"""The first that fits names a failure; the texts are dropped, they may quote what was received."""


class ProviderTransport(httpx2.AsyncBaseTransport):
    """Connections to one provider; opened inside the event loop that first uses them.

    How many calls there may be at once, and how long to wait for an answer, is the caller's to
    limit; only connecting has its limit here.

    Args:
        keep_s: How long a free connection is kept, seconds.
        proxy: Through which to dial; ``None`` dials the provider itself.
    """

    def __init__(self, *, keep_s: float, proxy: str | None = None) -> None:
        self._keep_s = keep_s
        self._proxy = proxy
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request and return its answer, whose body is still to come."""
        if self._session is None:
            self._session = self._open()
        connect_s = request.extensions.get("timeout", {}).get("connect")
        content = await request.aread()
        try:
            response = await self._session.request(
                request.method,
                str(request.url),
                headers=request.headers.multi_items(),
                # A file, because aiohttp writes a file in pieces and large bytes in one.
                data=io.BytesIO(content) if content else None,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(sock_connect=connect_s),
                proxy=self._proxy,
            )
        except Exception as error:
            raise _named(error) from error
        return httpx2.Response(
            response.status, headers=response.raw_headers, stream=_Body(response), request=request
        )

    async def aclose(self) -> None:
        """Close all connections; answers that are still coming break."""
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=0, keepalive_timeout=self._keep_s, ssl=httpx2.create_ssl_context()
        )
        return aiohttp.ClientSession(
            connector=connector,
            # No provider may recognise one caller by what another one was sent.
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
        )


class _Body(httpx2.AsyncByteStream):
    """An answer's body, in pieces as they arrive."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            try:
                piece = await self._response.content.readany()
            except Exception as error:
                raise _named(error) from error
            if not piece:
                return
            yield piece

    async def aclose(self) -> None:
        """Give the connection back if the body was read to its end, else close it."""
        self._response.close()


def _named(error: Exception) -> Exception:
    for theirs, ours in _FAILURES:
        if isinstance(error, theirs):
            return ours(type(error).__name__)
    return error
