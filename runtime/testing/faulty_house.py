"""A gateway over a provider that misbehaves, and two edges: one falls back, one refuses.

For tests of faults. Every part but the provider is the real program in a process of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from runtime.executor.events import AnswerDelta, Event, Receipt, RunFinished, StepFellBack
from runtime.graph.model import Graph
from runtime.local.layout import API_KEY_VARIABLE, CloudModel, EdgeModel, Layout, write_layout
from runtime.local.ports import free_port
from runtime.testing.local_roles import LocalRoles, edit_yaml, leeward_in_turn, run_graph
from runtime.testing.scripted_provider import Provider, Script, running_provider

__all__ = [
    "ABSENT_MODEL",
    "CLOUD_MODEL",
    "EDGE_MODEL",
    "FaultyHouse",
    "SILENCE_S",
    "Told",
    "ask",
    "enrol_edge",
    "running_house",
    "tell",
]

EDGE_MODEL: Final = "tern-s"
CLOUD_MODEL: Final = "gannet-m"
ABSENT_MODEL: Final = "absent-m"
"""A cloud model whose provider was never there."""
SILENCE_S: Final = 3.0
"""How long the gateway lets the provider be silent, unless told otherwise.

A shared machine halts for a second now and then; an answer must not break off for that.
"""
_KEY: Final = "key-for-tests"
_ENROLMENTS_PER_MINUTE: Final = 1000
_CONTEXT_TOKENS: Final = 512

FORGIVING_POLICY: Final = """\
leeward: policy/v1
categories: {person: confidential, contact: confidential, health: restricted}
clearance: {edge: restricted, cloud: internal}
releases: [{categories: [person, contact], to: cloud, by: redact}]
when_unsure: restricted
cloud_away: edge_only
"""
STRICT_POLICY: Final = """\
leeward: policy/v1
categories: {person: confidential, contact: confidential, health: restricted}
clearance: {edge: confidential, cloud: internal}
when_unsure: confidential
cloud_away: refuse
"""
"""Health may be seen by nobody here, so a graph that is given some could only leak it."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a run that did not fail told its caller."""

    answer: str
    receipt: Receipt
    fell_back: tuple[StepFellBack, ...]


@dataclass(slots=True)
class FaultyHouse:
    """Where everything is, and the means to break it."""

    layout: Layout
    environment: Mapping[str, str]
    roles: LocalRoles
    provider: Provider
    gateway: str
    enrolment: str
    edge: str
    edge_http: str
    strict: str
    strict_http: str
    device: str
    """Device id of ``edge``."""

    def play(self, script: Script) -> None:
        """Let the provider do this from now on, and forget what it was asked."""
        self.provider.script = script
        self.provider.calls.clear()
        self.provider.asked.clear()
        self.provider.hung_up.clear()


@asynccontextmanager
async def running_house(
    root: Path,
    edge_model: Path,
    environment: Mapping[str, str],
    *,
    silence_s: float = SILENCE_S,
    policy_text: str = FORGIVING_POLICY,
) -> AsyncIterator[FaultyHouse]:
    """Bring everything up; take it down when the block ends.

    Args:
        root: Where files go.
        edge_model: Weights of the edge's model.
        environment: What the programs inherit.
        silence_s: How long the gateway lets the provider be silent.
        policy_text: The policy of gateway and forgiving edge.
    """
    layout = Layout(root)
    inherited = {**environment, API_KEY_VARIABLE: _KEY}
    roles = LocalRoles(root, inherited)
    async with running_provider() as provider:
        _write(layout, edge_model, provider, silence_s=silence_s, policy_text=policy_text)
        try:
            cloud = await roles.serve("cloud", "cloud", layout.cloud_config)
            strict_config = root / "strict.yaml"
            configs = (layout.edge_config, strict_config)
            device, _ = await enrol_edges(layout, configs, cloud, environment=inherited)
            edge, strict = await asyncio.gather(
                roles.serve("edge", "edge", layout.edge_config),
                roles.serve("strict", "edge", strict_config),
            )
            yield FaultyHouse(
                layout=layout,
                environment=inherited,
                roles=roles,
                provider=provider,
                gateway=cloud["grpc"],
                enrolment=cloud["enrolment"],
                edge=edge["grpc"],
                edge_http=f"http://{edge['http']}/v1",
                strict=strict["grpc"],
                strict_http=f"http://{strict['http']}/v1",
                device=device,
            )
        finally:
            await roles.close()


