"""The README's table is replaced by command."""

from pathlib import Path

from reference.proportion import Proportion
from reference.tables import README, as_markdown, write_readme

CARD = {
    "parameters": 1000,
    "flops_per_token": 2000,
    "file_bytes": 3000,
    "training": {"steps": 10, "tokens": 1_500_000, "minutes": 2.0},
}


def test_the_table_shows_shares_with_intervals() -> None:
    table = as_markdown({"tern-s": {"plain": Proportion(45, 100)}}, {"tern-s": CARD})

    assert "| plain | 45.0 % (36-55) |" in table
    assert "| parameters | 1,000 |" in table


def test_writing_replaces_only_what_stands_between_the_marks(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text(README.read_text())

    write_readme("| first |", page)
    write_readme("| second |", page)

    text = page.read_text()
    assert "| second |" in text
    assert "| first |" not in text
    assert text.splitlines()[0] == README.read_text().splitlines()[0]
    assert text.splitlines()[-1] == README.read_text().splitlines()[-1]
