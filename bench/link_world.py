"""A device, its gateway and a provider that checks drafts, with a link between that takes its time.

Every part is the real program: llama.cpp's packaged server with a reference model, the gateway, the
edge daemon with a smaller one. Only the round trip is made: answers wait in a proxy on loopback.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reference.tokenizer import CHAT_TEMPLATE
from reference.weights import weights_path
from runtime.graph.document import parse_graph
from runtime.graph.model import Graph
from runtime.local.layout import API_KEY_VARIABLE, CloudModel, EdgeModel, Layout, write_layout
from runtime.local.llm import running_llm
from runtime.testing.cutting_proxy import CuttingProxy, running_proxy
from runtime.testing.faulty_house import enrol_edge
from runtime.testing.local_roles import LocalRoles, edit_yaml

__all__ = ["FAR", "NEAR", "LinkWorld", "answer_graph", "running_link"]

NEAR: Final = "gannet-s"
FAR: Final = "gannet-l"
_CONTEXT_TOKENS: Final = 1024
_MAX_TOKENS: Final = 160
"""No reference model writes more to a question."""
_POLICY: Final = """\
leeward: policy/v1
categories: {person: confidential, contact: confidential}
clearance: {edge: restricted, cloud: internal}
releases: [{categories: [person, contact], to: cloud, by: redact}]
when_unsure: confidential
cloud_away: edge_only
"""


@dataclass(frozen=True, slots=True)
class LinkWorld:
    """Where everything is."""

    edge: str
    """The daemon's gRPC address."""
    link: CuttingProxy
    layout: Layout
    roles: LocalRoles


def answer_graph(model: str, *, draft: str = "") -> Graph:
    """Return the graph of one step; ``draft`` is the step's ``draft`` as YAML."""
    drafted = f", draft: {draft}" if draft else ""
    step = f"{{role: assistant, model: {model}, max_tokens: {_MAX_TOKENS}{drafted}}}"
    return parse_graph(f"leeward: graph/v1\nname: answer\nsteps:\n  answer: {step}\n")


@asynccontextmanager
async def running_link(root: Path, *, environment: Mapping[str, str]) -> AsyncIterator[LinkWorld]:
    """Bring everything up; take it down when the block ends.

    Args:
        root: Where files go.
        environment: What the programs inherit.
    """
    layout = Layout(root)
    log = layout.logs / "llm.log"
    async with running_llm(
        weights_path(FAR), context_tokens=_CONTEXT_TOKENS, log=log, environment=environment
    ) as llm:
        inherited = {**environment, API_KEY_VARIABLE: llm.api_key}
        roles = LocalRoles(root, inherited)
        write_layout(
            layout,
            edge_model=EdgeModel(NEAR, weights_path(NEAR), _CONTEXT_TOKENS),
            cloud_model=CloudModel(FAR, llm.model, _CONTEXT_TOKENS, 2.5, 10.0),
            upstream_url=llm.base_url,
            policy_text=_POLICY,
            ports=(0, 0, 0, 0),
        )
        (root / "chat.jinja").write_text(CHAT_TEMPLATE)
        target = {"upstream": "llm", "model": llm.model, "draft_template": "chat.jinja"}
        changes = {
            f"models.{FAR}.targets": [target],
            "upstreams.llm.capabilities": {"repeat_penalty": True, "stream_usage": False},
        }
        edit_yaml(layout.cloud_config, layout.cloud_config, changes)
        try:
            cloud = await roles.serve("cloud", "cloud", layout.cloud_config)
            async with running_proxy(cloud["grpc"]) as link:
                known = {"grpc": link.address, "enrolment": cloud["enrolment"]}
                await enrol_edge(layout, layout.edge_config, known, environment=inherited)
                edge = await roles.serve("edge", "edge", layout.edge_config)
                yield LinkWorld(edge["grpc"], link, layout, roles)
        finally:
            await roles.close()
