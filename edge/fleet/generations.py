"""States on this device's disk: what was signed, and the files that a daemon reads.

``<state>/fleet/generations/<order>/`` holds the order and the packed state as they came, and beside
them policy, catalog and graphs. The files are written anew from what was signed at every start, so
nothing that somebody changed in between is ever read.
"""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from edge.fleet.pointer import Generation
from runtime.errors import StateInvalid
from runtime.fleet.order import SignedOrder
from runtime.fleet.state import TextShape, Wanted
from runtime.private_files import ensure_private_directory, sync_directory, write_private_file

__all__ = ["Generations", "Taken"]

_ORDER: Final = "order.json"
_STATE: Final = "state.json"


@dataclass(frozen=True, slots=True)
class Taken:
    """An order and its state, as they came."""

    order: SignedOrder
    state: bytes
    """Packed; empty for the device's own configuration."""


class Generations:
    """The states in one state directory.

    Args:
        directory: ``<state>/fleet``.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory / "generations"

    def keep(self, number: int, taken: Taken) -> None:
        """Put an order and its state on the disk, durably.

        Raises:
            OSError: They cannot be written.
        """
        folder = self._folder(number)
        ensure_private_directory(folder)
        order = {
            "content": _text(taken.order.content),
            "public_key": _text(taken.order.public_key),
            "signature": _text(taken.order.signature),
        }
        write_private_file(folder / _STATE, taken.state)
        write_private_file(folder / _ORDER, json.dumps(order).encode())
        sync_directory(self._directory)

    def taken(self, number: int) -> Taken:
        """Return an order and its state; nothing about them is checked.

        Raises:
            StateInvalid: They are not here, or damaged.
        """
        folder = self._folder(number)
        try:
            order = json.loads((folder / _ORDER).read_bytes())
            parts = (_bytes(order[name]) for name in ("content", "public_key", "signature"))
            return Taken(SignedOrder(*parts), (folder / _STATE).read_bytes())
        except (OSError, ValueError, KeyError, TypeError):
            raise StateInvalid("is missing or damaged", file=str(folder)) from None

    def lay_out(self, number: int, wanted: Wanted, models: Mapping[str, Path]) -> dict[str, Any]:
        """Write the files of a state; return what they change in the device's configuration.

        Args:
            number: Of the order.
            wanted: What the device should have.
            models: Where each wanted model lies.

        Returns:
            Keys of ``edge/v1`` with their values; paths are absolute.

        Raises:
            OSError: They cannot be written.
        """
        folder = self._folder(number).absolute()
        changes: dict[str, Any] = dict(wanted.settings)
        for name, text in (("policy", wanted.policy), ("catalog", wanted.catalog)):
            if text is not None:
                file = folder / f"{name}.yaml"
                _write(file, text)
                changes[name] = str(file)
        if wanted.graphs:
            graphs = folder / "graphs"
            shutil.rmtree(graphs, ignore_errors=True)
            ensure_private_directory(graphs)
            for name, text in wanted.graphs.items():
                _write(graphs / f"{name}.yaml", text)
            changes["graphs"] = str(graphs)
        if wanted.models:
            changes["models"] = {
                name: {**model.options, "file": str(models[name]), "sha256": model.sha256}
                for name, model in wanted.models.items()
            }
        sync_directory(folder)
        return changes

    def remove_others(self, kept: Iterable[Generation]) -> None:
        """Remove every state but these."""
        names = {str(generation.order) for generation in kept}
        if self._directory.is_dir():
            for folder in self._directory.iterdir():
                if folder.name not in names:
                    shutil.rmtree(folder, ignore_errors=True)

    def _folder(self, number: int) -> Path:
        return self._directory / str(number)


def _write(file: Path, text: TextShape) -> None:
    write_private_file(file, text.text.encode())
    if text.signature:
        write_private_file(file.with_name(f"{file.name}.sig"), text.signature.encode())


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
