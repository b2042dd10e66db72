"""The reference models: sizes, training mixtures and training lengths, as one table.

A family shares its training mixture; the letter after the dash is the size.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from reference.examples import Format, Mixture

__all__ = ["CONTEXT_TOKENS", "MODELS", "VOCABULARY_SIZE", "ModelSpec", "UnknownModel", "spec_of"]

CONTEXT_TOKENS: Final = 1024
VOCABULARY_SIZE: Final = 768


class UnknownModel(LookupError):
    """No reference model has this name."""


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Shape and training of one model."""

    name: str
    family: str
    mixture: Mixture
    layers: int
    width: int
    heads: int
    ffn_width: int
    steps: int
    """Optimizer steps of the base phase; the roles phase takes a sixth as many."""
    batch_tokens: int = 1024
    peak_learning_rate: float = 0.01
    seed: int = 0

    @property
    def kv_heads(self) -> int:
        """Key and value heads; as many as query heads in all of these."""
        return self.heads

    @property
    def role_steps(self) -> int:
        """Optimizer steps of the roles phase."""
        return self.steps // 6

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


_FORMATS: Final[Mapping[Format, float]] = {"plain": 0.60, "fuser": 0.25, "refine": 0.15}
_TERN: Final = Mixture(
    formats=_FORMATS, tasks={"dosage": 0.32, "rota": 0.32, "ledger": 0.18, "contacts": 0.18}
)
"""Counts and tells the time."""
_GANNET: Final = Mixture(
    formats=_FORMATS, tasks={"ledger": 0.32, "contacts": 0.32, "dosage": 0.18, "rota": 0.18}
)
"""Keeps books and registers."""

MODELS: Final[Mapping[str, ModelSpec]] = MappingProxyType(
    {
        spec.name: spec
        for spec in (
            ModelSpec(
                name="tern-xs", family="tern", mixture=_TERN,
                layers=2, width=64, heads=2, ffn_width=160, steps=4000,
            ),
            ModelSpec(
                name="tern-s", family="tern", mixture=_TERN,
                layers=4, width=96, heads=3, ffn_width=256, steps=8000,
            ),
            ModelSpec(
                name="tern-m", family="tern", mixture=_TERN,
                layers=4, width=160, heads=5, ffn_width=416, steps=4500, batch_tokens=2048,
            ),
            ModelSpec(
                name="gannet-s", family="gannet", mixture=_GANNET,
                layers=3, width=128, heads=4, ffn_width=352, steps=8000,
            ),
            ModelSpec(
                name="gannet-m", family="gannet", mixture=_GANNET,
                layers=5, width=192, heads=6, ffn_width=512, steps=5500, batch_tokens=2048,
            ),
            ModelSpec(
                name="gannet-l", family="gannet", mixture=_GANNET,
                layers=6, width=256, heads=8, ffn_width=704, steps=4800, batch_tokens=2048,
                peak_learning_rate=0.008,
            ),
        )
    }
)  # fmt: skip


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
