"""`leeward optimizer router fit`: from a table to a router, and what it is said to be worth."""

import json
import random
from pathlib import Path

import pytest

from optimizer.cli import app
from runtime.routing.store import read_predictor
from tests.unit.optimizer.commands import RUNNER

NAMES = ("apgr", "longest_prompt_apgr", "accuracy")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Three models on prompts whose difficulty shows in the answers on offer."""
    draw = random.Random(4)
    lines = ["prompt,tiny,tiny x3,large,group"]
    for at in range(240):
        is_hard = at % 3 == 0
        options = "A. True, False\nB. False, True" if is_hard else "A. a boat\nB. old stone"
        right = [int(draw.random() < share) for share in ((0.2 if is_hard else 0.9), 0.5, 0.95)]
        lines.append(f'"Which of them, {at}?\n{options}",{",".join(map(str, right))},g{at % 10}')
    file = tmp_path / "outcomes.csv"
    file.write_text("\n".join(lines))
    return file


def test_a_router_for_every_column(table: Path, tmp_path: Path) -> None:
    arguments = ["router", "fit", str(table), "--out", str(tmp_path / "router"), "--trees", "8"]
    result = RUNNER.invoke(app, [*arguments, "--json"])
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert said["prompts"] == 240
    assert said["groups"] == 10
    assert set(said["unseen"]) == {"tiny x3", "large"}
    assert tuple(said["unseen"]["large"]) == NAMES
    assert said["unseen"]["large"]["apgr"] > 0.7
    assert said["unseen"]["tiny x3"]["apgr"] is None or said["unseen"]["tiny x3"]["accuracy"] < 0.7
    assert read_predictor(tmp_path / "router").models == ("tiny", "tiny x3", "large")


def test_for_people(table: Path, tmp_path: Path) -> None:
    arguments = ["router", "fit", str(table), "--out", str(tmp_path / "router"), "--trees", "4"]
    result = RUNNER.invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "larger model  apgr   longest prompt  right" in result.output
    assert "the figures are for prompts of groups left out" in result.output


def test_a_table_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("prompt,one\n")
    result = RUNNER.invoke(
        app, ["router", "fit", str(tmp_path / "t.csv"), "--out", str(tmp_path / "router")]
    )
    assert result.exit_code == 10
    assert "must name a prompt column and two or more models" in result.output
