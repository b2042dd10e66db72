"""What a step computes: a stream that is alone may guess, streams that share a batch never do."""

from types import SimpleNamespace
from typing import Any

from edge.engine.chunking import ChunkSizer
from edge.engine.frames import Start
from edge.engine.guessing import Guesser, Guessing
from edge.engine.inbox import Ticket
from edge.engine.native.planning import SharedPlan
from edge.engine.native.sequence import Sequence
from runtime.ports import Sampling

PROMPT = [1, 2, 3, 4, 5] * 4


def answering(number: int) -> Sequence:
    """Return a call whose text repeats itself."""
    answer: Any = SimpleNamespace(tokens=PROMPT[:1], limit_tokens=99, finish_reason=None)
    start = Start(number, (), Sampling(), 9.0)
    one = Sequence(Ticket(start, 0.0), PROMPT, answer, Guesser(PROMPT, Guessing()))
    one.number, one.computed = number, len(PROMPT)
    return one


def test_a_stream_that_is_alone_guesses() -> None:
    ((batch,),) = (SharedPlan(ChunkSizer(64)).batches([answering(0)]),)

    ((_, part),) = batch
    assert part.guesses > 0
    assert list(part.tokens) == [1, 2, 3, 4, 5, 1, 2, 3][: 1 + part.guesses]


def test_streams_that_share_a_batch_do_not() -> None:
    for count in range(2, 9):
        running = [answering(number) for number in range(count)]
        (batch,) = SharedPlan(ChunkSizer(64)).batches(running)

        assert [(one.number, list(part.tokens)) for one, part in batch] == [
            (number, [1]) for number in range(count)
        ]
