"""The commands on a study over a table of graphs: every one of them, and what a study promises."""

import json
from pathlib import Path
from typing import Any

import pytest

from optimizer.cli import app
from optimizer.replay.graph_table import GraphTable
from optimizer.replay.table_file import read_table
from reference.tabulated.documents import term_of
from runtime.graph.document import graph_from_data
from runtime.identity.graph_signature import load_signed_graph
from tests.unit.optimizer.commands import RUNNER, as_json, call
from tests.unit.optimizer.studies import write_table_study


@pytest.fixture
def study(tmp_path: Path, table_file: Path) -> Path:
    return write(tmp_path, table_file)


def write(directory: Path, table: Path, **changes: Any) -> Path:
    return write_table_study(directory, table, **{"constraints": {"flops_units": 12}, **changes})


def journal_of(directory: Path) -> bytes:
    return (directory / "journal.jsonl").read_bytes()


def test_a_run_pays_for_every_call_once_and_says_what_it_would_have_cost(study: Path) -> None:
    data = as_json("run", str(study))

    assert data["ended"] == "finished"
    assert data["spent"]["executions"] == 12 * 32
    events = [json.loads(line) for line in Path(data["journal"]).read_text().splitlines()]
    calls = {call for event in events for call in event.get("call_ids", ())}
    assert data["spent"]["calls"] == len(calls)


@pytest.mark.parametrize("searcher", ["agent_reinforce", "evolution", "successive_halving"])
def test_one_journal_for_any_worker_count_and_after_any_kill(
    study: Path, tmp_path: Path, table_file: Path, searcher: str
) -> None:
    write(tmp_path, table_file, searcher={"name": searcher}, trials=12, batch=4)
    call("run", str(study), "--dir", str(tmp_path / "one"))
    whole = journal_of(tmp_path / "one")

    call("run", str(study), "--dir", str(tmp_path / "eight"), "--workers", "8")
    for share in (0.2, 0.7):
        cut = tmp_path / f"cut-{share}"
        cut.mkdir()
        (cut / "journal.jsonl").write_bytes(whole[: int(len(whole) * share)])
        call("resume", str(study), "--dir", str(cut), "--workers", "2")
        assert journal_of(cut) == whole

    assert journal_of(tmp_path / "eight") == whole


@pytest.mark.parametrize("cap", ["calls", "tokens", "executions", "exposed_questions"])
def test_a_cap_ends_the_run_and_is_not_overshot(
    study: Path, tmp_path: Path, table_file: Path, cap: str
) -> None:
    write(tmp_path, table_file, budget={cap: 21})

    data = as_json("run", str(study), "--workers", "8")

    assert data["ended"] == f"budget: {cap}"
    assert 0 <= data["spent"][cap] <= 21


def test_reading_commands_name_the_graphs_of_the_table(study: Path, table_file: Path) -> None:
    call("run", str(study))

    front = as_json("front", str(study), "--unproven")
    best = as_json("best", str(study), "--where", "flops <= 1e12", "--unproven")
    shown = as_json("show", str(study), best["graph"])
    apart = as_json("diff", str(study), "g1", "g2")
    table = GraphTable(read_table(table_file))

    assert {graph["key"] for graph in front["graphs"]} <= set(table.graphs)
    assert 0 < front["hypervolume"] <= 1
    assert term_of(graph_from_data(shown["document"])).key == shown["key"]
    assert apart["questions"] == 32


def test_scores_are_those_of_the_table(study: Path, table_file: Path) -> None:
    call("run", str(study))
    table = GraphTable(read_table(table_file))
    columns = table.columns(split="search")

    for number in (1, 4, 9):
        shown = as_json("show", str(study), f"g{number}")
        row = table.index[shown["key"]]
        assert shown["accuracy"] == table.right[row, columns].mean()
        assert shown["values"]["flops"] == pytest.approx(table.flops[row, columns].mean())


def test_an_export_is_signed_and_is_the_graph_that_was_run(study: Path, tmp_path: Path) -> None:
    call("run", str(study))

    data = as_json("export", str(study), "recommended", "--out", str(tmp_path / "graphs"))

    graph, _ = load_signed_graph(Path(data["document"]), signers=None)
    assert term_of(graph).key == data["provenance"]["graph"]
    assert graph.name == "tabulated"


def test_watch_takes_the_half_that_no_search_has_seen(study: Path, table_file: Path) -> None:
    call("run", str(study))
    table = GraphTable(read_table(table_file))

    result = RUNNER.invoke(app, ["watch", str(study), "--json"])
    again = RUNNER.invoke(app, ["watch", str(study), "--json"])

    assert result.exit_code in (0, 3), result.output
    data = json.loads(result.stdout)
    row = table.index[data["now"]["key"]]
    assert data["now"]["accuracy"] == table.right[row, table.columns(split="report")].mean()
    assert data["search_again"] == bool(data["reasons"]) == (result.exit_code == 3)
    assert json.loads(again.stdout) == data


