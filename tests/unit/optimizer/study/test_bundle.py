"""A bundle is the graph and a signature over it; every change of either is found."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from optimizer.study.bundle import is_bundle_signed, load_or_create_key, write_bundle
from runtime.errors import CertificateInvalid, GraphInvalid, NotFound
from runtime.graph.document import load_graph
from runtime.testing.plans import graph_of

GRAPH = graph_of("near: {role: assistant, model: small}\nfinal: {role: assistant}", "near -> final")


def written(directory: Path, key: Ed25519PrivateKey) -> tuple[Path, Path]:
    return write_bundle(
        directory / "graphs", GRAPH, name="found", key=key, provenance={"study": "one", "seed": 3}
    )


def test_an_edge_loads_the_document_and_passes_over_the_signature(tmp_path: Path) -> None:
    key, _ = load_or_create_key(tmp_path / "key.pem")

    document, signature = written(tmp_path, key)

    graph = load_graph(document)
    assert (graph.name, graph.steps, graph.edges) == ("found", GRAPH.steps, GRAPH.edges)
    assert signature.suffix not in {".yaml", ".yml", ".json"}
    assert is_bundle_signed(document, by=key.public_key())


def test_another_key_did_not_sign_it(tmp_path: Path) -> None:
    document, _ = written(tmp_path, Ed25519PrivateKey.generate())

    assert not is_bundle_signed(document, by=Ed25519PrivateKey.generate().public_key())


def test_a_changed_graph_or_provenance_is_found(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    document, signature = written(tmp_path, key)
    text, signed = document.read_text(), json.loads(signature.read_text())

    document.write_text(text.replace("small", "large"))
    changed_graph = is_bundle_signed(document, by=key.public_key())
    document.write_text(text)
    signature.write_text(json.dumps({**signed, "provenance": {"study": "two", "seed": 3}}))
    changed_provenance = is_bundle_signed(document, by=key.public_key())
    signature.write_text("{}")
    emptied = is_bundle_signed(document, by=key.public_key())

    assert [changed_graph, changed_provenance, emptied] == [False] * 3


def test_a_document_that_was_only_written_differently_is_still_signed(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    document, _ = written(tmp_path, key)

    document.write_text("# deployed by hand\n" + document.read_text())

    assert is_bundle_signed(document, by=key.public_key())


def test_a_missing_signature_is_told(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    document, signature = written(tmp_path, key)
    signature.unlink()

    with pytest.raises(NotFound, match="no signature"):
        is_bundle_signed(document, by=key.public_key())


def test_a_name_that_no_graph_may_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GraphInvalid):
        write_bundle(tmp_path, GRAPH, name="../up", key=Ed25519PrivateKey.generate(), provenance={})

    assert list(tmp_path.iterdir()) == []


def test_a_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "key.pem"

    first, is_new = load_or_create_key(path)
    again, is_new_again = load_or_create_key(path)

    assert (is_new, is_new_again) == (True, False)
    assert first.private_bytes_raw() == again.private_bytes_raw()
    assert path.stat().st_mode & 0o077 == 0


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    load_or_create_key(path)
    path.chmod(0o644)

    with pytest.raises(CertificateInvalid, match="0600"):
        load_or_create_key(path)


def test_a_file_that_is_no_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_text("not a key")
    path.chmod(0o600)

    with pytest.raises(CertificateInvalid, match="does not hold a private key"):
        load_or_create_key(path)
