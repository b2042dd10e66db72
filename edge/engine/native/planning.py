"""What one step computes: for whom, how much, and in which batches.

Two plans. Shared: every running answer gets a token, and new prompts the room beside them, as a
rule in one batch. Deterministic: each sequence in a batch of its own, on a grid that starts with
its prompt, so that nothing else that runs can change a bit of its logits.
"""

from collections.abc import Sequence as Row
from itertools import count
from typing import Protocol

from edge.engine.chunking import ChunkSizer
from edge.engine.native.batch import Part
from edge.engine.native.sequence import Sequence
from edge.engine.step_times import StepTimes

__all__ = ["DeterministicPlan", "Plan", "SharedPlan"]

Batch = list[tuple[Sequence, Part]]


class Plan(Protocol):
    """Decides what one step computes."""

    def batches(self, running: Row[Sequence]) -> list[Batch]:
        """Return the batches of the next step for the sequences that have a slot, oldest first."""
        ...


class SharedPlan:
    """One batch for all. A stream that is alone may guess: its decode has places to spare.

    A few answers without a new prompt beside them are computed one after the other where that is
    measured to be faster.

    Args:
        chunks: Says how much of it prompts may take.
        times: Says how long answers take together and alone.
    """

    def __init__(self, chunks: ChunkSizer, times: StepTimes) -> None:
        self._chunks = chunks
        self._times = times
        self._turns = count()

    def batches(self, running: Row[Sequence]) -> list[Batch]:
        if len(running) == 1 and running[0].is_answering:
            return [[(running[0], running[0].guessed_part())]]
        batch = [(one, one.next_part()) for one in running if one.is_answering]
        if len(batch) == len(running) and self._times.are_apart(len(batch)):
            return [[each] for each in batch]
        room = self._chunks.tokens(answers=len(batch), prompts=len(running) - len(batch))
        for one in _in_turn(running, next(self._turns)):
            if room <= 0:
                break
            part = one.next_part(room)
            batch.append((one, part))
            room -= len(part.tokens)
        return [batch]


class DeterministicPlan:
    """A batch for each answer, and one for the next stretch of one prompt.

    Args:
        batch_tokens: Width of the grid on which prompts are computed.
    """

    def __init__(self, batch_tokens: int) -> None:
        self._batch_tokens = batch_tokens
        self._turns = count()

    def batches(self, running: Row[Sequence]) -> list[Batch]:
        answers = [[(one, one.next_part())] for one in running if one.is_answering]
        prompts = _in_turn(running, next(self._turns))[:1]
        return answers + [[(one, one.next_part(self._batch_tokens))] for one in prompts]


def _in_turn(running: Row[Sequence], turn: int) -> list[Sequence]:
    """Prompts in the order in which they get room.

    By turns the oldest goes first and the one with the least left: a short prompt is not held
    up by a long one, and a long one gets at least every second step.
    """
    prompts = [one for one in running if not one.is_answering]
    return sorted(prompts, key=lambda one: one.prompt_left) if turn % 2 else prompts
