"""The model store: only checked files get a name; a manifest that does not fit is none."""

import json
import os
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge.models.incoming import Part
from edge.models.record import StoredModel
from edge.models.store import GatheredFile, ModelStore, Origin, resolve_model_file
from runtime.errors import CapacityExhausted, ModelInvalid, NotFound, NotPermitted
from runtime.testing.fakes import ManualClock

MODEL = (Path(__file__).parents[4] / "reference" / "weights" / "tern-s.gguf").read_bytes()
PART = Part("test", "v1", len(MODEL))


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path, clock=ManualClock(datetime(2026, 11, 24, tzinfo=UTC)))


def put(store: ModelStore, name: str, data: bytes = MODEL, *, sha256: str = "") -> StoredModel:
    with store.incoming(name) as incoming:
        incoming.begin(PART)
        incoming.append(data)
        file = GatheredFile(f"{name}.gguf", incoming, sha256)
        return store.admit(name, [file], Origin("test", "structure"))


def put_folder(store: ModelStore, name: str, **files: bytes) -> StoredModel:
    """Store an ONNX model; its graph comes first."""
    with ExitStack() as stack:
        gathered: list[GatheredFile] = []
        for file, data in files.items():
            part = file if gathered else ""
            incoming = stack.enter_context(store.incoming(name, part=part))
            incoming.begin(PART)
            incoming.append(data)
            gathered.append(GatheredFile(file.replace("_json", ".json"), incoming))
        return store.admit(name, gathered, Origin("test", "structure"))


def test_a_checked_file_is_listed_with_its_manifest(store: ModelStore) -> None:
    stored = put(store, "tern")

    assert store.all() == (stored,)
    assert store.get("tern") == store.verify("tern") == stored
    assert stored.record is not None
    assert stored.record.pulled_at == datetime(2026, 11, 24, tzinfo=UTC)


def test_an_empty_store_lists_nothing_and_makes_nothing(tmp_path: Path, store: ModelStore) -> None:
    assert store.all() == ()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("data", "sha256"), [(MODEL[:-1], ""), (b"", ""), (b"GGUF", ""), (MODEL, "0" * 64)]
)
def test_a_file_that_fails_its_check_is_deleted(
    tmp_path: Path, store: ModelStore, data: bytes, sha256: str
) -> None:
    with pytest.raises(ModelInvalid, match=r"^test: "):
        put(store, "tern", data, sha256=sha256)

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_failed_replacement_leaves_the_old_model(store: ModelStore) -> None:
    before = put(store, "tern")

    with pytest.raises(ModelInvalid):
        put(store, "tern", MODEL[:100])

    assert store.verify("tern") == before


def test_a_partial_file_is_kept_if_its_content_can_be_told_and_dropped_otherwise(
    store: ModelStore,
) -> None:
    for name, validator in (("told", "v1"), ("untold", "")):
        with store.incoming(name) as incoming:
            incoming.begin(Part("test", validator, 10))
            incoming.append(b"12345")

    with store.incoming("told") as told, store.incoming("untold") as untold:
        assert told.resumable("test") == Part("test", "v1", 10)
        assert told.begin(Part("test", "v1", 10)) == 5
        assert told.resumable("another source") is None
        assert untold.resumable("test") is None


def test_a_partial_file_of_other_content_is_dropped(store: ModelStore) -> None:
    with store.incoming("tern") as incoming:
        incoming.begin(Part("test", "v1", 10))
        incoming.append(b"12345")

    with store.incoming("tern") as incoming:
        assert incoming.begin(Part("test", "v2", 10)) == 0


def test_a_removed_model_is_gone(tmp_path: Path, store: ModelStore) -> None:
    put(store, "tern")

    store.remove("tern")

    assert store.find("tern") is None
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    with pytest.raises(NotFound, match="no model tern"):
        store.remove("tern")


@pytest.mark.parametrize("name", ["../tern", "a/b", "", ".hidden", "x.gguf"])
def test_a_name_never_leads_out_of_the_store(store: ModelStore, name: str) -> None:
    with pytest.raises(NotFound, match="no name for a model"):
        store.get(name)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"source": 1}', "\xff"])
def test_an_unreadable_manifest_is_none(store: ModelStore, text: str) -> None:
    stored = put(store, "tern")
    stored.file.with_suffix(".json").write_text(text, encoding="latin-1")

    assert store.get("tern").record is None
    with pytest.raises(ModelInvalid, match="pull it again"):
        store.verify("tern")


def test_a_file_altered_in_the_store_is_found(store: ModelStore) -> None:
    stored = put(store, "tern")
    stored.file.write_bytes(MODEL[:-1] + bytes([MODEL[-1] ^ 1]))

    with pytest.raises(ModelInvalid, match="SHA-256"):
        store.verify("tern")


def test_a_file_of_another_size_does_not_fit_its_manifest(store: ModelStore) -> None:
    stored = put(store, "tern")
    stored.file.write_bytes(MODEL + b"x")

    assert store.get("tern").record is None


def test_room_is_asked_for_with_a_reserve(tmp_path: Path) -> None:
    clock = ManualClock(datetime(2026, 11, 24, tzinfo=UTC))
    store = ModelStore(tmp_path, clock=clock, free=lambda _: 100_000_000)

    store.require_room(10_000_000)

    with pytest.raises(CapacityExhausted, match="90 MB and a reserve are needed, 100 MB are free"):
        store.require_room(90_000_000)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another user's directory")
