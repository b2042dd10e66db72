"""The releases on this device's disk: brought here, unpacked, tried once beside what runs."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import zipfile
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any, Final

from edge.models.room import Room
from edge.models.store import free_bytes
from edge.software.launched import Launched
from edge.software.pointer import python_of
from edge.software.schema import state_schema
from edge.software.unpack import unpack
from runtime.errors import CapacityExhausted, SoftwareInvalid
from runtime.fleet.bundle import BundleShape, read_bundle, require_way_back
from runtime.fleet.state import ReleaseShape
from runtime.private_files import ensure_private_directory

__all__ = ["FetchBundle", "Releases"]

_RESERVE_BYTES: Final = 256 << 20
_CHECK_S: Final = 180.0
_UNPACKED_TIMES: Final = 4
"""How much larger than its bundle a release is taken to be."""
_SCRIPT: Final = "from runtime.cli.main import main; main()"


FetchBundle = Callable[[Room, ReleaseShape, Path], Coroutine[Any, Any, None]]
"""Brings a bundle to a path, if there is room; goes on with what is there of it."""


class Releases:
    """The releases of one device.

    Args:
        directory: ``<state>/software``.
        launched: How this daemon was started.
        config: The daemon's configuration file, with which a release is tried.
        free: How much room a directory has, bytes.
    """

    def __init__(
        self,
        directory: Path,
        launched: Launched,
        *,
        config: Path,
        free: Callable[[Path], int] = free_bytes,
    ) -> None:
        self._directory = directory
        self._launched = launched
        self._config = config
        self._free = free

    def has(self, sha256: str) -> bool:
        """Whether a release is unpacked here."""
        return python_of(self._directory, sha256).exists()

    def bundle(self, sha256: str) -> Path:
        """Return where the bundle of a release is gathered."""
        return self._directory / "bundles" / sha256

    def require_room(self, needed_bytes: int, *, name: str = "") -> None:
        """Refuse a bundle that would not fit, unpacked, on the disk.

        Args:
            needed_bytes: What is still to come of it.
            name: Which it is; they are all alike here.

        Raises:
            CapacityExhausted: It would not.
        """
        ensure_private_directory(self._directory)
        free = self._free(self._directory)
        whole_bytes = needed_bytes * _UNPACKED_TIMES + _RESERVE_BYTES
        if whole_bytes > free:
            needed, there = whole_bytes / 1e6, free / 1e6
            reason = f"{needed:,.0f} MB with a reserve are needed, {there:,.0f} MB are free"
            raise CapacityExhausted(f"no room in {self._directory}: {reason}")

    async def admit(self, release: ReleaseShape) -> None:
        """Unpack a bundle that is here, and try whether it starts; what cannot is removed.

        Raises:
            SoftwareInvalid: It is not what was signed for, offers no way back, or does not start.
            OSError: The disk does not take it.
        """
        try:
            await asyncio.to_thread(self._unpack, release)
            await self._try(release)
        except SoftwareInvalid:
            await asyncio.to_thread(self._discard, release.sha256)
            raise
        finally:
            await asyncio.to_thread(self.bundle(release.sha256).unlink, missing_ok=True)

    def remove_others(self, kept: Iterable[str]) -> None:
        """Remove every release but these, and what is left of bundles."""
        names = set(kept)
        for folder in ("releases", "bundles"):
            place = self._directory / folder
            for one in place.iterdir() if place.is_dir() else ():
                if one.name not in names and one.is_dir():
                    shutil.rmtree(one, ignore_errors=True)
                elif folder == "bundles":
                    one.unlink(missing_ok=True)

    def _unpack(self, release: ReleaseShape) -> None:
        file = self.bundle(release.sha256)
        with file.open("rb") as content:
            if hashlib.file_digest(content, "sha256").hexdigest() != release.sha256:
                raise SoftwareInvalid("is not the bundle that was signed for", file=release.source)
        try:
            with zipfile.ZipFile(file) as bundle:
                shape = read_bundle(bundle, file=release.source)
                self._check(shape, release)
                target = python_of(self._directory, release.sha256).parents[1]
                ensure_private_directory(target.parent)
                unpack(bundle, shape, target, installed=self._launched.installed)
        except zipfile.BadZipFile:
            raise SoftwareInvalid("is no bundle that can be read", file=release.source) from None

    def _check(self, shape: BundleShape, release: ReleaseShape) -> None:
        if shape.version != release.version:
            reason = f"is {shape.version}, the state speaks of {release.version}"
            raise SoftwareInvalid(reason, file=release.source, field="version")
        require_way_back(state_schema(), shape.schema_, file=release.source)

    async def _try(self, release: ReleaseShape) -> None:
        """Have the release check this device's configuration, in a process of its own.

        Raises:
            SoftwareInvalid: It does not start, or finds fault.
        """
        process = await asyncio.create_subprocess_exec(
            python_of(self._directory, release.sha256),
            "-I",
            "-c",
            _SCRIPT,
            *("edge", "check", "--config", str(self._config.absolute())),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
        )
        try:
            async with asyncio.timeout(_CHECK_S):
                code = await process.wait()
        except TimeoutError:
            raise SoftwareInvalid("does not start here in time", file=release.source) from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if code != 0:
            reason = f"its `leeward edge check` ends with exit code {code} on this device"
            raise SoftwareInvalid(reason, file=release.source)

    def _discard(self, sha256: str) -> None:
        target = python_of(self._directory, sha256).parents[1]
        shutil.rmtree(target, ignore_errors=True)
