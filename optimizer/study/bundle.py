"""The signed graph bundle: a graph document that an edge loads, and a signature beside it.

``<name>.yaml`` is the document; ``<name>.yaml.sig`` says who vouches for it and where it came
from (``runtime.identity.graph_signature``, which edges check it with).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from runtime.graph.document import check_graph, dump_graph
from runtime.graph.model import Graph
from runtime.identity.graph_signature import write_graph_signature
from runtime.private_files import write_private_file

__all__ = ["write_bundle"]


def write_bundle(
    directory: Path,
    graph: Graph,
    *,
    name: str,
    key: Ed25519PrivateKey,
    provenance: Mapping[str, object],
) -> tuple[Path, Path]:
    """Write a graph and its signature.

    Args:
        directory: Where, such as an edge's directory of graphs.
        graph: What to deploy.
        name: What callers will call it: ``leeward/<name>``.
        key: Who vouches for it.
        provenance: Where it came from; signed with it.

    Returns:
        The document's and the signature's file.

    Raises:
        GraphInvalid: The graph cannot run under that name.
    """
    named = check_graph(replace(graph, name=name))
    document = yaml.safe_dump(dump_graph(named), sort_keys=False, allow_unicode=True)
    directory.mkdir(parents=True, exist_ok=True)
    graph_file = directory / f"{name}.yaml"
    # The signature first: a document without one is what a crash may not leave behind.
    signature_file = write_graph_signature(named, graph_file, key=key, provenance=provenance)
    write_private_file(graph_file, document.encode())
    graph_file.chmod(0o644)
    return graph_file, signature_file
