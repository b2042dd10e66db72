"""Guard documents (``guards/v1``): from a file to :class:`Guards`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field

from runtime.documents.document import Document, Problem
from runtime.documents.names import ModelText, Name
from runtime.documents.reader import parse_document, read_document
from runtime.documents.shape import Shape, read_shape
from runtime.errors import ConfigInvalid
from runtime.guards.folding import folded
from runtime.guards.model import Guard, Guards
from runtime.ids import ModelName
from runtime.policy.model import Zone

__all__ = ["GUARDS_VERSION", "load_guards", "parse_guards"]

GUARDS_VERSION: Final = "guards/v1"
_ZONES: Final[tuple[Zone, ...]] = ("edge", "cloud")


class _GuardShape(Shape):
    """What one guard looks at, and what it refuses."""

    reads: Literal["requests", "answers", "both"] = "both"
    """What models are asked, what they answer, or both."""
    at: Literal["edge", "cloud", "any"] = "any"
    """Before and behind the models of which zone it stands."""
    words: list[Annotated[str, Field(min_length=2, max_length=200)]] = Field(
        default_factory=list, max_length=1_000
    )
    """Phrases that do not pass, in any case, with or without accents, also inside other words."""
    longest_characters: int | None = Field(default=None, ge=1, le=10_000_000)
    """Longer texts do not pass."""
    model: ModelText | None = None
    """A model of this device that is asked; what it does not call ``pass`` does not pass."""


class _GuardsShape(Shape):
    """Who judges the texts on their way to models and back."""

    leeward: Literal["guards/v1"]
    """What this document is."""
    guards: dict[Name, _GuardShape] = Field(min_length=1, max_length=64)
    """Guards by name; a text passes when all of them let it."""


def load_guards(path: Path) -> Guards:
    """Read guards from a YAML or JSON file.

    Raises:
        ConfigInvalid: Names file, line and field of the first problem.
    """
    return _guards(read_document(path, error=ConfigInvalid))


def parse_guards(text: str, *, file: str = "") -> Guards:
    """Read guards from YAML or JSON text.

    Raises:
        ConfigInvalid: Names line and field of the first problem.
    """
    return _guards(parse_document(text, error=ConfigInvalid, file=file))


def _guards(document: Document) -> Guards:
    shape = read_shape(document, _GuardsShape, version=GUARDS_VERSION)
    problems: list[Problem] = []
    every = tuple(_guard(name, one, problems) for name, one in shape.guards.items())
    document.refuse(problems)
    return Guards(every)


def _guard(name: str, shape: _GuardShape, problems: list[Problem]) -> Guard:
    path = ("guards", name)
    if not (shape.words or shape.longest_characters or shape.model):
        reason = "refuses nothing; give it words, longest_characters or a model"
        problems.append(Problem(path, reason))
    words = tuple(folded(word) for word in shape.words)
    for place, word in enumerate(words):
        if not word:
            problems.append(Problem((*path, "words", place), "holds no character that shows"))
    return Guard(
        name=name,
        reads_requests=shape.reads != "answers",
        reads_answers=shape.reads != "requests",
        zones=frozenset(_ZONES if shape.at == "any" else (shape.at,)),
        words=words,
        longest_characters=shape.longest_characters,
        model=ModelName(shape.model) if shape.model else None,
    )