def test_the_store_of_another_user_is_not_written(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    os.chown(state, 12345, -1)
    store = ModelStore(state, clock=ManualClock(datetime(2026, 11, 24, tzinfo=UTC)))

    with pytest.raises(NotPermitted, match="belongs to another user"):
        put(store, "tern")


@pytest.mark.parametrize(
    ("value", "file"),
    [
        ("tern-s", "/var/state/models/tern-s.gguf"),
        ("qwen2.5-0.5b-q4_k_m", "/var/state/models/qwen2.5-0.5b-q4_k_m.gguf"),
        ("tern-s.gguf", "/etc/leeward/tern-s.gguf"),
        ("./tern-s", "/etc/leeward/tern-s"),
        ("weights/tern-s.gguf", "/etc/leeward/weights/tern-s.gguf"),
        ("/srv/tern-s.GGUF", "/srv/tern-s.GGUF"),
    ],
)
def test_a_configured_file_is_a_path_or_the_name_of_a_pulled_model(value: str, file: str) -> None:
    found = resolve_model_file(value, Path("/var/state"), base=Path("/etc/leeward"))

    assert found == Path(file)


def test_manifests_are_json_for_other_tools(store: ModelStore) -> None:
    stored = put(store, "tern")

    fields = json.loads(stored.file.with_suffix(".json").read_bytes())

    assert sorted(fields) == [
        *("bytes", "checked_by", "files", "pulled_at", "sha256", "signed_by", "source")
    ]
    assert fields["bytes"] == len(MODEL)


GRAPH = (Path(__file__).parents[4] / "reference" / "weights" / "tern-xs.onnx").read_bytes()


def test_a_model_of_several_files_is_a_folder_with_one_record(
    tmp_path: Path, store: ModelStore
) -> None:
    stored = put_folder(store, "tern", **{"tern-xs.onnx": GRAPH, "tokenizer_json": b"{}"})

    assert stored.file == tmp_path / "models" / "tern"
    assert sorted(path.name for path in stored.file.iterdir()) == ["model.onnx", "tokenizer.json"]
    assert stored.size_bytes == len(GRAPH) + 2
    assert store.all() == (store.verify("tern"),)
    assert resolve_model_file("tern", tmp_path) == stored.file
    (stored.file / "tokenizer.json").write_bytes(b"[]")
    with pytest.raises(ModelInvalid, match=r"tokenizer\.json: its SHA-256"):
        store.verify("tern")
    store.remove("tern")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_file_that_is_added_to_a_folder_is_found(store: ModelStore) -> None:
    stored = put_folder(store, "tern", **{"tern-xs.onnx": GRAPH, "tokenizer_json": b"{}"})

    (stored.file / "chat_template.jinja").write_bytes(b"")

    with pytest.raises(ModelInvalid, match=r"chat_template\.jinja"):
        store.verify("tern")


@pytest.mark.parametrize("cut", [0, 1, 100, len(GRAPH) - 1])
def test_a_cut_graph_is_deleted(tmp_path: Path, store: ModelStore, cut: int) -> None:
    with pytest.raises(ModelInvalid, match=r"^test: "):
        put_folder(store, "tern", **{"tern-xs.onnx": GRAPH[:cut], "tokenizer_json": b"{}"})

    assert store.all() == ()
    assert not (tmp_path / "models" / ".incoming" / "tern.part").exists()


def test_a_file_and_a_folder_of_one_name_replace_each_other(
    tmp_path: Path, store: ModelStore
) -> None:
    put(store, "tern")
    folder = put_folder(store, "tern", **{"tern-xs.onnx": GRAPH})
    as_folder = store.all()
    file = put(store, "tern")

    assert as_folder == (folder,)
    assert store.all() == (file,)
    assert [path.name for path in (tmp_path / "models").glob("tern*")] != []
    assert not folder.file.exists()


def test_the_quota_is_kept_and_says_what_to_remove(tmp_path: Path) -> None:
    clock = ManualClock(datetime(2026, 11, 24, tzinfo=UTC))
    store = ModelStore(tmp_path, clock=clock, quota_bytes=5 * len(MODEL) // 2)
    for name in ("first", "second"):
        put(store, name)
        clock.advance(60)
    store.note_use(store.get("first").file)

    with pytest.raises(CapacityExhausted, match="models remove second` removes the longest unused"):
        store.require_room(len(MODEL), name="third")
    with pytest.raises(CapacityExhausted, match="in all; raise it"):
        store.require_room(3 * len(MODEL), name="third")
    store.require_room(len(MODEL), name="second")
    store.require_room(len(MODEL) // 2, name="third")
    with store.incoming("third") as incoming:
        incoming.begin(PART)
        incoming.append(MODEL[:100])
        with pytest.raises(CapacityExhausted):
            store.require_room(len(MODEL) // 2, name="third")


def test_the_last_use_is_remembered_and_removed_with_the_model(
    tmp_path: Path, store: ModelStore
) -> None:
    stored = put(store, "tern")
    elsewhere = tmp_path / "tern.gguf"

    store.note_use(elsewhere)
    before = store.get("tern").last_used_at
    store.note_use(stored.file)
    after = store.get("tern").last_used_at
    store.remove("tern")
    put(store, "tern")

    assert before is None
    assert after == datetime(2026, 11, 24, tzinfo=UTC)
    assert store.get("tern").last_used_at is None
