"""What an LLM agent is sent in a live study: no question, no answer, no id, no label."""

import asyncio
import json
from datetime import date
from pathlib import Path

import yaml

from optimizer.study.opening import open_study
from optimizer.study.running import OpenEvaluator, RunPlace, run_study
from optimizer.study.searchers import make_searcher
from optimizer.testing import TableEvaluator
from runtime.clock import SystemClock
from runtime.testing.scripted_provider import Script, running_provider

ROOT = Path(__file__).parents[2]
CANARIES = ("Kowalska", "warfarin", "milligrams", "ward-seven", "canary-id", "health", "person")


def write_study(directory: Path, base_url: str) -> Path:
    rows = [
        {
            "id": f"canary-id-{number}",
            "question": f"Does Anna Kowalska, case {number}, still take warfarin?",
            "answer": f"{number} milligrams",
            "scorer": "exact",
            "label": ["person", "health"] if number % 2 else [],
        }
        for number in range(20)
    ]
    (directory / "tasks.jsonl").write_text("\n".join(map(json.dumps, rows)))
    data = {
        "leeward": "study/v1",
        "name": "ward-seven",
        "tasks": "tasks.jsonl",
        "catalog": str(ROOT / "deploy/catalogs/reference.yaml"),
        "policy": str(ROOT / "deploy/policies/clinic.yaml"),
        "evaluation": {"live": {"edge": "127.0.0.1:1"}},
        "graphs": {"models": ["tern-s", "gannet-m"], "max_steps": 2, "max_tokens": 40},
        "searcher": {
            "name": "agent_reinforce",
            "agent": {"kind": "llm", "base_url": base_url, "model": "deep-one"},
        },
        "trials": 12,
    }
    path = directory / "study.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


async def test_no_canary_of_a_live_study_reaches_the_agents_endpoint(tmp_path: Path) -> None:
    script = Script(pieces=("Anna Kowalska takes warfarin",))
    async with running_provider(script) as provider:
        one = open_study(write_study(tmp_path, provider.base_url), today=date(2026, 11, 24))
        place = RunPlace(tmp_path / "study")
        searcher = make_searcher(one.study, one.space, questions=one.questions)
        evaluator = OpenEvaluator(TableEvaluator(one.questions, most_usd=0.001))

        async with asyncio.timeout(60):
            result = await run_study(
                one.study,
                searcher,
                evaluator,
                place,
                clock=SystemClock(),
                observer=lambda _event, _budget: None,
            )

    sent = json.dumps(provider.calls)
    assert result.reason == "finished"
    assert len(provider.calls) > 3
    assert "gannet-m" in sent
    assert [canary for canary in CANARIES if canary in sent] == []
