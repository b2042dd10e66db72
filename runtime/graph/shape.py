"""The graph document as pydantic models: types and bounds, one value at a time.

Knows the form of the file; what must hold between its parts is in ``validate``.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from runtime.documents.names import ModelText, Name, OutputName, Word
from runtime.documents.shape import Shape
from runtime.graph.roles import Role
from runtime.graph.rules import Rule

__all__ = [
    "DraftShape",
    "EdgeShape",
    "GraphShape",
    "MapShape",
    "OutputShape",
    "SamplingShape",
    "StepShape",
]


def _output_form(value: object) -> str:
    return "values" if isinstance(value, list) else "kind"


def _edge_form(value: object) -> str:
    return "mapping" if isinstance(value, dict | EdgeShape) else "text"


OutputShape = Annotated[
    Annotated[Literal["number", "list"], Tag("kind")]
    | Annotated[list[Word], Field(min_length=1, max_length=32), Tag("values")],
    Discriminator(_output_form),
]
"""``number``, ``list``, or the list of the words that the output may be."""


class SamplingShape(Shape):
    """How tokens are drawn; the defaults are greedy."""

    temperature: float = Field(default=0.0, ge=0, le=5)
    """0 always takes the likeliest token."""
    top_p: float = Field(default=1.0, gt=0, le=1)
    """Draw from the likeliest tokens that together have this probability."""
    top_k: int = Field(default=0, ge=0, le=100_000)
    """Draw from this many likeliest tokens; 0 keeps all."""
    min_p: float = Field(default=0.0, ge=0, le=1)
    """Drop tokens less likely than this share of the likeliest one."""
    repeat_penalty: float = Field(default=1.0, gt=0, le=10)
    """Above 1 makes repeated tokens less likely."""
    seed: int | None = Field(default=None, ge=0, le=2**32 - 1)
    """Makes draws repeatable; sample ``i`` of a step uses a seed derived from it."""
    stop: list[Annotated[str, Field(min_length=1, max_length=200)]] = Field(
        default_factory=list, max_length=8
    )
    """Texts at which the answer ends."""
    grammar: str = Field(default="", max_length=16_384)
    """GBNF that the answer must fit; excludes ``json_schema``."""
    json_schema: str = Field(default="", max_length=16_384)
    """JSON text of a schema that the answer must fit; excludes ``grammar``."""
    logprobs: int = Field(default=0, ge=0, le=20)
    """How many alternatives to report per token."""


class MapShape(Shape):
    """Run the step once per item of a list."""

    over: str = Field(max_length=90)
    """``step.output`` of a predecessor's list output."""
    max_items: int = Field(ge=1, le=64)
    """Items beyond this many are not run."""
    alone: bool = False
    """The model reads the item in place of the request."""


class DraftShape(Shape):
    """A model of the edge writes the answer together with the step's own."""

    model: ModelText
    """A small model of the edge."""
    tokens: int = Field(default=16, ge=1, le=256)
    """Tokens that it guesses at a time; with ``keep_above``, those that the step's model writes."""
    at_most: int = Field(default=32, ge=1, le=1_000)
    """Calls of the step's model; then one of the two writes the rest alone."""
    keep_above: float | None = Field(default=None, gt=0, lt=1)
    """Keep its own tokens of at least this probability; the step's model writes where one is less
    likely. Without it, the answer is the step's model's own, and it only guesses ahead."""
    always: bool = False
    """Guess also where that was found to take longer."""


class StepShape(Shape):
    """A role played by a model with parameters, or by a rule."""

    role: Role
    """What the step does with its inputs."""
    model: ModelText | None = None
    """Left out, planner or optimizer may choose."""
    samples: int = Field(default=1, ge=1, le=64)
    """How many answers are drawn; the majority is the step's answer."""
    max_tokens: int = Field(default=512, ge=1, le=131_072)
    """Longest answer, tokens."""
    sampling: SamplingShape = Field(default_factory=SamplingShape)
    """How tokens are drawn."""
    instruction: str = Field(default="", max_length=8_000)
    """A system turn put before the chat."""
    outputs: dict[OutputName, OutputShape] = Field(default_factory=dict, max_length=16)
    """Named values read from the step's answer, for ``when`` and ``map``."""
    rule: Rule | None = None
    """Plays the step without any model."""
    draft: DraftShape | None = None
    """Who writes the answer together with the model, where that is a model of the cloud."""
    map: MapShape | None = None
    """Fan-out over a predecessor's list output."""


class EdgeShape(Shape):
    """A message from one step to another, possibly guarded."""

    source: str = Field(alias="from", max_length=40)
    """The step that sends."""
    target: str = Field(alias="to", max_length=40)
    """The step that receives."""
    when: str | None = Field(default=None, max_length=160)
    """``step.output < value``; only then the message is sent."""
    otherwise: bool = False
    """Sent when no ``when`` of the same source holds."""


class GraphShape(Shape):
    """A collaboration graph: steps, and edges that carry messages between them."""

    leeward: Literal["graph/v1"]
    """What this document is."""
    name: Name
    """How callers name the graph: ``model="leeward/<name>"``."""
    steps: dict[Name, StepShape] = Field(min_length=1, max_length=64)
    """Steps by id; the one without outgoing edges gives the answer."""
    edges: list[
        Annotated[
            Annotated[str, Field(max_length=2_000), Tag("text")]
            | Annotated[EdgeShape, Tag("mapping")],
            Discriminator(_edge_form),
        ]
    ] = Field(default_factory=list, max_length=512)
    """``a -> b``, ``a -> b -> c``, ``"[a, b] -> c"``, or a mapping with ``from`` and ``to``."""
