"""Callers of ``leeward.v1.Inference/Generate`` on bare HTTP/2 connections over mutual TLS.

``grpc.aio`` as a client costs about half a millisecond per call, which would be counted as the
gateway's. This speaks just enough HTTP/2 for one stream at a time: the request's bytes are made
beforehand, and of the answer only its messages, their times and the trailer are looked at.
"""

from __future__ import annotations

import asyncio
import ssl
import struct
import tempfile
import time
from pathlib import Path
from typing import Final, cast

from bench.gateway_call import NUMBER, Answered, CallFailed
from leeward.v1 import inference_pb2 as pb

__all__ = ["GrpcCaller", "client_context"]

_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_METHOD: Final = "/leeward.v1.Inference/Generate"
_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _GOAWAY, _WINDOW = 0, 1, 3, 4, 6, 7, 8
_ACK: Final = 1
_END_STREAM: Final = 1
_END_HEADERS: Final = 4
_MOST: Final = 2**31 - 1
_FIRST_WINDOW: Final = 65_535
_FRAME_HEAD: Final = 9
_MESSAGE_HEAD: Final = 5
_COMPLETION: Final = 0x12
"""First byte of a ``GenerateResponse`` that holds a completion."""
_STATUS_OK: Final = b"grpc-status\x010"
"""How the server writes the trailer: we allow it no table, and it never compresses."""


def client_context(ca_pem: bytes, chain_pem: bytes, key_pem: bytes) -> ssl.SSLContext:
    """Return the device's side of mutual TLS, with HTTP/2 agreed on."""
    context = ssl.create_default_context(cadata=ca_pem.decode())
    with tempfile.TemporaryDirectory(prefix="leeward-bench-") as directory:
        both = Path(directory) / "device.pem"
        both.touch(mode=0o600)
        both.write_bytes(key_pem + chain_pem)
        context.load_cert_chain(both)
    context.set_alpn_protocols(["h2"])
    return context


