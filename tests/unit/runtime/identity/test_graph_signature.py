"""A signature holds for exactly the graph that was signed, by exactly those who may sign."""

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.documents.canonical import canonical_json
from runtime.errors import GraphInvalid, SignatureInvalid
from runtime.graph.document import dump_graph, load_graph
from runtime.graph.hash import graph_hash
from runtime.graph.model import Graph
from runtime.identity.graph_signature import (
    load_signed_graph,
    signature_file_of,
    write_graph_signature,
)
from runtime.identity.signing import SignaturePurpose, sign
from runtime.testing.strategies import graphs

TEXT = """\
leeward: graph/v1
name: found
steps:
  near: {role: assistant, model: small}
  final: {role: fuser, model: small}
edges:
- near -> final
"""
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SIGNERS = (KEY.public_key(),)
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))
PROVENANCE = {"study": "one", "seed": 3, "accuracy": 0.85}


@pytest.fixture
def graph_file(tmp_path: Path) -> Path:
    return signed(tmp_path / "found.yaml", TEXT)


def signed(file: Path, text: str, *, key: Ed25519PrivateKey = KEY) -> Path:
    file.write_text(text)
    write_graph_signature(load_graph(file), file, key=key, provenance=PROVENANCE)
    return file


def change(graph_file: Path, **changes: Any) -> None:
    """Write other values into the signature file; ``None`` drops one."""
    file = signature_file_of(graph_file)
    data = json.loads(file.read_text()) | changes
    file.write_text(json.dumps({key: value for key, value in data.items() if value is not None}))


def refusal(graph_file: Path) -> SignatureInvalid:
    """The refusal of a device that names its signers; one that names none refuses the same."""
    with pytest.raises(SignatureInvalid) as open_to_all:
        load_signed_graph(graph_file, signers=None)
    with pytest.raises(SignatureInvalid) as refused:
        load_signed_graph(graph_file, signers=SIGNERS)
    assert str(open_to_all.value) == str(refused.value)
    return refused.value


def test_a_signed_graph_is_loaded_and_says_who_signed_it_and_where_it_came_from(
    graph_file: Path,
) -> None:
    graph, signature = load_signed_graph(graph_file, signers=(OTHER.public_key(), *SIGNERS))

    assert graph == load_graph(graph_file)
    assert signature is not None
    assert signature.provenance == PROVENANCE
    assert (
        signature.public_key == json.loads(signature_file_of(graph_file).read_text())["public_key"]
    )


def test_a_document_that_was_only_written_differently_is_still_signed(graph_file: Path) -> None:
    graph_file.write_text("# deployed by hand\n" + graph_file.read_text())

    _, signature = load_signed_graph(graph_file, signers=SIGNERS)

    assert signature is not None


def test_without_signers_a_graph_without_signature_is_loaded(graph_file: Path) -> None:
    signature_file_of(graph_file).unlink()

    graph, signature = load_signed_graph(graph_file, signers=None)

    assert (graph.name, signature) == ("found", None)


def test_with_signers_a_missing_signature_is_refused_with_what_to_do(graph_file: Path) -> None:
    signature_file_of(graph_file).unlink()

    with pytest.raises(SignatureInvalid) as refused:
        load_signed_graph(graph_file, signers=SIGNERS)

    assert refused.value.file == str(graph_file)
    assert "found.yaml.sig" in refused.value.reason
    assert "leeward graph sign" in refused.value.reason


def test_an_empty_list_of_signers_is_nobody_and_not_everybody(graph_file: Path) -> None:
    with pytest.raises(SignatureInvalid, match="nobody who may sign"):
        load_signed_graph(graph_file, signers=())


def test_another_key_is_refused_by_name_and_accepted_where_anybody_may_sign(
    tmp_path: Path,
) -> None:
    file = signed(tmp_path / "found.yaml", TEXT, key=OTHER)
    named = json.loads(signature_file_of(file).read_text())["public_key"]

    with pytest.raises(SignatureInvalid) as refused:
        load_signed_graph(file, signers=SIGNERS)
    _, anybody = load_signed_graph(file, signers=None)

    assert named in refused.value.reason
    assert (refused.value.file, refused.value.field) == (
        str(signature_file_of(file)),
        "public_key",
    )
    assert anybody is not None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("model: small}\n  final", "model: large}\n  final"),
        ("role: fuser", "role: assistant"),
        ("name: found", "name: lost"),
        ("near: {", "near: {instruction: Say everything., "),
        ("edges:", "  other: {role: assistant, model: small}\nedges:\n- other -> final"),
    ],
)
def test_a_changed_step_name_role_or_edge_is_found(graph_file: Path, old: str, new: str) -> None:
    assert TEXT.count(old) == 1
    graph_file.write_text(TEXT.replace(old, new))

    error = refusal(graph_file)

    assert error.field == "graph_hash"
    assert "another graph than found.yaml" in error.reason


