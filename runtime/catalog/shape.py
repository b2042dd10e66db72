"""The catalog document as pydantic models: the form of the file, one value at a time."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from runtime.documents.names import ModelText, Name
from runtime.documents.shape import Shape

__all__ = ["CatalogShape", "ModelShape", "NodeShape", "PriceShape"]


class NodeShape(Shape):
    """A running process that serves models."""

    zone: Literal["edge", "cloud"]
    """Where it stands: ``edge`` is trusted and sees raw data."""
    round_trip_ms: float = Field(default=0.0, ge=0, le=600_000)
    """Measured link round trip, milliseconds."""


class PriceShape(Shape):
    """What tokens cost from a day on, US dollars per million tokens."""

    valid_from: date
    """First day of the price, such as 2026-01-31."""
    prompt_usd_per_mtok: float = Field(ge=0, le=1_000_000)
    """Per million prompt tokens."""
    completion_usd_per_mtok: float = Field(ge=0, le=1_000_000)
    """Per million completion tokens."""


class ModelShape(Shape):
    """A model on a node."""

    node: Name
    """The node that serves it."""
    family: str = Field(default="", max_length=120)
    """Models of one family have the same architecture and training."""
    parameters: int = Field(default=0, ge=0, le=10**15)
    """Number of weights; 0 when unknown."""
    layers: int = Field(default=0, ge=0, le=10_000)
    """Transformer layers; 0 when unknown."""
    hidden_size: int = Field(default=0, ge=0, le=1_000_000)
    """Width of the residual stream; 0 when unknown."""
    context_tokens: int = Field(default=0, ge=0, le=100_000_000)
    """Longest prompt and answer together; 0 when unknown."""
    prefill_tokens_per_s: float = Field(default=0.0, ge=0, le=1e9)
    """Measured speed of reading; 0 when unknown."""
    decode_tokens_per_s: float = Field(default=0.0, ge=0, le=1e9)
    """Measured speed of writing; 0 when unknown."""
    prices: list[PriceShape] = Field(default_factory=list, max_length=200)
    """Without any, the model is free."""
    fallback: ModelText | None = None
    """The edge model that takes over when this one may not or cannot be reached."""


class CatalogShape(Shape):
    """Known models and the nodes that serve them."""

    leeward: Literal["catalog/v1"]
    """What this document is."""
    nodes: dict[Name, NodeShape] = Field(min_length=1, max_length=1_000)
    """Nodes by name."""
    models: dict[ModelText, ModelShape] = Field(min_length=1, max_length=1_000)
    """Models by name."""
