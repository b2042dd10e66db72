"""A call that loses its place goes on behind everything that it has said."""

from types import SimpleNamespace
from typing import Any

from edge.engine.frames import Start
from edge.engine.inbox import Ticket
from edge.engine.native.sequence import Sequence
from runtime.ports import Sampling


def sequence(prompt: list[int], *, limit: int = 20) -> Sequence:
    answer: Any = SimpleNamespace(tokens=[], limit_tokens=limit, finish_reason=None)
    one = Sequence(Ticket(Start(1, (), Sampling(), 9.0), 0.0), prompt, answer)
    one.number = 4
    return one


def compute(one: Sequence, *, room: int, next_token: int) -> list[int]:
    """Take one step as the scheduler does; return what was computed."""
    part = one.next_part(room)
    one.computed += len(part.tokens)
    if part.wants_logits:
        one.answer.tokens.append(next_token)
    return list(part.tokens)


def test_a_prompt_is_computed_in_stretches_and_then_token_by_token() -> None:
    one = sequence([1, 2, 3])

    steps = [compute(one, room=2, next_token=7 + number) for number in range(4)]

    assert steps == [[1, 2], [3], [8], [9]]
    assert one.computed_tokens == [1, 2, 3, 8, 9]


def test_after_a_loss_prompt_and_answer_are_computed_again_and_nothing_is_said_twice() -> None:
    one = sequence([1, 2, 3])
    for token in (7, 8, 9):
        compute(one, room=9, next_token=token)
    growth = one.growth_left

    one.lose_place()

    assert (one.number, one.computed, one.is_answering) == (-1, 0, False)
    assert one.growth_left == growth - 3
    steps = [compute(one, room=4, next_token=token) for token in (0, 10, 11)]
    assert steps == [[1, 2, 3, 7], [8, 9], [10]]
    assert one.answer.tokens == [7, 8, 9, 10, 11]
    assert one.computed_tokens == [1, 2, 3, 7, 8, 9, 10]
