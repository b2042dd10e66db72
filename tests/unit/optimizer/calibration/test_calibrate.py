"""`leeward optimizer calibrate`: from records to a graph; what is refused and how it reads."""

from pathlib import Path

import numpy as np
import pytest

from optimizer.calibration.confidence import calibration_error, fit_calibrated
from optimizer.calibration.records import read_records
from optimizer.cli import app
from runtime.errors import DocumentInvalid
from runtime.graph.document import load_graph
from tests.unit.optimizer.commands import RUNNER

GRAPH = """\
leeward: graph/v1
name: ask-far-when-unsure
steps:
  near: {role: assistant, model: small, samples: 3}
  far: {role: assistant, model: large}
  final: {role: fuser, model: small}
edges:
  - near -> final
  - {from: near, to: far, when: "near.agreement < 0.7"}
  - far -> final
"""


@pytest.fixture
def records(tmp_path: Path) -> Path:
    draw = np.random.default_rng(2)
    lines = ["confidence,near,far,note"]
    for _ in range(300):
        agreement = draw.integers(1, 4) / 3
        near = int(draw.random() < agreement)
        lines.append(f"{agreement:.3f},{near},{int(draw.random() < 0.95)},x")
    file = tmp_path / "records.csv"
    file.write_text("\n".join(lines))
    return file


def test_the_graph_gets_the_threshold(records: Path, tmp_path: Path) -> None:
    (tmp_path / "graph.yaml").write_text(GRAPH)
    arguments = ["calibrate", str(records), "--spoilt", "0.1"]
    files = ["--graph", str(tmp_path / "graph.yaml"), "--out", str(tmp_path / "fitted.yaml")]
    result = RUNNER.invoke(app, [*arguments, *files])
    assert result.exit_code == 0, result.output
    assert "at most 10.0% of all questions to come are wrong for not asking far" in result.output
    (guarded,) = [edge for edge in load_graph(tmp_path / "fitted.yaml").edges if edge.when]
    assert str(guarded.when) == "near.agreement < 0.8335"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "give one of --spoilt, --share, --quality and --cost-usd"),
        (["--share", "0.1", "--quality", "0.5"], "give one of"),
        (["--quality", "0.5", "--next", "9"], "--next goes with --spoilt and --share"),
        (["--share", "0.1", "--out", "x"], "give --graph and --out together"),
        (["--quality", "0.999"], "even always asking far is not proven that accurate"),
    ],
)
def test_what_is_refused(records: Path, arguments: list[str], says: str) -> None:
    result = RUNNER.invoke(app, ["calibrate", str(records), *arguments])
    assert result.exit_code == 15
    assert says in result.output


def test_a_graph_without_a_guard_on_a_confidence(records: Path, tmp_path: Path) -> None:
    (tmp_path / "graph.yaml").write_text(GRAPH.replace("agreement <", "tokens <"))
    files = ["--graph", str(tmp_path / "graph.yaml"), "--out", str(tmp_path / "fitted.yaml")]
    result = RUNNER.invoke(app, ["calibrate", str(records), "--share", "0.5", *files])
    assert result.exit_code == 11
    assert "must have one guard like `near.agreement < 0.7`, and has 0" in result.output


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("confidence,near\n0.5,1\n", "the header lacks far"),
        ("confidence,near,far\n", "holds no records"),
        ("confidence,near,far\n0.5,1,perhaps\n", "2: far: must be 0, 1, true or false"),
        ("confidence,near,far\n1.5,1,1\n", "2: confidence: must be a number from 0 to 1"),
        ("confidence,near,far,far_usd\n0.5,1,1,-3\n", "2: far_usd: must be a number from 0 up"),
        ("confidence,near,far\n0.5,1\n", "2: far: must be 0, 1, true or false"),
    ],
)
def test_records_that_cannot_be_read(tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / "r.csv").write_text(content)
    with pytest.raises(DocumentInvalid, match=says):
        read_records(tmp_path / "r.csv")


def test_a_map_that_was_fitted_rises_and_has_less_error() -> None:
    draw = np.random.default_rng(3)
    confidence = draw.random(2_000)
    right = draw.random(2_000) < confidence**3
    fitted = fit_calibrated(confidence, right)
    assert (np.diff(fitted.chance) >= 0).all()
    assert calibration_error(confidence, right) > 0.15
    assert calibration_error(fitted.of(confidence), right) < 0.03
