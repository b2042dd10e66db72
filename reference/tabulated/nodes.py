"""The two nodes that the graphs run on: edge daemons started as subprocesses on loopback.

Both speak ``Inference``, so one of them plays the cloud: its zone is only what the client's
catalog says. As for every local application, the calls to a daemon travel over plain loopback.
Nothing here loads a model or libllama.
"""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from reference.models import CONTEXT_TOKENS
from reference.tabulated.world import zone_of
from reference.weights import weights_path
from reference.weights.store import sha256_of
from runtime.ids import NodeName
from runtime.local.process import LocalProcess
from runtime.policy.model import Zone
from runtime.rpc.channels import ChannelSettings, open_channel
from runtime.rpc.inference_client import InferenceClient

__all__ = ["running_nodes", "weight_files", "weight_hashes"]

_START_S: Final = 120.0
_GRAPH: Final = "direct"
_POLICY: Final = """\
leeward: policy/v1
categories: {person: confidential}
clearance: {edge: restricted, cloud: public}
when_unsure: restricted
"""


def weight_files(models: Sequence[str], folder: Path | None = None) -> dict[str, Path]:
    """Return each model's GGUF file, checked against its checksum.

    Args:
        models: Names of reference models.
        folder: Where weights and checksums lie; the committed ones where None.

    Raises:
        WeightsUnusable: A file is missing or altered.
    """
    if folder is None:
        return {model: weights_path(model) for model in models}
    return {model: weights_path(model, folder=folder) for model in models}


def weight_hashes(files: Mapping[str, Path]) -> dict[str, str]:
    """Return the SHA-256 of each model's file."""
    return {model: sha256_of(path) for model, path in files.items()}


@asynccontextmanager
async def running_nodes(
    files: Mapping[str, Path], root: Path, *, environment: Mapping[str, str]
) -> AsyncIterator[dict[NodeName, InferenceClient]]:
    """Start one daemon per zone that has models; stop them when the block ends.

    Args:
        files: GGUF file of each model.
        root: Directory for configurations, state and logs.
        environment: What the processes inherit.

    Yields:
        A client per node; nodes are called as their zone.

    Raises:
        BackendUnavailable: A daemon did not come up; with its last words.
    """
    by_zone: dict[Zone, dict[str, Path]] = {}
    for model, path in files.items():
        by_zone.setdefault(zone_of(model), {})[model] = path
    async with AsyncExitStack() as stack:
        started = [
            (zone, *await _start(zone, held, root / zone, environment, stack=stack))
            for zone, held in by_zone.items()
        ]
        clients: dict[NodeName, InferenceClient] = {}
        for zone, process, ready in started:
            addresses = await process.wait_ready_file(ready, timeout_s=_START_S)
            channel = open_channel(ChannelSettings(target=addresses["grpc"], tls=None))
            stack.push_async_callback(channel.close)
            clients[NodeName(zone)] = InferenceClient(channel)
        yield clients


async def _start(
    zone: Zone,
    files: Mapping[str, Path],
    root: Path,
    environment: Mapping[str, str],
    *,
    stack: AsyncExitStack,
) -> tuple[LocalProcess, Path]:
    config, ready = _write_config(zone, files, root), root / "ready.json"
    ready.unlink(missing_ok=True)
    leeward = str(Path(sys.executable).with_name("leeward"))
    command = [leeward, "edge", "serve", "--config", str(config), "--ready-file", str(ready)]
    process = await LocalProcess.start(
        f"{zone} daemon", command, log=root / "daemon.log", environment=environment
    )
    stack.push_async_callback(process.stop)
    return process, ready


def _write_config(zone: Zone, files: Mapping[str, Path], root: Path) -> Path:
    """Write the files of one daemon; JSON is YAML."""
    (root / "graphs").mkdir(parents=True, exist_ok=True, mode=0o700)
    edge = {
        "leeward": "edge/v1",
        "name": zone,
        "listen": "127.0.0.1:0",
        "http": "127.0.0.1:0",
        "policy": "policy.yaml",
        "catalog": "catalog.yaml",
        "graphs": "graphs",
        "default_graph": _GRAPH,
        "gateway": None,
        "models": {
            # What a model answers must not depend on what else it is asked, nor on the machine.
            model: {
                "file": str(path.resolve()),
                "context_tokens": CONTEXT_TOKENS,
                "threads": 1,
                "deterministic": True,
            }
            for model, path in files.items()
        },
    }
    catalog = {
        "leeward": "catalog/v1",
        # To itself every daemon is the edge; what it plays is the client's to say.
        "nodes": {zone: {"zone": "edge"}},
        "models": {model: {"node": zone, "context_tokens": CONTEXT_TOKENS} for model in files},
    }
    graph = {
        "leeward": "graph/v1",
        "name": _GRAPH,
        "steps": {"answer": {"role": "assistant", "model": next(iter(files))}},
    }
    (root / "policy.yaml").write_text(_POLICY)
    (root / "catalog.yaml").write_text(json.dumps(catalog))
    (root / "graphs" / f"{_GRAPH}.yaml").write_text(json.dumps(graph))
    path = root / "edge.yaml"
    path.write_text(json.dumps(edge))
    return path
