"""Team space documents (``space/v1``): from YAML to a checked :class:`TeamSpec`, and S1 built in.

Knows the words of the document; does not know any matrix.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field

from runtime.documents.document import Document, Problem
from runtime.documents.reader import parse_document, read_document
from runtime.documents.shape import Shape, read_shape
from runtime.errors import ConfigInvalid

__all__ = ["MAX_EDGE_MODELS", "S1", "HashClass", "TeamSpec", "load_space", "parse_space"]

_VERSION: Final = "space/v1"
MAX_EDGE_MODELS: Final = 14
"""More make too many subsets to enumerate."""

_ModelName = Annotated[str, Field(min_length=1, max_length=200)]
_Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True, slots=True)
class HashClass:
    """The questions whose ``sha256(id) mod modulus`` is ``remainder``."""

    modulus: int
    remainder: int = 0


@dataclass(frozen=True, slots=True)
class TeamSpec:
    """A vote of edge models with a fallback: what may be chosen, and under which caps."""

    name: str
    edge: tuple[str, ...]
    cloud: tuple[str, ...]
    thresholds: tuple[float, ...]
    caps: tuple[float, ...]
    sensitive: HashClass | None
    split: HashClass


class _HashShape(Shape):
    """Questions chosen by a hash of their ids."""

    hash_modulus: Annotated[int, Field(ge=2, le=1_000_000)]
    remainder: Annotated[int, Field(ge=0)] = 0


class _SpaceShape(Shape):
    """Which models may vote, which may be asked when they disagree, and the caps."""

    leeward: str
    name: Annotated[str, Field(min_length=1, max_length=80)]
    edge: Annotated[list[_ModelName], Field(min_length=1, max_length=MAX_EDGE_MODELS)]
    """Models that may see sensitive questions; any nonempty subset votes."""
    cloud: Annotated[list[_ModelName], Field(default_factory=list, max_length=64)]
    """Fallback models; one of them or none."""
    thresholds: Annotated[list[_Share], Field(min_length=1, max_length=64)]
    """Agreement below it asks the fallback."""
    caps: Annotated[list[_Share], Field(min_length=1, max_length=64)]
    """Allowed shares of questions that reach the cloud."""
    sensitive: _HashShape | None = None
    """Questions that never leave the edge."""
    split: _HashShape = _HashShape(hash_modulus=2)
    """Which questions the search may see."""


def load_space(path: Path) -> TeamSpec:
    """Read a space file.

    Raises:
        ConfigInvalid: Names file, line and field of the first problem.
    """
    return _spec(read_document(path, error=ConfigInvalid))


def parse_space(text: str, *, file: str = "") -> TeamSpec:
    """Read a space from YAML text; ``file`` is how errors call it.

    Raises:
        ConfigInvalid: Names line and field of the first problem.
    """
    return _spec(parse_document(text, error=ConfigInvalid, file=file))


def _spec(document: Document) -> TeamSpec:
    shape = read_shape(document, _SpaceShape, version=_VERSION)
    document.refuse(_problems(shape))
    return TeamSpec(
        name=shape.name,
        edge=tuple(shape.edge),
        cloud=tuple(shape.cloud),
        thresholds=tuple(shape.thresholds),
        caps=tuple(shape.caps),
        sensitive=_hash_class(shape.sensitive) if shape.sensitive else None,
        split=_hash_class(shape.split),
    )


def _hash_class(shape: _HashShape) -> HashClass:
    return HashClass(shape.hash_modulus, shape.remainder)


def _problems(shape: _SpaceShape) -> Iterator[Problem]:
    names = [*shape.edge, *shape.cloud]
    for field, entries, offset in (
        ("edge", shape.edge, 0),
        ("cloud", shape.cloud, len(shape.edge)),
    ):
        for position, name in enumerate(entries):
            if name in names[: offset + position]:
                yield Problem((field, position), f'"{name}" is listed twice')
    for field, numbers in (("thresholds", shape.thresholds), ("caps", shape.caps)):
        for position, number in enumerate(numbers):
            if number in numbers[:position]:
                yield Problem((field, position), f"{number:g} is listed twice")
            elif field == "thresholds" and numbers != sorted(numbers):
                yield Problem((field,), "must rise from entry to entry")
                break
    for name, chosen in (("sensitive", shape.sensitive), ("split", shape.split)):
        if chosen is not None and chosen.remainder >= chosen.hash_modulus:
            reason = f"must be less than the modulus, {chosen.hash_modulus}"
            yield Problem((name, "remainder"), reason)


S1: Final = TeamSpec(
    name="S1",
    edge=(
        "gemma-2-2b-it",
        "Phi-3.5-mini-instruct",
        "Qwen2-7B-Instruct",
        "Meta-Llama-3-8B-Instruct",
        "Meta-Llama-3.1-8B-Instruct",
        "Yi-1.5-9B-Chat",
        "gemma-2-9b-it",
        "Mistral-Nemo-Instruct-2407",
    ),
    cloud=(
        "gpt-4o-mini-2024-07-18",
        "gpt-4o-2024-05-13",
        "claude-3-haiku-20240307",
        "claude-3-5-sonnet-20241022",
        "gemini-1.5-pro",
        "Qwen2-72B-Instruct",
        "Mistral-Large-2",
        "Llama-3.1-405B-Instruct-Turbo",
    ),
    thresholds=(0.3, 0.4, 0.51, 0.67, 0.76, 1.0),
    caps=(0.0, 0.05, 0.1, 0.2, 0.3, 1.0),
    sensitive=None,
    split=HashClass(2),
)
"""The benchmark's space: teams of eight open models up to 12B, eight fallback models."""
