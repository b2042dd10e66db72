"""The model files of this device: ``<state>/models/<name>.gguf``, each beside its manifest.

A file gets its name only after it was checked, in one step; so whatever is in the store can be
served. Knows nothing of networks and of what a model is for.
"""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, get_args

from edge.models.gguf_check import check_gguf, sha256_of
from edge.models.incoming import Incoming
from edge.models.source import check_model_name
from runtime.clock import Clock
from runtime.errors import CapacityExhausted, ModelInvalid, NotFound, NotPermitted, RequestInvalid
from runtime.private_files import (
    ensure_private_directory,
    sync_directory,
    write_private_file,
)

__all__ = ["CheckedBy", "Manifest", "ModelStore", "StoredModel", "free_bytes", "resolve_model_file"]

CheckedBy = Literal["given", "hub", "structure"]
"""What a file was compared with: a digest that a person gave, the hub's, or itself alone."""

_SUFFIX: Final = ".gguf"
_PATH_SUFFIXES: Final = (_SUFFIX, ".onnx")
_INCOMING: Final = ".incoming"
_RESERVE_BYTES: Final = 64 * 1024 * 1024
_MEGABYTE: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Manifest:
    """Where a stored model came from."""

    source: str
    sha256: str
    size_bytes: int
    pulled_at: datetime
    checked_by: CheckedBy


@dataclass(frozen=True, slots=True)
class StoredModel:
    """One model of the store."""

    name: str
    file: Path
    size_bytes: int
    manifest: Manifest | None
    """``None`` when it is missing or does not fit the file: a crash came between the two."""


def free_bytes(directory: Path) -> int:
    """Return how much an ordinary user may still write where ``directory`` is."""
    return shutil.disk_usage(directory).free


def resolve_model_file(value: str, state: Path, *, base: Path = Path()) -> Path:
    """Return the file that ``models.<name>.file`` of a configuration means.

    Without a slash and without ``.gguf`` or ``.onnx`` it is the name of a pulled model, otherwise
    a path. Does not look at the disk.

    Args:
        value: As written.
        state: The daemon's state directory.
        base: The directory from which relative paths count.
    """
    is_name = "/" not in value and not value.lower().endswith(_PATH_SUFFIXES)
    return _models_of(state) / f"{value}{_SUFFIX}" if is_name else base / value


