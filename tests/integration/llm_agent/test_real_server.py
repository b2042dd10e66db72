"""The LLM agent at a real ``llama_cpp.server``: a reference model knows neither JSON nor graphs."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from optimizer.agents.failures import RejectionCode
from optimizer.agents.model import FailureKind
from optimizer.study.search_cost import agent_cost
from runtime.local.llm import MODEL, RunningLlm, running_llm
from tests.integration.llm_agent.studies import run, write_study

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
WEIGHTS = Path(__file__).parents[3] / "reference" / "weights" / "tern-s.gguf"
REASONS = {one.value for one in RejectionCode}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningLlm]:
    log = tmp_path_factory.mktemp("llm") / "llm.log"
    async with running_llm(
        WEIGHTS, context_tokens=16_384, log=log, environment=os.environ
    ) as running:
        yield running


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("structure", ["text", "auto"])
async def test_what_is_no_decision_is_refused_by_name_and_the_rule_agent_decides(
    server: RunningLlm, tmp_path: Path, structure: str
) -> None:
    (tmp_path / "key").write_text(server.api_key)
    (tmp_path / "key").chmod(0o600)
    agent = {
        "model": MODEL,
        "api_key_file": str(tmp_path / "key"),
        "structure": structure,
        "max_tokens": 64,
        "retries": 1,
        "timeout_s": 60,
    }

    ran = await run(write_study(tmp_path, server.base_url, agent=agent, trials=8))

    cost = agent_cost(ran.events)
    assert ran.reason == "finished"
    assert cost is not None
    assert cost.by_llm == 0
    assert cost.fell_back[FailureKind.REJECTED.value] == cost.decisions
    # The server knows another form of schemas only: `auto` finds out at once, and once.
    unused = dict(cost.unused)
    refused = unused.pop(FailureKind.SCHEMA_REFUSED.value, 0)
    assert refused == (structure == "auto")
    assert set(unused) <= REASONS
    assert sum(unused.values()) == 2 * cost.decisions
    # It reports no usage when it streams: every call is counted at its most, none at nothing.
    assert cost.estimated_calls == cost.spent.calls == 2 * cost.decisions + refused
    assert ran.budget.spent.tokens >= cost.spent.tokens > 0
