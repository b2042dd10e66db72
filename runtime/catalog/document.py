"""Catalog documents: from YAML or JSON to a consistent :class:`Catalog`, and back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Any, Final

from runtime.catalog.model import Catalog, Model, Node, Price
from runtime.catalog.shape import CatalogShape, ModelShape, NodeShape
from runtime.documents.document import Document, Path, Problem
from runtime.documents.reader import document_from_data, parse_document, read_document
from runtime.documents.shape import read_shape, schema_of
from runtime.documents.suggest import did_you_mean, listed
from runtime.errors import CatalogInvalid
from runtime.ids import ModelName, NodeName

__all__ = [
    "CATALOG_VERSION",
    "catalog_from_data",
    "catalog_schema",
    "dump_catalog",
    "load_catalog",
    "parse_catalog",
]

CATALOG_VERSION: Final = "catalog/v1"


def load_catalog(path: FilePath) -> Catalog:
    """Read a catalog from a YAML or JSON file.

    Raises:
        CatalogInvalid: Names file, line and field of the first problem.
    """
    return _catalog(read_document(path, error=CatalogInvalid))


def parse_catalog(text: str, *, file: str = "") -> Catalog:
    """Read a catalog from YAML or JSON text; ``file`` is how errors call it.

    Raises:
        CatalogInvalid: Names line and field of the first problem.
    """
    return _catalog(parse_document(text, error=CatalogInvalid, file=file))


def catalog_from_data(data: object, *, file: str = "") -> Catalog:
    """Read a catalog from plain data, such as parsed JSON.

    Raises:
        CatalogInvalid: Names the field of the first problem.
    """
    return _catalog(document_from_data(data, error=CatalogInvalid, file=file))


def dump_catalog(catalog: Catalog) -> dict[str, object]:
    """Return the catalog as a document of plain data, every value written out."""
    return {
        "leeward": catalog.version,
        "nodes": {
            node.name: {"zone": node.zone, "round_trip_ms": round(node.round_trip_s * 1000, 6)}
            for node in catalog.nodes
        },
        "models": {model.name: _model_data(model) for model in catalog.models},
    }


def catalog_schema() -> dict[str, Any]:
    """Return the JSON schema of catalog documents, for editors."""
    return schema_of(CatalogShape)


def _catalog(document: Document) -> Catalog:
    shape = read_shape(document, CatalogShape, version=CATALOG_VERSION)
    document.refuse(
        problem
        for name, model in shape.models.items()
        for problem in (
            *_node_problems(name, model, shape),
            *_fallback_problems(name, model, shape),
            *_price_problems(name, model),
        )
    )
    return Catalog(
        nodes=tuple(_node(name, node) for name, node in shape.nodes.items()),
        models=tuple(_model(name, model) for name, model in shape.models.items()),
        version=shape.leeward,
    )


def _node_problems(name: str, model: ModelShape, shape: CatalogShape) -> Iterator[Problem]:
    if model.node not in shape.nodes:
        hint = did_you_mean(model.node, shape.nodes) or f"; known: {listed(shape.nodes)}"
        yield Problem(("models", name, "node"), f'"{model.node}" is not a node{hint}')


def _fallback_problems(name: str, model: ModelShape, shape: CatalogShape) -> Iterator[Problem]:
    if model.fallback is None:
        return
    path: Path = ("models", name, "fallback")
    other = shape.models.get(model.fallback)
    if other is None:
        hint = did_you_mean(model.fallback, shape.models) or "; add it to `models`"
        yield Problem(path, f'"{model.fallback}" is not a model of this catalog{hint}')
    elif model.fallback == name:
        yield Problem(path, "names the model itself; name another one on an edge node")
    elif other.node in shape.nodes and shape.nodes[other.node].zone != "edge":
        reason = f'"{model.fallback}" runs in the cloud; a fallback must be on an edge node'
        yield Problem(path, reason)


def _price_problems(name: str, model: ModelShape) -> Iterator[Problem]:
    days = [price.valid_from for price in model.prices]
    for position, day in enumerate(days):
        if day in days[:position]:
            path = ("models", name, "prices", position, "valid_from")
            yield Problem(path, f"states a second price from {day.isoformat()} on; keep one")


def _node(name: str, shape: NodeShape) -> Node:
    return Node(NodeName(name), shape.zone, round_trip_s=shape.round_trip_ms / 1000)


def _model(name: str, shape: ModelShape) -> Model:
    prices = sorted(shape.prices, key=lambda price: price.valid_from)
    return Model(
        name=ModelName(name),
        node=NodeName(shape.node),
        family=shape.family,
        parameters=shape.parameters,
        layers=shape.layers,
        hidden_size=shape.hidden_size,
        context_tokens=shape.context_tokens,
        prefill_tokens_per_s=shape.prefill_tokens_per_s,
        decode_tokens_per_s=shape.decode_tokens_per_s,
        prices=tuple(
            Price(price.valid_from, price.prompt_usd_per_mtok, price.completion_usd_per_mtok)
            for price in prices
        ),
        fallback=None if shape.fallback is None else ModelName(shape.fallback),
    )


def _model_data(model: Model) -> dict[str, object]:
    return {
        "node": model.node,
        "family": model.family,
        "parameters": model.parameters,
        "layers": model.layers,
        "hidden_size": model.hidden_size,
        "context_tokens": model.context_tokens,
        "prefill_tokens_per_s": model.prefill_tokens_per_s,
        "decode_tokens_per_s": model.decode_tokens_per_s,
        "prices": [
            {
                "valid_from": price.valid_from.isoformat(),
                "prompt_usd_per_mtok": price.prompt_usd_per_mtok,
                "completion_usd_per_mtok": price.completion_usd_per_mtok,
            }
            for price in model.prices
        ],
        "fallback": model.fallback,
    }
