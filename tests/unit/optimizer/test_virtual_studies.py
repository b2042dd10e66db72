"""Virtual trials of replays: graphs that others' calls decide for nothing, and what is said."""

import json
from pathlib import Path
from typing import Any

import pytest

from optimizer.replay.graph_table import GraphTable
from optimizer.replay.table_file import read_table
from optimizer.study.events import Outcome
from optimizer.study.journal import read_journal
from optimizer.study.virtual import Virtual
from tests.unit.optimizer.commands import as_json, call
from tests.unit.optimizer.studies import write_table_study


def write(directory: Path, table: Path, **changes: Any) -> Path:
    return write_table_study(directory, table, **{"batch": 3, **changes})


def test_a_table_decides_parts_of_graphs_that_were_run_as_it_holds_them(
    tmp_path: Path, table_file: Path
) -> None:
    data = as_json("run", str(write(tmp_path, table_file)))

    events = read_journal(Path(data["journal"]))
    table = GraphTable(read_table(table_file))
    columns = table.columns(split="search")
    told = [one for event in events if isinstance(event, Virtual) for one in event.graphs]
    paid: dict[int, set[int]] = {}
    for event in events:  # what is told rests on calls that were made before it was
        if isinstance(event, Outcome):
            one = event.evaluated
            paid.setdefault(one.question, set()).update(one.answered.call_ids)
        elif isinstance(event, Virtual):
            for graph in event.graphs:
                row = table.index[graph.candidate.key]
                for question, answered in graph.answers:
                    place = (row, int(columns[question]))
                    assert set(table.calls(*place)) <= paid[question]
                    assert answered.right == table.right[place]
                    assert answered.exposed == table.exposed[place]
                    assert answered.cost_usd == table.cost_usd[place]
                    assert answered.latency_s == table.latency_s[place]
    assert told
    assert data["spent"]["executions"] == 12 * 32
    assert data["spent"]["calls"] == len(set().union(*paid.values()))


def test_the_commands_mark_what_was_free(tmp_path: Path, table_file: Path) -> None:
    study = write(tmp_path, table_file)
    journal = read_journal(Path(as_json("run", str(study))["journal"]))
    first = next(event for event in journal if isinstance(event, Virtual)).graphs[0]

    shown = as_json("show", str(study), str(first.candidate.key))
    page = Path(as_json("report", str(study))["report"]).read_text(encoding="utf-8")

    assert shown["virtual_questions"] >= len(first.answers)
    assert "virtual trials; no graph evaluation, no question execution, no call" in page


@pytest.mark.parametrize("searcher", ["random", "agent_reinforce"])
def test_a_kill_at_a_virtual_line_and_any_worker_count_give_one_journal(
    tmp_path: Path, table_file: Path, searcher: str
) -> None:
    study = write(tmp_path, table_file, searcher={"name": searcher})
    call("run", str(study), "--dir", str(tmp_path / "one"))
    whole = (tmp_path / "one" / "journal.jsonl").read_bytes()
    place = whole.index(b'{"event":"virtual"')

    for workers, cut in ((2, place), (8, place + 40), (8, whole.index(b"\n", place) + 1)):
        at = tmp_path / f"cut-{cut}"
        at.mkdir()
        (at / "journal.jsonl").write_bytes(whole[:cut])
        call("resume", str(study), "--dir", str(at), "--workers", str(workers))
        assert (at / "journal.jsonl").read_bytes() == whole


def test_a_study_can_do_without_and_is_another_one_then(tmp_path: Path, table_file: Path) -> None:
    study = write(tmp_path, table_file)
    call("run", str(study), "--dir", str(tmp_path / "at"))
    write(tmp_path, table_file, virtual_trials=0)

    refused = as_json("run", str(study), "--dir", str(tmp_path / "at"), exit_code=17)
    data = as_json("run", str(study), "--dir", str(tmp_path / "none"))

    assert "another study" in refused["error"]["reason"]
    assert '"virtual"' not in Path(data["journal"]).read_text()


@pytest.mark.parametrize(
    "searcher",
    [
        {"name": "agent_reinforce_without_virtual_trials"},
        {"name": "agent_reinforce", "options": {"has_virtual_trials": False}},
    ],
)
def test_the_ablation_without_virtual_trials_is_without_them(
    tmp_path: Path, table_file: Path, searcher: dict[str, Any]
) -> None:
    data = as_json("run", str(write(tmp_path, table_file, searcher=searcher)))

    assert data["virtual_graphs"] == 0


def test_a_journal_of_before_can_be_read(tmp_path: Path, table_file: Path) -> None:
    study = write(tmp_path, table_file)
    journal = Path(as_json("run", str(study))["journal"])
    kept = [line for line in journal.read_text().splitlines() if '"event":"virtual"' not in line]
    header = {key: value for key, value in json.loads(kept[0]).items() if key != "virtual"}
    journal.write_text("\n".join([json.dumps(header), *kept[1:]]) + "\n")

    front = as_json("front", str(study), "--unproven")

    assert front["graphs"]
    assert not any(graph["virtual_questions"] for graph in front["graphs"])
