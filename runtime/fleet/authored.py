"""A desired state as a person writes it: a YAML file that names other files.

Packing reads them, so that what is signed is all that a device will get.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from runtime.documents.document import Document
from runtime.documents.os_reason import os_reason
from runtime.documents.reader import read_document
from runtime.errors import StateInvalid
from runtime.fleet.state import STATE_VERSION, pack_state
from runtime.identity.document_signature import signature_file_of

__all__ = ["pack_file"]

_GRAPH_SUFFIXES: Final = frozenset({".yaml", ".yml", ".json"})


def pack_file(path: Path) -> bytes:
    """Read a state file and all that it names; return the packed form, checked.

    ``policy`` and ``catalog`` name files, ``graphs`` a folder or a list of files, ``manifest`` of a
    model a file; paths count from the state file. A ``.sig`` beside a document comes with it.

    Raises:
        StateInvalid: Names file and field of the first problem.
    """
    document = read_document(path, error=StateInvalid)
    stated = document.data.get("leeward")
    if stated != STATE_VERSION:
        raise document.invalid(f"must say what it is: add the line `leeward: {STATE_VERSION}`")
    data: dict[str, Any] = dict(document.data)
    if isinstance(data.get("base"), Mapping):
        data["base"] = _part(document, ("base",), data["base"], path.parent)
    if isinstance(data.get("overlays"), list):
        data["overlays"] = [
            _part(document, ("overlays", number), overlay, path.parent)
            if isinstance(overlay, Mapping)
            else overlay
            for number, overlay in enumerate(data["overlays"])
        ]
    return pack_state(data, file=str(path))


def _part(
    document: Document, place: tuple[str | int, ...], part: Mapping[str, Any], base: Path
) -> dict[str, Any]:
    packed = dict(part)

    def read(field: tuple[str | int, ...], file: Path) -> str:
        try:
            return file.read_text(encoding="utf-8")
        except OSError as error:
            reason = f"{file} cannot be read: {os_reason(error)}"
            raise document.invalid(reason, (*place, *field)) from None
        except UnicodeDecodeError:
            raise document.invalid(f"{file} is not UTF-8 text", (*place, *field)) from None

    for field in ("policy", "catalog"):
        if isinstance(packed.get(field), str):
            packed[field] = _text(read, (field,), base / packed[field])
    if "graphs" in packed:
        packed["graphs"] = _graphs(read, document, place, packed["graphs"], base)
    if isinstance(packed.get("models"), Mapping):
        packed["models"] = {
            name: _model(read, name, model, base) if isinstance(model, Mapping) else model
            for name, model in packed["models"].items()
        }
    return packed


_Read = Callable[[tuple[str | int, ...], Path], str]


def _text(read: _Read, field: tuple[str | int, ...], file: Path) -> dict[str, str]:
    signature = signature_file_of(file)
    text = {"text": read(field, file)}
    if signature.exists():
        text["signature"] = read(field, signature)
    return text


def _graphs(
    read: _Read, document: Document, place: tuple[str | int, ...], named: Any, base: Path
) -> dict[str, Any]:
    """Pack a folder, a list of files, or a mapping of names to files; null takes one away."""
    if isinstance(named, str):
        folder = base / named
        if not folder.is_dir():
            raise document.invalid(f"{folder} is not a folder", (*place, "graphs"))
        files = [file for file in sorted(folder.iterdir()) if file.suffix in _GRAPH_SUFFIXES]
        wanted: dict[str, Any] = {file.stem: file for file in files}
    elif isinstance(named, list) and all(isinstance(one, str) for one in named):
        wanted = {Path(one).stem: base / one for one in named}
    elif isinstance(named, Mapping):
        wanted = {name: base / one if isinstance(one, str) else one for name, one in named.items()}
    else:
        reason = "must be a folder, a list of files, or names with their files"
        raise document.invalid(reason, (*place, "graphs"))
    return {
        name: _text(read, ("graphs",), file) if isinstance(file, Path) else file
        for name, file in wanted.items()
    }


def _model(read: _Read, name: str, model: Mapping[str, Any], base: Path) -> dict[str, Any]:
    packed = dict(model)
    if isinstance(packed.get("manifest"), str):
        packed["manifest"] = read(("models", name, "manifest"), base / packed["manifest"])
    return packed