def test_the_signature_of_another_graph_does_not_serve(tmp_path: Path, graph_file: Path) -> None:
    other = signed(tmp_path / "other.yaml", TEXT.replace("small", "large"))
    signature_file_of(graph_file).write_bytes(signature_file_of(other).read_bytes())

    assert refusal(graph_file).field == "graph_hash"


def test_the_signature_of_another_graph_under_this_ones_hash_does_not_serve(
    tmp_path: Path, graph_file: Path
) -> None:
    other = signed(tmp_path / "other.yaml", TEXT.replace("small", "large"))
    change(graph_file, signature=json.loads(signature_file_of(other).read_text())["signature"])

    error = refusal(graph_file)

    assert error.field == "signature"
    assert "does not fit found.yaml" in error.reason


def test_a_trusted_key_written_over_a_stranger_s_does_not_serve(tmp_path: Path) -> None:
    trusted = signed(tmp_path / "trusted.yaml", TEXT)
    file = signed(tmp_path / "found.yaml", TEXT, key=OTHER)
    named = json.loads(signature_file_of(trusted).read_text())["public_key"]
    change(file, public_key=named)

    assert refusal(file).field == "signature"


@pytest.mark.parametrize("provenance", [{}, {"study": "two"}, PROVENANCE | {"seed": 4}])
def test_a_changed_provenance_is_found(graph_file: Path, provenance: dict[str, Any]) -> None:
    change(graph_file, provenance=provenance)

    assert refusal(graph_file).field == "signature"


def test_a_signature_for_another_purpose_does_not_serve(graph_file: Path) -> None:
    digest = graph_hash(load_graph(graph_file))
    payload = canonical_json({"graph_hash": digest, "provenance": PROVENANCE})
    as_policy = sign(KEY, payload, purpose=SignaturePurpose.POLICY)
    change(graph_file, signature=b64encode(as_policy).decode())

    assert refusal(graph_file).field == "signature"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"valid_for": "ever"}, "valid_for"),
        ({"leeward": "graph-signature/v2"}, "leeward"),
        ({"leeward": None}, ""),
        ({"graph_hash": None}, "graph_hash"),
        ({"provenance": None}, "provenance"),
        ({"public_key": None}, "public_key"),
        ({"signature": None}, "signature"),
        ({"signature": ""}, "signature"),
        ({"signature": "A" * 85 + "B=="}, "signature"),
        ({"public_key": "A" * 40}, "public_key"),
        ({"provenance": []}, "provenance"),
    ],
)
def test_a_signature_file_of_another_form_is_refused_by_field(
    graph_file: Path, changes: dict[str, Any], field: str
) -> None:
    change(graph_file, **changes)

    assert refusal(graph_file).field == field


def test_a_signature_file_cut_anywhere_is_refused(graph_file: Path) -> None:
    whole = signature_file_of(graph_file).read_bytes()
    end = whole.rindex(b"}")

    for length in range(0, end, 13):
        signature_file_of(graph_file).write_bytes(whole[:length])
        refusal(graph_file)


def test_a_signature_that_is_a_link_to_nothing_is_not_a_missing_one(graph_file: Path) -> None:
    signature_file_of(graph_file).unlink()
    signature_file_of(graph_file).symlink_to("gone")

    assert "cannot be read" in refusal(graph_file).reason


def test_a_changed_byte_anywhere_of_the_signature_file_is_found(graph_file: Path) -> None:
    file = signature_file_of(graph_file)
    whole = file.read_bytes()
    meaning = yaml.safe_load(whole)

    for place in range(0, len(whole), 3):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        try:
            load_signed_graph(file.with_suffix(""), signers=SIGNERS)
        except SignatureInvalid:
            continue
        assert yaml.safe_load(file.read_bytes()) == meaning


def test_a_document_that_cannot_be_used_is_refused_as_a_document(graph_file: Path) -> None:
    graph_file.write_text(TEXT + "surprise: 1\n")

    with pytest.raises(GraphInvalid, match="surprise"):
        load_signed_graph(graph_file, signers=SIGNERS)


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab é", max_size=5), inner),
    max_leaves=8,
)


@settings(max_examples=25)
@given(graph=graphs(), provenance=st.dictionaries(st.text("ab-é", max_size=8), JSON_VALUES))
def test_what_was_signed_is_found_good_whatever_the_graph_and_its_provenance(
    tmp_path_factory: pytest.TempPathFactory, graph: Graph, provenance: dict[str, Any]
) -> None:
    file = tmp_path_factory.mktemp("signed") / "g.yaml"
    file.write_text(yaml.safe_dump(dump_graph(graph), sort_keys=False, allow_unicode=True))
    write_graph_signature(graph, file, key=KEY, provenance=provenance)

    loaded, signature = load_signed_graph(file, signers=SIGNERS)

    assert dump_graph(loaded) == dump_graph(graph)
    assert signature is not None
    assert signature.provenance == provenance
