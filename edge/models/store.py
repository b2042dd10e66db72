"""The models of this device, each a file or a folder of ``<state>/models``, beside its record.

A model gets its name only after it was checked; so whatever is in the store can be served. Knows
nothing of networks and of what a model is for.
"""

import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from edge.models.alone import alone_in
from edge.models.exchange import exchange_files
from edge.models.gguf_check import check_gguf, sha256_of
from edge.models.incoming import Incoming, gathered_bytes
from edge.models.manifest import MANIFEST_SUFFIX, manifest_file_of
from edge.models.onnx_structure import check_onnx_structure
from edge.models.quota import over_quota
from edge.models.record import CheckedBy, PullRecord, StoredModel, read_record, write_record
from edge.models.source import check_model_name, is_model_name
from runtime.clock import Clock
from runtime.errors import CapacityExhausted, ModelInvalid, NotFound, NotPermitted, RequestInvalid
from runtime.private_files import (
    ensure_private_directory,
    sync_directory,
    write_private_file,
)

__all__ = [
    "GatheredFile",
    "ModelStore",
    "Origin",
    "free_bytes",
    "resolve_model_file",
]

_SUFFIX: Final = ".gguf"
_GRAPH_SUFFIX: Final = ".onnx"
_PATH_SUFFIXES: Final = (_SUFFIX, _GRAPH_SUFFIX)
_INCOMING: Final = ".incoming"
_USED: Final = ".used"
_GRAPH: Final = "model.onnx"
"""What the graph of a folder is called here, whatever it was called where it came from."""
_RESERVE_BYTES: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class GatheredFile:
    """A whole file in the incoming place, and what it must be."""

    name: str
    """As it is called where it came from."""
    incoming: Incoming
    sha256: str = ""
    """Expected digest; empty when nobody knows it."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a model came from, and who vouches for it."""

    source: str
    checked_by: CheckedBy
    signed_by: str = ""
    manifest: str = ""
    """Text of its signed manifest, to lie beside it; empty for none."""


def free_bytes(directory: Path) -> int:
    """Return how much an ordinary user may still write where ``directory`` is."""
    return shutil.disk_usage(directory).free


def resolve_model_file(value: str, state: Path, *, base: Path = Path()) -> Path:
    """Return the file or folder that ``models.<name>.file`` of a configuration means.

    Without a slash and without ``.gguf`` or ``.onnx`` it is the name of a pulled model, otherwise
    a path. Of a pulled model it is looked whether it is one file or a folder.

    Args:
        value: As written.
        state: The daemon's state directory.
        base: The directory from which relative paths count.
    """
    if "/" in value or value.lower().endswith(_PATH_SUFFIXES):
        return base / value
    folder = _models_of(state) / value
    return folder if folder.is_dir() else folder.with_name(f"{value}{_SUFFIX}")


