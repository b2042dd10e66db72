"""Send server-sent events as they are made, no faster than the caller reads them."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

from starlette.types import Receive, Scope, Send

__all__ = ["EventStream"]


class EventStream:
    """An ASGI response of server-sent events.

    The next event is asked for once the last one is on its way, so a caller that reads slowly
    holds back the model and not this process's memory. One that stops reading is hung up on by
    ``protocol``; who hung up is noticed by ``hangup.cancelled_when_gone`` around the response.

    Args:
        events: Texts of events, each ending in an empty line; closed however the response ends.
        headers: Headers beside the content type.
    """

    def __init__(self, events: AsyncGenerator[str, None], headers: Mapping[str, str]) -> None:
        self._events = events
        self._headers = [
            (b"content-type", b"text/event-stream; charset=utf-8"),
            (b"cache-control", b"no-store"),
            *((name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()),
        ]

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send everything."""
        async with aclosing(self._events):
            await send({"type": "http.response.start", "status": 200, "headers": self._headers})
            async for event in self._events:
                body = event.encode()
                await send({"type": "http.response.body", "body": body, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
