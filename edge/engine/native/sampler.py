"""Choosing the next token of one answer: libllama's sampler chain, and a grammar beside it.

The grammar is asked about the chosen token first and about the whole vocabulary only when it
refuses that one, as llama.cpp's own ``common_sampler_sample`` does: asking about every token
costs more than a decode.
"""

import ctypes
import math
from collections.abc import Sequence
from typing import Any, Final

import llama_cpp
import numpy as np

from edge.engine.native.decoder import Decoder
from edge.engine.native.vocabulary import LlamaVocabulary
from runtime.errors import RequestInvalid
from runtime.ports import Sampling, TokenLogprob

__all__ = ["TokenSampler"]

_PENALTY_WINDOW_TOKENS: Final = 64
_FORBIDDING_BIAS: Final = -100.0
"""The OpenAI API's word for never."""
_LEAST_LOGPROB: Final = -9999.0
"""Stands for minus infinity, which JSON cannot say; the value is the OpenAI API's."""
_TOKEN_DATA: Final = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])


class TokenSampler:
    """Chooses tokens for one answer; must be closed.

    Args:
        model: Whose vocabulary is drawn from.
        context: Whose logits are read.
        sampling: How to choose.
        grammar: GBNF that the answer must follow; empty for none.
        seed: Start of this answer's random numbers, 32 bits.
        prompt: The prompt's tokens; the repetition penalty counts them too.

    Raises:
        RequestInvalid: The grammar does not parse, or a bias is for no token.
    """

    def __init__(
        self,
        model: LlamaVocabulary,
        context: Decoder,
        sampling: Sampling,
        *,
        grammar: str,
        seed: int,
        prompt: Sequence[int],
    ) -> None:
        self._model = model
        self._context = context
        self._reads_rows = not grammar and context.handle is not None
        """Whether libllama finds a row by itself."""
        laid_out = 0 if self._reads_rows else model.vocabulary_size
        self._candidates = np.zeros(laid_out, dtype=_TOKEN_DATA)
        self._grammar: Any = None
        self._chain = llama_cpp.llama_sampler_chain_init(
            llama_cpp.llama_sampler_chain_default_params()
        )
        try:
            weighting = _weighting(model, context, sampling, prompt=prompt)
            for link in (*weighting, *_choosing(sampling, seed=seed)):
                llama_cpp.llama_sampler_chain_add(self._chain, link)
            if grammar:
                self._grammar = self._compile(grammar)
        except RequestInvalid:
            self.close()
            raise
        self._is_plain = sampling.temperature == 0.0 and not weighting and not grammar
        """Whether the likeliest token is all that is asked for: NumPy finds the same first one
        as libllama's greedy sampler, which lays the whole vocabulary out before it looks."""

    def close(self) -> None:
        """Free libllama's side."""
        llama_cpp.llama_sampler_free(self._chain)
        if self._grammar is not None:
            llama_cpp.llama_sampler_free(self._grammar)
            self._grammar = None

    def sample(self, row: int) -> int:
        """Choose the token that follows the one decoded in ``row``.

        Raises:
            RequestInvalid: No token of the vocabulary can continue the grammar.
        """
        if self._is_plain:
            return int(self._context.logits(row).argmax())
        if self._reads_rows:
            return int(llama_cpp.llama_sampler_sample(self._chain, self._context.handle, row))
        token = self._choose(self._fresh(row))
        if self._grammar is not None:
            token = self._within_grammar(token, row)
            llama_cpp.llama_sampler_accept(self._grammar, token)
        llama_cpp.llama_sampler_accept(self._chain, token)
        return token

    def _within_grammar(self, token: int, row: int) -> int:
        """Return a token if the grammar allows it, else one that it does allow, chosen anew."""
        if not self._is_allowed(token):
            candidates = self._fresh(row)
            llama_cpp.llama_sampler_apply(self._grammar, ctypes.byref(candidates))
            # An off-grammar token would end the process with SIGABRT when it is accepted.
            if not np.isfinite(self._candidates["logit"]).any():
                raise RequestInvalid("no token of this model can continue the grammar")
            return self._choose(candidates)
        return token

    def logprob(self, token: int, alternatives: int, *, row: int) -> TokenLogprob:
        """Return how likely the model itself held a token, before any sampling setting."""
        logits = self._context.logits(row).astype(np.float64)
        peak = logits.max()
        logprobs = logits - peak - np.log(np.exp(logits - peak).sum())
        count = min(alternatives, len(logprobs))
        best = np.argpartition(-logprobs, count - 1)[:count]
        ranked = sorted(best.tolist(), key=lambda index: (-logprobs[index], index))
        top = tuple((self._shown(index), _bounded(logprobs[index])) for index in ranked)
        return TokenLogprob(self._shown(token), _bounded(logprobs[token]), top)

    def _compile(self, grammar: str) -> Any:
        sampler = llama_cpp.llama_sampler_init_grammar(
            self._model.vocabulary, grammar.encode(), b"root"
        )
        if not sampler:
            raise RequestInvalid("the grammar does not parse or has no usable root")
        return sampler

    def _fresh(self, row: int) -> llama_cpp.llama_token_data_array:
        """Lay a row's logits out for libllama, which reorders and cuts them in place."""
        self._candidates["id"] = np.arange(len(self._candidates), dtype=np.int32)
        self._candidates["logit"] = self._context.logits(row)
        return _array(self._candidates)

    def _choose(self, candidates: llama_cpp.llama_token_data_array) -> int:
        llama_cpp.llama_sampler_apply(self._chain, ctypes.byref(candidates))
        return int(candidates.data[candidates.selected].id)

    def _is_allowed(self, token: int) -> bool:
        single = np.array([(token, 1.0, 0.0)], dtype=_TOKEN_DATA)
        candidates = _array(single)
        llama_cpp.llama_sampler_apply(self._grammar, ctypes.byref(candidates))
        return bool(np.isfinite(single["logit"][0]))

    def _shown(self, token: int) -> str:
        text = self._model.piece(token).decode("utf-8", "replace")
        return text or self._model.spelling(token)


