"""A running daemon says what its models do: over /metrics, and in ``leeward edge top``."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest_asyncio

from runtime.ids import ModelName
from runtime.local.process import LocalProcess
from runtime.ports import ChatMessage, GenerateRequest, Sampling
from runtime.rpc.channels import ChannelSettings, open_channel
from runtime.rpc.inference_client import InferenceClient
from tests.integration.layouts import lonely_layout

WEIGHTS = Path(__file__).parents[2] / "reference" / "weights" / "tern-s.gguf"
LEEWARD = str(Path(sys.executable).with_name("leeward"))
POLICY = """\
leeward: policy/v1
categories: {person: confidential}
clearance: {edge: restricted, cloud: public}
when_unsure: restricted
cloud_away: edge_only
"""


@pytest_asyncio.fixture
async def addresses(tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    layout = lonely_layout(tmp_path, weights=WEIGHTS, policy_text=POLICY)
    ready = tmp_path / "ready.json"
    command = [LEEWARD, "edge", "serve", "--config", str(layout.edge_config)]
    process = await LocalProcess.start(
        "edge",
        [*command, "--ready-file", str(ready)],
        log=tmp_path / "edge.log",
        environment=os.environ,
    )
    try:
        yield await process.wait_ready_file(ready, timeout_s=60.0)
    finally:
        await process.stop()


async def ask(target: str, *, max_tokens: int) -> None:
    async with open_channel(ChannelSettings(target, tls=None)) as channel:
        request = GenerateRequest(
            ModelName("tern-s"), (ChatMessage("user", "Hello"),), Sampling(max_tokens=max_tokens)
        )
        async for _ in InferenceClient(channel).generate(request):
            pass


async def test_calls_tokens_and_times_are_counted_and_shown(addresses: dict[str, str]) -> None:
    await asyncio.gather(*(ask(addresses["grpc"], max_tokens=5) for _ in range(3)))

    async with httpx.AsyncClient() as http:
        text = (await http.get(f"http://{addresses['http']}/metrics")).text
    assert 'leeward_engine_calls_total{model="tern-s",outcome="answered"} 3.0' in text
    assert 'leeward_engine_tokens_total{kind="completion",model="tern-s"} 15.0' in text
    assert 'leeward_engine_first_token_seconds_count{model="tern-s"} 3.0' in text
    assert 'leeward_engine_waiting_calls_count{model="tern-s"} 0.0' in text
    slots = next(line for line in text.splitlines() if line.startswith("leeward_engine_slots"))
    assert float(slots.split()[-1]) >= 1

    top = await asyncio.create_subprocess_exec(
        *(LEEWARD, "edge", "top", "--address", addresses["grpc"], "--interval", "0.1", "--json"),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await top.communicate()
    assert top.returncode == 0
    (model,) = json.loads(out)["models"]
    assert (model["answered"], model["completion_tokens"], model["running"]) == (3, 15, 0)
    assert model["first_token_s"] > 0

    live = await asyncio.create_subprocess_exec(
        *(LEEWARD, "edge", "top", "--address", addresses["grpc"], "--interval", "0.1"),
        *("--looks", "1"),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await live.communicate()
    assert live.returncode == 0
    assert b"tern-s" in out
