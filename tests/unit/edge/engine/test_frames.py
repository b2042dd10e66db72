"""Frames between daemon and child: nothing lost, nothing strange accepted."""

import asyncio
import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.engine.frames import (
    MAX_FRAME_BYTES,
    Failed,
    Finished,
    Frame,
    FrameInvalid,
    Infer,
    Inferred,
    Piece,
    Pieces,
    Pong,
    Start,
    encode,
    read_frame,
    receive_frame,
)
from edge.tensors.tensor import Tensor
from runtime.ports import (
    ChatMessage,
    FinishReason,
    Sampling,
    TextDelta,
    Timings,
    TokenLogprob,
    Usage,
)


def _tensor(name: str, data: bytes) -> Tensor:
    return Tensor(name, "UINT8", (len(data),), data)


FRAMES: list[Frame] = [
    Start(7, (ChatMessage("user", 'é"\n\0'),), Sampling(stop=("\n",), seed=3), 1.5),
    Pieces((Piece(7, TextDelta("x", 2, (TokenLogprob("x", -0.5, (("y", -1.0),)),))),)),
    Finished(7, FinishReason.LENGTH, Usage(3, 4), Timings(0.1, 0.2, 0.3)),
    Failed(7, "ContextOverflow", "1100 tokens; the context has 1024"),
    Pong(12, is_busy=True, is_decoding=False),
    Infer(8, (_tensor("a", b"\0\xff" * 9), _tensor("b", b"")), ("y",), 2.5),
    Inferred(8, (_tensor("y", b"\n"),)),
    Inferred(9, ()),
]


async def read_bytes(data: bytes) -> list[Frame]:
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    frames = []
    while (frame := await read_frame(reader)) is not None:
        frames.append(frame)
    return frames


async def test_frames_come_back_as_they_were_sent() -> None:
    assert await read_bytes(b"".join(map(encode, FRAMES))) == FRAMES


def test_the_blocking_reader_reads_the_same() -> None:
    left, right = socket.socketpair()
    with left, right:
        left.sendall(b"".join(map(encode, FRAMES)))
        left.shutdown(socket.SHUT_WR)

        received = [receive_frame(right) for _ in FRAMES]

        assert received == FRAMES
        assert receive_frame(right) is None


async def test_a_cut_frame_is_the_end_of_the_stream() -> None:
    assert await read_bytes(encode(FRAMES[0])[:-1]) == []


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b'{"kind":"exec"}', b'{"kind":"pong","steps":"many"}', b"\xff"],
)
async def test_what_is_no_frame_is_refused(body: bytes) -> None:
    with pytest.raises(FrameInvalid):
        await read_bytes(struct.pack(">I", len(body)) + body)


async def test_a_refusal_does_not_quote_the_frame() -> None:
    body = b'{"kind":"piece","call":1,"delta":"Anna Example"}'

    with pytest.raises(FrameInvalid) as caught:
        await read_bytes(struct.pack(">I", len(body)) + body)

    assert "Anna" not in str(caught.value)


async def test_an_absurd_length_is_refused_before_it_is_read() -> None:
    with pytest.raises(FrameInvalid, match="too long"):
        await read_bytes(struct.pack(">I", MAX_FRAME_BYTES + 1))


def test_a_frame_that_is_too_long_is_not_sent() -> None:
    with pytest.raises(FrameInvalid, match="too long"):
        encode(Pieces((Piece(1, TextDelta("x" * MAX_FRAME_BYTES)),)))


@given(st.binary(max_size=64))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        asyncio.run(read_bytes(data))
    except FrameInvalid as error:
        assert "frame" in str(error)  # noqa: PT017 - either outcome is right
