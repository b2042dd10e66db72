"""Who vouches for a graph document: the file beside it, ``<document>.sig``.

It names the graph by its hash, says where the graph came from, and holds an Ed25519 signature over
both. Knows the file's form and when it is good; who may sign is the caller's to say.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import Field

from runtime.documents.canonical import canonical_json
from runtime.documents.document import Document
from runtime.documents.reader import read_document
from runtime.documents.shape import Shape, read_shape
from runtime.errors import SignatureInvalid
from runtime.graph.document import load_graph
from runtime.graph.hash import graph_hash
from runtime.graph.model import Graph
from runtime.identity.signed_document import (
    PublicKeyText,
    SignatureText,
    require_signature,
    signature_fields,
)
from runtime.identity.signing import SignaturePurpose
from runtime.private_files import write_private_file

__all__ = [
    "SIGNATURE_VERSION",
    "GraphSignature",
    "load_signed_graph",
    "signature_file_of",
    "write_graph_signature",
]

SIGNATURE_VERSION: Final = "graph-signature/v1"


class _SignatureShape(Shape):
    leeward: str
    graph_hash: str = Field(pattern=r"^[0-9a-f]{64}$")
    provenance: dict[str, object]
    public_key: PublicKeyText
    signature: SignatureText


@dataclass(frozen=True, slots=True)
class GraphSignature:
    """A signature that was found good."""

    public_key: str
    """Whose: the raw public key, Base64, as the file has it."""
    provenance: Mapping[str, object]
    """Where the signer says that the graph came from."""


def signature_file_of(graph_file: Path) -> Path:
    """Return where the signature of a graph document is looked for."""
    return graph_file.with_name(f"{graph_file.name}.sig")


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
    payload = _payload(graph_hash(graph), provenance)
    signature = {
        "leeward": SIGNATURE_VERSION,
        "graph_hash": graph_hash(graph),
        "provenance": dict(provenance),
        **signature_fields(key, payload, purpose=SignaturePurpose.GRAPH),
    }
    file = signature_file_of(graph_file)
    write_private_file(file, json.dumps(signature, indent=2).encode() + b"\n")
    file.chmod(0o644)
    return file


def load_signed_graph(
    graph_file: Path, *, signers: Sequence[Ed25519PublicKey] | None
) -> tuple[Graph, GraphSignature | None]:
    """Read a graph and check who vouches for it.

    The graph that is returned is the very one that was checked: the file is read once.

    Args:
        graph_file: The document; its signature is looked for beside it.
        signers: Who may sign. ``None`` asks for no signature; one that is there must be good all
            the same, by whatever key it names.

    Returns:
        The graph, and its signature unless it has none.

    Raises:
        GraphInvalid: The document cannot be used.
        SignatureInvalid: The signature is missing, malformed, of another graph, by nobody in
            ``signers``, or does not fit.
    """
    graph = load_graph(graph_file)
    file = signature_file_of(graph_file)
    if not os.path.lexists(file):  # a dangling link is a signature that cannot be read
        if signers is None:
            return graph, None
        reason = (
            f"is not signed: there is no {file.name} beside it; "
            "add the one that came with it, or sign it (`leeward graph sign`)"
        )
        raise SignatureInvalid(reason, file=str(graph_file))
    document = read_document(file, error=SignatureInvalid)
    return graph, _checked(document, graph, graph_file.name, signers)


def _checked(
    document: Document, graph: Graph, name: str, signers: Sequence[Ed25519PublicKey] | None
) -> GraphSignature:
    shape = read_shape(document, _SignatureShape, version=SIGNATURE_VERSION)
    digest = graph_hash(graph)
    if shape.graph_hash != digest:
        reason = (
            f"is of another graph than {name} holds now; "
            "put both files back as they were signed, or sign again"
        )
        raise document.invalid(reason, ("graph_hash",))
    require_signature(
        document,
        _payload(digest, shape.provenance),
        public_key=shape.public_key,
        signature=shape.signature,
        purpose=SignaturePurpose.GRAPH,
        signers=signers,
        subject=name,
        setting="graph_signers",
    )
    return GraphSignature(shape.public_key, shape.provenance)


def _payload(digest: str, provenance: Mapping[str, object]) -> bytes:
    return canonical_json({"graph_hash": digest, "provenance": dict(provenance)})
