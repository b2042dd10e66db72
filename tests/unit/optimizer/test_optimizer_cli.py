"""The commands on a replay of a small record: what they print, write, refuse and exit with."""

import gzip
import json
import random
from pathlib import Path
from typing import Any

import pytest

from optimizer.cli import app
from optimizer.engines import ray_engine
from tests.unit.optimizer.commands import RUNNER, as_json, call
from tests.unit.optimizer.studies import write_study

SPACE = """\
leeward: space/v1
name: tiny
edge: [one, two, three]
cloud: [far]
thresholds: [0.5, 1.0]
caps: [0.2]
"""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    draw = random.Random(5)
    ids = [f"question-{number}" for number in range(120)]
    gold = [str(draw.randrange(4)) for _ in ids]

    def answers(share: float) -> list[str]:
        return [g if draw.random() < share else str(draw.randrange(4)) for g in gold]

    matrix = {
        "question_ids": ids,
        "gold": gold,
        "answers": {
            "one": answers(0.5),
            "two": answers(0.6),
            "three": answers(0.55),
            "far": answers(0.9),
        },
    }
    (tmp_path / "matrix.json.gz").write_bytes(gzip.compress(json.dumps(matrix).encode()))
    (tmp_path / "space.yaml").write_text(SPACE)
    return write(tmp_path)


def write(directory: Path, **changes: Any) -> Path:
    data = {
        "name": "tiny",
        "evaluation": {"replay": {"matrix": "matrix.json.gz", "space": "space.yaml"}},
        "constraints": {"cloud_share": 0.3},
        "objectives": ["accuracy", "cloud_share"],
        "searcher": {"name": "random"},
        "trials": 8,
        "seed": 3,
        **changes,
    }
    return write_study(directory, data)


def test_a_run_says_how_it_ended_what_it_spent_and_what_it_found(study: Path) -> None:
    write(study.parent, virtual_trials=0)
    data = as_json("run", str(study))

    assert data["ended"] == "finished"
    assert (data["trials"], data["virtual_graphs"]) == (8, 0)
    assert data["spent"]["executions"] > 0
    assert all(graph["proven"] for graph in data["front"]["graphs"])
    assert Path(data["journal"]).exists()


def test_what_calls_of_other_teams_decide_is_not_run_and_is_on_the_front(
    study: Path, tmp_path: Path
) -> None:
    free = as_json("run", str(study), "--dir", str(tmp_path / "free"))
    write(study.parent, virtual_trials=0, trials=200, searcher={"name": "exhaustive"})

    whole = as_json("run", str(study), "--dir", str(tmp_path / "whole"))

    def scores(data: dict[str, Any]) -> set[tuple[str, float]]:
        return {(graph["key"], graph["accuracy"]) for graph in data["front"]["graphs"]}

    assert free["trials"] < 8 < free["virtual_graphs"]
    assert scores(free) == scores(whole)
    assert any(graph["virtual_questions"] for graph in free["front"]["graphs"])
    assert free["spent"]["calls"] < whole["spent"]["calls"]


