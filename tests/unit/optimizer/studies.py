"""Study files for tests of the commands: over a table, or an edge that is not there."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

__all__ = ["write_live_study", "write_study", "write_table_study"]

_DEPLOY = Path(__file__).parents[3] / "deploy"


def write_study(directory: Path, study: Mapping[str, Any]) -> Path:
    """Write a study's parts beside its version and return its file."""
    path = directory / "study.yaml"
    path.write_text(yaml.safe_dump({"leeward": "study/v1", **study}, sort_keys=False))
    return path


def write_table_study(directory: Path, table: Path, **changes: Any) -> Path:
    """Write a study over a table of graphs."""
    study = {
        "name": "tabulated",
        "evaluation": {"replay": {"table": str(table)}},
        "objectives": ["accuracy", "flops"],
        "searcher": {"name": "random"},
        "trials": 12,
        "seed": 3,
        **changes,
    }
    return write_study(directory, study)


def write_live_study(directory: Path, **changes: Any) -> Path:
    """Write a live study and its tasks; nobody listens at its edge's address."""
    rows = [
        json.dumps({"id": f"q{n}", "question": f"How much is {n} and 1?", "answer": n + 1})
        for n in range(20)
    ]
    (directory / "tasks.jsonl").write_text("\n".join(rows))
    study = {
        "name": "live",
        "tasks": "tasks.jsonl",
        "catalog": str(_DEPLOY / "catalogs/reference.yaml"),
        "policy": str(_DEPLOY / "policies/clinic.yaml"),
        "evaluation": {"live": {"edge": "127.0.0.1:1", "retries": 0, "timeout_s": 2}},
        "graphs": {"models": ["tern-s", "gannet-m"], "max_steps": 1, "max_tokens": 40},
        "searcher": {"name": "random"},
        "trials": 6,
        **changes,
    }
    return write_study(directory, study)
