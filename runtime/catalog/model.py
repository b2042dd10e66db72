"""The catalog as immutable data: nodes, and models with prices, sizes and measured speed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from runtime.ids import ModelName, NodeName
from runtime.policy.model import Zone

__all__ = ["Catalog", "Model", "Node", "Price", "price_on"]


@dataclass(frozen=True, slots=True)
class Node:
    """A running process that serves models."""

    name: NodeName
    zone: Zone
    round_trip_s: float = 0.0
    """Measured link round trip, seconds."""


@dataclass(frozen=True, slots=True)
class Price:
    """What tokens cost from a day on, US dollars per million tokens."""

    valid_from: date
    prompt_usd_per_mtok: float
    completion_usd_per_mtok: float

    def cost_usd(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Return what that many tokens cost, US dollars."""
        return (
            prompt_tokens * self.prompt_usd_per_mtok
            + completion_tokens * self.completion_usd_per_mtok
        ) / 1e6


def price_on(prices: Sequence[Price], day: date) -> Price | None:
    """Return the price valid on ``day``, or ``None`` when nothing is charged yet."""
    valid = [price for price in prices if price.valid_from <= day]
    return max(valid, key=lambda price: price.valid_from, default=None)


@dataclass(frozen=True, slots=True)
class Model:
    """A model on a node; the same weights on two nodes are two entries with one ``family``."""

    name: ModelName
    node: NodeName
    family: str = ""
    parameters: int = 0
    layers: int = 0
    hidden_size: int = 0
    context_tokens: int = 0
    prefill_tokens_per_s: float = 0.0
    decode_tokens_per_s: float = 0.0
    prices: tuple[Price, ...] = ()
    fallback: ModelName | None = None
    """The edge model that takes over when this one may not or cannot be reached."""

    def cost_usd(self, day: date, *, prompt_tokens: int, completion_tokens: int) -> float:
        """Return what one call costs, US dollars."""
        price = price_on(self.prices, day)
        return 0.0 if price is None else price.cost_usd(prompt_tokens, completion_tokens)


@dataclass(frozen=True)
class Catalog:
    """All known models and nodes."""

    nodes: tuple[Node, ...]
    models: tuple[Model, ...]
    version: str = "catalog/v1"

    @cached_property
    def node_by_name(self) -> dict[NodeName, Node]:
        """Nodes by name."""
        return {node.name: node for node in self.nodes}

    @cached_property
    def model_by_name(self) -> dict[ModelName, Model]:
        """Models by name."""
        return {model.name: model for model in self.models}

    def node_of(self, model: Model) -> Node:
        """Return the node that serves ``model``."""
        return self.node_by_name[model.node]
