"""The bench as a command, on a small made-up record."""

import json

import pytest

from bench.search import main
from bench.search_synthetic import KINDS, write_kind


@pytest.mark.slow
def test_the_bench_prints_one_object_with_the_agreed_keys(tmp_path, capsys) -> None:
    data, space = write_kind("tiny", tmp_path)
    space.write_text(space.read_text().replace("- 0.3\n- 0.4\n", "", 1), "utf-8")

    code = main(
        [
            *("--json", "--quick", "--seeds", "1", "--workers", "1"),
            *("--methods", "random,evolution"),
            *("--data", str(data), "--space", str(space)),
        ]
    )

    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert code == 0
    for key in ("speedup_vs_best_other", "call_speedup_vs_best_other", "violation_rate"):
        assert isinstance(figures[key], float)
    assert set(figures["regret_pp"]["agent_reinforce"]) == {"10", "30", "100"}
    assert figures["privacy_violations"] == 0
    assert figures["protocol"]["agent"] == "built-in rule agent, no LLM"


def test_a_bad_file_ends_with_a_sentence_and_no_figures(tmp_path, capsys) -> None:
    bad = tmp_path / "space.yaml"
    bad.write_text("leeward: space/v1\nname: x\n", "utf-8")

    code = main(["--json", "--data", str(tmp_path / "none.gz"), "--space", str(bad)])

    captured = capsys.readouterr()
    assert code == 2
    assert not captured.out
    assert "space.yaml" in captured.err


def test_every_kind_of_made_up_record_has_the_file_forms(tmp_path) -> None:
    for name in KINDS:
        data, space = write_kind(name, tmp_path)
        assert data.exists()
        assert space.exists()
