"""Who vouches for a graph document: ``document_signature`` over its canonical hash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import Field

from runtime.graph.document import load_graph
from runtime.graph.hash import graph_hash
from runtime.graph.model import Graph
from runtime.identity.document_signature import (
    DIGEST_PATTERN,
    DocumentSignature,
    SignatureShape,
    SignedKind,
    check_signature,
    signature_file_of,
    write_signature,
)
from runtime.identity.signing import SignaturePurpose

__all__ = [
    "SIGNATURE_VERSION",
    "GraphSignature",
    "load_signed_graph",
    "signature_file_of",
    "write_graph_signature",
]

SIGNATURE_VERSION: Final = "graph-signature/v1"
GraphSignature = DocumentSignature


class _GraphSignatureShape(SignatureShape):
    graph_hash: str = Field(pattern=DIGEST_PATTERN)


_KIND: Final = SignedKind(
    "graph", SIGNATURE_VERSION, _GraphSignatureShape, "graph_hash", SignaturePurpose.GRAPH
)


def write_graph_signature(
    graph: Graph,
    graph_file: Path,
    *,
    key: Ed25519PrivateKey,
    provenance: Mapping[str, object],
) -> Path:
    """Sign a graph; return the file, readable by everybody.

    Args:
        graph: What ``graph_file`` holds, or is about to.
        graph_file: The document beside which the signature goes.
        key: Who vouches for it.
        provenance: Where it came from, JSON values; signed with it.

    Raises:
        OSError: The file cannot be written.
    """
    return write_signature(_KIND, graph_hash(graph), graph_file, key=key, provenance=provenance)


def load_signed_graph(
    graph_file: Path, *, signers: Sequence[Ed25519PublicKey] | None
) -> tuple[Graph, GraphSignature | None]:
    """Read a graph and check who vouches for it.

    The graph that is returned is the very one that was checked: the file is read once.

    Raises:
        GraphInvalid: The document cannot be used.
        SignatureInvalid: As ``check_signature`` says.
    """
    graph = load_graph(graph_file)
    return graph, check_signature(_KIND, graph_hash(graph), graph_file, signers=signers)
