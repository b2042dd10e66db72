"""How this release keeps a device's state; written beside the code, and read by whoever packs it.

The number grows with every change of form that an older release could not read: of ledger, vault,
outbox, identity, pointer or capture. ``reads`` lists all forms that this release can.
"""

from __future__ import annotations

from importlib.resources import files

from runtime.fleet.bundle import SchemaShape

__all__ = ["state_schema"]


def state_schema() -> SchemaShape:
    """Return what this release writes and reads."""
    text = files(__package__ or "edge.software").joinpath("state_schema.json").read_bytes()
    return SchemaShape.model_validate_json(text)
