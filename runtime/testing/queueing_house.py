"""A gateway and an edge whose policy queues, with a link between them that can be cut.

For tests and figures of offline work. Every part but the provider is the real program in a process
of its own; edge and gateway can be killed and come back at the same addresses.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from runtime.codec.collaboration import CollaborationCall
from runtime.codec.queued import QueuedAnswer
from runtime.local.layout import API_KEY_VARIABLE, CloudModel, EdgeModel, Layout, write_layout
from runtime.local.ports import free_port
from runtime.ports import ChatMessage
from runtime.private_files import write_private_file
from runtime.rpc.channels import ChannelSettings, open_channel
from runtime.rpc.collaboration_client import CollaborationClient
from runtime.testing.cutting_proxy import CuttingProxy, running_proxy
from runtime.testing.faulty_house import Told, enrol_edge, tell
from runtime.testing.local_roles import LocalRoles, edit_yaml
from runtime.testing.scripted_provider import Provider, Script, running_provider

__all__ = ["QUEUEING_POLICY", "QueueingHouse", "running_queueing_house"]

QUEUEING_POLICY: Final = """\
leeward: policy/v1
categories: {person: confidential, contact: confidential, health: restricted}
clearance: {edge: restricted, cloud: internal}
releases: [{categories: [person, contact], to: cloud, by: redact}]
when_unsure: restricted
cloud_away: queue
"""
_EDGE_MODEL: Final = "tern-s"
_CLOUD_MODEL: Final = "gannet-m"
_KEY: Final = "key-for-tests"
_CONTEXT_TOKENS: Final = 512
_USD_PER_MTOK: Final = 1000.0
"""Dear, so that no call is too cheap to be seen in the books."""


@dataclass(slots=True)
class QueueingHouse:
    """Where everything is, and the means to break it."""

    layout: Layout
    roles: LocalRoles
    provider: Provider
    link: CuttingProxy
    """Between edge and gateway."""
    edge: str
    """Its gRPC address, the same after a restart."""
    edge_http: str

    async def start_gateway(self) -> None:
        """Start the gateway that was killed."""
        await self.roles.serve("cloud", "cloud", self.layout.cloud_config)

    async def start_edge(self) -> None:
        """Start the edge that was killed."""
        await self.roles.serve("edge", "edge", self.layout.edge_config)

    async def ask(self, text: str, *, key: str = "", timeout_s: float = 30.0) -> Told:
        """Ask the cloud's model over gRPC, as a local application does."""
        call = CollaborationCall("ask-cloud", (ChatMessage("user", text),), idempotency_key=key)
        async with open_channel(ChannelSettings(target=self.edge, tls=None)) as channel:
            return await tell(CollaborationClient(channel).run(call, timeout_s=timeout_s))

    async def queued(self, key: str) -> QueuedAnswer:
        """Return what the edge knows of a key."""
        async with open_channel(ChannelSettings(target=self.edge, tls=None)) as channel:
            return await CollaborationClient(channel).get_queued(key)


@asynccontextmanager
async def running_queueing_house(
    root: Path,
    edge_model: Path,
    environment: Mapping[str, str],
    *,
    script: Script | None = None,
    policy_text: str = QUEUEING_POLICY,
    edge_changes: Mapping[str, Any] | None = None,
    cloud_changes: Mapping[str, Any] | None = None,
) -> AsyncIterator[QueueingHouse]:
    """Bring everything up; take it down when the block ends.

    Args:
        root: Where files go.
        edge_model: Weights of the edge's model.
        environment: What the programs inherit.
        script: What the provider answers.
        policy_text: The policy of gateway and edge.
        edge_changes: What else the edge's configuration says, by dotted key.
        cloud_changes: The same of the gateway's.
    """
    layout = Layout(root)
    inherited = {**environment, API_KEY_VARIABLE: _KEY}
    roles = LocalRoles(root, inherited)
    edge_port, http_port = free_port(), free_port()
    async with running_provider(script) as provider:
        write_layout(
            layout,
            edge_model=EdgeModel(_EDGE_MODEL, edge_model, _CONTEXT_TOKENS),
            cloud_model=CloudModel(
                _CLOUD_MODEL,
                "scripted",
                _CONTEXT_TOKENS,
                prompt_usd_per_mtok=_USD_PER_MTOK,
                completion_usd_per_mtok=_USD_PER_MTOK,
            ),
            upstream_url=provider.base_url,
            policy_text=policy_text,
            ports=(edge_port, http_port, free_port(), free_port()),
        )
        edit_yaml(layout.edge_config, layout.edge_config, edge_changes or {})
        edit_yaml(layout.cloud_config, layout.cloud_config, cloud_changes or {})
        try:
            cloud = await roles.serve("cloud", "cloud", layout.cloud_config)
            async with running_proxy(cloud["grpc"]) as link:
                await enrol_edge(layout, layout.edge_config, cloud, environment=inherited)
                # A gateway says itself where it is dialled: this device dials the link instead.
                dialled = layout.root / "edge-state" / "identity" / "gateway.json"
                place = json.loads(dialled.read_bytes()) | {"gateway": link.address}
                write_private_file(dialled, json.dumps(place).encode())
                house = QueueingHouse(
                    layout,
                    roles,
                    provider,
                    link,
                    edge=f"127.0.0.1:{edge_port}",
                    edge_http=f"http://127.0.0.1:{http_port}/v1",
                )
                await house.start_edge()
                yield house
        finally:
            await roles.close()