def test_virtual_trials_of_teams_are_the_same_wherever_a_run_was_cut(
    study: Path, tmp_path: Path
) -> None:
    call("run", str(study), "--dir", str(tmp_path / "whole"))
    whole = (tmp_path / "whole" / "journal.jsonl").read_bytes()

    for place in range(0, len(whole), len(whole) // 9):
        cut = tmp_path / f"cut-{place}"
        cut.mkdir()
        (cut / "journal.jsonl").write_bytes(whole[:place])
        call("run", str(study), "--dir", str(cut), "--workers", "8" if place % 2 else "2")
        assert (cut / "journal.jsonl").read_bytes() == whole

    assert whole.count(b'{"event":"virtual"') > 1


def test_running_again_changes_nothing_and_resume_needs_a_beginning(study: Path) -> None:
    missing = as_json("resume", str(study), exit_code=17)
    first = as_json("run", str(study))
    journal = Path(first["journal"]).read_bytes()

    again = as_json("run", str(study), "--workers", "4")

    assert "begins the study" in missing["error"]["reason"]
    assert Path(first["journal"]).read_bytes() == journal
    assert again["front"] == first["front"]


@pytest.mark.parametrize("searcher", ["agent_reinforce", "evolution", "successive_halving"])
def test_every_kind_of_searcher_gives_one_journal_for_any_worker_count(
    study: Path, tmp_path: Path, searcher: str
) -> None:
    write(tmp_path, searcher={"name": searcher}, trials=12, batch=4)

    journals = []
    for workers in ("1", "8"):
        directory = tmp_path / workers
        call("run", str(study), "--dir", str(directory), "--workers", workers)
        journals.append((directory / "journal.jsonl").read_bytes())

    assert journals[0] == journals[1]


def test_a_killed_replay_ends_with_the_same_journal(study: Path, tmp_path: Path) -> None:
    write(tmp_path, searcher={"name": "agent_reinforce"}, trials=12)
    call("run", str(study), "--dir", str(tmp_path / "whole"))
    whole = (tmp_path / "whole" / "journal.jsonl").read_bytes()

    for share in (0.1, 0.5, 0.93):
        cut = tmp_path / f"cut-{share}"
        cut.mkdir()
        (cut / "journal.jsonl").write_bytes(whole[: int(len(whole) * share)])
        call("resume", str(study), "--dir", str(cut))
        assert (cut / "journal.jsonl").read_bytes() == whole


def test_a_cap_ends_the_run_and_is_not_overshot(study: Path, tmp_path: Path) -> None:
    write(tmp_path, budget={"executions": 100})

    data = as_json("run", str(study))

    assert data["ended"] == "budget: executions"
    assert data["spent"]["executions"] == 100


def test_a_stop_file_ends_the_run_and_resume_removes_it(study: Path, tmp_path: Path) -> None:
    directory = tmp_path / "stopped"
    directory.mkdir()
    (directory / "stop").touch()

    stopped = as_json("run", str(study), "--dir", str(directory))
    resumed = as_json("resume", str(study), "--dir", str(directory))

    assert (stopped["ended"], resumed["ended"]) == ("stop file", "finished")


def test_front_best_show_and_diff_read_the_journal(study: Path) -> None:
    call("run", str(study))

    front = as_json("front", str(study), "--unproven")
    best = as_json("best", str(study), "--where", "cloud_share <= 0.5", "--unproven")
    shown = as_json("show", str(study), best["graph"])
    apart = as_json("diff", str(study), "g1", "g2")

    assert best["values"]["cloud_share"] <= 0.5
    assert best["accuracy"] == max(
        one["accuracy"] for one in front["graphs"] if one["values"]["cloud_share"] <= 0.5
    )
    assert shown["document"]["leeward"] == "graph/v1"
    assert apart["accuracy"]["low"] <= apart["accuracy"]["mean"] <= apart["accuracy"]["high"]


@pytest.mark.parametrize(
    ("arguments", "exit_code", "kind"),
    [
        (["show", "g999"], 16, "NotFound"),
        (["best", "--where", "nonsense"], 15, "RequestInvalid"),
        (["best", "--where", "speed < 1"], 15, "RequestInvalid"),
        (["best", "--where", "accuracy > 1"], 16, "NotFound"),
        (["front", "--objectives", "beauty"], 15, "RequestInvalid"),
        (["export", "--out", "graphs"], 15, "RequestInvalid"),
        (["run", "--ray-address", "127.0.0.1:6379"], 15, "RequestInvalid"),
    ],
)
def test_refusals_have_documented_exit_codes(
    study: Path, arguments: list[str], exit_code: int, kind: str
) -> None:
    call("run", str(study))
    command, *rest = arguments

    data = as_json(command, str(study), *rest, exit_code=exit_code)

    assert data["error"]["kind"] == kind


@pytest.mark.parametrize("command", ["run", "resume"])
def test_ray_that_is_not_installed_is_said_with_what_to_install(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr(ray_engine, "RAY_PACKAGE", "ray_that_nobody_installed")

    data = as_json(command, str(study), "--engine", "ray", exit_code=4)
    said = RUNNER.invoke(app, [command, str(study), "--engine", "ray"])

    assert data["error"]["exit_code"] == 4
    assert said.exit_code == 4
    assert said.stderr == (
        "error: --engine ray needs ray, which is not installed: pip install 'leeward[ray]'\n"
    )
    assert not (tmp_path / "study.study").exists()


def test_a_searcher_that_is_not_there_is_told(study: Path, tmp_path: Path) -> None:
    write(tmp_path, searcher={"name": "randm"})

    data = as_json("run", str(study), exit_code=17)

    assert 'did you mean "random"' in data["error"]["reason"]
    assert "random" in as_json("searchers")["searchers"]


def test_options_of_agent_reinforce_are_checked(study: Path, tmp_path: Path) -> None:
    write(tmp_path, searcher={"name": "agent_reinforce", "options": {"drws": 3}})
    misspelt = as_json("run", str(study), exit_code=17)
    write(tmp_path, searcher={"name": "agent_reinforce", "options": {"draws": "many"}})
    mistyped = as_json("run", str(study), exit_code=17)

    assert misspelt["error"]["field"] == "searcher.options.drws"
    assert "whole number" in mistyped["error"]["reason"]


def test_another_study_is_never_continued_by_mistake(study: Path, tmp_path: Path) -> None:
    call("run", str(study))
    write(tmp_path, seed=4)

    data = as_json("run", str(study), exit_code=17)

    assert "journal of another study" in data["error"]["reason"]


def test_a_warm_start_pays_for_nothing_that_was_paid_for(study: Path, tmp_path: Path) -> None:
    call("run", str(study), "--dir", str(tmp_path / "first"))
    write(tmp_path, warm_start="first")

    data = as_json("run", str(study), "--dir", str(tmp_path / "second"))

    assert data["spent"]["executions"] == 0
    assert data["answered"] > 0


def test_the_report_needs_nothing_else_and_holds_every_part(study: Path, tmp_path: Path) -> None:
    write(tmp_path, searcher={"name": "agent_reinforce"}, trials=12)
    call("run", str(study))

    file = Path(as_json("report", str(study))["report"])
    page = file.read_text(encoding="utf-8")

    assert "http://" not in page
    assert "https://" not in page
    assert "<script" not in page
    for part in ("How it got there", "The front", "learnt", "itself cost", "hardest first"):
        assert part in page
    assert 'class="heat"' in page
    call("report", str(study), "--out", str(tmp_path / "again.html"))
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == page


def test_a_plan_of_a_replay_says_that_nothing_is_spent(study: Path) -> None:
    data = as_json("plan", str(study))

    assert data["usd"] == 0
    assert data["graphs"] == 7 * 3


def test_the_schema_knows_every_key() -> None:
    schema = json.loads(call("schema").stdout)

    assert {"tasks", "budget", "constraints", "searcher"} <= schema["properties"].keys()
