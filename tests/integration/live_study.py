"""Small studies of the reference models over a running stack, and what their journals say."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from reference.tasks import questions
from runtime.local.stack import RunningStack

__all__ = ["TODAY", "drawn_tasks", "timeless", "write_study"]

TODAY = date(2026, 11, 1)
LABELS = {"person": "person", "phone": "contact", "email": "contact", "health": "health"}


def drawn_tasks(*, public: int = 2, private: int = 2) -> list[dict[str, Any]]:
    """Draw questions of the reference models' task, some of which name somebody."""
    drawn = questions(split="report", count=12 * (public + private), seed=9, task="ledger")
    open_ones = [one for one in drawn if not one.spans][:public]
    named = [one for one in drawn if any(span.kind == "person" for span in one.spans)][:private]
    return [
        {
            "id": one.id,
            "question": one.text,
            "answer": one.answer,
            "label": sorted({LABELS[span.kind] for span in one.spans if span.kind in LABELS}),
        }
        for one in (*open_ones, *named)
    ]


def write_study(
    directory: Path,
    stack: RunningStack,
    *,
    tasks: list[dict[str, Any]] | None = None,
    **changes: Any,
) -> Path:
    """Write a study over the stack's edge and return its file."""
    directory.mkdir(exist_ok=True)
    rows = drawn_tasks() if tasks is None else tasks
    (directory / "tasks.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    study = {
        "leeward": "study/v1",
        "name": "live",
        "tasks": "tasks.jsonl",
        "catalog": str(stack.layout.root / "catalog.yaml"),
        "policy": str(stack.layout.root / "policy.yaml"),
        "evaluation": {"live": {"edge": stack.edge_grpc, "timeout_s": 60}},
        "graphs": {"models": ["tern-s", "gannet-m"], "max_steps": 2, "max_tokens": 120},
        "budget": {"usd": 0.5, "executions": 200},
        "searcher": {"name": "random"},
        "trials": 5,
        "seed": 4,
        "workers": 2,
        **changes,
    }
    path = directory / "study.yaml"
    path.write_text(yaml.safe_dump(study))
    return path


def timeless(journal: Path) -> list[dict[str, Any]]:
    """Return a journal's events without what a clock measured: runs differ in nothing else."""
    events = [json.loads(line) for line in journal.read_text().splitlines()]
    for event in events:
        for measured in (event, *event.get("graphs", ())):  # of virtual trials, by graph
            measured.pop("latency_s", None)
        event.pop("elapsed_s", None)
    return events
