"""FLOPs of one model call by the paper's formula, and the bytes of what it reads.

One multiply-add is 2 FLOPs; attention is causal; keys and values are kept while decoding. A graph
costs the sum of its calls; a call reads the question and each predecessor's answer.
"""

from dataclasses import dataclass

__all__ = ["BYTES_PER_TOKEN", "ModelShape", "call_flops", "text_bytes"]

BYTES_PER_TOKEN = 4
"""Rule of thumb for English, in any common vocabulary; used where the text itself is not known."""


@dataclass(frozen=True, slots=True)
class ModelShape:
    """What the formula needs of a model: non-embedding parameters, layers, hidden size."""

    parameters: float
    layers: int
    hidden: int


def text_bytes(tokens: float) -> float:
    """Return about how many bytes of text so many tokens are."""
    return float(BYTES_PER_TOKEN * tokens)


def call_flops(model: ModelShape, *, prompt_tokens: float, answer_tokens: float) -> float:
    """Return the FLOPs of one call.

    Source: appendix of arXiv 2511.00086; with S tokens in all it equals
    ``2*M*S + 2*L*D*S*(S+1)``.
    """
    weights = 2.0 * model.parameters
    attention = 2.0 * model.layers * model.hidden
    prefill = weights * prompt_tokens + attention * prompt_tokens * (prompt_tokens + 1)
    decode = weights * answer_tokens + attention * answer_tokens * (
        2 * prompt_tokens + answer_tokens + 1
    )
    return prefill + decode
