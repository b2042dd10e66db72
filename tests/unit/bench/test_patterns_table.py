"""The table of arms says what the figures say, where the page wants it."""

from pathlib import Path

import pytest

from bench.patterns_table import NoSuchBlock, as_markdown, write_block

ARM = {
    "tasks": 10, "questions": 10, "accuracy": 0.8, "accuracy_interval": [0.49, 0.943],
    "share_answered": 1.0, "accuracy_answered": 0.8, "share_asked_a_person": 0.0, "failures": [],
    "usd_per_thousand": 0.5, "share_leaving": 1.0, "bytes_leaving": 120.4, "entity_leak": 1.0,
    "mapping_leak": 0.97,
}  # fmt: skip
GAINED = {"difference": 0.1, "interval": [-0.05, 0.25]}
PAGE = "a\n<!-- bench.patterns: all -->\nold\n<!-- bench.patterns: end -->\nz\n"


def test_arms_come_by_accuracy_with_points_and_cost_in_those_of_all_cloud() -> None:
    better = ARM | {"accuracy": 0.9, "usd_per_thousand": 0.2, "minus_all_cloud": GAINED}

    table = as_markdown({"all-cloud": ARM, "better": better}).splitlines()

    assert table[2].startswith("| `better` | 90.0% (49-94) | +10.0 (-5.0 to +25.0) | 0.40 | 100% |")
    assert table[3].startswith("| all-cloud, in the clear | 80.0% (49-94) |  | 1.00 | 100% | 120 |")


def test_two_questions_at_once_are_held_against_their_own_baseline() -> None:
    double = ARM | {"questions": 20}
    split = double | {"usd_per_thousand": 0.25, "minus_all_cloud": GAINED}

    table = as_markdown({"split": split, "all-cloud (two questions)": double, "all-cloud": ARM})

    assert "| `split` (two questions) | 80.0% (49-94) | +10.0 (-5.0 to +25.0) | 0.50 |" in table


def test_who_did_not_answer_all_says_so() -> None:
    silent = ARM | {"share_answered": 0.5, "accuracy_answered": 0.9}
    refused = ARM | {"failures": ["refused"]}
    table = as_markdown({"all-cloud": ARM, "silent": silent, "refusing": refused})

    assert "| 50%, of these 90% right |" in table
    assert "| refused some |" in table


def test_the_table_stands_between_its_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)

    write_block(page, "all", "new")

    assert page.read_text() == PAGE.replace("old", "\nnew\n")


@pytest.mark.parametrize("text", [PAGE.replace("all", "none"), PAGE.replace("end", "ned")])
def test_a_page_without_the_marks_is_refused(tmp_path: Path, text: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)

    with pytest.raises(NoSuchBlock, match=r"has no <!-- bench\.patterns: all -->"):
        write_block(page, "all", "new")
    assert page.read_text() == text
