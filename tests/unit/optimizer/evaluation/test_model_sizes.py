"""Sizes of models before any was run: what the catalog says, and a guess where it says nothing."""

from dataclasses import replace

from optimizer.evaluation.model_sizes import model_sizes
from runtime.catalog.model import Catalog
from runtime.testing.plans import CATALOG


def sized(**parameters: int) -> Catalog:
    models = tuple(
        replace(model, parameters=parameters.get(str(model.name), 0)) for model in CATALOG.models
    )
    return Catalog(CATALOG.nodes, models)


def test_sizes_are_parameters_where_the_catalog_knows_them() -> None:
    catalog = sized(slm=3, llm=70)

    assert model_sizes(catalog, ("slm", "llm", "slm")) == {"slm": 3.0, "llm": 70.0}


def test_a_cloud_model_of_unknown_size_is_larger_than_all_that_are_known() -> None:
    assert model_sizes(sized(slm=3), ("slm", "llm"))["llm"] > 3.0


def test_an_edge_model_of_unknown_size_is_no_larger_than_any_that_is_known() -> None:
    assert model_sizes(sized(llm=70), ("slm", "llm"))["slm"] <= 70.0


def test_where_nothing_is_known_every_size_is_above_zero() -> None:
    assert min(model_sizes(sized(), ("slm", "llm")).values()) > 0
