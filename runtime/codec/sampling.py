"""Sampling options to and from their message, for whole settings and for overrides alike.

One message serves both: an absent field keeps the default, or what the graph says.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Final

from leeward.v1 import chat_pb2
from runtime.codec import bounds
from runtime.errors import RequestInvalid
from runtime.ports import Sampling, SamplingOverrides

__all__ = [
    "MAX_LOGPROBS",
    "MAX_TOKENS",
    "decode_overrides",
    "decode_sampling",
    "encode_overrides",
    "encode_sampling",
]

MAX_TOKENS: Final = 1_000_000
"""Most tokens that a call may ask for."""
MAX_LOGPROBS: Final = 20
"""Most alternatives per token that a call may ask for."""

_NUMBERS: Final = {
    "temperature": (0.0, 100.0),
    "top_p": (0.0, 1.0),
    "min_p": (0.0, 1.0),
    "repeat_penalty": (0.0, 100.0),
    "frequency_penalty": (-100.0, 100.0),
    "presence_penalty": (-100.0, 100.0),
}
_WHOLES: Final = {
    "top_k": (0, 2**31 - 1),
    "seed": (-(2**63), 2**63 - 1),
    "max_tokens": (1, MAX_TOKENS),
    "logprobs": (0, MAX_LOGPROBS),
}
_GRAMMARS: Final = ("grammar", "json_schema")
_REPEATED: Final = frozenset({"stop", "logit_bias"})
"""Fields that a message cannot lack, only hold nothing of."""
_MAX_BIASES: Final = 1024
_MAX_BIAS: Final = 100.0
_DEFAULTS: Final = Sampling()


def encode_sampling(sampling: Sampling) -> chat_pb2.Sampling:
    """Return the message of sampling options: what differs from the defaults."""
    message = chat_pb2.Sampling(stop=sampling.stop, logit_bias=dict(sampling.logit_bias))
    for item in fields(Sampling):
        value = getattr(sampling, item.name)
        if item.name not in _REPEATED and value != getattr(_DEFAULTS, item.name):
            setattr(message, item.name, value)
    _check(message, "sampling")
    return message


def decode_sampling(message: chat_pb2.Sampling, field: str = "sampling") -> Sampling:
    """Return sampling options; absent fields take the defaults."""
    return decode_overrides(message, field).applied_to(_DEFAULTS)


def encode_overrides(overrides: SamplingOverrides) -> chat_pb2.Sampling:
    """Return the message of what a caller changes."""
    message = chat_pb2.Sampling(
        stop=overrides.stop or (), logit_bias=dict(overrides.logit_bias or ())
    )
    for item in fields(SamplingOverrides):
        value = getattr(overrides, item.name)
        if item.name not in _REPEATED and value is not None:
            setattr(message, item.name, value)
    _check(message, "sampling")
    return message


def decode_overrides(message: chat_pb2.Sampling, field: str = "sampling") -> SamplingOverrides:
    """Return what a caller changes; an empty list of stop texts or biases changes nothing."""
    _check(message, field)
    present = {
        item.name: getattr(message, item.name)
        for item in fields(SamplingOverrides)
        if item.name not in _REPEATED and message.HasField(item.name)  # type: ignore[arg-type]  # same names
    }
    return SamplingOverrides(
        **present,
        stop=tuple(message.stop) or None,
        logit_bias=tuple(sorted(message.logit_bias.items())) or None,
    )


def _check(message: chat_pb2.Sampling, field: str) -> None:
    for name, (low, high) in _NUMBERS.items():
        if message.HasField(name):  # type: ignore[arg-type]  # the table holds field names
            bounds.number(getattr(message, name), f"{field}.{name}", low=low, high=high)
    for name, (least, most) in _WHOLES.items():
        if message.HasField(name):  # type: ignore[arg-type]  # the table holds field names
            bounds.whole(getattr(message, name), f"{field}.{name}", low=least, high=most)
    for name in _GRAMMARS:
        bounds.text(
            getattr(message, name), f"{field}.{name}", at_most_chars=bounds.MAX_GRAMMAR_CHARS
        )
    if message.grammar and message.json_schema:
        raise RequestInvalid("a grammar excludes a JSON schema", field=field)
    bounds.count(message.stop, f"{field}.stop", at_most=bounds.MAX_STOP_TEXTS)
    for place, stop in enumerate(message.stop):
        bounds.short_text(stop, f"{field}.stop[{place}]")
    bounds.count(message.logit_bias, f"{field}.logit_bias", at_most=_MAX_BIASES)
    for token, bias in message.logit_bias.items():
        bounds.number(bias, f"{field}.logit_bias[{token}]", low=-_MAX_BIAS, high=_MAX_BIAS)
