"""Pulls of models that somebody vouches for, and of models with several files."""

import asyncio
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from edge.egress.pull import PullRequest
from edge.engine.engine import NodeEngine
from edge.models.manifest import require_vouched, write_manifest
from edge.models.record import StoredModel
from edge.models.source import FileSource, HubSource, Source, UrlSource, name_for, parse_source
from edge.models.store import resolve_model_file
from runtime.clock import SystemClock
from runtime.errors import (
    BackendUnavailable,
    CapacityExhausted,
    ModelInvalid,
    RequestInvalid,
    SignatureInvalid,
)
from runtime.ids import ModelName, NodeName
from runtime.ports import ChatMessage, Completion, GenerateRequest, Sampling
from tests.integration.pulling_device import Device

WEIGHTS = Path(__file__).parents[2] / "reference" / "weights"
MODEL = (WEIGHTS / "tern-s.gguf").read_bytes()
GRAPH = (WEIGHTS / "tern-xs.onnx").read_bytes()
TOKENIZER = (WEIGHTS / "tokenizer.json").read_bytes() + b" " * 300_000
KEY = Ed25519PrivateKey.generate()
SIGNERS = [KEY.public_key()]
GGUF, ONNX = HubSource("acme/birds", "tern-s.gguf"), HubSource("acme/birds", "onnx/model.onnx")
Hub = Any  # the fixture's class lives in conftest.py, which is no module to import


def pull(
    device: Device,
    source: Source,
    hub: Hub,
    *,
    signers: Sequence[Ed25519PublicKey] | None = SIGNERS,
    quota_bytes: int | None = None,
    **more: Any,
) -> StoredModel:
    request = PullRequest(source, "tern", endpoint=hub.endpoint, signers=signers, **more)
    return device.pull(request, quota_bytes=quota_bytes)


@pytest.fixture
def device(tmp_path: Path) -> Device:
    return Device(tmp_path / "state")


@pytest.fixture
def published(tmp_path: Path, hub: Hub) -> Path:
    """A GGUF model and an ONNX model, signed, at the hub and on this device."""
    folder = tmp_path / "birds"
    (folder / "onnx").mkdir(parents=True)
    (folder / "tern-s.gguf").write_bytes(MODEL)
    (folder / "onnx" / "model.onnx").write_bytes(GRAPH)
    (folder / "tokenizer.json").write_bytes(TOKENIZER)
    for model in ("tern-s.gguf", "onnx/model.onnx"):
        write_manifest(folder / model, key=KEY, provenance={"source": "test"})
    for file in folder.rglob("*"):
        if file.is_file():
            hub.files[f"acme/birds/{file.relative_to(folder)}"] = file.read_bytes()
    return folder


@pytest.mark.usefixtures("published")
def test_a_signed_model_of_the_hub_is_stored_with_its_manifest(device: Device, hub: Hub) -> None:
    stored = pull(device, GGUF, hub)

    assert stored.record is not None
    assert stored.record.checked_by == "signature"
    assert device.leftovers() == ["tern.gguf", "tern.gguf.manifest", "tern.json"]
    assert require_vouched(stored.file, SIGNERS) is not None


def test_an_unsigned_model_is_refused_before_it_is_downloaded(device: Device, hub: Hub) -> None:
    hub.files["acme/birds/tern-s.gguf"] = MODEL

    with pytest.raises(SignatureInvalid, match=r"no tern-s\.gguf\.manifest beside it"):
        pull(device, GGUF, hub)

    assert hub.downloads() == []
    assert device.leftovers() == []


@pytest.mark.usefixtures("published")
def test_a_model_signed_by_a_stranger_is_refused_before_it_is_downloaded(
    device: Device, hub: Hub
) -> None:
    stranger = [Ed25519PrivateKey.generate().public_key()]

    with pytest.raises(SignatureInvalid, match="nobody who may sign here"):
        pull(device, GGUF, hub, signers=stranger)

    assert [one.path.rpartition(".")[2].partition("?")[0] for one in hub.downloads()] == [
        "manifest"
    ]


@pytest.mark.usefixtures("published")
def test_another_file_than_the_signed_one_is_refused(device: Device, hub: Hub) -> None:
    hub.files["acme/birds/tern-s.gguf"] = (WEIGHTS / "gannet-s.gguf").read_bytes()

    with pytest.raises(ModelInvalid, match="the hub's file has the SHA-256"):
        pull(device, GGUF, hub)

    assert device.leftovers() == []


def test_a_manifest_may_come_by_another_way_and_is_checked_without_signers_too(
    device: Device, hub: Hub, published: Path
) -> None:
    text = (published / "tern-s.gguf.manifest").read_text()
    del hub.files["acme/birds/tern-s.gguf.manifest"]
    url = UrlSource(f"{hub.storage}/acme/birds/tern-s.gguf?key=k")
    broken = json.dumps(json.loads(text) | {"provenance": {}})

    with pytest.raises(SignatureInvalid, match="does not fit"):
        pull(device, url, hub, signers=None, manifest=broken)
    stored = pull(device, url, hub, signers=None, manifest=text)

    assert stored.record is not None
    assert stored.record.checked_by == "manifest"


