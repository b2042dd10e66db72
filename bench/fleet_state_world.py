"""A gateway and an edge of its fleet in this process, over real mutual TLS on loopback.

The edge runs its models in real child processes, as ever. Orders are signed by a key that only the
operator's side of this world holds.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import cloud.app
import edge.app
from bench.random_gguf import Shape, write_model
from cloud.config import load_config as load_cloud
from cloud.environment import opened_state
from cloud.fleet.planning import Aim, Choice, chosen, plan
from cloud.fleet.rollout import Rules
from cloud.state import GatewayState
from cloud.stores.audit import Act
from edge.config import load_config as load_edge
from edge.egress.control import command_log
from edge.egress.enrol import enrol
from edge.identity import IdentityStore
from runtime.clock import SystemClock
from runtime.errors import LeewardError
from runtime.executor.events import RunFinished
from runtime.fleet.state import pack_state
from runtime.identity.signing_keys import load_or_create_key, public_file_of
from runtime.identity.token_file import JoinTokenFile
from runtime.local.layout import API_KEY_VARIABLE, CloudModel, EdgeModel, Layout, write_layout
from runtime.testing.local_roles import edit_yaml, run_graph

__all__ = ["FleetWorld", "running_fleet"]

_SHAPE: Final = Shape(
    layers=1, width=64, heads=2, kv_heads=1, ffn_width=128, vocabulary=512, context_tokens=2048
)
_POLICY: Final = """\
leeward: policy/v1
categories: {person: confidential}
clearance: {edge: restricted, cloud: internal}
when_unsure: restricted
"""
_MODEL: Final = "slm"
_CLOCK: Final = SystemClock()
_START_S: Final = 180.0


@dataclass(slots=True)
class FleetWorld:
    """What runs, and the operator's hands."""

    layout: Layout
    state: GatewayState
    key: Ed25519PrivateKey
    addresses: dict[str, str] = field(default_factory=dict)
    """Of the edge."""

    def model_file(self, seed: int) -> Path:
        """Write a small model with weights of its own."""
        path = self.layout.root / f"model-{seed}.gguf"
        write_model(path, _SHAPE, seed=seed)
        return path

    def model(self, path: Path, **options: object) -> dict[str, Any]:
        """Return what a state says about a model."""
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return {"source": str(path), "sha256": digest, "options": options}

    async def roll_out(self, revision: int, base: dict[str, Any], **more: Any) -> int:
        """Roll a state out to every device at once; return the rollout's number."""
        packed = pack_state(
            {
                "leeward": "fleet-state/v1",
                "name": "bench",
                "revision": revision,
                "base": base,
                **more,
            }
        )
        act = Act("operator:bench", _CLOCK.now())
        hash_, state = await self.state.rollouts.keep_state(packed, act)
        number, choice = await self.state.rollouts.next_id(), Choice()
        new = plan(
            number,
            Aim(hash_, state.revision, state.name),
            chosen(await self.state.fleet.standings(), choice),
            choice,
            waves=(1.0,),
            rules=Rules(soak_s=0.0),
            revisions={one.hash: one.revision for one in await self.state.rollouts.states()},
            key=self.key,
        )
        await self.state.rollouts.begin(new, act)
        return number

    async def outcome(self, rollout: int, *, timeout_s: float = 90.0) -> str:
        """Wait until the device has told how a rollout ended there; return the outcome."""
        async with asyncio.timeout(timeout_s):
            while True:
                for order in await self.state.rollouts.orders(rollout):
                    if order.outcome in {"runs", "failed", "refused"}:
                        return order.outcome
                await asyncio.sleep(0.1)

    async def ask(self, text: str = "Hello") -> str:
        """Ask the edge; return ``answered``, or the class of the failure."""
        try:
            async with asyncio.timeout(30.0):
                async for event in run_graph(self.addresses["grpc"], "ask-edge", text):
                    if isinstance(event, RunFinished):
                        return "answered"
        except LeewardError as error:
            return type(error).__name__
        return "unfinished"

    async def wait_answered(self, text: str = "Hello", *, timeout_s: float = 60.0) -> None:
        """Ask again and again until the edge answers."""
        async with asyncio.timeout(timeout_s):
            while True:
                if await self.ask(text) == "answered":
                    return
                await asyncio.sleep(0.05)

    def pointer(self) -> dict[str, Any]:
        """Return what the edge's pointer says."""
        file = self.layout.root / "edge-state" / "fleet" / "pointer.json"
        found: dict[str, Any] = json.loads(file.read_bytes())
        return found

    @asynccontextmanager
    async def edge(self) -> AsyncIterator[None]:
        """Run the edge until the block ends."""
        config, ready = self.layout.edge_config, self.layout.ready("edge")
        work = edge.app.serve(load_edge(config), source=config, ready_file=ready)
        async with _serving(work, ready) as addresses:
            self.addresses = addresses
            yield


