"""Answer one question by every graph at once: each move of the space is made a single time.

What a step reads is worded by the executor's own ``compose``, on the form of the question and
of its predecessors' answers that the plan decided. ``checking`` proves on a sample that the
executor itself gives the same.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from reference.tabulated.cache import CallResult
from reference.tabulated.documents import sampling_of, seeded_sampling
from reference.tabulated.node_calls import NodeCalls
from reference.tabulated.plans import Move, Moves
from reference.tabulated.releases import KnownSpans
from reference.tabulated.world import label_of
from reference.tasks import Question, is_right
from runtime.executor.prompts import ChatMessage, compose
from runtime.graph.roles import Role
from runtime.ids import ModelName
from runtime.ports import GenerateRequest

__all__ = ["Answered", "TableCall", "answer_question", "shown_text", "text_mark"]

_TIMEOUT_S: Final = 120.0
NO_CALL: Final = 0xFFFF


@dataclass(frozen=True, slots=True)
class TableCall:
    """One distinct call of one question."""

    model: str
    prompt_tokens: int
    completion_tokens: int
    latency_us: int
    prompt_chars: int
    """Characters of everything that the model was sent."""
    is_right: bool
    """Whether its answer, with the originals put back, is the right one."""
    text_mark: int
    """CRC-32 of that answer."""


@dataclass(frozen=True)
class Answered:
    """One question, answered by every graph of a space."""

    kind: int
    """Its kind of label, which says how each graph runs."""
    calls: tuple[TableCall, ...]
    call_of: npt.NDArray[np.uint16]
    """By move: which of the calls it makes; ``NO_CALL`` where no graph makes the move."""


def text_mark(text: str) -> int:
    """Return what an answer's text is compared by."""
    return zlib.crc32(text.encode())


def shown_text(spans: KnownSpans, text: str, *, is_released: bool) -> str:
    """Return an answer as its caller sees it."""
    return spans.put_back(text) if is_released else text


async def answer_question(question: Question, moves: Moves, calls: NodeCalls) -> Answered:
    """Make every move that some graph makes for this question.

    Raises:
        LeewardError: A node failed at every try; what was answered before is kept in the cache.
    """
    kind = moves.kind_of[label_of(question).names()]
    sweep = _Sweep(question, moves.moves, calls)
    for level in _levels(moves, kind):
        await sweep.make(level)
    return sweep.answered(kind)


def _levels(moves: Moves, kind: int) -> list[list[int]]:
    """Return the used moves such that each level reads only levels before it."""
    depth: dict[int, int] = {}
    levels: list[list[int]] = []
    for place in moves.used(kind):
        depth[place] = 1 + max((depth[one] for one in moves.moves[place].inputs), default=-1)
        while len(levels) <= depth[place]:
            levels.append([])
        levels[depth[place]].append(place)
    return levels


_Reading = tuple[str, str, int, bool, tuple[str, ...]]
"""Model, role, sample, whether released, and the answers read: what a call follows from."""


class _Sweep:
    """The moves of one question that were made so far."""

    def __init__(self, question: Question, moves: Sequence[Move], calls: NodeCalls) -> None:
        self._question = question
        self._spans = KnownSpans(question)
        self._raw = (ChatMessage("user", question.text),)
        self._released = (ChatMessage("user", self._spans.redact(question.text)),)
        self._moves = moves
        self._calls = calls
        self._texts: list[str] = []
        self._found: list[TableCall] = []
        self._number: dict[_Reading, int] = {}
        self._call_of = np.full(len(moves), NO_CALL, dtype=np.uint16)

    async def make(self, level: Sequence[int]) -> None:
        """Make moves that read only what was made before."""
        readings = {place: self._reading(self._moves[place]) for place in level}
        new = [one for one in dict.fromkeys(readings.values()) if one not in self._number]
        requests = [self._request(one) for one in new]
        keys = [self._calls.key_of(request) for request in requests]
        known = [self._calls.stored(key) for key in keys]
        async with asyncio.TaskGroup() as group:
            tasks = [
                None if result is not None else group.create_task(self._calls.call(request))
                for request, result in zip(requests, known, strict=True)
            ]
        for reading, request, result, task in zip(new, requests, known, tasks, strict=True):
            done = result if task is None else task.result()
            assert done is not None  # noqa: S101 - one of the two is there
            self._add(reading, request, done)
        for place, reading in readings.items():
            self._call_of[place] = self._number[reading]

    def answered(self, kind: int) -> Answered:
        """Return everything."""
        if len(self._found) >= NO_CALL:
            raise OverflowError(f"{self._question.id} takes more calls than the table can number")
        return Answered(kind, tuple(self._found), self._call_of)

    def _reading(self, move: Move) -> _Reading:
        """Return what a step reads; one on the raw form reads released answers put back."""
        answers = tuple(
            shown_text(
                self._spans,
                self._texts[self._call_of[one]],
                is_released=self._moves[one].is_released and not move.is_released,
            )
            for one in move.inputs
        )
        return move.model, move.role, move.sample, move.is_released, answers

    def _request(self, reading: _Reading) -> GenerateRequest:
        model, role, sample, is_released, answers = reading
        question = self._released if is_released else self._raw
        return GenerateRequest(
            model=ModelName(model),
            messages=compose(Role(role), question, answers),
            sampling=seeded_sampling(sampling_of(sample), self._question.id),
            timeout_s=_TIMEOUT_S,
        )

    def _add(self, reading: _Reading, request: GenerateRequest, result: CallResult) -> None:
        shown = shown_text(self._spans, result.text, is_released=reading[3])
        self._number[reading] = len(self._found)
        self._texts.append(result.text)
        self._found.append(
            TableCall(
                model=str(request.model),
                prompt_tokens=result.prompt_tokens,
                completion_tokens=result.completion_tokens,
                latency_us=result.latency_us,
                prompt_chars=sum(len(message.content) for message in request.messages),
                is_right=is_right(shown, self._question.answer),
                text_mark=text_mark(shown),
            )
        )
