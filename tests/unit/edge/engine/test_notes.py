"""What may be kept of a dying child's stderr."""

from hypothesis import given
from hypothesis import strategies as st

from edge.engine.notes import CrashNotes


def summary(*parts: bytes) -> str:
    notes = CrashNotes()
    for part in parts:
        notes.feed(part)
    return notes.summary()


def test_known_last_words_are_kept_and_the_rest_is_dropped() -> None:
    said = summary(
        b"/src/ggml/src/ggml.c:3021: GGML_ASSERT(a == b) failed for Anna Example\n",
        b"terminate called after throwing an instance of 'std::runtime_error'\n",
        b"  what():  Unexpected empty grammar stack after accepting piece: Anna Example\n",
        b"Fatal Python error: Aborted\n\nThread 0x1\n",
    )

    assert said == (
        "/src/ggml/src/ggml.c:3021: GGML_ASSERT; "
        "terminate called after throwing an instance of 'std::runtime_error'; "
        "Fatal Python error: Aborted"
    )


def test_a_phrase_cut_by_a_read_is_still_seen() -> None:
    assert summary(b"Fatal Python err", b"or: Segmentation fault") == (
        "Fatal Python error: Segmentation fault"
    )


def test_a_flood_is_bounded() -> None:
    notes = CrashNotes()

    for _ in range(1000):
        notes.feed(b"x" * 5000)
    notes.feed(b"\n" + b"Fatal Python error: Aborted\n" * 1000)

    assert len(notes.summary()) < 500
    assert notes.dropped_bytes >= 5_000_000


@given(st.text(alphabet=st.characters(categories=["L", "P", "Z"]), max_size=200))
def test_ordinary_text_is_never_kept(text: str) -> None:
    assert summary(text.encode()) == ""
