"""Models of a running daemon, from the command line: load, unload, health, and who vouches."""

import json
import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from runtime.cli.exit_codes import CODES
from runtime.errors import ModelTooLarge, NotFound, SignatureInvalid
from runtime.local.layout import Layout
from runtime.rpc.channels import ChannelSettings, open_channel
from runtime.testing.local_roles import LocalRoles, edit_yaml, leeward
from tests.integration.layouts import lonely_layout

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

WEIGHTS = Path(__file__).parents[2] / "reference" / "weights" / "tern-s.gguf"
POLICY = """\
leeward: policy/v1
categories: {person: confidential}
clearance: {edge: restricted, cloud: internal}
"""


@dataclass
class Daemon:
    """A running daemon and its command line."""

    layout: Layout
    grpc: str

    async def run(self, *words: str) -> tuple[int, Any]:
        where = ("-c", str(self.layout.edge_config), "--address", self.grpc, "--json")
        result = await leeward("edge", *words, *where, environment=os.environ)
        return result.exit_code, json.loads(result.stdout)

    async def state(self) -> str:
        _, status = await self.run("status")
        return str(status["models"][0]["state"])

    async def is_healthy(self, service: str) -> bool:
        channel = open_channel(ChannelSettings(target=self.grpc, tls=None))
        try:
            stub = health_pb2_grpc.HealthStub(channel)
            answer = await stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=5)
        finally:
            await channel.close()
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return lonely_layout(tmp_path, weights=WEIGHTS, policy_text=POLICY)


@pytest_asyncio.fixture
async def roles(layout: Layout) -> AsyncIterator[LocalRoles]:
    running = LocalRoles(layout.root, os.environ)
    yield running
    await running.close()


async def serve(layout: Layout, roles: LocalRoles, **changes: Any) -> Daemon:
    edit_yaml(layout.edge_config, layout.edge_config, changes)
    addresses = await roles.serve("edge", "edge", layout.edge_config)
    return Daemon(layout, addresses["grpc"])


async def test_a_model_is_unloaded_and_loaded_by_hand_and_health_follows(
    layout: Layout, roles: LocalRoles
) -> None:
    daemon = await serve(layout, roles)
    service = "leeward.model/tern-s"
    before = await daemon.is_healthy(service)

    unloaded = await daemon.run("models", "unload", "tern-s")
    while_away = await daemon.state(), await daemon.is_healthy(service)
    again = await daemon.run("models", "unload", "tern-s")
    loaded = await daemon.run("models", "load", "tern-s")

    assert before
    assert (unloaded[0], unloaded[1]["state"]) == (0, "unloaded")
    assert while_away == ("unloaded", False)
    assert again[0] == CODES[NotFound]
    assert (loaded[0], loaded[1]["state"]) == (0, "serving")
    assert loaded[1]["memory_bytes"] > WEIGHTS.stat().st_size
    assert await daemon.is_healthy(service)


async def test_a_model_that_could_never_fit_is_refused_with_the_reason_and_the_daemon_serves(
    layout: Layout, roles: LocalRoles
) -> None:
    daemon = await serve(
        layout, roles, **{"memory_budget_mib": 1, "models/tern-s/load": "on_demand"}
    )

    code, data = await daemon.run("models", "load", "tern-s")

    assert code == CODES[ModelTooLarge]
    assert "`memory_budget_mib` allows 1" in data["error"]["message"]
    assert await daemon.state() == "failed"
    assert await daemon.is_healthy("leeward.v1.Inference")


async def test_a_daemon_that_names_signers_serves_what_they_signed_and_nothing_else(
    layout: Layout, roles: LocalRoles
) -> None:
    model = layout.root / "tern.gguf"
    shutil.copyfile(WEIGHTS, model)
    key = layout.root / "signing.pem"
    edit_yaml(
        layout.edge_config,
        layout.edge_config,
        {"model_signers": ["signing.pub.pem"], "models/tern-s/file": str(model)},
    )
    signing = ("edge", "models", "sign", str(model), "--key", str(key))
    signed = await leeward(*signing, environment=os.environ)
    model.with_name("tern.gguf.manifest").rename(layout.root / "away")
    command = ("edge", "serve", "-c", str(layout.edge_config))

    refused = await leeward(*command, environment=os.environ)
    (layout.root / "away").rename(model.with_name("tern.gguf.manifest"))
    daemon = await serve(layout, roles)

    assert signed.exit_code == 0
    assert refused.exit_code == CODES[SignatureInvalid]
    assert "is not signed: there is no tern.gguf.manifest beside it" in refused.stderr
    assert await daemon.state() == "serving"
