"""The command: what it tells, and how it refuses."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from optimizer.replay.table_file import TableData
from reference.tabulated.__main__ import app
from reference.tabulated.store import write_table

RUN = CliRunner()


def test_a_space_is_counted_by_family() -> None:
    ran = RUN.invoke(app, ["describe", "--models", "tern-s,gannet-m", "--families", "single"])

    assert ran.exit_code == 0
    assert [line.split() for line in ran.stdout.splitlines()] == [["single", "2"], ["graphs", "2"]]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["describe", "--families", "rings"], "no family 'rings'"),
        (["describe", "--models", "tern-q"], "no reference model 'tern-q'"),
        (["build", "--questions", "40"], "multiple of 32"),
    ],
)
def test_what_cannot_be_built_is_told_in_words(arguments: list[str], told: str) -> None:
    ran = RUN.invoke(app, arguments)

    assert ran.exit_code == 2
    assert told in " ".join(ran.output.replace("│", " ").split())


def test_missing_weights_end_the_build_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "SHA256SUMS").write_text("")
    ran = RUN.invoke(
        app,
        [
            *("build", "--models", "tern-s", "--questions", "32", "--families", "single"),
            *("--weights", str(tmp_path), "--work", str(tmp_path / "work")),
        ],
    )

    assert ran.exit_code == 1
    assert "WeightsMissing" in ran.output


def test_effects_are_printed_and_an_altered_table_is_refused(
    small_data: TableData, tmp_path: Path
) -> None:
    path = tmp_path / "table.bin"
    write_table(path, small_data)
    whole = RUN.invoke(app, ["effects", "--table", str(path)])
    path.write_bytes(path.read_bytes()[:-1])
    cut = RUN.invoke(app, ["effects", "--table", str(path)])

    assert whole.exit_code == 0
    assert "| task |" in whole.stdout
    assert cut.exit_code == 1
    assert "TableAltered" in cut.output
