"""Studies that cannot be written down: one sentence, exit code 17, and no run lost by it."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.optimizer.commands import as_json, call
from tests.unit.optimizer.test_live_commands import study as live_study
from tests.unit.optimizer.test_optimizer_cli import study as replay_study

__all__ = ["live_study", "replay_study"]

PROGRAM = "from runtime.cli.main import main; main()"


def run_with_files_of(kib: int, study: Path) -> subprocess.CompletedProcess[str]:
    """Run a study in a process none of whose files may grow beyond a size."""
    # Python ignores SIGXFSZ, so a write beyond it fails as on a full disk.
    limited = f'ulimit -f {kib}; exec "$0" "$@"'
    return subprocess.run(
        ["bash", "-c", limited, sys.executable, "-c", PROGRAM, "optimizer", "run", str(study)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_journal_that_cannot_grow_ends_the_run_in_one_sentence_and_resume_goes_on(
    replay_study: Path,
) -> None:
    journal = replay_study.parent / "study.study" / "journal.jsonl"
    as_json("run", str(replay_study))
    whole = journal.read_bytes()
    journal.unlink()

    ended = run_with_files_of(4, replay_study)

    assert ended.returncode == 17
    assert ended.stderr.splitlines()[-1] == (
        f"error: {journal}: cannot be written: file too large;"
        " nothing in it is lost, make room and resume"
    )
    assert 0 < journal.stat().st_size <= 4096 < len(whole)
    as_json("resume", str(replay_study))
    assert journal.read_bytes() == whole


def test_a_directory_that_cannot_be_made_is_told(live_study: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").touch()

    data = as_json("run", str(live_study), "--dir", str(tmp_path / "taken"), exit_code=17)

    assert data["error"]["message"] == f"{tmp_path / 'taken'}: cannot be made: file exists"


def test_an_edge_that_does_not_answer_is_named(live_study: Path) -> None:
    result = call("run", str(live_study), exit_code=41)

    assert result.stderr == "error: the edge at 127.0.0.1:1 does not answer; is it running?\n"


def test_a_plan_refuses_what_a_run_would_refuse(live_study: Path) -> None:
    text = live_study.read_text()
    live_study.write_text(text.replace("name: random", "name: randon"))

    assert 'did you mean "random"' in call("plan", str(live_study), exit_code=17).stderr


@pytest.mark.parametrize("command", ["front", "best", "show", "report"])
def test_no_command_reads_the_journal_of_another_study(replay_study: Path, command: str) -> None:
    as_json("run", str(replay_study))
    replay_study.write_text(replay_study.read_text().replace("seed: 3", "seed: 4"))

    result = call(command, str(replay_study), exit_code=17)

    assert "is the journal of another study (differs in seed, study, outcomes)" in result.stderr