class ModelStore:
    """The store in one state directory.

    Args:
        state: The daemon's state directory; the store is made on first use.
        clock: For records.
        free: How much room a directory has, bytes.
        quota_bytes: The most that all models may take; ``None`` sets no bound but the disk.
    """

    def __init__(
        self,
        state: Path,
        *,
        clock: Clock,
        free: Callable[[Path], int] = free_bytes,
        quota_bytes: int | None = None,
    ) -> None:
        self._state = state
        self._directory = _models_of(state)
        self._clock = clock
        self._free = free
        self._quota_bytes = quota_bytes

    def all(self) -> tuple[StoredModel, ...]:
        """Return every stored model, by name."""
        if not self._directory.is_dir():
            return ()
        files = {path.name.removesuffix(_SUFFIX) for path in self._directory.glob(f"*{_SUFFIX}")}
        folders = {path.name for path in self._directory.iterdir() if path.is_dir()}
        names = sorted(name for name in files | folders if is_model_name(name))
        return tuple(model for name in names if (model := self.find(name)) is not None)

    def find(self, name: str) -> StoredModel | None:
        """Return one model, or ``None``."""
        path = self._path(name)
        if not path.is_dir() and not path.is_file():
            return None
        size_bytes = sum(file.stat().st_size for file in _files_in(path))
        record = read_record(self._record_path(name))
        fits = record is not None and record.size_bytes == size_bytes
        return StoredModel(name, path, size_bytes, record if fits else None, self._last_use(name))

    def get(self, name: str) -> StoredModel:
        """Return one model.

        Raises:
            NotFound: There is none of that name.
        """
        found = self.find(name)
        if found is None:
            raise NotFound(f"no model {name} in {self._directory}; `leeward edge models list`")
        return found

    def remove(self, name: str) -> StoredModel:
        """Delete a model; a daemon that serves it keeps its open files until it unloads it.

        Raises:
            NotFound: There is none of that name.
            NotPermitted: The store belongs to another user.
        """
        self.get(name)
        self._prepare()
        with alone_in(self._directory):
            found = self.get(name)
            # The files first: a record alone is nothing, files alone could still be served.
            self._discard(found.file)
            self._record_path(name).unlink(missing_ok=True)
            self._use_path(name).unlink(missing_ok=True)
            sync_directory(self._directory)
            return found

    def exchange(self, name: str, other: str) -> None:
        """Let two models of one file each change names, with their records and manifests.

        ``name`` always is one of both, whole; what a crash leaves undone is ``other``'s alone.

        Raises:
            NotFound: One of them is not there.
            RequestInvalid: One is a folder.
        """
        self._prepare()
        with alone_in(self._directory):
            models = [self.get(one) for one in (name, other)]
            if not all(model.file.is_file() for model in models):
                raise RequestInvalid(f"{name} and {other} must both be one GGUF file")
            for suffix in ("", MANIFEST_SUFFIX):
                exchange_files(*(Path(f"{model.file}{suffix}") for model in models))
            exchange_files(self._record_path(name), self._record_path(other))
            sync_directory(self._directory)

    def verify(self, name: str) -> StoredModel:
        """Read a model whole and compare it with its record and with itself.

        Raises:
            NotFound: There is none of that name.
            ModelInvalid: It was altered or damaged since it was pulled, or has no record.
        """
        found = self.get(name)
        if found.record is None:
            raise ModelInvalid(f"{found.file}: has no record that fits it; pull it again")
        if found.file.is_file():
            check_gguf(found.file, sha256=found.record.sha256)
            return found
        for file in _files_in(found.file):
            if sha256_of(file) != found.record.files.get(file.name):
                raise ModelInvalid(f"{file}: its SHA-256 is not the expected one")
        return found

    def note_use(self, file: Path) -> None:
        """Remember that a model is used now; files outside the store are none of its business."""
        name = file.name.removesuffix(_SUFFIX)
        if file.parent != self._directory or self._path(name) != file:
            return
        with suppress(OSError):  # a full disk must not keep a model from being served
            ensure_private_directory(self._use_path(name).parent)
            write_private_file(self._use_path(name), self._clock.now().isoformat().encode())

    def incoming(self, name: str, *, part: str = "") -> Incoming:
        """Return the place where a file of a model is gathered; enter it to lock it.

        Args:
            name: Of the model.
            part: Which file, of a model that has several; empty for its main one.

        Raises:
            NotPermitted: The store belongs to another user.
        """
        check_model_name(name)
        self._prepare()
        return Incoming(self._directory / _INCOMING, name, part=part)

    def require_room(self, needed_bytes: int, *, name: str = "") -> None:
        """Refuse what would not fit on the disk, or into what models may take of it.

        Args:
            needed_bytes: What is still to come, beside what was gathered of it.
            name: Which model it is; one of that name that is stored will be replaced.

        Raises:
            CapacityExhausted: It would not fit; the text says what could be removed.
        """
        free = self._free(self._directory)
        if needed_bytes + _RESERVE_BYTES > free:
            needed, there = needed_bytes / 1e6, free / 1e6
            reason = f"{needed:,.0f} MB and a reserve are needed, {there:,.0f} MB are free"
            raise CapacityExhausted(f"no room in {self._directory}: {reason}")
        whole_bytes = needed_bytes + gathered_bytes(self._directory / _INCOMING, name)
        self._require_quota(name, whole_bytes)

    def _require_quota(self, name: str, whole_bytes: int) -> None:
        """Refuse a model that has no place beside all others that are stored."""
        if self._quota_bytes is None:
            return
        others = [model for model in self.all() if model.name != name]
        if sum(model.size_bytes for model in others) + whole_bytes > self._quota_bytes:
            raise over_quota(self._quota_bytes, whole_bytes, others)

    def admit(self, name: str, files: Sequence[GatheredFile], origin: Origin) -> StoredModel:
        """Check the gathered files of a model and give it its name; bad ones are deleted.

        Args:
            name: Of the model.
            files: All its files, the one with the weights or the graph first.
            origin: Where it came from.

        Raises:
            ModelInvalid: A file is not what was expected, or the model is not whole.
            CapacityExhausted: Another model took the room meanwhile; what was gathered stays.
        """
        main, *others = files
        sha256 = _checked(main, origin.source, is_main=True)
        noted = {file.name: _checked(file, origin.source, is_main=False) for file in others}
        size_bytes = sum(file.incoming.received_bytes for file in files)
        is_folder = main.name.lower().endswith(_GRAPH_SUFFIX)
        record = PullRecord(
            source=origin.source,
            sha256=sha256,
            size_bytes=size_bytes,
            pulled_at=self._clock.now(),
            checked_by=origin.checked_by,
            signed_by=origin.signed_by,
            files={_GRAPH: sha256, **noted} if is_folder else {},
        )
        with alone_in(self._directory):
            self._require_quota(name, size_bytes)
            # In this order a crash leaves at worst a good model without its record.
            self._record_path(name).unlink(missing_ok=True)
            if is_folder:
                self._place_folder(name, files, origin.manifest)
            else:
                self._place_file(name, main, origin.manifest)
            sync_directory(self._directory)
            write_record(self._record_path(name), record)
            return self.get(name)

    def _place_file(self, name: str, file: GatheredFile, manifest: str) -> None:
        target = self._file_path(name)
        beside = manifest_file_of(target)
        # Never a model beside another one's manifest: without any it is merely unsigned.
        beside.unlink(missing_ok=True)
        file.incoming.move_to(target)
        if manifest:
            write_private_file(beside, manifest.encode())
        self._discard(self._directory / name)

    def _place_folder(self, name: str, files: Sequence[GatheredFile], manifest: str) -> None:
        fresh = self._directory / _INCOMING / f"{name}~fresh"
        self._discard(fresh)
        ensure_private_directory(fresh)
        main, *others = files
        main.incoming.move_to(fresh / _GRAPH)
        for file in others:
            file.incoming.move_to(fresh / file.name)
        if manifest:
            write_private_file(manifest_file_of(fresh / _GRAPH), manifest.encode())
        sync_directory(fresh)
        self._discard(self._directory / name)
        fresh.rename(self._directory / name)
        self._discard(self._file_path(name))

    def _discard(self, path: Path) -> None:
        """Delete a model's file or folder, if it is there, so that no half of it stays."""
        if path.is_dir():
            gone = self._directory / _INCOMING / f"{path.name}~gone"
            shutil.rmtree(gone, ignore_errors=True)
            ensure_private_directory(gone.parent)
            path.rename(gone)
            shutil.rmtree(gone, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
            manifest_file_of(path).unlink(missing_ok=True)

    def _prepare(self) -> None:
        """Make the store, unless it is somebody else's, whose daemon could not read our files."""
        for directory in (self._state, self._directory):
            if directory.exists() and directory.stat().st_uid != os.geteuid():
                raise NotPermitted(f"{directory} belongs to another user; run this as that user")
            ensure_private_directory(directory)

    def _last_use(self, name: str) -> datetime | None:
        try:
            used_at = datetime.fromisoformat(self._use_path(name).read_text(encoding="ascii"))
        except (OSError, ValueError):
            return None
        return used_at if used_at.tzinfo is not None else used_at.replace(tzinfo=UTC)

    def _path(self, name: str) -> Path:
        try:
            check_model_name(name)
        except RequestInvalid as error:
            raise NotFound(str(error)) from None
        return resolve_model_file(name, self._state)

    def _file_path(self, name: str) -> Path:
        return self._directory / f"{name}{_SUFFIX}"

    def _record_path(self, name: str) -> Path:
        return self._directory / f"{name}.json"

    def _use_path(self, name: str) -> Path:
        return self._directory / _USED / name


def _models_of(state: Path) -> Path:
    return state / "models"


def _files_in(path: Path) -> list[Path]:
    """Return the files of a stored model, without its manifest."""
    if path.is_file():
        return [path]
    found = sorted(file for file in path.iterdir() if file.is_file())
    return [file for file in found if file.suffix != MANIFEST_SUFFIX]


def _checked(file: GatheredFile, source: str, *, is_main: bool) -> str:
    """Return the digest of a good file."""
    incoming = file.incoming
    digest = sha256_of(incoming.path)
    if file.sha256 and digest != file.sha256:
        incoming.discard()
        raise ModelInvalid(f"{source}: its SHA-256 is {digest}, expected was {file.sha256}")
    try:
        if file.name.lower().endswith(_GRAPH_SUFFIX):
            check_onnx_structure(incoming.path)
        elif is_main:
            check_gguf(incoming.path)
    except ModelInvalid as error:
        incoming.discard()
        raise ModelInvalid(f"{source}: {str(error).removeprefix(f'{incoming.path}: ')}") from None
    return digest
