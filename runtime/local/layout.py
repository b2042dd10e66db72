"""The files of a local stack: configurations, documents and the directory they live in."""

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from runtime.sentinel.tagger.choice import NO_MODEL

__all__ = ["CloudModel", "EdgeModel", "Layout", "write_layout"]

API_KEY_VARIABLE = "LEEWARD_LOCAL_UPSTREAM_KEY"
_PRICES_FROM = date(2026, 1, 1)


@dataclass(frozen=True, slots=True)
class EdgeModel:
    """The small model: a GGUF file."""

    name: str
    file: Path
    context_tokens: int = 0
    is_deterministic: bool = False
    """Whether its text must not depend on what else is asked at the same time."""


@dataclass(frozen=True, slots=True)
class CloudModel:
    """The large model: an alias, and what the provider calls it."""

    name: str
    upstream_model: str
    context_tokens: int = 0
    prompt_usd_per_mtok: float = 0.0
    completion_usd_per_mtok: float = 0.0


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything of one stack is."""

    root: Path

    @property
    def cloud_config(self) -> Path:
        """The gateway's configuration."""
        return self.root / "cloud.yaml"

    @property
    def edge_config(self) -> Path:
        """The edge's configuration."""
        return self.root / "edge.yaml"

    @property
    def token(self) -> Path:
        """The join-token file."""
        return self.root / "join-token.json"

    @property
    def ledger(self) -> Path:
        """The edge's ledger directory."""
        return self.root / "edge-state" / "ledger"

    @property
    def logs(self) -> Path:
        """Output of the processes."""
        return self.root / "logs"

    def ready(self, name: str) -> Path:
        """Where a process writes its addresses once it serves."""
        return self.root / f"{name}.ready.json"


def write_layout(
    layout: Layout,
    *,
    edge_model: EdgeModel,
    cloud_model: CloudModel,
    upstream_url: str,
    policy_text: str,
    ports: tuple[int, int, int, int],
    sentinel_model: str = NO_MODEL,
) -> None:
    """Write the configurations, policy, catalog and graphs of a stack.

    Args:
        layout: Where.
        edge_model: What the edge serves.
        cloud_model: What the gateway serves.
        upstream_url: The provider's base URL.
        policy_text: The policy document.
        ports: Of the edge's gRPC, the edge's HTTP, the gateway and its enrolment; 0 picks one.
        sentinel_model: What reads beside the patterns on the edge: ``none``, ``builtin``, a folder.
    """
    layout.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    edge_grpc, edge_http, cloud_grpc, cloud_enrolment = ports
    price = {
        "valid_from": _PRICES_FROM.isoformat(),
        "prompt_usd_per_mtok": cloud_model.prompt_usd_per_mtok,
        "completion_usd_per_mtok": cloud_model.completion_usd_per_mtok,
    }
    cloud = {
        "leeward": "cloud/v1",
        "listen": f"127.0.0.1:{cloud_grpc}",
        "enrolment": f"127.0.0.1:{cloud_enrolment}",
        "inspection": {"policy": "policy.yaml"},
        "upstreams": {"llm": {"base_url": upstream_url, "api_key_env": API_KEY_VARIABLE}},
        "models": {
            cloud_model.name: {
                "targets": [{"upstream": "llm", "model": cloud_model.upstream_model}],
                "context_tokens": cloud_model.context_tokens,
                "prices": [price],
            }
        },
    }
    edge = {
        "leeward": "edge/v1",
        "listen": f"127.0.0.1:{edge_grpc}",
        "http": f"127.0.0.1:{edge_http}",
        "policy": "policy.yaml",
        "catalog": "catalog.yaml",
        "graphs": "graphs",
        "default_graph": "ask-cloud",
        "models": {
            edge_model.name: {
                "file": str(edge_model.file.resolve()),
                "context_tokens": edge_model.context_tokens,
                "deterministic": edge_model.is_deterministic,
            }
        },
        "sentinel": {"model": sentinel_model},
    }
    catalog = {
        "leeward": "catalog/v1",
        "nodes": {"edge": {"zone": "edge"}, "cloud": {"zone": "cloud"}},
        "models": {
            edge_model.name: {"node": "edge", "context_tokens": edge_model.context_tokens},
            cloud_model.name: {
                "node": "cloud",
                "context_tokens": cloud_model.context_tokens,
                "fallback": edge_model.name,
                "prices": [price],
            },
        },
    }
    _write(layout.cloud_config, cloud)
    _write(layout.edge_config, edge)
    _write(layout.root / "catalog.yaml", catalog)
    (layout.root / "policy.yaml").write_text(policy_text)
    for graph in _graphs(edge_model.name, cloud_model.name):
        _write(layout.root / "graphs" / f"{graph['name']}.yaml", graph)


def _graphs(edge: str, cloud: str) -> list[dict[str, Any]]:
    def assistant(model: str, **more: object) -> dict[str, object]:
        return {"role": "assistant", "model": model, **more}

    def graph(name: str, steps: dict[str, object], edges: list[object]) -> dict[str, Any]:
        return {"leeward": "graph/v1", "name": name, "steps": steps, "edges": edges}

    drawn = {"samples": 3, "sampling": {"temperature": 0.7, "seed": 7}}
    unsure = "near.agreement < 0.7"
    return [
        graph("ask-cloud", {"answer": assistant(cloud)}, []),
        graph("ask-edge", {"answer": assistant(edge)}, []),
        graph(
            "parallel-fuse",
            {
                "near": assistant(edge, **drawn),
                "far": assistant(cloud),
                "final": {"role": "fuser", "model": edge},
            },
            ["near -> final", "far -> final"],
        ),
        graph(
            "ask-far-when-unsure",
            {
                "near": assistant(edge, **drawn),
                "far": assistant(cloud),
                "final": {"role": "fuser", "model": edge},
            },
            ["near -> final", {"from": "near", "to": "far", "when": unsure}, "far -> final"],
        ),
    ]


def _write(path: Path, data: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # JSON is YAML; dumping through JSON first keeps dates and tuples out of the YAML.
    path.write_text(yaml.safe_dump(json.loads(json.dumps(data)), sort_keys=False))
