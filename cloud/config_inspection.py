"""The part of the gateway's configuration about its second line: ``inspection``."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from runtime.documents.document import Problem
from runtime.documents.names import CategoryName
from runtime.documents.shape import Shape
from runtime.labels import Level
from runtime.policy.shape import LevelName
from runtime.sentinel.tagger.choice import NO_MODEL, model_folder

__all__ = ["InspectionConfig", "InspectionShape", "inspection_config", "inspection_problems"]

Action = Literal["refuse", "alert", "off"]
Region = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]


class InspectionShape(Shape):
    """How the gateway scans what it receives."""

    action: Action = "refuse"
    """What happens to a call above the gateway's clearance; ``alert`` lets it pass and tells."""
    policy: str | None = None
    """The edges' policy file, relative to this one. Left out, the built-in levels hold."""
    policy_signers: list[str] | None = Field(default=None, min_length=1, max_length=64)
    """Public keys (PEM) of those who may sign ``policy``; left out, it needs no signature."""
    clearance: LevelName | None = None
    """The highest level that this gateway may receive, without ``policy``; internal if left out."""
    categories: dict[CategoryName, LevelName] = Field(default={}, max_length=256)
    """Levels that differ from the built-in ones, without ``policy``."""
    regions: list[Region] = Field(default=["US", "GB"], max_length=64)
    """Where local phone numbers come from, ISO 3166 alpha-2; as the edges have it."""
    dictionaries: dict[CategoryName, list[str]] = Field(default={}, max_length=64)
    """Terms of the deployment per category; as the edges have them."""
    timeout_s: float = Field(default=5.0, gt=0, le=60)
    """A scan that takes longer has failed."""
    model: str = Field(default=NO_MODEL, min_length=1, max_length=4096)
    """What reads a text beside the patterns: ``none``, ``builtin``, or the folder of another model.
    Both latter need ONNX Runtime and ``tokenizers`` here (the ``edge`` extra brings them)."""
    commonplaces: Literal["pass", "keep"] = "pass"
    """What becomes of readings that tell of nobody; as the edges have it."""
    max_characters: int = Field(default=1_000_000, ge=1, le=100_000_000)
    """A call with more text has failed its scan."""
    remembered: int = Field(default=10_000, ge=1, le=10_000_000)
    """Texts whose findings are kept, so that a conversation's earlier turns are scanned once."""


@dataclass(frozen=True, slots=True)
class InspectionConfig:
    """How the gateway scans what it receives."""

    action: Action
    policy: Path | None
    policy_signers: tuple[Path, ...] | None
    """``None``: the policy needs no signature."""
    clearance: Level
    categories: dict[str, Level]
    regions: tuple[str, ...]
    dictionaries: dict[str, tuple[str, ...]]
    timeout_s: float
    model: Path | None
    passes_commonplaces: bool
    """Unless the policy restricts names of people."""
    max_characters: int
    remembered: int


def inspection_problems(shape: InspectionShape) -> Iterable[Problem]:
    """Return what contradicts itself in ``inspection``."""
    if shape.policy is None:
        if shape.policy_signers:
            reason = "vouches for nothing: name the signed `policy`, or leave it out"
            yield Problem(("inspection", "policy_signers"), reason)
        return
    for field in ("clearance", "categories"):
        if getattr(shape, field):
            reason = "is said by the policy already: leave it out, or leave out `policy`"
            yield Problem(("inspection", field), reason)


def inspection_config(shape: InspectionShape, base: Path) -> InspectionConfig:
    """Return the configuration that a shape without problems says; paths are from ``base``."""
    return InspectionConfig(
        action=shape.action,
        policy=base / shape.policy if shape.policy else None,
        policy_signers=tuple(base / file for file in shape.policy_signers)
        if shape.policy_signers
        else None,
        clearance=Level[shape.clearance.name] if shape.clearance else Level.INTERNAL,
        categories={name: Level[level.name] for name, level in shape.categories.items()},
        regions=tuple(shape.regions),
        dictionaries={name: tuple(terms) for name, terms in shape.dictionaries.items()},
        timeout_s=shape.timeout_s,
        model=model_folder(shape.model, base),
        passes_commonplaces=shape.commonplaces == "pass",
        max_characters=shape.max_characters,
        remembered=shape.remembered,
    )
