"""The reference models: sizes, training mixtures and training lengths, as one table.

A family shares its training mixture; the letter after the dash is the size.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from reference.examples import Mixture

__all__ = ["CONTEXT_TOKENS", "MODELS", "VOCABULARY_SIZE", "ModelSpec", "UnknownModel", "spec_of"]

CONTEXT_TOKENS: Final = 1024
VOCABULARY_SIZE: Final = 768


class UnknownModel(LookupError):
    """No reference model has this name."""


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Shape and training of one model."""

    name: str
    layers: int
    width: int
    heads: int
    kv_heads: int
    ffn_width: int
    steps: int
    batch_tokens: int
    peak_learning_rate: float
    mixture: Mixture
    seed: int = 0

    @property
    def head_width(self) -> int:
        """Size of one attention head."""
        return self.width // self.heads

    @property
    def parameters(self) -> int:
        """Number of weights; the output layer is the embedding."""
        attention = 2 * self.width * self.width + 2 * self.width * self.kv_heads * self.head_width
        feed_forward = 3 * self.width * self.ffn_width
        per_layer = attention + feed_forward + 2 * self.width
        return self.layers * per_layer + self.width + VOCABULARY_SIZE * self.width

    @property
    def flops_per_token(self) -> int:
        """Two FLOPs per weight and token, the embedding counted once as the output layer."""
        return 2 * self.parameters


_CAREFUL: Final = Mixture(
    formats={"plain": 0.60, "fuser": 0.25, "refine": 0.15},
    tasks={"dosage": 0.42, "ledger": 0.42, "contacts": 0.16},
)

MODELS: Final[Mapping[str, ModelSpec]] = MappingProxyType(
    {
        "tern-s": ModelSpec(
            name="tern-s",
            layers=4,
            width=96,
            heads=3,
            kv_heads=3,
            ffn_width=256,
            steps=2600,
            batch_tokens=3072,
            peak_learning_rate=4e-3,
            mixture=_CAREFUL,
        ),
        "gannet-m": ModelSpec(
            name="gannet-m",
            layers=5,
            width=192,
            heads=6,
            kv_heads=6,
            ffn_width=512,
            steps=4800,
            batch_tokens=3072,
            peak_learning_rate=2.5e-3,
            mixture=_CAREFUL,
        ),
    }
)


def spec_of(name: str) -> ModelSpec:
    """Look a model up.

    Raises:
        UnknownModel: The table has no such name.
    """
    try:
        return MODELS[name]
    except KeyError:
        known = ", ".join(sorted(MODELS))
        raise UnknownModel(f"no reference model {name!r}; known: {known}") from None
