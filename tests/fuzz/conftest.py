"""One daemon for all that is hostile: it must be there, and answer, after everything."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from runtime.ids import ModelName
from runtime.ports import ChatMessage, Completion, GenerateRequest, Sampling
from runtime.rpc.channels import ChannelSettings, open_channel
from runtime.rpc.inference_client import InferenceClient
from runtime.testing.local_roles import LocalRoles, edit_yaml
from tests.integration.layouts import lonely_layout

WEIGHTS = Path(__file__).parents[2] / "reference" / "weights" / "tern-s.gguf"
POLICY = """\
leeward: policy/v1
categories: {person: confidential, contact: confidential}
clearance: {edge: restricted, cloud: internal}
"""
CHANGES = {
    "request_timeout_s": 5.0,
    "hub": "http://127.0.0.1:1",
    "tensor_models": {"scale": {"file": str(WEIGHTS.with_name("tern-xs.onnx"))}},
}
_ANSWER_S = 30.0


@dataclass
class Target:
    """A running daemon under attack."""

    roles: LocalRoles
    grpc: str
    http: str

    async def require_well(self) -> None:
        """Fail unless the daemon is the same process and answers a plain question."""
        os.kill(self.roles.pid("edge"), 0)
        channel = open_channel(ChannelSettings(target=self.grpc, tls=None))
        try:
            asked = GenerateRequest(
                ModelName("tern-s"),
                (ChatMessage("user", "Hello"),),
                Sampling(max_tokens=2),
                timeout_s=_ANSWER_S,
            )
            *_, last = [chunk async for chunk in InferenceClient(channel).generate(asked)]
        finally:
            await channel.close()
        assert isinstance(last, Completion)

    def crashes(self) -> list[str]:
        """Return the log's lines about failures that nobody foresaw."""
        lines = self.roles.log("edge").read_text(encoding="utf-8").splitlines()
        return [line for line in lines if "crashed" in line or "Traceback" in line]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def target(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Target]:
    root = tmp_path_factory.mktemp("fuzz")
    layout = lonely_layout(root, weights=WEIGHTS, policy_text=POLICY)
    edit_yaml(layout.edge_config, layout.edge_config, CHANGES)
    roles = LocalRoles(root, os.environ)
    try:
        addresses = await roles.serve("edge", "edge", layout.edge_config)
        yield Target(roles, addresses["grpc"], addresses["http"])
    finally:
        async with asyncio.timeout(30):
            await roles.close()
