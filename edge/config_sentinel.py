"""The part of the edge's configuration about what finds sensitive spans: ``sentinel``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from runtime.documents.names import CategoryName
from runtime.documents.shape import Shape
from runtime.sentinel.tagger.choice import BUILT_IN_NAME, model_folder

__all__ = ["PresidioConfig", "SentinelConfig", "SentinelShape", "sentinel_config"]

Region = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]


class _PresidioShape(Shape):
    language: str = Field(default="en", pattern=r"^[a-z]{2}$")
    """In which language texts are read."""
    nlp_model: str = Field(default="", pattern=r"^[a-z0-9_]*$", max_length=128)
    """An installed spaCy model, ``en_core_web_lg``; left out, patterns alone."""
    min_score: float = Field(default=0.4, ge=0, le=1)
    """Weaker results are left out."""
    kinds: dict[str, str] = Field(default={}, max_length=1024)
    """What further entity types are called here; an empty name leaves a type out."""


class SentinelShape(Shape):
    """How sensitive spans are found."""

    regions: list[Region] = Field(default=["US", "GB"], max_length=64)
    """Where local phone numbers come from, ISO 3166 alpha-2."""
    dictionaries: dict[CategoryName, list[str]] = Field(default={}, max_length=64)
    """Terms of the deployment per category: project code names, customer names."""
    timeout_s: float = Field(default=10.0, gt=0, le=60)
    """A text that takes longer has failed its scan. The model reads some 60,000 characters a second
    on a core of a server, a tenth of that on a small board."""
    model: str = Field(default=BUILT_IN_NAME, min_length=1, max_length=4096)
    """What reads a text beside the patterns: ``builtin``, ``none``, or the folder of another
    model."""

    commonplaces: Literal["pass", "keep"] = "pass"
    """What becomes of readings that tell of nobody, such as a person of the history books."""
    presidio: _PresidioShape | None = None
    """Presidio's analyzer as a further detector; an operator installs it."""


@dataclass(frozen=True, slots=True)
class PresidioConfig:
    """How Presidio's analyzer is asked."""

    language: str
    nlp_model: str
    """A spaCy package; empty for patterns alone."""
    min_score: float
    kinds: dict[str, str]


@dataclass(frozen=True, slots=True)
class SentinelConfig:
    """How sensitive spans are found."""

    regions: tuple[str, ...]
    dictionaries: dict[str, tuple[str, ...]]
    timeout_s: float
    model: Path | None
    """Folder of the model that reads beside the patterns; ``None`` for patterns alone."""
    passes_commonplaces: bool = True
    """Unless the policy restricts names of people."""
    presidio: PresidioConfig | None = None
    """``None``: Presidio is not asked."""


def sentinel_config(shape: SentinelShape, base: Path) -> SentinelConfig:
    """Return the configuration that a shape says; folders are from ``base``."""
    presidio = shape.presidio
    return SentinelConfig(
        regions=tuple(shape.regions),
        dictionaries={category: tuple(terms) for category, terms in shape.dictionaries.items()},
        timeout_s=shape.timeout_s,
        model=model_folder(shape.model, base),
        passes_commonplaces=shape.commonplaces == "pass",
        presidio=PresidioConfig(
            presidio.language, presidio.nlp_model, presidio.min_score, dict(presidio.kinds)
        )
        if presidio
        else None,
    )
