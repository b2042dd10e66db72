"""The LoRA adapters registered on this device: their versions, which is in use, for what base.

``<state>/adapters/NAME/`` holds ``vN.gguf`` for each version, ``registry.json``, and
``active.gguf``, another name of the version in use, which is what a configuration's ``adapters``
loads. Every version is bound to the SHA-256 of the model that it corrects: with another one it is
not loaded.
"""

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC
from pathlib import Path
from typing import Any, Final

from edge.models.adapter_check import check_adapter
from edge.models.alone import alone_in
from edge.models.gguf_check import sha256_of
from edge.models.hashes import FileHashes
from edge.models.source import check_model_name
from edge.models.store import resolve_model_file
from runtime.clock import Clock
from runtime.errors import ModelInvalid, NotFound
from runtime.private_files import ensure_private_directory, sync_directory, write_private_file

__all__ = ["AdapterRegistry", "AdapterVersion", "RegisteredAdapter", "resolve_adapter_file"]

_FOLDER: Final = "adapters"
_REGISTRY: Final = "registry.json"
_ACTIVE: Final = "active.gguf"
_FORMAT: Final = "adapters/v1"


@dataclass(frozen=True, slots=True)
class AdapterVersion:
    """One version of an adapter."""

    version: int
    sha256: str
    base_model: str
    """How the model was called when the version was registered."""
    base_sha256: str
    rank: int
    tensors: int
    source: str
    dataset: str
    """Which dataset it was trained on, as whoever registered it says."""
    registered_at: str
    gate: str = ""
    """What the gate said when it was last taken into use; empty for never or ungated."""


@dataclass(frozen=True, slots=True)
class RegisteredAdapter:
    """All versions of an adapter."""

    name: str
    versions: tuple[AdapterVersion, ...]
    used: tuple[int, ...] = ()
    """Versions in the order in which they were taken into use; the last one is."""

    @property
    def active(self) -> AdapterVersion | None:
        """The version in use."""
        return self.version(self.used[-1]) if self.used else None

    def version(self, number: int) -> AdapterVersion:
        """Return a version.

        Raises:
            NotFound: There is none of that number.
        """
        for one in self.versions:
            if one.version == number:
                return one
        known = ", ".join(str(one.version) for one in self.versions)
        raise NotFound(f"adapter {self.name} has no version {number}; it has {known}")


def resolve_adapter_file(value: str, state: Path, *, base: Path = Path()) -> Path:
    """Return the file that ``models.MODEL.adapters.NAME`` of a configuration means.

    The name of a registered adapter means its version in use; anything else is read as a model's
    file is.
    """
    folder = state / _FOLDER / value
    if "/" not in value and (folder / _REGISTRY).is_file():
        return folder / _ACTIVE
    return resolve_model_file(value, state, base=base)


