"""A daemon whose model is an ONNX decoder: the same HTTP front, the same gRPC contract."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import pytest_asyncio
from openai import AsyncOpenAI, BadRequestError

from runtime.errors import EngineCrashed
from runtime.ids import ModelName
from runtime.ports import ChatMessage, Completion, GenerateRequest, Sampling
from runtime.rpc.channels import ChannelSettings, open_channel
from runtime.rpc.inference_client import InferenceClient
from runtime.testing.local_roles import LocalRoles
from tests.integration.layouts import lonely_layout

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROOT = Path(__file__).resolve().parents[2]
WEIGHTS = ROOT / "reference" / "weights" / "tern-s.onnx"
POLICY = (ROOT / "deploy" / "policies" / "clinic.yaml").read_text()
QUESTION: list[Any] = [
    {"role": "user", "content": "A ward has 4 beds. Each bed needs 3 sheets. How many sheets?"}
]
SCHEMA = {
    "type": "object",
    "properties": {"sheets": {"type": "integer", "minimum": 0, "maximum": 99}},
    "required": ["sheets"],
    "additionalProperties": False,
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def edge(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[tuple[dict[str, str], int]]:
    """Where it serves, and its process id."""
    root = tmp_path_factory.mktemp("edge")
    layout = lonely_layout(root, weights=WEIGHTS, policy_text=POLICY)
    roles = LocalRoles(root, dict(os.environ))
    try:
        addresses = await roles.serve("edge", "edge", layout.edge_config)
        yield addresses, roles.pid("edge")
    finally:
        await roles.close()


@pytest_asyncio.fixture(loop_scope="module")
async def client(edge: tuple[dict[str, str], int]) -> AsyncIterator[AsyncOpenAI]:
    addresses, _ = edge
    async with AsyncOpenAI(
        base_url=f"http://{addresses['http']}/v1", api_key="none", max_retries=0
    ) as client:
        yield client


async def test_whole_and_streamed_chats_are_the_same(client: AsyncOpenAI) -> None:
    asked: dict[str, Any] = {"model": "tern-s", "messages": QUESTION, "temperature": 0}

    whole = await client.chat.completions.create(**asked, max_tokens=60)
    stream = await client.chat.completions.create(**asked, max_tokens=60, stream=True)
    pieces = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]

    text = whole.choices[0].message.content
    assert text
    assert "".join(pieces) == text
    assert whole.usage is not None
    assert whole.usage.completion_tokens > 1


async def test_a_schema_is_kept_and_log_probabilities_are_told(client: AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(
        model="tern-s",
        messages=QUESTION,
        max_tokens=40,
        logprobs=True,
        top_logprobs=2,
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True},
        },
    )

    text = answer.choices[0].message.content or ""
    assert text.replace(" ", "").startswith('{"sheets":')
    assert answer.choices[0].logprobs is not None
    assert answer.choices[0].logprobs.content


async def test_a_prompt_beyond_the_context_is_a_bad_request(client: AsyncOpenAI) -> None:
    with pytest.raises(BadRequestError):
        await client.chat.completions.create(
            model="tern-s", messages=[{"role": "user", "content": "count " * 2000}]
        )


async def test_over_grpc_a_killed_model_is_back_within_seconds(
    edge: tuple[dict[str, str], int],
) -> None:
    addresses, pid = edge
    request = GenerateRequest(
        ModelName("tern-s"), (ChatMessage("user", "Hello"),), Sampling(max_tokens=5), timeout_s=20.0
    )
    children = [
        one for one in psutil.Process(pid).children() if "edge.engine.child" in one.cmdline()
    ]
    loop = asyncio.get_running_loop()
    async with open_channel(ChannelSettings(target=addresses["grpc"], tls=None)) as channel:
        inference = InferenceClient(channel)
        for child in children:
            child.send_signal(signal.SIGKILL)
        killed_s = loop.time()

        try:  # either it fails with the dying process, or it waits for the next one
            *_, last = [item async for item in inference.generate(request)]
        except EngineCrashed:
            *_, last = [item async for item in inference.generate(request)]

    assert children
    assert isinstance(last, Completion)
    assert last.usage.completion_tokens == 5
    assert loop.time() - killed_s < 5.0
