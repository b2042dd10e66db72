"""Windows judge every token once, and never one at an edge where the text goes on."""

from hypothesis import given
from hypothesis import strategies as st

from runtime.sentinel.tagger.windows import windows


@given(tokens=st.integers(1, 2_000), size=st.integers(8, 200), half=st.integers(0, 3))
def test_every_token_is_judged_once_with_context_around_it(
    tokens: int, size: int, half: int
) -> None:
    cut = list(windows(tokens, size=size, overlap=2 * half))

    judged = [token for window in cut for token in range(window.first, window.last)]
    assert judged == list(range(tokens))
    for window in cut:
        assert window.end - window.start <= size
        assert window.start <= window.first < window.last <= window.end
        assert window.first - window.start >= half or window.start == 0
        assert window.end - window.last >= half or window.end == tokens
    assert len(cut) <= 1 + tokens // (size - 2 * half)
