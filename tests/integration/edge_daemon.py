"""A real edge daemon with small models of every kind, for tests of its fronts."""

import datetime
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bench.random_gguf import Shape, write_adapter, write_model
from runtime.testing.local_roles import LocalRoles

__all__ = ["EdgeDaemon", "running_edge", "write_certificates"]

TERN = Path(__file__).parents[2] / "reference" / "weights" / "tern-s.gguf"
SHAPE = Shape(
    layers=2, width=64, heads=2, kv_heads=1, ffn_width=128, vocabulary=512, context_tokens=32768
)
VECTORS = Shape(
    layers=1, width=64, heads=2, kv_heads=1, ffn_width=128, vocabulary=512, context_tokens=256,
    pooling=1,
)  # fmt: skip
FILES = {
    "policy.yaml": """\
leeward: policy/v1
categories: {person: confidential}
clearance: {edge: restricted, cloud: public}
when_unsure: restricted
""",
    "catalog.yaml": """\
leeward: catalog/v1
nodes: {edge: {zone: edge}}
models: {tern-s: {node: edge}, endless: {node: edge}, vectors: {node: edge}}
""",
    "graphs/ask.yaml": (
        "leeward: graph/v1\nname: ask\nsteps: {answer: {role: assistant, model: tern-s}}\n"
    ),
}


@dataclass(frozen=True, slots=True)
class EdgeDaemon:
    """Where it listens, ``host:port``."""

    http: str
    grpc: str


@asynccontextmanager
async def running_edge(root: Path, changes: Mapping[str, Any]) -> AsyncIterator[EdgeDaemon]:
    """Run a daemon until the block ends.

    Its models: ``tern-s``, which answers; ``endless``, which has one slot, writes nonsense and
    never ends by itself, and ``endless+other``, which writes other nonsense; ``vectors``.

    Args:
        root: Where its files go.
        changes: Of its configuration.
    """
    (root / "graphs").mkdir()
    for name, text in FILES.items():
        (root / name).write_text(text)
    write_model(root / "endless.gguf", SHAPE)
    write_adapter(root / "other.gguf", SHAPE)
    write_model(root / "vectors.gguf", VECTORS)
    config = {
        "leeward": "edge/v1",
        "listen": "127.0.0.1:0",
        "http": "127.0.0.1:0",
        "policy": "policy.yaml",
        "catalog": "catalog.yaml",
        "graphs": "graphs",
        "default_graph": "ask",
        "gateway": None,
        "models": {
            "tern-s": {"file": str(TERN), "threads": 1},
            "endless": {
                "file": "endless.gguf",
                "threads": 1,
                "slots": 1,
                "context_tokens": 32768,
                "adapters": {"other": "other.gguf"},
            },
            "vectors": {"file": "vectors.gguf", "threads": 1},
        },
        **changes,
    }
    (root / "edge.yaml").write_text(yaml.safe_dump(config))
    roles = LocalRoles(root, dict(os.environ))
    try:
        addresses = await roles.serve("edge", "edge", root / "edge.yaml")
        yield EdgeDaemon(addresses["http"], addresses["grpc"])
    finally:
        await roles.close()


def write_certificates(root: Path) -> None:
    """Write ``ca.pem``, and certificate and key of ``server`` and ``client``, which it signed."""
    authority = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name.from_rfc4514_string("CN=test authority")
    (root / "ca.pem").write_bytes(_signed(issuer, authority, issuer, authority, is_authority=True))
    for name in ("server", "client"):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name.from_rfc4514_string(f"CN={name}")
        (root / f"{name}.pem").write_bytes(_signed(subject, key, issuer, authority))
        (root / f"{name}-key.pem").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )


def _signed(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    authority: ec.EllipticCurvePrivateKey,
    *,
    is_authority: bool = False,
) -> bytes:
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    )
    return builder.sign(authority, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
