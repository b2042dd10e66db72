"""One HTTP connection, held to bounds that uvicorn's own protocol lacks.

A caller gets a limited time and size for its request's head, and may leave a full connection
unread for a limited time. Without that, a few silent callers hold a server's sockets and memory
for ever.
"""

import asyncio
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["HEAD_TIMEOUT_S", "MAX_HEAD_BYTES", "UNREAD_TIMEOUT_S", "BoundedProtocol"]

HEAD_TIMEOUT_S: Final = 10.0
"""How long the head of a request may take, from the connection's or its own first byte on."""
MAX_HEAD_BYTES: Final = 32 * 1024
"""How much of an unfinished head is read on, beyond the piece that it began in."""
UNREAD_TIMEOUT_S: Final = 30.0
"""How long a caller may leave unread what is waiting for it."""


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with bounds on heads and on readers that stop reading."""

    head_timeout_s = HEAD_TIMEOUT_S
    unread_timeout_s = UNREAD_TIMEOUT_S

    _head_timer: asyncio.TimerHandle | None = None
    _unread_timer: asyncio.TimerHandle | None = None
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_arrived()
        self._was_read()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        awaited = self._head_timer
        super().data_received(data)
        # The parser hands out a header once it is whole, so unfinished ones are counted here.
        if awaited is not None and awaited is self._head_timer:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
                self.send_400_response("Request head too large.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._head_timer is None:
            self._expect_head()

    def on_headers_complete(self) -> None:
        self._head_arrived()
        super().on_headers_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._expect_reading()

    def resume_writing(self) -> None:
        self._was_read()
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        # Closing waits until the rest is read, however long that takes.
        if self._unread_timer is None and self.transport.get_write_buffer_size():
            self._expect_reading()

    def _expect_head(self) -> None:
        self._head_bytes = 0
        self._head_timer = self.loop.call_later(self.head_timeout_s, self.transport.abort)

    def _head_arrived(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _expect_reading(self) -> None:
        self._unread_timer = self.loop.call_later(self.unread_timeout_s, self.transport.abort)

    def _was_read(self) -> None:
        if self._unread_timer is not None:
            self._unread_timer.cancel()
            self._unread_timer = None
