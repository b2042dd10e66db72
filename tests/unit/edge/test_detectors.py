"""An edge without its sentinel's model does not serve, and what it looks for is its policy's."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge.cli import app
from edge.config import load_config
from edge.detectors import edge_detectors
from runtime.errors import ConfigInvalid, ModelInvalid
from runtime.ids import Category
from runtime.labels import Level
from runtime.policy.model import Policy

DEPLOY = Path(__file__).parents[3] / "deploy"
MODEL_INVALID = 40


@pytest.fixture
def config(tmp_path: Path) -> Path:
    for name in ("edge.yaml", "catalog.yaml"):
        shutil.copy(DEPLOY / "examples" / name, tmp_path)
    shutil.copy(DEPLOY / "policies" / "clinic.yaml", tmp_path / "policy.yaml")
    shutil.copytree(DEPLOY / "examples" / "graphs", tmp_path / "graphs")
    return tmp_path / "edge.yaml"


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def policy(*categories: str) -> Policy:
    return Policy({Category(name): Level.INTERNAL for name in categories}, {})


def kinds(config: Path, *categories: str) -> set[str]:
    detectors = edge_detectors(load_config(config).sentinel, policy(*categories))
    return {kind for detector in detectors for kind in detector.kinds}


def test_towns_are_looked_for_where_the_policy_lists_them(config: Path) -> None:
    assert {"person", "organization"} <= kinds(config, "organization")
    assert "place" not in kinds(config, "organization")
    assert "place" in kinds(config, "place")


def test_without_a_model_patterns_are_left(config: Path) -> None:
    change(config, "model: builtin", "model: none")

    found = kinds(config, "organization", "place")

    assert "person" in found
    assert not {"organization", "place"} & found


def test_people_of_history_are_kept_where_the_configuration_says_so(config: Path) -> None:
    passing = load_config(config).sentinel.passes_commonplaces
    change(config, "model: builtin", "model: builtin\n  commonplaces: keep")

    assert passing
    assert not load_config(config).sentinel.passes_commonplaces


def test_a_model_that_is_not_there_is_refused_before_anything_is_served(config: Path) -> None:
    change(config, "model: builtin", "model: nowhere")

    with pytest.raises(ModelInvalid, match=r"nowhere/model\.json cannot be read"):
        edge_detectors(load_config(config).sentinel, policy())
    told = CliRunner().invoke(app, ["check", "--config", str(config)])
    assert told.exit_code == MODEL_INVALID


def test_a_policy_that_lists_a_topic_needs_something_that_judges_it(config: Path) -> None:
    assert "legal_topic" in kinds(config, "legal_topic")
    change(config, "model: builtin", "model: none")

    with pytest.raises(ConfigInvalid, match="the policy lists legal_topic, which this device"):
        edge_detectors(load_config(config).sentinel, policy("legal_topic", "person"))


def test_presidio_is_asked_for_by_configuration_and_named_when_it_is_missing(config: Path) -> None:
    change(config, "  model: builtin", "  model: builtin\n  presidio: {language: de}")

    with pytest.raises(ModelInvalid, match="pip install presidio-analyzer"):
        edge_detectors(load_config(config).sentinel, policy())


def test_the_check_reads_the_model(config: Path) -> None:
    told = CliRunner().invoke(app, ["check", "--config", str(config)])
    assert told.exit_code == 0, told.output


def test_an_unknown_region_is_the_configuration_s_fault(config: Path) -> None:
    change(config, "regions: [US, GB]", "regions: [US, XX]")
    with pytest.raises(ConfigInvalid, match="XX"):
        edge_detectors(load_config(config).sentinel, policy())
