"""The shipped example graphs load, and only name models of the shipped catalog."""

from pathlib import Path

import pytest

from runtime.catalog.document import load_catalog
from runtime.graph.document import load_graph

DEPLOY = Path(__file__).parents[4] / "deploy"
EXAMPLES = sorted((DEPLOY / "graphs").glob("*.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=[path.stem for path in EXAMPLES])
def test_an_example_loads_under_its_file_name_with_known_models(path: Path) -> None:
    catalog = load_catalog(DEPLOY / "catalogs" / "reference.yaml")

    graph = load_graph(path)

    assert graph.name == path.stem
    assert {step.model for step in graph.steps} <= set(catalog.model_by_name)