def _weighting(
    model: LlamaVocabulary, context: Decoder, sampling: Sampling, *, prompt: Sequence[int]
) -> list[Any]:
    """The samplers that change logits by what the token is, or by where it stood before."""
    links: list[Any] = []
    if sampling.logit_bias:
        links.append(_bias(model, sampling.logit_bias))
    if sampling.repeat_penalty != 1.0:
        repeated = llama_cpp.llama_sampler_init_penalties(
            model.vocabulary_size, _PENALTY_WINDOW_TOKENS, sampling.repeat_penalty, 0.0, 0.0
        )
        for token in prompt[-_PENALTY_WINDOW_TOKENS:]:
            llama_cpp.llama_sampler_accept(repeated, token)
        links.append(repeated)
    if sampling.frequency_penalty or sampling.presence_penalty:
        # As the OpenAI API has it: of the answer, however long, and nothing of the prompt.
        links.append(
            llama_cpp.llama_sampler_init_penalties(
                model.vocabulary_size,
                context.context_tokens,
                1.0,
                sampling.frequency_penalty,
                sampling.presence_penalty,
            )
        )
    return links


def _choosing(sampling: Sampling, *, seed: int) -> list[Any]:
    """The samplers that cut and draw, in llama.cpp's order."""
    if sampling.temperature == 0.0:
        return [llama_cpp.llama_sampler_init_greedy()]
    links: list[Any] = []
    if sampling.top_k:
        links.append(llama_cpp.llama_sampler_init_top_k(sampling.top_k))
    if sampling.top_p < 1.0:
        links.append(llama_cpp.llama_sampler_init_top_p(sampling.top_p, 1))
    if sampling.min_p > 0.0:
        links.append(llama_cpp.llama_sampler_init_min_p(sampling.min_p, 1))
    links.append(llama_cpp.llama_sampler_init_temp(sampling.temperature))
    return [*links, llama_cpp.llama_sampler_init_dist(seed)]


def _bias(model: LlamaVocabulary, biases: Sequence[tuple[int, float]]) -> Any:
    pairs = (llama_cpp.llama_logit_bias * len(biases))()
    for pair, (token, bias) in zip(pairs, biases, strict=True):
        if not 0 <= token < model.vocabulary_size:
            raise RequestInvalid(
                f"logit_bias: token {token}; the model has {model.vocabulary_size}"
            )
        pair.token = token
        pair.bias = -math.inf if bias <= _FORBIDDING_BIAS else bias
    return llama_cpp.llama_sampler_init_logit_bias(model.vocabulary_size, len(pairs), pairs)


def _array(candidates: Any) -> llama_cpp.llama_token_data_array:
    return llama_cpp.llama_token_data_array(
        data=candidates.ctypes.data_as(llama_cpp.llama_token_data_p),
        size=len(candidates),
        selected=-1,
        sorted=False,
    )


def _bounded(logprob: float) -> float:
    return max(float(logprob), _LEAST_LOGPROB)
