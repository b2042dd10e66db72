"""The signed graph bundle: a graph document that an edge loads, and a signature beside it.

``<name>.yaml`` is the document; ``<name>.yaml.sig`` says who vouches for it and where it came
from. Edges load the first and pass over the second, whose ending is no document's.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from runtime.documents.canonical import canonical_json
from runtime.errors import CertificateInvalid, NotFound
from runtime.graph.document import check_graph, dump_graph, load_graph
from runtime.graph.hash import graph_hash
from runtime.graph.model import Graph
from runtime.identity.keys import private_key_pem
from runtime.identity.signing import SignaturePurpose, is_signed, sign
from runtime.private_files import is_private, write_private_file

__all__ = ["BUNDLE_VERSION", "is_bundle_signed", "load_or_create_key", "write_bundle"]

BUNDLE_VERSION: Final = "graph-signature/v1"


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
    digest = graph_hash(named)
    payload = _payload(digest, provenance)
    public = key.public_key().public_bytes(
        serialization.Encoding.Raw, serialization.PublicFormat.Raw
    )
    signature = {
        "leeward": BUNDLE_VERSION,
        "graph_hash": digest,
        "provenance": dict(provenance),
        "public_key": base64.b64encode(public).decode(),
        "signature": base64.b64encode(sign(key, payload, purpose=SignaturePurpose.GRAPH)).decode(),
    }
    directory.mkdir(parents=True, exist_ok=True)
    graph_file = directory / f"{name}.yaml"
    signature_file = directory / f"{name}.yaml.sig"
    # The signature first: a document without one is what a crash may not leave behind.
    write_private_file(signature_file, json.dumps(signature, indent=2).encode() + b"\n")
    write_private_file(graph_file, document.encode())
    for file in (signature_file, graph_file):
        file.chmod(0o644)
    return graph_file, signature_file


def is_bundle_signed(graph_file: Path, *, by: Ed25519PublicKey) -> bool:
    """Whether ``by`` signed exactly the graph that the file holds now.

    Raises:
        GraphInvalid: The document cannot be read.
        NotFound: There is no signature beside it.
    """
    signature_file = graph_file.with_name(f"{graph_file.name}.sig")
    try:
        data = json.loads(signature_file.read_text(encoding="utf-8"))
        signature = base64.b64decode(data["signature"], validate=True)
        payload = _payload(graph_hash(load_graph(graph_file)), data["provenance"])
    except FileNotFoundError:
        raise NotFound(f"no signature in {signature_file}") from None
    except (ValueError, KeyError, TypeError):
        return False
    return is_signed(by, payload, purpose=SignaturePurpose.GRAPH, signature=signature)


def load_or_create_key(path: Path) -> tuple[Ed25519PrivateKey, bool]:
    """Return the signing key in ``path`` and whether it was made just now.

    Raises:
        CertificateInvalid: The file is no Ed25519 key, or others may read it.
    """
    if not path.exists():
        key = Ed25519PrivateKey.generate()
        path.parent.mkdir(parents=True, exist_ok=True)
        write_private_file(path, private_key_pem(key))
        return key, True
    if not is_private(path):
        raise CertificateInvalid(f"{path} can be read by others; set its mode to 0600")
    try:
        loaded = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError):
        raise CertificateInvalid(f"{path} does not hold a private key") from None
    if not isinstance(loaded, Ed25519PrivateKey):
        raise CertificateInvalid(f"{path} is not an Ed25519 key")
    return loaded, False


def _payload(digest: str, provenance: Mapping[str, object]) -> bytes:
    return canonical_json({"graph_hash": digest, "provenance": dict(provenance)})
