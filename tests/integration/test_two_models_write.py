"""Two models write one answer across a link: real daemon, real gateway, a provider with a model.

What is said is compared with what the large model says alone, and what left with the ledger.
"""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from bench.link_world import FAR, NEAR, LinkWorld, answer_graph, running_link
from runtime.errors import BackendUnavailable
from runtime.testing.faulty_house import Told, ask
from runtime.testing.scripted_provider import running_provider
from tests.integration.http_gateway import running_gateway

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.asyncio(loop_scope="module"),
]

QUESTION = "A shelf holds 7 boxes of 2 bulbs. Then 6 bulbs arrive. How many bulbs are there now?"
NAMED = "Andrés Romano takes 3 tablets of Veloxin each day. How many tablets is that in 8 days?"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LinkWorld]:
    root = tmp_path_factory.mktemp("link")
    async with running_link(root, environment=dict(os.environ)) as running:
        yield running


async def written(world: LinkWorld, draft: str, text: str = QUESTION) -> Told:
    return await ask(world.edge, answer_graph(FAR, draft=draft), text, timeout_s=60)


@pytest.mark.parametrize("question", [QUESTION, NAMED])
async def test_the_answer_is_the_large_models_and_took_fewer_of_its_tokens(
    world: LinkWorld, question: str
) -> None:
    alone = await ask(world.edge, answer_graph(FAR), question, timeout_s=60)

    told = await written(world, f"{{model: {NEAR}, tokens: 8, always: true}}", question)

    (line,) = told.receipt.steps
    assert told.answer == alone.answer
    assert line.zone == "cloud"
    assert line.drafted is not None
    assert line.drafted.kept_tokens > 0
    assert line.usage.completion_tokens < alone.receipt.steps[0].usage.completion_tokens
    assert line.usage.cost_usd > 0


async def test_every_call_has_its_line_in_the_ledger_and_is_paid(world: LinkWorld) -> None:
    told = await written(world, f"{{model: {NEAR}, tokens: 4, always: true}}")

    (line,) = told.receipt.steps
    assert line.calls == len(line.ledger_positions) > 1
    assert line.left_bytes > 0
    assert line.usage.prompt_tokens > 60


async def test_where_it_is_sure_the_small_model_writes_and_nothing_leaves(
    world: LinkWorld,
) -> None:
    near = await ask(world.edge, answer_graph(NEAR), QUESTION, timeout_s=60)

    told = await written(world, f"{{model: {NEAR}, keep_above: 0.001}}")

    (line,) = told.receipt.steps
    assert told.answer == near.answer
    assert line.calls == 0
    assert not told.receipt.left_the_edge


async def test_where_it_is_not_the_large_model_writes_at_most_so_often(world: LinkWorld) -> None:
    told = await written(world, f"{{model: {NEAR}, keep_above: 0.999999, tokens: 2, at_most: 3}}")

    (line,) = told.receipt.steps
    assert line.calls == 3
    assert line.drafted is not None
    assert line.drafted.written_tokens > line.drafted.kept_tokens > 0
    assert told.receipt.left_the_edge


async def test_a_gateway_whose_provider_checks_no_drafts_does_not_start(tmp_path: Path) -> None:
    template = tmp_path / "chat.jinja"
    template.write_text("{{ messages[0].content }}")
    target = {"upstream": "p", "model": "llm", "draft_template": "chat.jinja"}
    async with running_provider() as provider:
        with pytest.raises(BackendUnavailable, match="checks no drafts"):
            async with running_gateway(
                tmp_path, provider.base_url, models={"big": {"targets": [target]}}
            ):
                pass