@asynccontextmanager
async def running_fleet(root: Path, *, sync_s: float = 0.5) -> AsyncIterator[FleetWorld]:
    """Run a gateway, enrol an edge that is not started yet, and give both to the block.

    Args:
        root: Where files go.
        sync_s: How often the edge reports.
    """
    layout = Layout(root)
    os.environ.setdefault(API_KEY_VARIABLE, "nobody asks")  # noqa: TID251 - the gateway reads it
    write_model(root / "model-0.gguf", _SHAPE, seed=0)
    write_layout(
        layout,
        edge_model=EdgeModel(_MODEL, root / "model-0.gguf"),
        cloud_model=CloudModel("llm", "none"),
        upstream_url="http://127.0.0.1:9/v1",
        policy_text=_POLICY,
        ports=(0, 0, 0, 0),
    )
    key, _ = load_or_create_key(root / "operator.pem")
    edit_yaml(layout.cloud_config, layout.cloud_config, {"device_sync_s": sync_s})
    fleet = {"signers": [public_file_of(root / "operator.pem").name], "labels": {"site": "waw"}}
    edit_yaml(layout.edge_config, layout.edge_config, {"fleet": fleet, "default_graph": "ask-edge"})
    config = load_cloud(layout.cloud_config)
    ready = layout.ready("cloud")
    work = cloud.app.serve(config, source=layout.cloud_config, ready_file=ready)
    async with _serving(work, ready) as addresses, opened_state(config, clock=_CLOCK) as state:
        world = FleetWorld(layout, state, key)
        await _enrol(world, addresses)
        yield world


async def _enrol(world: FleetWorld, addresses: dict[str, str]) -> None:
    act = Act("operator:bench", _CLOCK.now())
    made = await world.state.tokens.create(act, lifetime=timedelta(hours=1), tenant="default")
    file = JoinTokenFile(
        token=made.text,
        ca_certificate_pem=world.state.authorities.bundle_pem.decode(),
        enrolment_address=addresses["enrolment"],
        gateway_address=addresses["grpc"],
        expires_at=made.expires_at,
    )
    home = world.layout.root / "edge-state"
    async with command_log(home / "ledger", clock=_CLOCK) as control:
        identities = IdentityStore(home / "identity", clock=_CLOCK)
        await enrol(file, identities, force=False, control=control)


@asynccontextmanager
async def _serving(work: Coroutine[Any, Any, None], ready: Path) -> AsyncIterator[dict[str, str]]:
    """Run a role until the block ends; yield its addresses."""
    await asyncio.to_thread(ready.unlink, missing_ok=True)
    task = asyncio.create_task(work)
    try:
        async with asyncio.timeout(_START_S):
            while not await asyncio.to_thread(ready.exists):
                if task.done():
                    task.result()
                await asyncio.sleep(0.05)
        addresses: dict[str, str] = json.loads(await asyncio.to_thread(ready.read_bytes))
        yield addresses
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
