"""One request inside the child: its prompt, its sampler, its text, and when it is done.

Does not decode: the scheduler calls :meth:`Answer.take` after each decode.
"""

import random
from collections.abc import Sequence
from typing import Final

from edge.engine.chat import ChatTemplate
from edge.engine.native.decoder import Decoder
from edge.engine.native.sampler import TokenSampler
from edge.engine.native.vocabulary import LlamaVocabulary
from edge.engine.text import StopScanner, Utf8Stream
from runtime.errors import ContextOverflow, RequestInvalid
from runtime.ports import (
    ChatMessage,
    FinishReason,
    Sampling,
    TextDelta,
    TokenLogprob,
    ToolDefinition,
)

__all__ = ["Answer", "tokenize_chat"]

_SEED_MASK: Final = 0xFFFF_FFFF
_RANDOM_SEED: Final = 0xFFFF_FFFF
"""libllama takes this one number to mean "draw a seed yourself"."""


def tokenize_chat(
    model: LlamaVocabulary,
    template: ChatTemplate,
    messages: Sequence[ChatMessage],
    tools: Sequence[ToolDefinition] = (),
    *,
    begun: str = "",
    context_tokens: int,
) -> list[int]:
    """Return a chat's tokens, up to where the answer begins or is to be gone on with.

    Args:
        model: Whose vocabulary is used.
        template: How its chats are written.
        messages: The chat.
        tools: What the model may ask for.
        begun: How the answer begins.
        context_tokens: What prompt and answer share.

    Raises:
        RequestInvalid: The template refuses the messages, or nothing is left of them.
        ContextOverflow: No token of an answer would fit behind the prompt.
    """
    tokens: list[int] = []
    for piece in template.pieces(messages, tools):
        tokens += model.tokenize(piece.text, is_plain=piece.is_plain)
    if begun:
        tokens += model.tokenize(begun, is_plain=True)
    if model.bos is not None and tokens[:1] != [model.bos]:
        tokens.insert(0, model.bos)
    if not tokens:
        raise RequestInvalid("the messages hold no text to continue")
    if len(tokens) >= context_tokens:
        raise ContextOverflow(
            f"a prompt of {len(tokens)} tokens leaves no room in a context of {context_tokens}"
        )
    return tokens


class Answer:
    """The state of one answer while it grows; must be closed.

    Args:
        model: Who answers.
        context: Where it computes.
        sampling: How.
        prompt: The prompt's tokens, not empty.
        rng: Draws the seed of a request that names none.

    Raises:
        RequestInvalid: Its grammar does not parse.
    """

    def __init__(
        self,
        model: LlamaVocabulary,
        context: Decoder,
        sampling: Sampling,
        *,
        prompt: Sequence[int],
        rng: random.Random,
    ) -> None:
        self._model = model
        self._logprobs = sampling.logprobs
        self.limit_tokens = min(sampling.max_tokens, context.context_tokens - len(prompt))
        """Most tokens that it can have."""
        self._utf8 = Utf8Stream()
        self._stops = StopScanner(sampling.stop)
        self._waiting_tokens = 0
        self._waiting_logprobs: list[TokenLogprob] = []
        self.tokens: list[int] = []
        self.finish_reason: FinishReason | None = None
        self._sampler = TokenSampler(
            model,
            context,
            sampling,
            grammar=sampling.grammar,
            seed=_seed_of(sampling, rng),
            prompt=prompt,
        )

    def close(self) -> None:
        """Free the sampler."""
        self._sampler.close()

    def take(self, row: int) -> TextDelta | None:
        """Choose the token that follows a decoded row; return the text that can be shown, if any.

        Sets ``finish_reason`` with the last piece.
        """
        token = self._sampler.sample(row)
        text = ""
        if self._model.is_end(token):
            self.finish_reason = FinishReason.STOP
        else:
            text = self._append(token, row)
            if self._stops.has_stopped:
                self.finish_reason = FinishReason.STOP
            elif len(self.tokens) >= self.limit_tokens:
                self.finish_reason = FinishReason.LENGTH
        if self.finish_reason is not None and not self._stops.has_stopped:
            text += self._stops.feed(self._utf8.finish())
            text += self._stops.finish()
        return self._delta(text)

    def _append(self, token: int, row: int) -> str:
        self.tokens.append(token)
        self._waiting_tokens += 1
        if self._logprobs:
            self._waiting_logprobs.append(self._sampler.logprob(token, self._logprobs, row=row))
        return self._stops.feed(self._utf8.feed(self._model.piece(token)))

    def _delta(self, text: str) -> TextDelta | None:
        """Tokens whose text is held back are counted with the piece that brings it."""
        if not text and (self.finish_reason is None or not self._waiting_tokens):
            return None
        delta = TextDelta(text, self._waiting_tokens, tuple(self._waiting_logprobs))
        self._waiting_tokens, self._waiting_logprobs = 0, []
        return delta


def _seed_of(sampling: Sampling, rng: random.Random) -> int:
    seed = rng.getrandbits(32) if sampling.seed is None else sampling.seed & _SEED_MASK
    return seed if seed != _RANDOM_SEED else _RANDOM_SEED - 1