class GrpcCaller(asyncio.Protocol):
    """One connection, one stream after the other.

    Args:
        message: A serialized ``GenerateRequest`` with ``NUMBER`` in its text.
        authority: ``host:port`` as the server is called.
    """

    def __init__(self, message: bytes, *, authority: str) -> None:
        self._message = message
        self._head = _header_block(authority)
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Answered] | None = None
        self._buffer = bytearray()
        self._messages = bytearray()
        self._arrivals: list[float] = []
        self._counted = 0
        self._last_kind = 0
        self._stream = -1
        self._window = _FIRST_WINDOW
        self._started_s = 0.0

    async def open(self, host: str, port: int, context: ssl.SSLContext) -> GrpcCaller:
        """Connect and agree on large windows, so that none has to be moved on."""
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self, host, port, ssl=context, server_hostname=host)
        # No header table, no push, the largest stream window.
        settings = struct.pack("!HIHIHI", 1, 0, 2, 0, 4, _MOST)
        self._write(
            _PREFACE
            + _frame(_SETTINGS, 0, 0, settings)
            + _frame(_WINDOW, 0, 0, struct.pack("!I", _MOST - _FIRST_WINDOW))
        )
        return self

    async def call(self, number: int) -> Answered:
        """Make one call.

        Raises:
            CallFailed: The status is not OK, the completion is missing, or the connection broke.
        """
        if self._transport is None or self._transport.is_closing():
            raise CallFailed("the connection is closed", seen=0)
        message = self._message.replace(NUMBER, b"%08d" % number)
        data = b"\x00" + struct.pack("!I", len(message)) + message
        self._window -= len(data)
        if self._window < 0:
            raise CallFailed("the server moves its window on too slowly", seen=0)
        self._stream += 2
        self._answer = asyncio.get_running_loop().create_future()
        self._messages.clear()
        self._arrivals = []
        self._counted = self._last_kind = 0
        self._started_s = time.perf_counter()
        self._write(
            _frame(_HEADERS, _END_HEADERS, self._stream, self._head)
            + _frame(_DATA, _END_STREAM, self._stream, data)
        )
        return await self._answer

    def text(self) -> str:
        """Return what the last answer said, read in full."""
        said, at = [], 0
        while at < len(self._messages):
            size = int.from_bytes(self._messages[at + 1 : at + _MESSAGE_HEAD], "big")
            at += _MESSAGE_HEAD
            said.append(pb.GenerateResponse.FromString(bytes(self._messages[at : at + size])))
            at += size
        return "".join(one.delta.text for one in said)

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, _error: Exception | None) -> None:
        self._fail("the connection broke")

    def data_received(self, data: bytes) -> None:
        now_s = time.perf_counter()
        buffer = self._buffer
        buffer += data
        at = 0
        while len(buffer) - at >= _FRAME_HEAD:
            size = int.from_bytes(buffer[at : at + 3], "big")
            end = at + _FRAME_HEAD + size
            if len(buffer) < end:
                break
            stream = int.from_bytes(buffer[at + 5 : at + 9], "big")
            self._take(buffer[at + 3], buffer[at + 4], stream, bytes(buffer[at + 9 : end]), now_s)
            at = end
        del buffer[:at]

    def _take(self, kind: int, flags: int, stream: int, payload: bytes, now_s: float) -> None:
        if kind == _DATA and stream == self._stream:
            self._messages += payload
            self._count_messages(now_s)
        elif kind == _HEADERS and stream == self._stream and flags & _END_STREAM:
            self._finish(payload, now_s)
        elif kind == _SETTINGS and not flags & _ACK:
            self._write(_frame(_SETTINGS, _ACK, 0, b""))
        elif kind == _PING and not flags & _ACK:
            self._write(_frame(_PING, _ACK, 0, payload))
        elif kind == _WINDOW and stream == 0:
            self._window += int.from_bytes(payload, "big")
        elif kind == _GOAWAY or (kind == _RESET and stream == self._stream):
            self._fail("the server ended the stream" if kind == _RESET else "the server left")

    def _count_messages(self, now_s: float) -> None:
        messages = self._messages
        while len(messages) - self._counted >= _MESSAGE_HEAD:
            start = self._counted + _MESSAGE_HEAD
            end = start + int.from_bytes(messages[self._counted + 1 : start], "big")
            if len(messages) < end:
                return
            self._last_kind = messages[start] if end > start else 0
            self._arrivals.append(now_s)
            self._counted = end

    def _finish(self, trailers: bytes, now_s: float) -> None:
        if _STATUS_OK not in trailers:
            at = trailers.find(b"grpc-status")
            self._fail(f"status {trailers[at + 12 : at + 14].decode('latin-1', 'replace')!r}")
        elif self._last_kind != _COMPLETION:
            self._fail("the stream ended without its completion")
        elif self._answer is not None and not self._answer.done():
            self._answer.set_result(Answered(self._started_s, now_s, tuple(self._arrivals)))

    def _fail(self, reason: str) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(CallFailed(reason, seen=len(self._arrivals)))

    def _write(self, data: bytes) -> None:
        assert self._transport is not None  # noqa: S101 - connected before anything is written
        self._transport.write(data)


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack("!I", len(payload))[1:] + struct.pack("!BBI", kind, flags, stream) + payload


def _header_block(authority: str) -> bytes:
    """Return the request's headers as literals that enter no table (RFC 7541, 6.2.2)."""
    fields = (("te", "trailers"), ("content-type", "application/grpc"), ("grpc-timeout", "30S"))
    literals = b"".join(b"\x00" + _text(name) + _text(value) for name, value in fields)
    # Static table: 0x83 is `:method: POST`, 0x87 `:scheme: https`, names 4 `:path`, 1 `:authority`.
    return b"\x83\x87\x04" + _text(_METHOD) + b"\x01" + _text(authority) + literals


def _text(text: str) -> bytes:
    data = text.encode()
    assert len(data) < 127  # noqa: S101 - one byte holds the length
    return bytes((len(data),)) + data
