"""Events out of bytes: the same, however they are cut; bounded, whatever is sent."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.upstreams.sse import EventTooLarge, SseDecoder

LINE = st.sampled_from(
    [b"data: a", b"data:b", b"data:  c", b": comment", b"event: x", b"id: 7", b"data", b"", b"x"]
)


def decoded(stream: bytes, cuts: list[int]) -> list[bytes]:
    decoder = SseDecoder()
    events: list[bytes] = []
    places = sorted({cut % (len(stream) + 1) for cut in cuts} | {0, len(stream)})
    for start, end in itertools.pairwise(places):
        events += decoder.feed(stream[start:end])
    return events


@given(
    st.lists(LINE, max_size=30), st.sampled_from([b"\n", b"\r\n"]), st.lists(st.integers(0, 400))
)
def test_the_borders_of_what_arrives_make_no_difference(
    lines: list[bytes], ending: bytes, cuts: list[int]
) -> None:
    stream = b"".join(line + ending for line in lines)

    assert decoded(stream, cuts) == SseDecoder().feed(stream)


def test_data_lines_of_one_event_are_joined_and_other_fields_passed_over() -> None:
    stream = b": hello\r\nevent: x\r\ndata: one\r\ndata: two\r\n\r\ndata:three\n\n"

    assert SseDecoder().feed(stream) == [b"one\ntwo", b"three"]


def test_an_event_without_its_end_is_none() -> None:
    assert SseDecoder().feed(b"data: [DONE]\n") == []


@pytest.mark.parametrize("piece", [b"x" * 60, b"data: " + b"x" * 40 + b"\n"])
def test_what_never_ends_is_refused(piece: bytes) -> None:
    decoder = SseDecoder(max_event_bytes=100)
    decoder.feed(piece)

    with pytest.raises(EventTooLarge):
        decoder.feed(piece * 2)
