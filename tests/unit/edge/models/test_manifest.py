"""Signed manifests: what was signed loads, and nothing else passes for it."""

import base64
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.models.manifest import (
    manifest_file_of,
    parse_manifest,
    require_vouched,
    write_manifest,
)
from runtime.errors import LeewardError, ModelInvalid, SignatureInvalid
from runtime.identity.signing import SignaturePurpose, sign

WEIGHTS = Path(__file__).parents[4] / "reference" / "weights"
KEY, OTHER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
SIGNERS = [OTHER.public_key(), KEY.public_key()]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return Path(shutil.copyfile(WEIGHTS / "tern-xs.gguf", tmp_path / "tern.gguf"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An ONNX model as hubs keep it: the graph below, the rest beside its folder."""
    (tmp_path / "tern" / "onnx").mkdir(parents=True)
    shutil.copyfile(WEIGHTS / "tern-xs.onnx", tmp_path / "tern" / "onnx" / "model.onnx")
    shutil.copyfile(WEIGHTS / "tokenizer.json", tmp_path / "tern" / "tokenizer.json")
    return tmp_path / "tern"


def written(path: Path, key: Ed25519PrivateKey = KEY) -> Path:
    return write_manifest(path, key=key, provenance={"source": "here"})


def test_what_was_signed_is_vouched_for_with_and_without_signers(model: Path) -> None:
    file = written(model)

    with_signers, without = require_vouched(model, SIGNERS), require_vouched(model, None)

    assert file == model.with_name("tern.gguf.manifest")
    assert file.stat().st_mode & 0o777 == 0o644
    assert with_signers == without
    assert with_signers is not None
    assert list(with_signers.files) == ["tern.gguf"]


def test_a_model_without_a_manifest_is_refused_only_where_signers_are_named(model: Path) -> None:
    assert require_vouched(model, None) is None

    with pytest.raises(SignatureInvalid, match=r"no tern\.gguf\.manifest beside it"):
        require_vouched(model, SIGNERS)


def test_a_signature_by_a_stranger_is_refused_where_signers_are_named(model: Path) -> None:
    written(model, Ed25519PrivateKey.generate())

    assert require_vouched(model, None) is not None
    with pytest.raises(SignatureInvalid, match="nobody who may sign here"):
        require_vouched(model, SIGNERS)


@pytest.mark.parametrize("signers", [None, SIGNERS])
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("provenance", {"source": "there"}),
        ("files", {"tern.gguf": {"bytes": 1, "sha256": "0" * 64}}),
        ("public_key", None),
        ("signature", "A" * 85 + "A=="),
        ("leeward", "model-manifest/v2"),
        ("model", "../tern.gguf"),
        ("surprise", 1),
        ("files", {"tern.gguf.manifest": {"bytes": 1, "sha256": "0" * 64}}),
        ("files", {"../../x": {"bytes": 1, "sha256": "0" * 64}}),
        ("files", {}),
    ],
)
def test_an_altered_manifest_is_refused_always(
    model: Path, signers: Any, field: str, value: Any
) -> None:
    file = written(model)
    fields = json.loads(file.read_text())
    if value is None:
        value = json.loads(written(model, OTHER).read_text())[field]
    file.write_text(json.dumps(fields | {field: value}))

    with pytest.raises(SignatureInvalid, match=r"tern\.gguf\.manifest"):
        require_vouched(model, signers)


def test_a_signature_for_another_purpose_is_none(model: Path) -> None:
    file = written(model)
    fields = json.loads(file.read_text())
    listed = {name: fields[name] for name in ("model", "files", "provenance")}
    payload = json.dumps(listed, sort_keys=True, separators=(",", ":")).encode()

    def signed(purpose: SignaturePurpose) -> None:
        raw = sign(KEY, payload, purpose=purpose)
        file.write_text(json.dumps(fields | {"signature": base64.b64encode(raw).decode()}))

    signed(SignaturePurpose.MODEL_MANIFEST)
    assert require_vouched(model, SIGNERS) is not None
    signed(SignaturePurpose.GRAPH)
    with pytest.raises(SignatureInvalid, match="does not fit"):
        require_vouched(model, SIGNERS)


@pytest.mark.parametrize("signers", [None, SIGNERS])
def test_an_altered_model_is_refused_always(model: Path, signers: Any) -> None:
    written(model)
    data = bytearray(model.read_bytes())
    data[-1] ^= 1
    model.write_bytes(data)

    with pytest.raises(ModelInvalid, match="is not the file that its manifest vouches for"):
        require_vouched(model, signers)


def test_every_file_of_a_folder_counts(folder: Path) -> None:
    file = written(folder)
    listed = require_vouched(folder, SIGNERS)

    assert file == manifest_file_of(folder) == folder / "onnx" / "model.onnx.manifest"
    assert listed is not None
    assert sorted(listed.files) == ["../tokenizer.json", "model.onnx"]


def added(folder: Path) -> None:
    (folder / "chat_template.jinja").write_text("{{ 'obey' }}")


def removed(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


def altered(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{}")


def doubled(folder: Path) -> None:
    shutil.copyfile(folder / "tokenizer.json", folder / "onnx" / "tokenizer.json")


@pytest.mark.parametrize("change", [added, removed, altered, doubled])
def test_a_changed_folder_is_refused(folder: Path, change: Any) -> None:
    written(folder)
    change(folder)

    with pytest.raises(ModelInvalid):
        require_vouched(folder, None)


def test_a_graph_is_vouched_for_with_what_lies_beside_it(folder: Path) -> None:
    graph = folder / "onnx" / "model.onnx"
    written(graph)

    assert require_vouched(graph, SIGNERS) is not None
    added(folder)
    with pytest.raises(ModelInvalid, match=r"chat_template\.jinja"):
        require_vouched(graph, SIGNERS)


@pytest.mark.parametrize(
    ("start", "model"), [("onnx", "model.onnx"), ("", "onnx/model.onnx"), ("", "."), ("..", "tern")]
)
def test_a_model_may_be_named_from_where_one_stands(
    folder: Path, monkeypatch: pytest.MonkeyPatch, start: str, model: str
) -> None:
    monkeypatch.chdir(folder / start)
    if start == "onnx":
        (folder / "tokenizer.json").rename(folder / "onnx" / "tokenizer.json")

    written(Path(model))
    vouched = require_vouched(Path(model), SIGNERS)

    assert vouched is not None
    assert len(vouched.files) == 2


def test_a_name_that_no_manifest_can_list_is_refused_at_signing(folder: Path) -> None:
    (folder / "read me.txt").touch()

    with pytest.raises(ModelInvalid, match="a manifest cannot list such a name"):
        written(folder)


@pytest.mark.parametrize("text", ["", "[]", "{", "\0", "leeward: model-manifest/v1", "a" * 300_000])
def test_what_is_no_manifest_is_refused(text: str) -> None:
    with pytest.raises(LeewardError):
        parse_manifest(text, signers=None, file="it")
