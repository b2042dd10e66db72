"""Streaming text: whole characters only, and nothing of a stop string."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from edge.engine.text import StopScanner, Utf8Stream

letters = st.text(alphabet="ab", max_size=24)
stops = st.lists(st.text(alphabet="ab", min_size=1, max_size=4), max_size=3)
cuts = st.lists(st.integers(0, 24), max_size=6)


def cut(data: bytes, at: list[int]) -> list[bytes]:
    borders = [0, *sorted(at), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(borders)]


@given(text=st.text(max_size=16), at=cuts)
def test_cut_bytes_come_back_as_the_same_text(text: str, at: list[int]) -> None:
    text = text.encode("utf-8", "ignore").decode()
    stream = Utf8Stream()

    shown = [stream.feed(part) for part in cut(text.encode(), at)]

    assert "".join(shown) + stream.finish() == text
    assert not any("\ufffd" in part for part in shown if "\ufffd" not in text)


def test_a_character_cut_by_the_end_becomes_a_replacement() -> None:
    stream = Utf8Stream()

    shown = stream.feed("aé".encode()[:2])

    assert (shown, stream.finish()) == ("a", "\ufffd")


@given(text=letters, stop=stops, at=cuts)
def test_a_stream_ends_where_the_whole_text_would(
    text: str, stop: list[str], at: list[int]
) -> None:
    scanner = StopScanner(stop)

    shown = "".join(scanner.feed(part.decode()) for part in cut(text.encode(), at))
    shown += "" if scanner.has_stopped else scanner.finish()

    found = [place for one in stop if (place := text.find(one)) >= 0]
    assert scanner.has_stopped == bool(found)
    if found:
        # A later stop may become visible first when the earlier one is longer: both are right.
        ends = [text.find(one) + len(one) for one in stop if one in text]
        first_end = min(ends)
        assert text.startswith(shown)
        assert not any(one in shown for one in stop)
        assert len(shown) <= first_end
    else:
        assert shown == text


def test_nothing_of_a_stop_string_is_shown_before_it_is_refuted() -> None:
    scanner = StopScanner(["###"])

    shown = [scanner.feed(part) for part in ("a#", "#", "b", "##", "#c")]

    assert shown == ["a", "", "##b", "", ""]
    assert scanner.has_stopped
    assert scanner.finish() == ""
