"""Server-sent events out of bytes, whatever the borders of what arrives.

Only the ``data`` of events is kept: it is all that the OpenAI API uses. Sizes are bounded, so
that a provider that never ends a line cannot fill our memory.
"""

from typing import Final

__all__ = ["EventTooLarge", "SseDecoder"]

_MAX_EVENT_BYTES: Final = 1024 * 1024
_CARRIAGE_RETURN: Final = b"\r"


class EventTooLarge(Exception):
    """An event is larger than any answer's could be."""


class SseDecoder:
    """Cuts a byte stream into the data of its events."""

    def __init__(self, max_event_bytes: int = _MAX_EVENT_BYTES) -> None:
        self._max_event_bytes = max_event_bytes
        self._rest = b""
        self._data: list[bytes] = []
        self._data_bytes = 0

    def feed(self, received: bytes) -> list[bytes]:
        """Return the data of every event that ``received`` completes.

        Raises:
            EventTooLarge: A line, or the lines of one event, are longer than allowed.
        """
        *lines, self._rest = (self._rest + received).split(b"\n")
        if len(self._rest) > self._max_event_bytes:
            raise EventTooLarge
        done: list[bytes] = []
        for line in lines:
            text = line.removesuffix(_CARRIAGE_RETURN)
            if not text:
                self._end_event(done)
            elif text.startswith(b"data:"):
                self._take(text[5:].removeprefix(b" "))
        return done

    def _take(self, data: bytes) -> None:
        self._data_bytes += len(data)
        if self._data_bytes > self._max_event_bytes:
            raise EventTooLarge
        self._data.append(data)

    def _end_event(self, done: list[bytes]) -> None:
        if not self._data:
            return
        done.append(b"\n".join(self._data))
        self._data.clear()
        self._data_bytes = 0
