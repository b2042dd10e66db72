"""What a step computes: a stream that is alone may guess, streams that share a batch never do."""

from types import SimpleNamespace
from typing import Any

from edge.engine.chunking import ChunkSizer
from edge.engine.frames import Start
from edge.engine.guessing import Guesser, Guessing
from edge.engine.inbox import Ticket
from edge.engine.native.planning import SharedPlan
from edge.engine.native.sequence import Sequence
from edge.engine.step_times import StepTimes
from runtime.ports import Sampling

PROMPT = [1, 2, 3, 4, 5] * 4


def answering(number: int) -> Sequence:
    """Return a call whose text repeats itself."""
    answer: Any = SimpleNamespace(tokens=PROMPT[:1], limit_tokens=99, finish_reason=None)
    start = Start(number, (), Sampling(), 9.0)
    guessing = Guessing()
    for _ in range(3):
        guessing.draft_odds.note(guesses=0, took_s=0.01)
    one = Sequence(Ticket(start, 0.0), PROMPT, answer, Guesser(PROMPT, guessing))
    one.number, one.computed = number, len(PROMPT)
    return one


def shared_plan(**seconds: float) -> SharedPlan:
    """Return a plan that has learnt what some decodes take, by number of answers (``of_2``)."""
    times = StepTimes()
    for name, took_s in seconds.items():
        times.note(int(name.removeprefix("of_")), took_s)
    return SharedPlan(ChunkSizer(64, times), times)


def test_a_stream_that_is_alone_guesses() -> None:
    ((batch,),) = (shared_plan().batches([answering(0)]),)

    ((_, part),) = batch
    assert part.guesses > 0
    assert list(part.tokens) == [1, 2, 3, 4, 5, 1, 2, 3][: 1 + part.guesses]


def test_streams_that_share_a_batch_do_not() -> None:
    for count in range(2, 9):
        running = [answering(number) for number in range(count)]
        (batch,) = shared_plan().batches(running)

        assert [(one.number, list(part.tokens)) for one, part in batch] == [
            (number, [1]) for number in range(count)
        ]


def test_answers_are_computed_one_after_the_other_where_that_is_faster() -> None:
    running = [answering(number) for number in range(2)]

    apart = shared_plan(of_1=0.007, of_2=0.026).batches(running)
    together = shared_plan(of_1=0.007, of_2=0.009).batches(running)

    assert [[one.number for one, _ in batch] for batch in apart] == [[0], [1]]
    assert [[one.number for one, _ in batch] for batch in together] == [[0, 1]]


def test_a_new_prompt_is_computed_in_the_same_batch_as_the_answers() -> None:
    newcomer = answering(2)
    newcomer.computed = 0
    running = [answering(0), answering(1), newcomer]

    (batch,) = shared_plan(of_1=0.007, of_2=0.026).batches(running)

    assert [len(part.tokens) for _, part in batch] == [1, 1, 16]