class AdapterRegistry:
    """The registry in one state directory.

    Args:
        state: The daemon's state directory; the registry is made on first use.
        clock: For the times of registration.
    """

    def __init__(self, state: Path, *, clock: Clock) -> None:
        self._directory = state / _FOLDER
        self._clock = clock
        self._bases = FileHashes()

    def all(self) -> tuple[RegisteredAdapter, ...]:
        """Return every adapter, by name."""
        found = sorted(self._directory.glob(f"*/{_REGISTRY}"))
        return tuple(self.get(file.parent.name) for file in found)

    def get(self, name: str) -> RegisteredAdapter:
        """Return one adapter.

        Raises:
            NotFound: There is none of that name.
            ModelInvalid: Its registry cannot be read.
        """
        file = self._directory / check_model_name(name) / _REGISTRY
        try:
            return _read(name, json.loads(file.read_bytes()))
        except FileNotFoundError:
            raise NotFound(f"no adapter {name}; `leeward edge adapters list`") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelInvalid(f"{file} is no registry of adapters") from error

    def file_of(self, name: str, version: int) -> Path:
        """Return where a version's weights lie."""
        return self._directory / name / f"v{version}.gguf"

    def register(
        self, name: str, file: Path, *, base_model: str, base: Path, dataset: str = ""
    ) -> AdapterVersion:
        """Take a copy of an adapter as the next version of ``name``; it is not in use yet.

        Args:
            name: Of the adapter.
            file: Its weights.
            base_model: What the model that it corrects is called here.
            base: That model's file.
            dataset: What it was trained on.

        Raises:
            ModelInvalid: It does not fit the model.
        """
        facts = check_adapter(file, base)
        folder = self._directory / check_model_name(name)
        ensure_private_directory(self._directory)
        ensure_private_directory(folder)
        with alone_in(folder):
            known = self._known(name)
            number = max((one.version for one in known.versions), default=0) + 1
            target = self.file_of(name, number)
            shutil.copyfile(file, target)
            target.chmod(0o600)
            made = AdapterVersion(
                version=number,
                sha256=sha256_of(target),
                base_model=base_model,
                base_sha256=self._bases.of(base),
                rank=facts.rank,
                tensors=facts.tensors,
                source=file.name,
                dataset=dataset,
                registered_at=self._clock.now().astimezone(UTC).isoformat(timespec="seconds"),
            )
            self._write(replace(known, versions=(*known.versions, made)))
        return made

    def use(self, name: str, version: int, *, gate: str = "") -> RegisteredAdapter:
        """Take a version into use; the daemon loads it when it next loads the model.

        Args:
            name: Of the adapter.
            version: Which.
            gate: What a gate said of it, for the record.

        Raises:
            NotFound: There is no such adapter or version.
            ModelInvalid: The version's file was altered.
        """
        with alone_in(self._folder_of(name)):
            known = self.get(name)
            chosen = known.version(version)
            versions = tuple(
                replace(one, gate=gate) if one is chosen else one for one in known.versions
            )
            changed = replace(known, versions=versions, used=(*known.used, version))
            self._activate(changed)
            return changed

    def rollback(self, name: str) -> RegisteredAdapter:
        """Take the version into use that was in use before.

        Raises:
            NotFound: None was.
        """
        with alone_in(self._folder_of(name)):
            known = self.get(name)
            earlier = known.used[:-1]
            if not earlier:
                raise NotFound(f"no version of adapter {name} was in use before this one")
            changed = replace(known, used=earlier)
            self._activate(changed)
            return changed

    def require_base(self, adapter: Path, base: Path) -> None:
        """Refuse a registered adapter on another model than it was registered for.

        Args:
            adapter: What is to be loaded; a file that is not of this registry passes.
            base: The model's file.

        Raises:
            ModelInvalid: It was registered for another model, or altered since.
        """
        if adapter.name != _ACTIVE or adapter.parent.parent != self._directory:
            return
        name = adapter.parent.name
        active = self.get(name).active
        if active is None:
            reason = f"no version of adapter {name} is in use; `leeward edge adapters use {name} 1`"
            raise ModelInvalid(reason)
        self._require_whole(adapter, active, base)

    def require_version(self, name: str, version: AdapterVersion, base: Path) -> Path:
        """Return the file of a version that may be loaded with a model.

        Raises:
            ModelInvalid: It was registered for another model, or altered since.
        """
        file = self.file_of(name, version.version)
        self._require_whole(file, version, base)
        return file

    def _require_whole(self, file: Path, version: AdapterVersion, base: Path) -> None:
        if not file.is_file() or sha256_of(file) != version.sha256:
            raise ModelInvalid(f"{file}: is not version {version.version} as it was registered")
        if self._bases.of(base) != version.base_sha256:
            reason = f"was registered for another model than {base.name} is now"
            raise ModelInvalid(f"{file}: {reason}; register one that was trained on it")

    def _folder_of(self, name: str) -> Path:
        self.get(name)
        return self._directory / name

    def _known(self, name: str) -> RegisteredAdapter:
        try:
            return self.get(name)
        except NotFound:
            return RegisteredAdapter(name, ())

    def _activate(self, changed: RegisteredAdapter) -> None:
        """Write who is in use, then give its file the name that is loaded."""
        active = changed.version(changed.used[-1])
        file = self.file_of(changed.name, active.version)
        if not file.is_file() or sha256_of(file) != active.sha256:
            raise ModelInvalid(f"{file}: was altered since it was registered; register it again")
        fresh = file.with_name(".active.gguf")
        fresh.unlink(missing_ok=True)
        os.link(file, fresh)
        self._write(changed)
        # A crash here leaves a file that is not what the registry names, which is not loaded.
        fresh.replace(file.with_name(_ACTIVE))
        sync_directory(file.parent)

    def _write(self, adapter: RegisteredAdapter) -> None:
        data = {
            "leeward": _FORMAT,
            "used": list(adapter.used),
            "versions": [asdict(one) for one in adapter.versions],
        }
        file = self._directory / adapter.name / _REGISTRY
        write_private_file(file, json.dumps(data, indent=1).encode() + b"\n")


def _read(name: str, data: dict[str, Any]) -> RegisteredAdapter:
    if data["leeward"] != _FORMAT:
        raise ValueError(data["leeward"])
    versions: Sequence[AdapterVersion] = [AdapterVersion(**one) for one in data["versions"]]
    used = tuple(int(number) for number in data["used"])
    adapter = RegisteredAdapter(name, tuple(versions), used)
    if used:
        adapter.version(used[-1])
    return adapter