async def enrol_edge(
    layout: Layout, config: Path, cloud: Mapping[str, str], *, environment: Mapping[str, str]
) -> str:
    """Enrol the edge of ``config`` with a fresh token; return its device id."""
    (device,) = await enrol_edges(layout, [config], cloud, environment=environment)
    return device


async def enrol_edges(
    layout: Layout,
    configs: Sequence[Path],
    cloud: Mapping[str, str],
    *,
    environment: Mapping[str, str],
) -> list[str]:
    """Enrol the edge of each configuration with a fresh token; return their device ids."""
    commands: list[tuple[str, ...]] = []
    for config in configs:
        token = str(layout.root / f"{config.stem}.token.json")
        commands += [
            (
                "cloud", "token", "--config", str(layout.cloud_config), "--out", token,
                "--gateway", cloud["grpc"], "--enrolment", cloud["enrolment"],
            ),
            ("edge", "enroll", "--config", str(config), "--token", token),
        ]  # fmt: skip
    ran = await leeward_in_turn(*commands, environment=environment)
    assert ran.exit_code == 0, ran.stderr
    told = [line for line in ran.stdout.splitlines() if line.startswith("enrolled as ")]
    return [line.removeprefix("enrolled as ").partition(",")[0] for line in told]


async def tell(events: AsyncGenerator[Event]) -> Told:
    """Read a run to its end."""
    answer = ""
    fell_back: tuple[StepFellBack, ...] = ()
    receipt: Receipt | None = None
    async with aclosing(events):
        async for event in events:
            if isinstance(event, AnswerDelta):
                answer += event.text
            elif isinstance(event, StepFellBack):
                fell_back += (event,)
            elif isinstance(event, RunFinished):
                receipt = event.receipt
    assert receipt is not None
    return Told(answer, receipt, fell_back)


async def ask(target: str, graph: str | Graph, text: str, *, timeout_s: float = 20.0) -> Told:
    """Run a graph over gRPC to its end."""
    return await tell(run_graph(target, graph, text, timeout_s=timeout_s))


def _write(
    layout: Layout, edge_model: Path, provider: Provider, *, silence_s: float, policy_text: str
) -> None:
    """Write the files: what ``leeward up`` writes, with short patience and a second edge."""
    write_layout(
        layout,
        edge_model=EdgeModel(EDGE_MODEL, edge_model, _CONTEXT_TOKENS),
        cloud_model=CloudModel(CLOUD_MODEL, "scripted", _CONTEXT_TOKENS),
        upstream_url=provider.base_url,
        policy_text=policy_text,
        # The gateway's ports stay the same when it comes back.
        ports=(0, 0, free_port(), free_port()),
    )
    absent = {"base_url": f"http://127.0.0.1:{free_port()}/v1", "api_key_env": API_KEY_VARIABLE}
    edit_yaml(
        layout.cloud_config,
        layout.cloud_config,
        {
            "enrolments_per_minute": _ENROLMENTS_PER_MINUTE,
            # So that what the edge counts and what the provider counts are the same calls.
            "retries": {"attempts": 1},
            # Every test breaks the same provider: one that is left alone is none's concern here.
            "breaker": {"open_s": 0.001, "longest_open_s": 0.001},
            "upstreams.llm.first_token_timeout_s": silence_s,
            "upstreams.llm.idle_timeout_s": silence_s,
            "upstreams.absent": absent,
            f"models.{ABSENT_MODEL}": {"targets": [{"upstream": "absent", "model": "none"}]},
        },
    )
    catalog = layout.root / "catalog.yaml"
    far = {"node": "cloud", "fallback": EDGE_MODEL}
    edit_yaml(catalog, catalog, {f"models.{ABSENT_MODEL}": far})
    (layout.root / "strict-policy.yaml").write_text(STRICT_POLICY)
    changes = {"policy": "strict-policy.yaml", "state": "strict-state"}
    edit_yaml(layout.edge_config, layout.root / "strict.yaml", changes)
