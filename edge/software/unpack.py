"""A bundle becomes an environment that can be started: an interpreter, and the wheels' files.

Wheels are zip files that lie in the packages folder as they are; what a release does not bring
comes from what was installed. Nothing of a release runs here.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sysconfig
import venv
import zipfile
from pathlib import Path, PurePosixPath
from typing import Final

from runtime.errors import SoftwareInvalid
from runtime.fleet.bundle import BundleShape
from runtime.private_files import sync_directory

__all__ = ["packages_of", "unpack"]

_CHUNK_BYTES: Final = 1 << 20
_MOST_BYTES: Final = 8 << 30
_MOST_FILES: Final = 200_000
_LIBRARIES: Final = ("purelib", "platlib")
_FALLBACK: Final = "zz_installed.pth"


def packages_of(environment: Path) -> Path:
    """Return where the packages of an environment lie."""
    variables = {"base": str(environment), "platbase": str(environment)}
    return Path(sysconfig.get_path("purelib", "venv", variables))


def unpack(bundle: zipfile.ZipFile, content: BundleShape, target: Path, *, installed: str) -> None:
    """Make an environment of a bundle, durably: it is there whole, or not at all.

    Args:
        bundle: The open bundle, known to have the hash that was signed for.
        content: What it says of itself.
        target: The environment's folder; what is there already is replaced.
        installed: Folder of the packages that were installed with the launcher.

    Raises:
        SoftwareInvalid: A wheel is not what the list says, or holds what none may.
        OSError: The disk does not take it.
    """
    fresh = target.with_name(f".{target.name}.fresh")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        fresh.mkdir(parents=True, mode=0o700)
        venv.EnvBuilder(symlinks=True, with_pip=False).create(fresh)
        packages = packages_of(fresh)
        left_bytes = _MOST_BYTES
        for name, sha256 in content.wheels.items():
            wheel = _wheel(bundle, name, sha256, fresh / name)
            left_bytes -= _lay_out(wheel, packages, most_bytes=left_bytes)
            wheel.unlink()
        # As `site` reads it: also what the installed packages' own path files name.
        line = f"import site; site.addsitedir({installed!r})\n"
        (packages / _FALLBACK).write_text(line, encoding="utf-8")
        os.sync()  # thousands of files: one by one would take minutes on a slow card
        shutil.rmtree(target, ignore_errors=True)
        fresh.rename(target)
        sync_directory(target.parent)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _wheel(bundle: zipfile.ZipFile, name: str, sha256: str, target: Path) -> Path:
    """Take one wheel out of the bundle, compared with what the list says."""
    digest = hashlib.sha256()
    try:
        with bundle.open(name) as source, target.open("wb") as file:
            while chunk := source.read(_CHUNK_BYTES):
                digest.update(chunk)
                file.write(chunk)
    except (KeyError, zipfile.BadZipFile, NotImplementedError):
        raise SoftwareInvalid("is missing or damaged", file=name) from None
    if digest.hexdigest() != sha256:
        raise SoftwareInvalid("is not the wheel that the list names", file=name)
    return target


def _lay_out(wheel: Path, packages: Path, *, most_bytes: int) -> int:
    """Put a wheel's files into the packages folder; return how many bytes they are."""
    total_bytes = 0
    try:
        with zipfile.ZipFile(wheel) as inside:
            entries = inside.infolist()
            total_bytes = sum(entry.file_size for entry in entries)
            if total_bytes > most_bytes or len(entries) > _MOST_FILES:
                raise SoftwareInvalid("unpacks to more than a release may hold", file=wheel.name)
            for entry in entries:
                place = _place(entry.filename, wheel.name)
                if place is None or entry.is_dir():
                    continue
                file = packages / place
                file.parent.mkdir(parents=True, exist_ok=True)
                with inside.open(entry) as source, file.open("wb") as copy:
                    shutil.copyfileobj(source, copy, _CHUNK_BYTES)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError):
        raise SoftwareInvalid("is no wheel that can be read", file=wheel.name) from None
    return total_bytes


def _place(name: str, wheel: str) -> PurePosixPath | None:
    """Return where a file of a wheel goes; ``None`` for scripts and such, which nobody starts."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or not path.parts:
        raise SoftwareInvalid("holds a file that is not below it", file=wheel)
    if not path.parts[0].endswith(".data"):
        return path
    if len(path.parts) < 3 or path.parts[1] not in _LIBRARIES:
        return None
    return PurePosixPath(*path.parts[2:])
