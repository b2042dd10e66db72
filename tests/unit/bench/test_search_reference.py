"""The reference world in the benchmark: its truth under caps, and the command over a table."""

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from bench.search import main
from bench.search_reference import ReferencePair, reference_setting
from bench.search_reference_synthetic import made_up_table
from bench.search_runs import run_once
from optimizer.replay.space_document import HashClass
from optimizer.search.model import Recommendation
from reference.tabulated.store import write_table


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("table") / "table.bin"
    write_table(path, made_up_table(("tern-s", "gannet-m"), questions=64))
    return path


def test_the_optimum_is_the_best_that_keeps_the_caps(table: Path) -> None:
    setting = reference_setting(ReferencePair(table, "reference", ("flops-25",)), "flops-25", None)
    world = setting.world
    (cap,) = world.caps["flops-25"]

    kept = world.search.half.flops.mean(axis=1) <= cap.limit * (1 + 1e-6)

    assert setting.optimum == setting.plain_optimum == world.search.accuracy[kept].max()
    assert 0 < kept.sum() < len(kept)


def test_a_bounded_cap_allows_less_and_an_exposed_graph_never_under_none(table: Path) -> None:
    pair = ReferencePair(table, "reference", ("none", "edge-only", "latency-25"))
    settings = {cap: reference_setting(pair, cap, 0.99) for cap in pair.caps}
    exposed = settings["none"].world.report.half.exposed.any(axis=1)

    assert settings["latency-25"].optimum <= settings["latency-25"].plain_optimum
    assert settings["edge-only"].optimum <= settings["none"].optimum
    assert [settings["edge-only"].breaks(row) for row in range(len(exposed))] == list(exposed)
    assert not settings["none"].breaks(-1)


def test_a_recommendation_that_breaks_a_cap_has_the_whole_regret(table: Path) -> None:
    pair = ReferencePair(table, "reference", ("edge-only",))
    setting = reference_setting(pair, "edge-only", None)
    leaves = next(one for one in setting.world.space.candidates() if "gannet" in one.key)

    point = setting.point(10, 5, Recommendation(leaves, 1.0, (1.0, 1.0), 32))

    assert point.regret == setting.optimum > 0


def test_sensitive_questions_are_counted_and_never_leave(table: Path) -> None:
    pair = ReferencePair(table, "reference-private", ("none",), HashClass(5))
    setting = reference_setting(pair, "none", 0.99)

    run = run_once(setting, "random", accounting="A", seed=1, evaluations=5)

    assert run.violations == 0
    assert run.trials == 5
    assert setting.truth()["sensitive_questions"] == int(setting.world.search.half.stays.sum()) > 0


def test_exhaustive_search_has_no_regret_and_makes_every_call(table: Path) -> None:
    setting = reference_setting(ReferencePair(table, "reference", ("none",)), "none", None)

    run = run_once(setting, "exhaustive", accounting="A", seed=0, evaluations=1000)

    assert run.points[-1].regret == 0
    assert run.trials == len(setting.world.space.candidates())
    assert np.isclose(setting.most_calls, setting.world.search.half.call_count)


@pytest.mark.slow
def test_the_bench_runs_on_a_table_and_tells_each_space(
    table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--json", "--quick", "--seeds", "1", "--workers", "1", "--table", str(table)]

    code = main([*options, "--methods", "random"])

    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert code == 0
    assert set(figures["spaces"]) == {"reference"}
    assert figures["spaces"]["reference"]["violation_rate"] == figures["violation_rate"]
    assert figures["truth"]["reference"]["graphs"] == 106
    assert set(figures["cells"]) == {"reference cap flops-25", "reference cap latency-25"}


def test_a_table_that_is_not_there_ends_with_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["--json", "--table", str(tmp_path / "none.bin")])

    captured = capsys.readouterr()
    assert code == 2
    assert "none.bin is not there" in captured.err


@pytest.mark.slow
def test_a_benchmark_goes_on_from_its_journal_and_writes_its_page(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs, page = tmp_path / "runs.jsonl", tmp_path / "page.md"
    options = ["--json", "--quick", "--workers", "1", "--table", str(table), "--methods", "random"]
    kept = ["--runs", str(runs), "--results", str(page)]

    assert main([*options, *kept, "--seeds", "1"]) == 0
    first = json.loads(capsys.readouterr().out.splitlines()[-1])
    made = runs.read_text("utf-8").splitlines()
    assert main([*options, *kept, "--seeds", "2"]) == 0
    second = json.loads(capsys.readouterr().out.splitlines()[-1])

    assert len(made) == 6  # two caps, two methods, ours under both accountings
    assert runs.read_text("utf-8").splitlines()[:6] == made
    assert len(runs.read_text("utf-8").splitlines()) == 12
    assert (first["protocol"]["seeds"], second["protocol"]["seeds"]) == (1, 2)
    text = page.read_text("utf-8")
    assert "| **agent_reinforce** |" in text
    assert "**Too few seeds** (2)" in text
    assert str(second["speedup_vs_best_other"]) in text
    assert "](page-reference.svg)" in text
    assert "Not run for this page: " in text
    drawn = ElementTree.fromstring((tmp_path / "page-reference.svg").read_text("utf-8"))
    curves = drawn.findall("{http://www.w3.org/2000/svg}path")
    assert len(curves) == 2  # ours and random's
