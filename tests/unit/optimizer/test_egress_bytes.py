"""Bytes that leave the edge: measured, capped, an objective; refused where nobody knows them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optimizer.replay.graph_table import GraphTable
from optimizer.replay.table_file import read_table
from tests.unit.optimizer.commands import as_json, call
from tests.unit.optimizer.studies import write_live_study, write_table_study

QUESTIONS = 32
"""Of the search half."""


@pytest.fixture(scope="module")
def sent(table_file: Path) -> dict[str, float]:
    table = GraphTable(read_table(table_file))
    means = table.chars_out[:, table.columns(split="search")].mean(axis=1)
    return dict(zip(table.graphs, means.tolist(), strict=True))


def write(directory: Path, table: Path, **changes: Any) -> Path:
    asked = {"objectives": ["accuracy", "egress_bytes"], "trials": 20, **changes}
    return write_table_study(directory, table, **asked)


def test_what_left_is_what_the_table_says_in_every_command(
    tmp_path: Path, table_file: Path, sent: dict[str, float]
) -> None:
    study = write(tmp_path, table_file)
    plan = as_json("plan", str(study))
    call("run", str(study))

    front = as_json("front", str(study), "--unproven")
    shown = as_json("show", str(study), "g1")
    best = as_json("best", str(study), "--by", "egress_bytes", "--unproven")
    apart = as_json("diff", str(study), "g1", "g2")
    second = as_json("show", str(study), "g2")
    page = Path(as_json("report", str(study))["report"]).read_text(encoding="utf-8")

    assert plan["egress_bytes"]["most"] == max(sent.values()) > 0
    assert plan["egress_bytes"]["mean"] == pytest.approx(np.mean(list(sent.values())))
    whole = [one for one in (*front["graphs"], shown, best) if one["questions"] == QUESTIONS]
    assert len(whole) > 2
    for graph in whole:
        assert graph["values"]["egress_bytes"] == pytest.approx(sent[graph["key"]])
    assert apart["egress_bytes"]["mean"] == pytest.approx(sent[second["key"]] - sent[shown["key"]])
    assert best["values"]["egress_bytes"] == min(
        g["values"]["egress_bytes"] for g in front["graphs"]
    )
    assert "bytes of a question leave" in page
    assert "bytes out" in page


@pytest.mark.parametrize("searcher", ["random", "agent_reinforce"])
def test_a_cap_on_it_is_kept_by_what_is_recommended_and_by_the_front(
    tmp_path: Path, table_file: Path, sent: dict[str, float], searcher: str
) -> None:
    limit = float(np.median([amount for amount in sent.values() if amount]))
    study = write(
        tmp_path,
        table_file,
        constraints={"egress_bytes": limit},
        searcher={"name": searcher},
        trials=60,
    )

    data = as_json("run", str(study))

    assert data["recommended"]["values"]["egress_bytes"] <= limit
    assert data["front"]["graphs"]
    if searcher == "random":
        assert data["front"]["left_out"]["broken"]  # others that were run send more
    for graph in data["front"]["graphs"]:
        (kept,) = graph["constraints"]
        assert kept["measure"] == "egress_bytes"
        if graph["questions"] == QUESTIONS:
            assert kept["value"] == pytest.approx(sent[graph["key"]])
        assert kept["upper_bound"] <= limit


def test_a_study_without_it_is_the_study_that_it_was(tmp_path: Path, table_file: Path) -> None:
    study = write(tmp_path, table_file, objectives=["accuracy"])
    journal = Path(as_json("run", str(study))["journal"])
    before = []
    for line in journal.read_text().splitlines():
        event = json.loads(line)
        event.pop("egress_bytes", None)
        for graph in event.get("graphs", ()):
            graph.pop("egress_bytes", None)
        before.append(json.dumps(event))
    journal.write_text("\n".join(before) + "\n")

    front = as_json("front", str(study), "--unproven")
    refused = as_json("front", str(study), "--objectives", "egress_bytes", exit_code=15)
    page = Path(as_json("report", str(study))["report"]).read_text(encoding="utf-8")

    assert {graph["values"]["egress_bytes"] for graph in front["graphs"]} == {None}
    assert "not known" in refused["error"]["message"]
    assert "unknown" in page


def test_a_warm_start_takes_over_nothing_of_which_it_is_not_known_how_much_left(
    tmp_path: Path, table_file: Path
) -> None:
    study = write(tmp_path, table_file, objectives=["accuracy"])
    journal = Path(as_json("run", str(study), "--dir", str(tmp_path / "first"))["journal"])
    known = as_json("run", str(_warm(tmp_path, table_file)), "--dir", str(tmp_path / "known"))
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    kept = [{key: one[key] for key in one if key != "egress_bytes"} for one in lines]
    journal.write_text("\n".join(map(json.dumps, kept)) + "\n")

    unknown = as_json("run", str(study), "--dir", str(tmp_path / "unknown"))

    assert known["spent"]["executions"] == 0 < unknown["spent"]["executions"]
    assert unknown["front"] == known["front"]


def _warm(directory: Path, table_file: Path) -> Path:
    return write(directory, table_file, warm_start="first", objectives=["accuracy", "egress_bytes"])


def test_it_is_foreseen_for_live_graphs_and_those_that_cannot_keep_the_cap_are_not_built(
    tmp_path: Path,
) -> None:
    free = as_json("plan", str(write_live_study(tmp_path)))
    capped = as_json("plan", str(write_live_study(tmp_path, constraints={"egress_bytes": 0.5})))

    # One step in the cloud reads the question (22 bytes or so), two read an answer besides.
    assert 20 < free["egress_bytes"]["mean"] < free["egress_bytes"]["most"]
    assert free["egress_bytes"]["most"] > 2 * 21
    assert capped["egress_bytes"] == {"mean": 0.0, "most": 0.0}
    assert 0 < capped["graphs"] < free["graphs"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"constraints": {"egress_bytes": 5}}, "constraints.egress_bytes"),
        ({"objectives": ["accuracy", "egress_bytes"]}, "objectives.1"),
    ],
)
def test_a_matrix_does_not_know_it_and_says_so(
    tmp_path: Path, changes: dict[str, Any], field: str
) -> None:
    replay = {"matrix": "m.gz", "space": "s.yaml"}
    study = write(
        tmp_path, tmp_path, evaluation={"replay": replay}, **{"objectives": ["accuracy"], **changes}
    )

    data = as_json("plan", str(study), exit_code=17)

    assert data["error"]["field"] == field
    assert "not known in a replay of a matrix" in data["error"]["reason"]
