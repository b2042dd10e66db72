"""The part of the gateway's configuration about its cache: ``cache``."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from pydantic import Field

from cloud.cache.digest import Sharing
from cloud.cache.rules import ModelRule, SameQuestion
from runtime.documents.document import Path as DocumentPath
from runtime.documents.document import Problem
from runtime.documents.names import ModelText
from runtime.documents.shape import Shape
from runtime.ids import ModelName
from runtime.labels import Level
from runtime.policy.shape import LevelName
from runtime.sentinel.tagger.model import BUILT_IN

__all__ = ["CacheConfig", "CacheShape", "cache_config", "cache_problems"]


class _SameQuestionShape(Shape):
    encoder: ModelText | None = None
    """An embedding model of this gateway; left out, what ``cache.embedding`` says."""
    min_similarity: float = Field(default=0.9, gt=0, le=1)
    """Cosine of the two questions' vectors, at least."""


class _ModelCacheShape(Shape):
    exact: bool = True
    """False keeps no answer of this model."""
    always: bool = False
    """Keep also what is drawn with a temperature and without a seed."""
    same_question: _SameQuestionShape | None = None
    """Serve also the same question in other words; only for models that answer questions."""


class CacheShape(Shape):
    """Which answers are kept, and for whom."""

    max_bytes: int = Field(default=64 * 1024 * 1024, ge=1, le=2**40)
    """Memory of all kept answers together."""
    max_answer_bytes: int = Field(default=256 * 1024, ge=1, le=2**32)
    """A longer answer is not kept."""
    ttl_s: float = Field(default=3600.0, gt=0, le=30 * 86_400)
    """How long an answer is good for."""
    max_level: LevelName = LevelName.PUBLIC
    """Nothing whose label or scan is above this level is kept."""
    sharing: Sharing = "tenant"
    """Whose answers a caller may be given: its whole tenant's, or its own alone."""
    wait_s: float = Field(default=10.0, ge=0, le=600)
    """How long a call waits for the same one on its way before it goes itself."""
    embedding: Literal["sentinel"] | None = None
    """Compare questions with the sentinel's own model, in this process, where no ``encoder`` is
    named. Needs ONNX Runtime and ``tokenizers`` here (the ``edge`` extra brings them)."""
    models: dict[ModelText, _ModelCacheShape] = Field(default={}, max_length=1024)
    """Models that differ from the rule: exact calls, where the answer is repeatable."""


@dataclass(frozen=True, slots=True)
class CacheConfig:
    """Which answers are kept, and for whom."""

    max_bytes: int
    max_answer_bytes: int
    ttl_s: float
    max_level: Level
    sharing: Sharing
    wait_s: float
    embedding: Path | None
    """Folder of the sentinel's model that compares questions; ``None`` for no such one."""
    models: Mapping[ModelName, ModelRule]


def cache_problems(
    shape: CacheShape, *, models: Mapping[str, bool], is_inspected: bool
) -> Iterable[Problem]:
    """Return what in ``cache`` does not fit the rest of the file.

    Args:
        shape: The part.
        models: The aliases of the file, and whether each turns texts into vectors.
        is_inspected: Whether the gateway scans what it receives.
    """
    if not is_inspected and shape.max_level is not LevelName.RESTRICTED:
        reason = (
            "cannot be kept to without a scan: set `inspection: {action: refuse}` or `alert`, "
            "or say `max_level: restricted`"
        )
        yield Problem(("cache", "max_level"), reason)
    for name, model in shape.models.items():
        place: DocumentPath = ("cache", "models", name)
        if name not in models:
            yield Problem(place, f'"{name}" is not a model of this file')
        question = model.same_question
        if question is not None and question.encoder is None and shape.embedding is None:
            reason = "needs an `encoder` of this file, or `embedding: sentinel` in `cache`"
            yield Problem((*place, "same_question"), reason)
        elif question is not None and question.encoder and not models.get(question.encoder, False):
            reason = f'"{question.encoder}" is not a model of this file that has `embeddings: true`'
            yield Problem((*place, "same_question", "encoder"), reason)
        if question is not None and not model.exact:
            reason = "is never used when `exact` is false: leave out one of the two"
            yield Problem((*place, "same_question"), reason)


def cache_config(shape: CacheShape) -> CacheConfig:
    """Return the configuration that a shape without problems says."""
    return CacheConfig(
        max_bytes=shape.max_bytes,
        max_answer_bytes=shape.max_answer_bytes,
        ttl_s=shape.ttl_s,
        max_level=Level[shape.max_level.name],
        sharing=shape.sharing,
        wait_s=shape.wait_s,
        embedding=BUILT_IN if shape.embedding else None,
        models=MappingProxyType(
            {ModelName(name): _rule(model) for name, model in shape.models.items()}
        ),
    )


def _rule(shape: _ModelCacheShape) -> ModelRule:
    question = shape.same_question
    return ModelRule(
        exact=shape.exact,
        always=shape.always,
        same_question=(
            SameQuestion(
                ModelName(question.encoder) if question.encoder else None, question.min_similarity
            )
            if question is not None
            else None
        ),
    )
