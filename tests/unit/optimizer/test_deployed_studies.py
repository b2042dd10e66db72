"""The studies that are shipped can be read, and each can end well."""

from datetime import date
from pathlib import Path

import pytest
import yaml

from bench.search_reference_synthetic import made_up_table
from optimizer.study.estimate import breaks, estimate_study
from optimizer.study.opening import open_study
from optimizer.study.searchers import searcher_names
from reference.tabulated.store import write_table
from tests.unit.optimizer.commands import as_json

STUDIES = Path(__file__).parents[3] / "deploy" / "studies"
LIVE = sorted(file for file in STUDIES.rglob("*.yaml") if not file.stem.startswith("replay-"))
REPLAYS = sorted(STUDIES.rglob("replay-*.yaml"))
THE_PAPERS = {"budget-18", "budget-42", "budget-80", "joint-latency", "sensitive"}
TODAY = date(2026, 11, 24)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("table") / "table.bin"
    write_table(path, made_up_table(("tern-s", "tern-m", "gannet-m"), questions=64))
    return path


@pytest.mark.parametrize("file", LIVE, ids=[file.stem for file in LIVE])
def test_a_shipped_study_can_be_run(file: Path) -> None:
    one = open_study(file, today=TODAY)

    one.check_possible()

    assert one.live is not None
    estimate = estimate_study(one.study, one.live.source, one.live.space, one.live.rules)
    assert breaks(estimate.worst, one.study.caps) == []
    assert one.questions > 0
    assert one.study.searcher.name in searcher_names()


@pytest.mark.parametrize("file", REPLAYS, ids=[file.stem for file in REPLAYS])
def test_a_shipped_replay_runs_to_its_end_and_finds_a_front(
    file: Path, table: Path, tmp_path: Path
) -> None:
    study = on_table(file, table, tmp_path, trials=40)

    plan = as_json("plan", str(study))
    ran = as_json("run", str(study))
    front = as_json("front", str(study))
    page = Path(as_json("report", str(study))["report"]).read_text(encoding="utf-8")

    assert plan["graphs"] > 100
    assert plan["usd"] == 0
    assert ran["ended"] == "finished"
    assert ran["recommended"] is not None
    assert front["graphs"]
    assert all(graph["proven"] for graph in front["graphs"])
    assert front["hypervolume"] > 0
    assert "itself cost" in page


@pytest.mark.parametrize("file", REPLAYS, ids=[file.stem for file in REPLAYS])
def test_a_shipped_replay_fits_the_table(file: Path) -> None:
    one = open_study(file, today=TODAY)

    one.check_possible()

    assert one.questions > 90
    assert len(one.space.candidates() or ()) > 1000


def test_a_fifth_of_the_questions_of_the_sensitive_replay_stays(
    table: Path, tmp_path: Path
) -> None:
    study = on_table(STUDIES / "reference" / "replay-sensitive.yaml", table, tmp_path, trials=10)

    one = open_study(study, today=TODAY)

    assert one.tabulated is not None
    rows = [one.tabulated.table.questions[column] for column in one.tabulated.columns]
    assert 0.1 <= sum(row.stays for row in rows) / len(rows) <= 0.4


def test_the_studies_of_the_paper_are_there_live_and_as_replays() -> None:
    assert {file.stem for file in LIVE} >= THE_PAPERS
    assert {file.stem.removeprefix("replay-") for file in REPLAYS} == THE_PAPERS


def test_a_fifth_of_the_sensitive_questions_is_sensitive() -> None:
    lines = (STUDIES / "reference" / "tasks-sensitive.jsonl").read_text().splitlines()

    share = sum('"health"' in line for line in lines) / len(lines)

    assert 0.15 <= share <= 0.3


def on_table(file: Path, table: Path, directory: Path, *, trials: int) -> Path:
    """Return a shipped study over another table."""
    data = yaml.safe_load(file.read_text(encoding="utf-8"))
    data["evaluation"]["replay"]["table"] = str(table)
    data["trials"] = trials
    study = directory / "study.yaml"
    study.write_text(yaml.safe_dump(data), encoding="utf-8")
    return study
