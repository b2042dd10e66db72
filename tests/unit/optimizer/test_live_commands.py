"""The commands of a live study that need no edge: plan, refusals, export."""

import asyncio
from pathlib import Path

import pytest

from optimizer.cli_options import opened, place_of
from optimizer.study.running import OpenEvaluator, run_study
from optimizer.study.searchers import make_searcher
from optimizer.testing import TableEvaluator
from runtime.clock import SystemClock
from runtime.graph.document import load_graph
from runtime.graph.hash import graph_hash
from runtime.identity.graph_signature import load_signed_graph
from runtime.identity.signing_keys import load_signer
from tests.unit.optimizer.commands import as_json
from tests.unit.optimizer.studies import write_live_study

ROOT = Path(__file__).parents[3]


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return write_live_study(tmp_path)


def search(study: Path) -> None:
    """Run the study with outcomes from a table, as if an edge had given them."""
    one = opened(study)
    evaluator = OpenEvaluator(TableEvaluator(one.questions, most_usd=0.001))
    searcher = make_searcher(one.study, one.space, questions=one.questions)
    asyncio.run(
        run_study(
            one.study,
            searcher,
            evaluator,
            place_of(one, None),
            clock=SystemClock(),
            observer=lambda _event, _budget: None,
        )
    )


def test_a_plan_prints_size_calls_tokens_money_and_time(study: Path) -> None:
    data = as_json("plan", str(study))

    assert data["graphs"] == 6
    assert data["worst"]["executions"] == 120
    assert data["worst"]["usd"] > data["expected"]["usd"] > 0
    assert data["worst"]["seconds"] == 240
    assert data["caps_that_the_worst_case_breaks"] == []
    assert set(data["calls_by_model"]) == {"tern-s", "gannet-m"}


def test_a_plan_and_a_run_refuse_a_worst_case_beyond_a_cap(study: Path, tmp_path: Path) -> None:
    write_live_study(tmp_path, budget={"usd": 0.0005, "calls": 100_000})

    planned = as_json("plan", str(study), exit_code=3)
    run = as_json("run", str(study), exit_code=3)

    assert planned["caps_that_the_worst_case_breaks"] == ["usd"]
    assert run["refused"]["caps_that_the_worst_case_breaks"] == ["usd"]
    assert not (tmp_path / "study.study").exists()


def test_an_edge_that_is_not_there_is_told_before_anything_is_spent(study: Path) -> None:
    data = as_json("run", str(study), exit_code=41)

    assert data["error"]["kind"] == "BackendUnavailable"


def test_an_impossible_study_is_refused_by_plan_and_run(study: Path, tmp_path: Path) -> None:
    write_live_study(tmp_path, budget={"executions": 0})

    for command in ("plan", "run"):
        data = as_json(command, str(study), exit_code=17)
        assert data["error"]["field"] == "budget.executions"


def test_an_export_is_signed_loadable_and_says_where_it_came_from(
    study: Path, tmp_path: Path
) -> None:
    search(study)

    data = as_json("export", str(study), "g1", "--out", str(tmp_path / "graphs"), "--name", "found")
    again = as_json("export", str(study), "g1", "--out", str(tmp_path / "again"))

    document = Path(data["document"])
    shown = as_json("show", str(study), "g1")
    signer = load_signer(tmp_path / "study.study" / "signing.pub.pem")
    graph, signature = load_signed_graph(document, signers=[signer])
    assert graph.name == "found"
    assert load_graph(Path(again["document"])).name == "live"
    assert graph_hash(load_graph(Path(again["document"]))) == shown["hash"]
    assert signature is not None
    assert signature.provenance == data["provenance"]
    assert (data["key_made"], again["key_made"]) == (True, False)
    assert data["provenance"]["accuracy"] == shown["accuracy"]


def test_a_graph_that_breaks_a_constraint_is_not_exported(study: Path, tmp_path: Path) -> None:
    write_live_study(tmp_path, constraints={"latency_p95_s": 0.6})
    search(study)

    data = as_json("export", str(study), "g1", "--out", str(tmp_path / "graphs"), exit_code=33)

    assert data["error"]["kind"] == "NotPermitted"
    assert not (tmp_path / "graphs").exists()


def test_a_report_of_a_live_study_names_questions_and_quotes_none(
    study: Path, tmp_path: Path
) -> None:
    search(study)

    as_json("report", str(study), "--out", str(tmp_path / "page.html"))
    page = (tmp_path / "page.html").read_text()

    assert "q13" in page
    assert "How much is" not in page
    assert "How much is" not in (tmp_path / "study.study" / "journal.jsonl").read_text()
