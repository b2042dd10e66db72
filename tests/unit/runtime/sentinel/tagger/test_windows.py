"""Windows judge every token once, and never one at an edge where the text goes on."""

from hypothesis import given
from hypothesis import strategies as st

from runtime.sentinel.tagger.windows import breaks_of, overlap_of, windows


@given(
    tokens=st.integers(1, 2_000),
    size=st.integers(16, 200),
    half=st.integers(0, 3),
    breaks=st.sets(st.integers(1, 2_000)),
)
def test_every_token_is_judged_once_with_context_around_it(
    tokens: int, size: int, half: int, breaks: set[int]
) -> None:
    cut = list(windows(tokens, size=size, overlap=2 * half, breaks=sorted(breaks)))

    judged = [token for window in cut for token in range(window.first, window.last)]
    assert judged == list(range(tokens))
    for window in cut:
        assert window.end - window.start <= size
        assert window.start <= window.first < window.last <= window.end
        assert window.first - window.start >= half or window.start == 0
        assert window.end - window.last >= half or window.end == tokens or window.end in breaks
    assert len(cut) <= 1 + tokens // (size // 2 - half)


def test_a_window_ends_at_a_line_rather_than_inside_it() -> None:
    first, second = list(windows(30, size=20, overlap=4, breaks=[15]))
    assert (first.end, second.start, second.first) == (15, 13, 15)


def test_texts_may_be_cut_before_a_line_and_after_a_sentence() -> None:
    text, offsets = "Yes. No\nwell", [(0, 3), (3, 4), (5, 7), (8, 12)]
    assert breaks_of(text, offsets) == [2, 3]


@given(size=st.integers(16, 512), most=st.integers(0, 32).map(lambda half: 2 * half))
def test_what_windows_share_lets_them_move_on(size: int, most: int) -> None:
    overlap = overlap_of(size, most=most)

    assert overlap % 2 == 0
    assert 0 <= overlap <= most
    assert 2 * overlap < size
    assert len(list(windows(2_000, size=size, overlap=overlap))) <= 2_000
