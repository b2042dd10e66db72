"""A release of the software as it travels: one zip of wheels, and a list of what each must be.

An operator's signed state names the bundle by its SHA-256, so that signature covers every wheel.
The list also says how the release keeps a device's state, which decides whether a device could come
back from it.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field

from runtime.documents.canonical import canonical_json
from runtime.documents.os_reason import os_reason
from runtime.documents.reader import document_from_data
from runtime.documents.shape import Shape, read_shape
from runtime.errors import SoftwareInvalid
from runtime.fleet.state import Digest, LabelText

__all__ = [
    "BUNDLE_VERSION",
    "SCHEMA_FILE",
    "BundleShape",
    "PackedBundle",
    "SchemaShape",
    "pack_bundle",
    "read_bundle",
    "require_way_back",
]

BUNDLE_VERSION: Final = "fleet-software/v1"
SCHEMA_FILE: Final = "edge/software/state_schema.json"
"""Where a wheel of this project says how it keeps a device's state."""
_LIST: Final = "software.json"
_OURS: Final = "leeward-"
_MOST_WHEELS: Final = 256
_MOST_LIST_BYTES: Final = 1 << 18
_CHUNK_BYTES: Final = 1 << 20
_STAMP: Final = (2020, 1, 1, 0, 0, 0)
"""Of every file in a bundle: the same wheels make the same bundle."""
_WHEEL: Final = r"^[A-Za-z0-9][A-Za-z0-9._+!-]*\.whl$"
_Schema = Annotated[int, Field(ge=1, le=1_000_000)]


class SchemaShape(Shape):
    """How a release keeps a device's state: a number that grows with every change of form."""

    writes: _Schema
    reads: list[_Schema] = Field(min_length=1, max_length=100)


class BundleShape(Shape):
    """``software.json`` of a bundle."""

    leeward: str
    version: LabelText
    """Of the ``leeward`` wheel in it."""
    wheels: dict[Annotated[str, Field(pattern=_WHEEL, max_length=200)], Digest] = Field(
        min_length=1, max_length=_MOST_WHEELS
    )
    schema_: SchemaShape = Field(alias="schema")


@dataclass(frozen=True, slots=True)
class PackedBundle:
    """A bundle that was written."""

    sha256: str
    size_bytes: int
    content: BundleShape


def pack_bundle(wheels: Sequence[Path], target: Path) -> PackedBundle:
    """Write a bundle of wheels; one of them is this project's.

    Raises:
        SoftwareInvalid: A wheel is none, none or several are ``leeward``'s, or the bundle cannot
            be written.
    """
    ours = [wheel for wheel in wheels if wheel.name.startswith(_OURS)]
    if len(ours) != 1:
        raise SoftwareInvalid(
            f"needs one wheel of leeward, and was given {len(ours)}", file="bundle"
        )
    try:
        version, schema = _of_wheel(ours[0])
        named = {wheel.name: wheel for wheel in sorted(wheels)}
        content = {
            "leeward": BUNDLE_VERSION,
            "version": version,
            "wheels": {name: _sha256(wheel) for name, wheel in named.items()},
            "schema": schema,
        }
        shape = _checked(content, str(target))
        # Wheels are compressed already.
        with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as bundle:
            bundle.writestr(zipfile.ZipInfo(_LIST, _STAMP), canonical_json(content))
            for name, wheel in named.items():
                with wheel.open("rb") as source, bundle.open(_entry(name), "w") as inside:
                    while chunk := source.read(_CHUNK_BYTES):
                        inside.write(chunk)
        return PackedBundle(_sha256(target), target.stat().st_size, shape)
    except OSError as error:
        raise SoftwareInvalid(os_reason(error), file=str(error.filename or target)) from None


def read_bundle(bundle: zipfile.ZipFile, *, file: str) -> BundleShape:
    """Return what a bundle says of itself; that its wheels are as it says, unpacking finds out.

    Raises:
        SoftwareInvalid: It has no list, or one that cannot be read.
    """
    try:
        entry = bundle.getinfo(_LIST)
        if entry.file_size > _MOST_LIST_BYTES:
            raise SoftwareInvalid("is too large", file=f"{file}/{_LIST}")
        content = json.loads(bundle.read(entry))
    except (KeyError, ValueError, RecursionError, zipfile.BadZipFile, NotImplementedError):
        raise SoftwareInvalid(f"has no {_LIST} that can be read", file=file) from None
    return _checked(content, file)


def require_way_back(running: SchemaShape, other: SchemaShape, *, file: str) -> None:
    """Refuse a release that could not read this device's state, or whose state could not be read.

    Raises:
        SoftwareInvalid: It would be a way of no return.
    """
    if running.writes not in other.reads:
        reason = f"cannot read this device's state: it reads {other.reads}, not {running.writes}"
        raise SoftwareInvalid(reason, file=file, field="schema")
    if other.writes not in running.reads:
        reason = (
            f"writes state {other.writes}, which what runs cannot read, so there would be no way"
            " back; take a release in between that reads both"
        )
        raise SoftwareInvalid(reason, file=file, field="schema")


def _checked(content: object, file: str) -> BundleShape:
    document = document_from_data(content, error=SoftwareInvalid, file=file)
    return read_shape(document, BundleShape, version=BUNDLE_VERSION)


def _of_wheel(wheel: Path) -> tuple[str, object]:
    """Return the version of a wheel of this project, and how it keeps state."""
    try:
        with zipfile.ZipFile(wheel) as inside:
            metadata = next(
                name for name in inside.namelist() if name.endswith(".dist-info/METADATA")
            )
            version = HeaderParser().parsestr(inside.read(metadata).decode()).get("Version", "")
            return version, json.loads(inside.read(SCHEMA_FILE))
    except (StopIteration, KeyError, ValueError, zipfile.BadZipFile):
        reason = f"is no wheel of leeward that a device can be moved to: it lacks {SCHEMA_FILE}"
        raise SoftwareInvalid(reason, file=str(wheel)) from None


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _STAMP)
    entry.compress_type = zipfile.ZIP_STORED
    return entry


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
