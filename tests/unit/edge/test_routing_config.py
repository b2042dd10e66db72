"""The section `routing`: what is loaded, and what does not fit."""

from pathlib import Path

import pytest

from edge.config import parse_config
from edge.documents import load_documents
from runtime.errors import ConfigInvalid, ModelInvalid
from tests.unit.edge.test_config import GOOD, GRAPH, write

ROUTING = "routing: {graphs: {g: smaller, far: larger}, right_usd: 0.01}\n"
FAR = GRAPH.replace("name: g", "name: far")


def test_without_the_section_nothing_routes(tmp_path: Path) -> None:
    write(tmp_path)
    assert load_documents(parse_config(GOOD, base=tmp_path)).router is None


def test_the_built_in_router_knows_a_smaller_and_a_larger_model(tmp_path: Path) -> None:
    write(tmp_path, **{"graphs/far.yaml": FAR})
    router = load_documents(parse_config(GOOD + ROUTING, base=tmp_path)).router
    assert router is not None
    assert router.graphs == ("g", "far")
    chances = router.chances("What is the capital of France?\nA. Paris\nB. Rome")
    assert 0 < chances["g"] < chances["far"] < 1


@pytest.mark.parametrize(
    ("change", "to", "words"),
    [
        ("far: larger", "nowhere: larger", 'there is no graph named "nowhere"'),
        ("far: larger", "far: huge", 'no model "huge"; it knows smaller, larger'),
        (", far: larger", "", "routing.graphs"),
        ("right_usd: 0.01", "right_usd: 0", "right_usd"),
    ],
)
def test_what_does_not_fit(tmp_path: Path, change: str, to: str, words: str) -> None:
    write(tmp_path, **{"graphs/far.yaml": FAR})
    with pytest.raises(ConfigInvalid, match=words):
        load_documents(parse_config(GOOD + ROUTING.replace(change, to), base=tmp_path))


def test_a_router_that_is_not_there(tmp_path: Path) -> None:
    write(tmp_path, **{"graphs/far.yaml": FAR})
    text = GOOD + ROUTING.replace("{graphs", "{router: mine, graphs")
    with pytest.raises(ModelInvalid, match="cannot be read"):
        load_documents(parse_config(text, base=tmp_path))
