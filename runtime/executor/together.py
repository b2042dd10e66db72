"""How an edge model and a cloud step's own model share an answer.

Either the small one guesses, and every word is the large one's (``keep_above`` unset): the answer
is the one that the large model gives alone, in fewer of its steps. Or the small one's words stand
where it is sure of them, and the large one writes on where it is not.
"""

from __future__ import annotations

import asyncio
import math
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from runtime.errors import (
    Cancelled,
    ContentRefused,
    ContextOverflow,
    DeadlineExceeded,
    GateRefused,
    LedgerUnavailable,
    LeewardError,
    PolicyViolation,
    RequestInvalid,
)
from runtime.executor.call import Drawn
from runtime.executor.shared_answer import SharedAnswer
from runtime.graph.model import Draft
from runtime.ports import FinishReason, GenerateRequest, TextDelta

__all__ = ["can_share", "write_together"]

_TOKENS_WITHOUT_DRAFT: Final = 8
"""What the large model writes where the small one has nothing more to say."""
_SPARE: Final = 4
"""A token of the small model may be so many of the large one, and no limit may be passed."""
_NOT_ALONE: Final = (Cancelled, DeadlineExceeded, LedgerUnavailable, PolicyViolation)
"""Failures of the large model's call after which the small one does not finish by itself."""
_REFUSED_FIELDS: Final = frozenset({"begun", "draft"})
"""What a node names that checks no drafts."""


def can_share(request: GenerateRequest) -> bool:
    """Whether two models can write the answer to a call: the likeliest text, and nothing else."""
    return request.sampling.is_greedy and request.sampling.is_plain and not request.uses_tools


async def write_together(answer: SharedAnswer, draft: Draft) -> Drawn:
    """Return the answer of both.

    Raises:
        StreamBroken: It broke off, or came out otherwise when it was asked for again.
        LeewardError: What a call of the large model failed with.
    """
    if draft.keep_above is None:
        return answer.drawn(await _checked(answer, draft))
    return answer.drawn(await _kept(answer, draft, least_logprob=math.log(draft.keep_above)))


@dataclass(frozen=True, slots=True)
class _Guess:
    text: str
    ends: tuple[int, ...]
    """How many characters there are up to the end of each token."""


async def _checked(answer: SharedAnswer, draft: Draft) -> FinishReason:
    """Guess and check until the large model ends, or writes the rest alone."""
    while answer.calls < draft.at_most:
        most = answer.pace.draft_tokens(
            min(draft.tokens, answer.room // _SPARE),
            is_always=draft.is_always,
            is_first=not answer.calls,
        )
        guess = await _guess(answer, most) if most else None
        if guess is None or not (guess.text or answer.text):
            break  # nothing is guessed, and nothing begun: the large model begins by itself
        try:
            found = await _judged(answer, guess)
        except (GateRefused, ContentRefused, ContextOverflow):
            break  # the guess may not leave, or has no room; what was begun may
        except RequestInvalid as error:
            answer.pace.is_refused = error.field in _REFUSED_FIELDS
            break
        if not answer.is_heeded:
            answer.pace.is_refused = True
            return await answer.anew()
        if found.completion.finish_reason is not FinishReason.LENGTH:
            return found.completion.finish_reason
        if not found.text:
            break
    return await answer.alone()


async def _judged(answer: SharedAnswer, guess: _Guess) -> Drawn:
    """Have a guess checked, and say what the large model says."""
    started_s = answer.monotonic_s()
    found = await answer.ask(guess.text, 1 if guess.text else _TOKENS_WITHOUT_DRAFT)
    if answer.is_heeded and guess.text:
        agreed = _common_chars(found.text, guess.text)
        right = sum(end <= agreed for end in guess.ends)
        answer.kept_tokens += right
        took_s = answer.monotonic_s() - started_s
        answer.pace.note_check(guessed=len(guess.ends), right=right, took_s=took_s)
    if answer.is_heeded:
        await answer.say(found.text, found.tokens)
    return found


async def _guess(answer: SharedAnswer, most: int) -> _Guess | None:
    """Have the small model write; ``None`` when it cannot."""
    started_s = answer.monotonic_s()
    text, ends = "", list[int]()
    try:
        async with asyncio.timeout(answer.left_s), aclosing(answer.near_stream(most)) as chunks:
            async for chunk in chunks:
                if isinstance(chunk, TextDelta):
                    text += chunk.text
                    ends += [len(text)] * chunk.tokens
    except LeewardError as error:
        if isinstance(error, _NOT_ALONE):
            raise
        return None
    except TimeoutError:
        raise DeadlineExceeded("no time left for a draft") from None
    answer.written_tokens += len(ends)
    answer.pace.note_draft(len(ends), answer.monotonic_s() - started_s)
    return _Guess(text, tuple(ends))


async def _kept(answer: SharedAnswer, draft: Draft, *, least_logprob: float) -> FinishReason:
    """Let the small model write, and the large one go on where it is not sure."""
    may_ask = True
    while True:
        may_ask = may_ask and answer.calls < draft.at_most
        try:
            finish = await _written(answer, least_logprob if may_ask else -math.inf)
        except LeewardError as error:
            if isinstance(error, _NOT_ALONE):
                raise
            return await answer.alone()
        if finish is not None:
            return finish
        found = await _helped(answer, draft.tokens)
        if found is None:
            may_ask = False
        elif found.completion.finish_reason is not FinishReason.LENGTH:
            return found.completion.finish_reason


async def _helped(answer: SharedAnswer, tokens: int) -> Drawn | None:
    """Have the large model write a few tokens; ``None`` when it cannot, or brings nothing."""
    is_begun = bool(answer.text)
    try:
        found = await answer.ask("", min(tokens, answer.room))
    except LeewardError as error:
        if isinstance(error, _NOT_ALONE):
            raise
        return None
    if is_begun and not answer.is_heeded:
        return None
    await answer.say(found.text, found.tokens)
    is_end = found.completion.finish_reason is not FinishReason.LENGTH
    return found if found.text or is_end else None


async def _written(answer: SharedAnswer, least_logprob: float) -> FinishReason | None:
    """Say what the small model says; ``None`` from the first token on that is less likely."""
    if answer.room < 1:
        return FinishReason.LENGTH
    try:
        stream = answer.near_stream(answer.room, logprobs=1)
        async with asyncio.timeout(answer.left_s), aclosing(stream) as chunks:
            async for chunk in chunks:
                if not isinstance(chunk, TextDelta):
                    return chunk.finish_reason
                answer.written_tokens += chunk.tokens
                sure = _sure_part(chunk, least_logprob)
                answer.kept_tokens += sure.tokens
                await answer.say(sure.text, sure.tokens)
                if sure.tokens < chunk.tokens:
                    return None
    except TimeoutError:
        raise DeadlineExceeded("no time left for the answer") from None
    return FinishReason.LENGTH


def _sure_part(delta: TextDelta, least_logprob: float) -> TextDelta:
    """Return the beginning of a piece, up to the first token that is less likely."""
    sure = 0
    while sure < len(delta.logprobs) and delta.logprobs[sure].logprob >= least_logprob:
        sure += 1
    if sure == len(delta.logprobs):
        return delta
    whole = "".join(one.token for one in delta.logprobs)
    if whole != delta.text:  # a token in it is a piece of a character: none can be cut out
        return TextDelta("", 0)
    return TextDelta("".join(one.token for one in delta.logprobs[:sure]), sure)


def _common_chars(one: str, other: str) -> int:
    """Return how many characters two texts begin with alike."""
    common = 0
    while common < min(len(one), len(other)) and one[common] == other[common]:
        common += 1
    return common
