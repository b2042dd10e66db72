"""Texts may wait for a moment; nothing is lost, and what a caller waits for goes at once."""

from hypothesis import given
from hypothesis import strategies as st

from edge.engine.frames import Begun, Failed, Frame, Pieces
from edge.engine.gathering import Gathering
from runtime.ports import TextDelta, TokenLogprob

LONGEST_S = 0.02


class Setup:
    def __init__(self, longest_s: float = LONGEST_S) -> None:
        self.messages: list[list[Frame]] = []
        self.gathering = Gathering(send=self.messages.append, longest_s=longest_s)
        self.now_s = 50.0

    def step(self, took_s: float, texts: dict[int, str], *, is_first: bool = False) -> None:
        self.now_s += took_s
        for call, text in texts.items():
            entries = tuple(TokenLogprob(one, -1.0) for one in text)
            self.gathering.add(call, TextDelta(text, len(text), entries), is_first=is_first)
        self.gathering.flush(now_s=self.now_s, next_s=took_s)

    def texts(self) -> dict[int, str]:
        found: dict[int, str] = {}
        for frames in self.messages:
            for frame in frames:
                for piece in frame.pieces if isinstance(frame, Pieces) else ():
                    assert piece.delta.tokens == len(piece.delta.text)
                    assert [one.token for one in piece.delta.logprobs] == list(piece.delta.text)
                    found[piece.call] = found.get(piece.call, "") + piece.delta.text
        return found


def test_the_first_text_of_an_answer_goes_at_once() -> None:
    setup = Setup()
    setup.step(0.001, {1: "a"}, is_first=True)
    setup.step(0.001, {1: "b"})

    assert setup.texts() == {1: "a"}


def test_a_beginning_and_an_ending_go_at_once_and_texts_go_between() -> None:
    setup = Setup()
    setup.step(0.001, {1: "a"})
    setup.gathering.begin(Begun(2, 9, 0))
    setup.gathering.end(Failed(1, "Cancelled", "gone"))
    setup.step(0.001, {})

    ((begun, pieces, failed),) = setup.messages
    assert isinstance(begun, Begun)
    assert isinstance(pieces, Pieces)
    assert isinstance(failed, Failed)


def test_a_slow_model_sends_every_step() -> None:
    setup = Setup()
    for text in "abc":
        setup.step(0.025, {1: text, 2: text})

    assert len(setup.messages) == 3


def test_steps_that_bring_nothing_are_silent() -> None:
    setup = Setup(longest_s=0.0)
    setup.step(1.0, {})

    assert setup.messages == []


@given(
    st.lists(
        st.tuples(
            st.floats(0.000_1, 0.05), st.dictionaries(st.integers(1, 4), st.text("xyz", max_size=3))
        ),
        max_size=40,
    )
)
def test_nothing_is_lost_or_reordered_and_no_text_waits_longer_than_it_may(
    steps: list[tuple[float, dict[int, str]]],
) -> None:
    setup = Setup()
    said: dict[int, str] = {}
    oldest_s: float | None = None
    for took_s, texts in steps:
        sent = len(setup.messages)
        setup.step(took_s, texts)
        if texts and oldest_s is None:
            oldest_s = setup.now_s
        if len(setup.messages) > sent:
            oldest_s = None
        # The next step is expected to take as long as this one; only then would it be too late.
        assert oldest_s is None or setup.now_s - oldest_s + took_s < LONGEST_S
        for call, text in texts.items():
            said[call] = said.get(call, "") + text
    setup.gathering.end(Failed(9, "Cancelled", "gone"))
    setup.step(0.0, {})

    assert setup.texts() == said
