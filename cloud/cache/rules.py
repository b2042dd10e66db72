"""Which calls the cache may serve, and why it may not serve the others. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from cloud.calls import GenerateCall
from runtime.ids import ModelName
from runtime.labels import Level
from runtime.policy.model import Policy
from runtime.ports import Sampling

__all__ = ["CacheRules", "ModelRule", "Obstacle", "SameQuestion"]

Obstacle = Literal["wish", "model", "sampling", "label", "part"]
"""The caller said no, the model's rule does, the answer is drawn anew each time, it may not be
kept at that level, or it is only part of an answer."""


@dataclass(frozen=True, slots=True)
class SameQuestion:
    """How an answer to the same question in other words is recognised."""

    encoder: ModelName | None
    """The embedding model, as this gateway serves it; ``None`` for the sentinel's own."""
    min_similarity: float
    """Cosine of the two questions' vectors, at least."""


@dataclass(frozen=True, slots=True)
class ModelRule:
    """What may be kept of one model."""

    exact: bool = True
    """Whether answers are kept at all."""
    always: bool = False
    """Keep also what is drawn with a temperature and without a seed: every caller then gets the
    first answer that was drawn."""
    same_question: SameQuestion | None = None


@dataclass(frozen=True, slots=True)
class CacheRules:
    """The rules of one gateway."""

    policy: Policy
    max_level: Level
    """Nothing above it is kept."""
    models: Mapping[ModelName, ModelRule] = field(default_factory=dict)
    """Models that differ from the default rule."""

    def rule_of(self, call: GenerateCall) -> ModelRule:
        """Return the rule of the call's model."""
        return self.models.get(call.request.model, ModelRule())

    def obstacle_to(self, call: GenerateCall) -> Obstacle | None:
        """Return why the cache may not serve or keep a call; ``None`` where it may."""
        rule = self.rule_of(call)
        if call.cache == "off":
            return "wish"
        if not rule.exact:
            return "model"
        if call.request.continues:
            return "part"
        if not rule.always and not _is_repeatable(call.request.sampling):
            return "sampling"
        if self.policy.level_of(call.request.label) > self.max_level:
            return "label"
        return None


def _is_repeatable(sampling: Sampling) -> bool:
    """Whether the same question is meant to have the same answer."""
    return sampling.temperature == 0 or sampling.seed is not None
