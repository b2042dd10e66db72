"""Catalog documents: what is read, and what is refused on which line."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given

from runtime.catalog.document import (
    catalog_from_data,
    catalog_schema,
    dump_catalog,
    load_catalog,
    parse_catalog,
)
from runtime.catalog.model import Catalog, Model, Node, Price, price_on
from runtime.errors import CatalogInvalid
from runtime.ids import ModelName, NodeName
from runtime.testing.strategies import catalogs

REFERENCE = Path(__file__).parents[4] / "deploy" / "catalogs" / "reference.yaml"

TEXT = """
leeward: catalog/v1
nodes:
  edge-1: {zone: edge}
  cloud: {zone: cloud, round_trip_ms: 40}
models:
  small:
    node: edge-1
    family: tern
    parameters: 500000
    layers: 4
    hidden_size: 96
    context_tokens: 1024
    prefill_tokens_per_s: 900.5
    decode_tokens_per_s: 100
  large:
    node: cloud
    prices:
      - {valid_from: 2026-06-01, prompt_usd_per_mtok: 2, completion_usd_per_mtok: 4}
      - {valid_from: 2026-01-01, prompt_usd_per_mtok: 1, completion_usd_per_mtok: 2.5}
    fallback: small
"""


def test_every_field_arrives_in_seconds_and_dates_in_order() -> None:
    assert parse_catalog(TEXT) == Catalog(
        nodes=(Node(NodeName("edge-1"), "edge"), Node(NodeName("cloud"), "cloud", 0.04)),
        models=(
            Model(
                ModelName("small"),
                NodeName("edge-1"),
                family="tern",
                parameters=500_000,
                layers=4,
                hidden_size=96,
                context_tokens=1024,
                prefill_tokens_per_s=900.5,
                decode_tokens_per_s=100.0,
            ),
            Model(
                ModelName("large"),
                NodeName("cloud"),
                prices=(Price(date(2026, 1, 1), 1.0, 2.5), Price(date(2026, 6, 1), 2.0, 4.0)),
                fallback=ModelName("small"),
            ),
        ),
    )


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("node: cloud", "node: clod", 17, 'did you mean "cloud"'),
        ("node: cloud", "node: mars", 17, "known: edge-1, cloud"),
        ("fallback: small", "fallback: smal", 21, 'did you mean "small"'),
        ("fallback: small", "fallback: large", 21, "the model itself"),
        ("node: edge-1", "node: cloud", 21, "runs in the cloud"),
        ("2026-06-01", "2026-01-01", 20, "second price from 2026-01-01"),
        ("2026-06-01", "June", 19, "must be a date such as"),
        ("2026-06-01", "2026-02-30", 19, "must be a date such as"),
        ("zone: edge", "zone: egde", 4, 'did you mean "edge"'),
        ("round_trip_ms: 40", "round_trip_ms: -1", 5, "at least 0"),
        ("round_trip_ms", "round_trip_s", 5, 'did you mean "round_trip_ms"'),
        ("layers: 4", "layers: 4.5", 11, "whole number"),
        ("layers: 4", "layers: -4", 11, "at least 0"),
        ("prompt_usd_per_mtok: 2", "prompt_usd_per_mtok: free", 19, "must be a number"),
        ("catalog/v1", "catalog/v9", 2, "catalog/v1"),
    ],
)
def test_each_mistake_is_refused_on_its_line(old: str, new: str, line: int, words: str) -> None:
    with pytest.raises(CatalogInvalid) as refused:
        parse_catalog(TEXT.replace(old, new, 1), file="c.yaml")

    assert words in refused.value.reason
    assert (refused.value.file, refused.value.line) == ("c.yaml", line)


def falls_back_elsewhere(catalog: Catalog) -> bool:
    return all(model.fallback != model.name for model in catalog.models)


@given(catalogs().filter(falls_back_elsewhere))
def test_what_is_dumped_is_read_back_equal(catalog: Catalog) -> None:
    assert catalog_from_data(dump_catalog(catalog)) == catalog


def test_the_reference_catalog_has_an_edge_fallback_for_the_cloud_model() -> None:
    catalog = load_catalog(REFERENCE)

    cloud_models = [m for m in catalog.models if catalog.node_of(m).zone == "cloud"]

    assert [model.fallback for model in cloud_models] == ["tern-s"]
    assert all(price_on(model.prices, date(2026, 11, 24)) for model in cloud_models)


def test_the_schema_names_the_zones() -> None:
    assert catalog_schema()["$defs"]["NodeShape"]["properties"]["zone"]["enum"] == ["edge", "cloud"]