def test_watch_wants_tasks_where_there_is_an_edge_and_none_where_there_is_a_table(
    study: Path, tmp_path: Path
) -> None:
    call("run", str(study))
    fresh = tmp_path / "fresh.jsonl"
    fresh.write_text('{"id": "a", "question": "1 + 1?", "answer": "2"}\n')

    data = as_json("watch", str(study), "--tasks", str(fresh), exit_code=15)

    assert "report half" in data["error"]["message"]


def test_a_warm_start_takes_over_outcomes_whatever_the_seed_and_the_caps(
    study: Path, tmp_path: Path, table_file: Path
) -> None:
    call("run", str(study), "--dir", str(tmp_path / "first"))
    write(tmp_path, table_file, warm_start="first", seed=4, constraints={}, trials=40)
    cold = write(tmp_path / "first", table_file, seed=4, constraints={}, trials=40)

    warm = as_json("run", str(study), "--dir", str(tmp_path / "warm"))
    whole = as_json("run", str(cold), "--dir", str(tmp_path / "cold"))

    assert warm["spent"]["executions"] < whole["spent"]["executions"]
    assert warm["front"] == whole["front"]


def test_a_warm_start_from_a_study_that_was_never_run_is_refused(
    study: Path, tmp_path: Path, table_file: Path
) -> None:
    write(tmp_path, table_file, warm_start="nowhere")

    data = as_json("run", str(study), "--dir", str(tmp_path / "second"), exit_code=17)

    assert "name the directory of a study that was run" in data["error"]["reason"]


def test_a_warm_start_from_another_record_is_refused(
    study: Path, tmp_path: Path, table_file: Path
) -> None:
    call("run", str(study), "--dir", str(tmp_path / "first"))
    replay = {"table": str(table_file), "sensitive": {"hash_modulus": 5}}
    write(tmp_path, table_file, warm_start="first", evaluation={"replay": replay})

    data = as_json("run", str(study), "--dir", str(tmp_path / "second"), exit_code=17)

    assert "cannot warm this" in data["error"]["reason"]


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"constraints": {"flops_units": 0.1}}, "constraints", "no graph of the table"),
        ({"constraints": {"latency_p95_s": 1e-9}}, "constraints", "latency_p95_s is at least"),
        (
            {"constraints": {"flops": 1e9, "flops_units": 3}},
            "constraints.flops_units",
            "keep one",
        ),
        ({"questions": 5}, "questions", "leave it out"),
        ({"evaluation": {"replay": {"table": "none.bin"}}}, "", "none.bin is not there"),
        ({"evaluation": {"replay": {}}}, "evaluation.replay", "must name `table`"),
        (
            {"evaluation": {"replay": {"table": "t.bin", "matrix": "m.gz", "space": "s.yaml"}}},
            "evaluation.replay",
            "either `table` or",
        ),
        (
            {"evaluation": {"replay": {"matrix": "m.gz", "space": "s.yaml"}}},
            "constraints.flops_units",
            "has no FLOPs",
        ),
    ],
)
def test_what_cannot_end_well_is_said_before_anything_runs(
    study: Path,
    tmp_path: Path,
    table_file: Path,
    changes: dict[str, Any],
    field: str,
    reason: str,
) -> None:
    write(tmp_path, table_file, **changes)

    data = as_json("plan", str(study), exit_code=17)

    assert reason in data["error"]["reason"]
    assert data["error"].get("field") == field


def test_an_altered_table_is_refused(study: Path, tmp_path: Path, table_file: Path) -> None:
    altered = tmp_path / "altered.bin"
    altered.write_bytes(table_file.read_bytes()[:-1])
    write(tmp_path, altered)

    data = as_json("run", str(study), exit_code=17)

    assert "its checksum does not fit" in data["error"]["reason"]


def test_graphs_that_break_a_cap_on_exposure_are_not_even_listed(
    study: Path, tmp_path: Path, table_file: Path
) -> None:
    free = as_json("plan", str(study))
    write(tmp_path, table_file, constraints={"cloud_share": 0.3})

    capped = as_json("plan", str(study))
    ran = as_json("run", str(study))

    assert capped["graphs"] < free["graphs"]
    assert ran["spent"]["exposed_questions"] == 0


def test_the_report_draws_the_graph_and_names_the_questions(
    study: Path, tmp_path: Path, table_file: Path
) -> None:
    write(tmp_path, table_file, searcher={"name": "agent_reinforce"}, trials=60)
    call("run", str(study))

    page = Path(as_json("report", str(study))["report"]).read_text(encoding="utf-8")

    table = GraphTable(read_table(table_file))
    assert "Dashed boxes run in the cloud" in page
    assert table.questions[0].id in page
    assert 'class="heat"' in page
    assert "s1.model" in page
