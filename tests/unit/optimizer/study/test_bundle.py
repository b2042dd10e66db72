"""A bundle is what an edge loads: a document under its name, and a signature that fits it."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from optimizer.study.bundle import write_bundle
from runtime.errors import GraphInvalid, SignatureInvalid
from runtime.identity.graph_signature import load_signed_graph, signature_file_of
from runtime.testing.plans import graph_of

GRAPH = graph_of("near: {role: assistant, model: small}\nfinal: {role: assistant}", "near -> final")
PROVENANCE = {"study": "one", "seed": 3}


def test_an_edge_loads_the_document_and_finds_its_signature_good(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()

    document, signature = write_bundle(
        tmp_path / "graphs", GRAPH, name="found", key=key, provenance=PROVENANCE
    )

    graph, found = load_signed_graph(document, signers=[key.public_key()])
    assert (graph.name, graph.steps, graph.edges) == ("found", GRAPH.steps, GRAPH.edges)
    assert found is not None
    assert found.provenance == PROVENANCE
    assert signature == signature_file_of(document)
    assert signature.suffix not in {".yaml", ".yml", ".json"}
    assert [file.stat().st_mode & 0o777 for file in (document, signature)] == [0o644, 0o644]


def test_a_bundle_that_was_renamed_inside_is_refused(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    document, _ = write_bundle(tmp_path, GRAPH, name="found", key=key, provenance=PROVENANCE)

    document.write_text(document.read_text().replace("name: found", "name: ask-cloud"))

    with pytest.raises(SignatureInvalid, match="another graph"):
        load_signed_graph(document, signers=[key.public_key()])


def test_a_name_that_no_graph_may_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GraphInvalid):
        write_bundle(tmp_path, GRAPH, name="../up", key=Ed25519PrivateKey.generate(), provenance={})

    assert list(tmp_path.iterdir()) == []
