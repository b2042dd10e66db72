"""``leeward optimizer`` as a process with an LLM agent: killed within a call, resumed, shown."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from optimizer.study.journal import read_journal
from runtime.testing.scripted_provider import Provider, Script
from tests.integration.llm_agent.desk import answering
from tests.integration.llm_agent.studies import INIT, advised_of, revision, write_study

pytestmark = pytest.mark.timeout(120)
KEY = "sk-1234-secret"
PROGRAM = "from runtime.cli.main import main; main()"


async def started(*arguments: str) -> asyncio.subprocess.Process:
    """Start the command line as users do."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, "optimizer", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "AGENT_KEY": KEY},
    )


async def output(*arguments: str) -> tuple[int, str]:
    """Run a command to its end."""
    process = await started(*arguments)
    out, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode() + errors.decode()


async def data(*arguments: str) -> dict[str, Any]:
    code, text = await output(*arguments, "--json")
    assert code == 0, text
    found: dict[str, Any] = json.loads(text)
    return found


async def test_a_study_killed_within_a_call_counts_it_as_lost_and_repeats_no_other(
    provider: Provider, tmp_path: Path
) -> None:
    study = write_study(tmp_path, provider.base_url, agent={"api_key_env": "AGENT_KEY"})
    stalling = Script(stall_before=0)
    provider.queue = [INIT, revision("one"), stalling]
    provider.script = revision("two")
    process = await started("run", str(study))
    async with asyncio.timeout(60):
        while len(provider.calls) < 3:
            provider.asked.clear()
            await provider.asked.wait()
    process.kill()
    await process.communicate()
    before = advised_of(read_journal(tmp_path / "study.study" / "journal.jsonl"))

    ran = await data("run", str(study))

    after = advised_of(read_journal(Path(ran["journal"])))
    lost, answered = after[2].exchanges
    assert after[:2] == before
    assert lost.outcome == "lost"
    assert lost.is_estimated
    assert lost.tokens.completion == 200
    assert answered.outcome == "used"
    assert answered.request == lost.request
    assert len(provider.calls) == 1 + sum(len(one.exchanges) for one in after) - 1
    assert ran["agent"]["calls"] == sum(len(one.exchanges) for one in after)
    assert KEY not in (tmp_path / "study.study" / "agent.jsonl").read_text()


async def test_the_commands_say_who_decided_and_what_it_cost(
    provider: Provider, tmp_path: Path
) -> None:
    provider.queue = [INIT]
    provider.script = answering("nothing useful")
    study = str(write_study(tmp_path, provider.base_url, trials=20))

    plan = await output("plan", study)
    ran = await output("run", study)
    shown = await output("show", study)
    _, page = await output("report", study)
    found = await data("show", study)

    html = (tmp_path / "study.study" / "report.html").read_text()
    assert page.strip().endswith("report.html")
    assert "LLM agent deep-one" in plan[1]
    assert "of this, the LLM agent" in plan[1]
    for text in (ran[1], shown[1]):
        assert "of this, the LLM agent: $0.00027, 10 calls, 90 tokens; 1 of" in text
        assert "the built-in rule agent decided" in text
        assert "9 not json" in text
    assert "Of this, the LLM agent" in html
    assert "was not asked any more" in html
    assert found["search_agent"]["by_llm"] == 1
    assert found["search_agent"]["by_rule_agent"]["rejected"] == 3


async def test_a_plan_and_a_run_refuse_an_agent_whose_worst_case_breaks_a_cap(
    provider: Provider, tmp_path: Path
) -> None:
    study = str(write_study(tmp_path, provider.base_url, budget={"usd": 0.001}))

    planned = await output("plan", study)
    ran = await output("run", study)

    assert planned[0] == ran[0] == 3
    assert "breaks the cap on usd" in planned[1]
    assert "breaks the cap on usd" in ran[1]
    assert provider.calls == []


async def test_a_missing_key_is_told_before_anything_is_asked(
    provider: Provider, tmp_path: Path
) -> None:
    agent = {"api_key_env": "NO_SUCH_KEY"}
    study = str(write_study(tmp_path, provider.base_url, agent=agent))

    code, text = await output("run", study)

    assert code == 17
    assert "NO_SUCH_KEY" in text
    assert provider.calls == []
