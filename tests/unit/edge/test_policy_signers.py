"""Whose policy a device runs: its signers' where it names some, and never an older one again."""

import json
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.config import EdgeConfig
from edge.documents import load_documents
from edge.policy_revision import remember_revision
from runtime.errors import ConfigInvalid, SignatureInvalid
from runtime.graph.document import load_graph
from runtime.identity.document_signature import signature_file_of
from runtime.identity.graph_signature import write_graph_signature
from runtime.identity.policy_signature import load_signed_policy, write_policy_signature
from runtime.identity.signing_keys import load_or_create_key
from runtime.policy.document import load_policy, parse_policy, policy_hash
from tests.unit.edge.test_documents import FILES
from tests.unit.edge.test_documents import config as graph_config

SIGNERS = "policy_signers: [key.pub.pem]\n"
POLICY = FILES["policy.yaml"]


@pytest.fixture
def device(tmp_path: Path) -> Path:
    (tmp_path / "graphs").mkdir()
    (tmp_path / "edge-state").mkdir()
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    signed(tmp_path, POLICY)
    return tmp_path


def config(device: Path, signers: str = SIGNERS) -> EdgeConfig:
    return graph_config(device, signers=signers)


def signed(device: Path, text: str, key_file: str = "key.pem") -> Path:
    file = device / "policy.yaml"
    file.write_text(text)
    key, _ = load_or_create_key(device / key_file)
    write_policy_signature(load_policy(file), file, key=key, provenance={"by": "operator"})
    return file


def refused(device: Path) -> str:
    with pytest.raises(SignatureInvalid) as caught:
        load_documents(config(device))
    return str(caught.value)


def test_a_policy_that_a_signer_signed_is_loaded_however_it_is_written(device: Path) -> None:
    file = device / "policy.yaml"
    file.write_text("# a comment\n" + POLICY)

    assert load_documents(config(device)).policy == parse_policy(POLICY)


@pytest.mark.parametrize(
    "change",
    [
        ("cloud: public", "cloud: restricted"),
        ("categories: {}", "categories: {person: public}"),
        ("leeward: policy/v1\n", "leeward: policy/v1\nrevision: 3\n"),
        ("leeward: policy/v1\n", "leeward: policy/v1\napprovals: {}\n"),
        ("leeward: policy/v1\n", "leeward: policy/v1\nwhen_unsure: public\n"),
    ],
)
def test_any_other_word_of_the_policy_is_found(device: Path, change: tuple[str, str]) -> None:
    (device / "policy.yaml").write_text(POLICY.replace(*change))

    assert "another policy than policy.yaml holds now" in refused(device)


def test_an_unsigned_policy_and_one_of_another_key_are_refused(device: Path) -> None:
    signed(device, POLICY, "other.pem")
    stranger = refused(device)
    signature_file_of(device / "policy.yaml").unlink()

    assert "nobody who may sign here" in stranger
    assert "is not signed" in refused(device)
    assert "leeward policy sign" in refused(device)


def test_without_signers_a_policy_needs_none_but_a_broken_one_is_refused(device: Path) -> None:
    file = device / "policy.yaml"
    signature = signature_file_of(file)
    data = json.loads(signature.read_text())
    signature.write_text(json.dumps(data | {"provenance": {"by": "somebody"}}))

    with pytest.raises(SignatureInvalid, match="does not fit"):
        load_documents(config(device, ""))
    signature.unlink()
    assert load_documents(config(device, "")).policy == parse_policy(POLICY)


def test_a_graphs_signature_does_not_serve_for_a_policy(device: Path) -> None:
    key, _ = load_or_create_key(device / "key.pem")
    graph = device / "graphs" / "g.yaml"
    write_graph_signature(load_graph(graph), graph, key=key, provenance={})
    signature = json.loads(signature_file_of(graph).read_text())
    signature |= {"leeward": "policy-signature/v1"}
    signature["policy_hash"] = policy_hash(parse_policy(POLICY))
    del signature["graph_hash"]
    signature_file_of(device / "policy.yaml").write_text(json.dumps(signature))

    assert "does not fit" in refused(device)


def test_a_device_does_not_go_back_to_an_older_revision(device: Path) -> None:
    newer = signed(device, f"{POLICY}revision: 7\n")
    remember_revision(load_documents(config(device)).policy, device / "edge-state")
    remember_revision(parse_policy(f"{POLICY}revision: 5\n"), device / "edge-state")
    again = load_documents(config(device)).policy.revision

    signed(device, f"{POLICY}revision: 6\n")
    older = refused(device)
    signed(device, POLICY)

    assert (newer.name, again) == ("policy.yaml", 7)
    assert "is revision 6, but revision 7 ran on this device before" in older
    assert "has no revision" in refused(device)
    assert load_documents(config(device, "")).policy.revision is None


@pytest.mark.parametrize("content", [b"seven", b"\xff", b""])
def test_a_damaged_memory_of_revisions_refuses(device: Path, content: bytes) -> None:
    (device / "edge-state" / "policy-revision").write_bytes(content)

    assert "policy-revision" in refused(device)


def test_a_signers_file_that_is_no_key_is_a_matter_of_configuration(device: Path) -> None:
    with pytest.raises(ConfigInvalid, match="policy_signers"):
        load_documents(config(device, "policy_signers: [policy.yaml]\n"))
    with pytest.raises(ConfigInvalid, match="policy_signers: needs at least 1"):
        config(device, "policy_signers: []\n")


def test_the_signature_names_its_signer_and_is_readable_by_everybody(device: Path) -> None:
    key: Ed25519PrivateKey = load_or_create_key(device / "key.pem")[0]
    _, signature = load_signed_policy(device / "policy.yaml", signers=[key.public_key()])

    assert signature is not None
    assert signature.provenance == {"by": "operator"}
    assert os.stat(signature_file_of(device / "policy.yaml")).st_mode & 0o777 == 0o644
