"""Studies of a small record whose LLM agent is a scripted server; replays, so they are quick."""

import asyncio
import gzip
import json
import random
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from optimizer.study.advised import Advised
from optimizer.study.agent_opening import TRANSCRIPT_FILE
from optimizer.study.budget import Budget
from optimizer.study.events import Event
from optimizer.study.journal import read_journal
from optimizer.study.opening import open_study
from optimizer.study.running import RunPlace, run_study
from optimizer.study.searchers import make_searcher
from runtime.clock import SystemClock
from runtime.testing.scripted_provider import Script
from tests.integration.llm_agent.desk import answering

__all__ = ["INIT", "REVISIONS", "Ran", "advised_of", "revision", "run", "study_data", "write_study"]

QUESTIONS = 60
SPACE = """\
leeward: space/v1
name: tiny
edge: [one, two, three]
cloud: [far]
thresholds: [0.5, 1.0]
caps: [0.2]
"""
INIT = answering('{"picks": ["v0", "v1"], "reason": "strong ones first"}')


def revision(*members: str, fallback: str = "none", **changes: Any) -> Script:
    """A script that proposes a team and makes its members likelier."""
    reply = {
        "edges": [f"{name}->vote" for name in members],
        "choices": {"agreement": "0.5", "fallback": fallback},
        "probabilities": [
            {"decision": f"{name}->vote", "option": "present", "probability": 0.6}
            for name in members
        ],
        "reason": "they did well",
    }
    return answering(json.dumps(reply | changes))


REVISIONS = (revision("one", "two"), revision("two", "three"), revision("one", "two", "three"))


def write_study(directory: Path, base_url: str, **changes: Any) -> Path:
    """Write matrix, space and study; return the study's file."""
    draw = random.Random(5)
    ids = [f"question-{number}" for number in range(QUESTIONS)]
    gold = [str(draw.randrange(4)) for _ in ids]
    shares = {"one": 0.5, "two": 0.6, "three": 0.55, "far": 0.9}
    answers = {
        name: [g if draw.random() < share else str(draw.randrange(4)) for g in gold]
        for name, share in shares.items()
    }
    matrix = {"question_ids": ids, "gold": gold, "answers": answers}
    (directory / "matrix.json.gz").write_bytes(gzip.compress(json.dumps(matrix).encode(), mtime=0))
    (directory / "space.yaml").write_text(SPACE)
    path = directory / "study.yaml"
    path.write_text(yaml.safe_dump(study_data(base_url, **changes), sort_keys=False))
    return path


def study_data(base_url: str, **changes: Any) -> dict[str, Any]:
    agent = {
        "kind": "llm",
        "base_url": base_url,
        "model": "deep-one",
        "max_tokens": 200,
        "timeout_s": 5,
        "prompt_usd_per_mtok": 1.0,
        "completion_usd_per_mtok": 10.0,
        **changes.pop("agent", {}),
    }
    return {
        "leeward": "study/v1",
        "name": "tiny",
        "evaluation": {"replay": {"matrix": "matrix.json.gz", "space": "space.yaml"}},
        "constraints": {"cloud_share": 0.3},
        "objectives": ["accuracy", "cloud_share"],
        "searcher": {
            "name": changes.pop("searcher", "agent_reinforce"),
            "agent": agent,
            "options": {"first_questions": 8, "rounds": 3},
        },
        "trials": 12,
        "seed": 3,
        **changes,
    }


@dataclass
class Ran:
    """How a run ended, and what it left."""

    reason: str
    budget: Budget
    directory: Path
    events: tuple[Event, ...] = field(default=())

    @property
    def journal(self) -> bytes:
        return (self.directory / "journal.jsonl").read_bytes()

    @property
    def transcript(self) -> Path:
        return self.directory / TRANSCRIPT_FILE

    @property
    def advised(self) -> list[Advised]:
        return advised_of(self.events)


def advised_of(events: tuple[Event, ...]) -> list[Advised]:
    """Return the agent's decisions."""
    return [event for event in events if isinstance(event, Advised)]


async def run(study: Path, directory: Path | None = None) -> Ran:
    """Run a study in this process."""
    one = open_study(study, today=date(2026, 11, 24))
    place = RunPlace(directory or study.with_suffix(".study"))
    budgets: list[Budget] = []
    async with one.evaluator(place) as opened:
        searcher = make_searcher(one.study, one.space, questions=one.questions)
        async with asyncio.timeout(60):
            result = await run_study(
                one.study,
                searcher,
                opened,
                place,
                clock=SystemClock(),
                observer=lambda _event, budget: budgets.append(budget),
            )
    return Ran(result.reason, budgets[-1], place.directory, read_journal(place.journal))
