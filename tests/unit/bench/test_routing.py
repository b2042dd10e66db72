"""The routing benchmark on a made-up table whose hard prompts show it in their form."""

import csv
import json
import random
from pathlib import Path
from typing import Any

import pytest

from bench import routing

PROMPTS = 600
WORDS = ["so", "many", "words", "that", "say", "very", "little"]


def write_table(file: Path, *, has_groups: bool = True, is_strong_better: bool = True) -> None:
    draw = random.Random(5)
    with file.open("w", newline="") as lines:
        table = csv.writer(lines)
        table.writerow(["prompt", "weak", "strong", *(["group"] if has_groups else [])])
        for at in range(PROMPTS):
            is_hard = draw.random() < 0.4
            filler = " ".join(draw.choices(WORDS, k=9))
            options = ["True, False", "False, True"] if is_hard else ["a boat", "old stone"]
            prompt = f"{filler} {at}?\nA. {options[0]}\nB. {options[1]}\nAnswer:"
            weak = draw.random() < (0.3 if is_hard else 0.9)
            strong = draw.random() < 0.92 if is_strong_better else weak
            row = [prompt, int(weak), str(strong).lower()]
            table.writerow([*row, f"g{at % 12}"] if has_groups else row)


def measured(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert routing.main(["--json", "--quick", *arguments]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    return found


def test_what_shows_in_the_form_is_learned_for_unseen_groups(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_table(tmp_path / "t.csv")
    found = measured(capsys, "--data", str(tmp_path / "t.csv"))
    assert found["apgr"] > 0.7
    assert found["apgr_minus_longest_prompt_interval"][0] > 0
    assert found["apgr_minus_longest_prompt_interval_groups"][0] > 0
    assert found["cpt50"] < 0.5 < found["cpt80"] + 0.5
    assert found["groups"] == 12
    assert len(found["apgr_by_fold"]) == 5
    assert 0 < found["apgr_zero_shot"] < 1
    for shift in ("subjects", "replaced"):
        replayed = found["learning"][shift]
        regrets = replayed["regret_fitted"] - replayed["regret_learned"]
        assert replayed["saved"] == pytest.approx(regrets, abs=2e-4)
        assert replayed["saved_interval_groups"][0] <= replayed["saved"]


def test_zero_shot_learns_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_table(tmp_path / "t.csv", has_groups=False)
    found = measured(capsys, "--zero-shot", "--data", str(tmp_path / "t.csv"))
    assert found["apgr"] == found["apgr_zero_shot"]
    assert found["apgr_by_fold"] is None
    assert found["learning"] is None
    assert found["apgr_interval_groups"] is None


def test_without_a_gap_there_is_nothing_to_route_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_table(tmp_path / "t.csv", is_strong_better=False)
    assert routing.main(["--quick", "--zero-shot", "--data", str(tmp_path / "t.csv")]) == 2
    assert "no better than the weak one, so there is nothing to route for" in (
        capsys.readouterr().err
    )