class ModelStore:
    """The store in one state directory.

    Args:
        state: The daemon's state directory; the store is made on first use.
        clock: For manifests.
        free: How much room a directory has, bytes.
    """

    def __init__(
        self, state: Path, *, clock: Clock, free: Callable[[Path], int] = free_bytes
    ) -> None:
        self._state = state
        self._directory = _models_of(state)
        self._clock = clock
        self._free = free

    def all(self) -> tuple[StoredModel, ...]:
        """Return every stored model, by name."""
        if not self._directory.is_dir():
            return ()
        files = sorted(path for path in self._directory.glob(f"*{_SUFFIX}") if path.is_file())
        return tuple(self._stored(path) for path in files)

    def find(self, name: str) -> StoredModel | None:
        """Return one model, or ``None``."""
        path = self._path(name)
        return self._stored(path) if path.is_file() else None

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
        """Delete a model; a daemon that serves it keeps its open file until it unloads it.

        Raises:
            NotFound: There is none of that name.
            NotPermitted: The store belongs to another user.
        """
        found = self.get(name)
        self._prepare()
        # The file first: a manifest alone is nothing, a file alone could still be served.
        found.file.unlink()
        self._manifest_path(name).unlink(missing_ok=True)
        sync_directory(self._directory)
        return found

    def verify(self, name: str) -> StoredModel:
        """Read a model whole and compare it with its manifest and with itself.

        Raises:
            NotFound: There is none of that name.
            ModelInvalid: It was altered or damaged since it was pulled, or has no manifest.
        """
        found = self.get(name)
        if found.manifest is None:
            raise ModelInvalid(f"{found.file}: has no manifest that fits it; pull it again")
        check_gguf(found.file, sha256=found.manifest.sha256)
        return found

    def incoming(self, name: str) -> Incoming:
        """Return the place where a model of this name is gathered; enter it to lock it.

        Raises:
            NotPermitted: The store belongs to another user.
        """
        check_model_name(name)
        self._prepare()
        return Incoming(self._directory / _INCOMING, name)

    def require_room(self, needed_bytes: int) -> None:
        """Refuse what would not fit.

        Raises:
            CapacityExhausted: The disk has less than ``needed_bytes`` and a reserve.
        """
        free = self._free(self._directory)
        if needed_bytes + _RESERVE_BYTES > free:
            needed, there = needed_bytes / _MEGABYTE, free / _MEGABYTE
            reason = f"{needed:,.0f} MB and a reserve are needed, {there:,.0f} MB are free"
            raise CapacityExhausted(f"no room in {self._directory}: {reason}")

    def admit(
        self, incoming: Incoming, *, source: str, sha256: str, checked_by: CheckedBy
    ) -> StoredModel:
        """Check a gathered file and give it its name; a bad one is deleted.

        Args:
            incoming: The whole file.
            source: Where it came from, for the manifest.
            sha256: Its expected digest; empty when nobody knows it.
            checked_by: Who said so.

        Raises:
            ModelInvalid: It is not what was expected, or no whole GGUF file.
        """
        digest = _checked(incoming, source=source, sha256=sha256)
        manifest = Manifest(source, digest, incoming.received_bytes, self._clock.now(), checked_by)
        # In this order a crash leaves at worst a good file without its manifest.
        self._manifest_path(incoming.name).unlink(missing_ok=True)
        incoming.move_to(self._path(incoming.name))
        sync_directory(self._directory)
        write_private_file(self._manifest_path(incoming.name), _manifest_json(manifest))
        return self.get(incoming.name)

    def _prepare(self) -> None:
        """Make the store, unless it is somebody else's, whose daemon could not read our files."""
        for directory in (self._state, self._directory):
            if directory.exists() and directory.stat().st_uid != os.geteuid():
                raise NotPermitted(f"{directory} belongs to another user; run this as that user")
            ensure_private_directory(directory)

    def _stored(self, path: Path) -> StoredModel:
        name = path.name.removesuffix(_SUFFIX)
        size_bytes = path.stat().st_size
        manifest = _read_manifest(self._manifest_path(name))
        fits = manifest is not None and manifest.size_bytes == size_bytes
        return StoredModel(name, path, size_bytes, manifest if fits else None)

    def _path(self, name: str) -> Path:
        try:
            return self._directory / f"{check_model_name(name)}{_SUFFIX}"
        except RequestInvalid as error:
            raise NotFound(str(error)) from None

    def _manifest_path(self, name: str) -> Path:
        return self._directory / f"{name}.json"


def _models_of(state: Path) -> Path:
    return state / "models"


def _checked(incoming: Incoming, *, source: str, sha256: str) -> str:
    """Return the digest of a good file."""
    digest = sha256_of(incoming.path)
    if sha256 and digest != sha256:
        incoming.discard()
        raise ModelInvalid(f"{source}: its SHA-256 is {digest}, expected was {sha256}")
    try:
        check_gguf(incoming.path)
    except ModelInvalid as error:
        incoming.discard()
        raise ModelInvalid(f"{source}: {str(error).removeprefix(f'{incoming.path}: ')}") from None
    return digest


def _manifest_json(manifest: Manifest) -> bytes:
    fields: dict[str, Any] = {
        "source": manifest.source,
        "sha256": manifest.sha256,
        "bytes": manifest.size_bytes,
        "pulled_at": manifest.pulled_at.astimezone(UTC).isoformat(timespec="seconds"),
        "checked_by": manifest.checked_by,
    }
    return json.dumps(fields, indent=2).encode() + b"\n"


def _read_manifest(path: Path) -> Manifest | None:
    try:
        fields = json.loads(path.read_bytes())
        checked_by = fields["checked_by"]
        if checked_by not in get_args(CheckedBy):
            return None
        return Manifest(
            source=str(fields["source"]),
            sha256=str(fields["sha256"]),
            size_bytes=int(fields["bytes"]),
            pulled_at=datetime.fromisoformat(fields["pulled_at"]),
            checked_by=checked_by,
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