@pytest.mark.usefixtures("published")
def test_a_url_with_a_query_has_nothing_beside_it(device: Device, hub: Hub) -> None:
    url = UrlSource(f"{hub.storage}/acme/birds/tern-s.gguf?key=k")

    with pytest.raises(RequestInvalid, match="give --manifest"):
        pull(device, url, hub)


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("signers", [None, SIGNERS])
def test_an_onnx_model_comes_with_what_lies_beside_it(
    device: Device, hub: Hub, signers: Any
) -> None:
    stored = pull(device, ONNX, hub, signers=signers)

    assert stored.file == device.state / "models" / "tern"
    assert (stored.file / "model.onnx").read_bytes() == GRAPH
    assert (stored.file / "tokenizer.json").read_bytes() == TOKENIZER
    assert (require_vouched(stored.file, signers) is None) is (signers is None)
    assert stored.record is not None
    assert set(stored.record.files) == {"model.onnx", "tokenizer.json"}


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("signers", [None, SIGNERS])
def test_an_onnx_model_of_a_url_comes_with_what_lies_beside_it(
    device: Device, hub: Hub, signers: Any
) -> None:
    stored = pull(
        device, UrlSource(f"{hub.storage}/acme/birds/onnx/model.onnx"), hub, signers=signers
    )

    assert stored.record is not None
    assert set(stored.record.files) == {"model.onnx", "tokenizer.json"}


def test_a_folder_of_this_device_is_taken_whole(device: Device, hub: Hub, published: Path) -> None:
    (published / "tern-s.gguf").unlink()
    (published / "tern-s.gguf.manifest").unlink()

    stored = pull(device, FileSource(published), hub)

    assert stored.record is not None
    assert stored.record.checked_by == "signature"
    assert (stored.file / "tokenizer.json").read_bytes() == TOKENIZER
    assert hub.asked == []


@pytest.mark.usefixtures("published")
def test_a_pull_of_several_files_goes_on_where_it_ended(device: Device, hub: Hub) -> None:
    hub.cuts = [10**9, 10**9, 200_000, 0, 0, 0, 0]

    with pytest.raises(BackendUnavailable, match="bytes are kept"):
        pull(device, ONNX, hub)
    kept = device.leftovers()
    stored = pull(device, ONNX, hub)

    assert [name for name in kept if name.endswith(".part")] == [
        ".incoming/tern.part",
        ".incoming/tern~tokenizer.json.part",
    ]
    assert hub.downloads()[-1].headers.get("range", "").startswith("bytes=")
    assert (stored.file / "model.onnx").read_bytes() == GRAPH
    assert (stored.file / "tokenizer.json").read_bytes() == TOKENIZER
    assert [name for name in device.leftovers() if "incoming" in name] == []


@pytest.mark.usefixtures("published")
def test_a_missing_file_that_is_signed_for_is_told(device: Device, hub: Hub) -> None:
    del hub.files["acme/birds/tokenizer.json"]

    with pytest.raises(Exception, match=r"tokenizer\.json"):
        pull(device, ONNX, hub)

    assert not (device.state / "models" / "tern").exists()


@pytest.mark.usefixtures("published")
def test_the_quota_is_asked_before_the_download(device: Device, hub: Hub) -> None:
    with pytest.raises(CapacityExhausted, match="`disk_quota_mib` allows"):
        pull(device, GGUF, hub, signers=None, quota_bytes=len(MODEL) - 1)

    assert device.leftovers() == []


def test_what_is_stored_unsigned_does_not_pass_for_the_signed_one(
    device: Device, hub: Hub, published: Path
) -> None:
    alone = Path(shutil.copyfile(published / "tern-s.gguf", published / "alone.gguf"))
    stored = pull(device, FileSource(alone), hub, signers=None)
    assert stored.record is not None

    assert pull(device, GGUF, hub, signers=None, sha256=stored.record.sha256) == stored
    with pytest.raises(SignatureInvalid, match="is not signed"):
        pull(device, GGUF, hub, sha256=stored.record.sha256)


def test_a_replaced_model_keeps_no_manifest_of_the_old_one(
    device: Device, hub: Hub, published: Path, tmp_path: Path
) -> None:
    pull(device, GGUF, hub)
    other = Path(shutil.copyfile(WEIGHTS / "gannet-s.gguf", tmp_path / "other.gguf"))

    pull(device, FileSource(other), hub, signers=None, is_replacing=True)

    assert device.leftovers() == ["tern.gguf", "tern.json"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("hf:acme/birds:onnx/model.onnx", "birds"),
        ("acme/birds/gannet.onnx", "gannet"),
        ("/srv/tern/model.onnx", "tern"),
        ("https://a.example/b/model.onnx", "model"),
    ],
)
def test_a_graph_that_is_called_as_all_are_is_named_after_its_place(text: str, name: str) -> None:
    assert name_for(parse_source(text)) == name


async def test_a_pulled_onnx_model_is_served(device: Device, hub: Hub) -> None:
    stored = await asyncio.to_thread(
        pull, device, FileSource(WEIGHTS / "tern-xs.onnx"), hub, signers=None
    )
    name = ModelName("tern")
    asked = GenerateRequest(name, (ChatMessage("user", "Hello"),), Sampling(max_tokens=2))

    async with NodeEngine(node=NodeName("edge-1"), clock=SystemClock()) as engine:
        await engine.load(name, resolve_model_file("tern", device.state))
        *_, last = [chunk async for chunk in engine.generate(asked)]

    assert isinstance(last, Completion)
    assert stored.record is not None
    assert "tokenizer.json" in stored.record.files
