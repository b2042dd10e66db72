"""The desired state of a fleet: policy, catalog, graphs, models and settings, for whom.

One document holds all of it, overlays for groups, labels and single devices included, so that
nobody can mix parts of two. Knows the packed form, in which every text is inside; the form that a
person writes is ``authored``'s. What a model's options or a setting mean, the edge says.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final, TypeVar

from pydantic import Field

from runtime.documents.canonical import canonical_json
from runtime.documents.names import ModelText, Name
from runtime.documents.reader import document_from_data
from runtime.documents.shape import Shape, read_shape
from runtime.errors import StateInvalid
from runtime.identity.document_signature import DIGEST_PATTERN
from runtime.ids import DeviceId

__all__ = [
    "MAX_STATE_BYTES",
    "SETTINGS",
    "STATE_VERSION",
    "CheckShape",
    "Digest",
    "FleetState",
    "HealthShape",
    "LabelText",
    "ModelShape",
    "PartShape",
    "ReleaseShape",
    "SelectorShape",
    "Target",
    "TextShape",
    "Wanted",
    "pack_state",
    "parse_state",
    "resolve",
    "state_hash",
]

STATE_VERSION: Final = "fleet-state/v1"
MAX_STATE_BYTES: Final = 2 << 20
"""Larger ones are refused unread."""
SETTINGS: Final = frozenset(
    {
        "default_graph",
        "disk_quota_mib",
        "hub",
        "max_priority",
        "max_queue",
        "request_timeout_s",
        "sentinel",
        "sketch_model",
    }
)
"""Keys of ``edge/v1`` that a state may set: nothing that says where a device listens, where it
keeps its state, or whom it trusts."""

_Value = TypeVar("_Value")
Digest = Annotated[str, Field(pattern=DIGEST_PATTERN)]
LabelText = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=63)]
"""Name or value of a label, or the name of a group."""


class TextShape(Shape):
    """A document, inside."""

    text: str = Field(max_length=256 * 1024)
    signature: str = Field(default="", max_length=16 * 1024)
    """Text of the ``.sig`` beside it; empty for none."""


class ModelShape(Shape):
    """A model that a device should run."""

    source: str = Field(min_length=1, max_length=1024)
    """``owner/repo/file.gguf``, a URL, or a path of the device."""
    sha256: Digest
    manifest: str = Field(default="", max_length=64 * 1024)
    """Text of its signed manifest; empty for none."""
    options: dict[str, object] = Field(default={}, max_length=32)
    """Keys of a model in ``edge/v1``, but ``file`` and ``sha256``."""


class ReleaseShape(Shape):
    """The software that a device should run."""

    version: LabelText
    source: str = Field(min_length=1, max_length=1024)
    """Where the bundle is: a URL, or a path of the device."""
    sha256: Digest
    """Of the bundle, a zip of wheels."""


class SelectorShape(Shape):
    """For whom an overlay is: who fits everything that is given."""

    devices: list[LabelText] = Field(default=[], max_length=10_000)
    groups: list[LabelText] = Field(default=[], max_length=100)
    labels: dict[LabelText, LabelText] = Field(default={}, max_length=16)


class PartShape(Shape):
    """Part of a state. Of ``graphs``, ``models`` and ``settings``, null takes one away."""

    policy: TextShape | None = None
    catalog: TextShape | None = None
    graphs: dict[Name, TextShape | None] = Field(default={}, max_length=256)
    models: dict[ModelText, ModelShape | None] = Field(default={}, max_length=64)
    settings: dict[str, object] = Field(default={}, max_length=32)
    release: ReleaseShape | None = None


class OverlayShape(PartShape):
    """What is different for some."""

    for_: SelectorShape = Field(alias="for")


class CheckShape(Shape):
    """A question that a model must answer right before a device trusts the state."""

    model: ModelText
    ask: str = Field(min_length=1, max_length=2000)
    expect: str = Field(default="", max_length=200)
    """What the answer must contain; empty takes any answer."""
    max_tokens: int = Field(default=32, ge=1, le=512)


class HealthShape(Shape):
    """When a device keeps a new state."""

    probation_s: float = Field(default=30.0, ge=0, le=86_400)
    """How long the last good state can still come back by itself."""
    max_failed_share: float = Field(default=0.2, ge=0, le=1)
    """Of the calls in that time; more, and it goes back."""
    min_quality: float = Field(default=1.0, ge=0, le=1)
    """Share of the checks that must pass."""
    needs_edge_plans: bool = False
    """Whether every graph must have a plan without the cloud, where the policy says
    ``cloud_away: edge_only``."""


class _StateShape(Shape):
    leeward: str
    name: Name
    revision: int = Field(ge=1, le=2**53)
    base: PartShape = PartShape()
    overlays: list[OverlayShape] = Field(default=[], max_length=200)
    checks: list[CheckShape] = Field(default=[], max_length=64)
    health: HealthShape = HealthShape()


@dataclass(frozen=True, slots=True)
class FleetState:
    """One version of a desired state."""

    name: str
    revision: int
    base: PartShape
    overlays: tuple[OverlayShape, ...]
    checks: tuple[CheckShape, ...]
    health: HealthShape


@dataclass(frozen=True, slots=True)
class Target:
    """Whom a state is resolved for."""

    device: DeviceId
    groups: frozenset[str] = frozenset()
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one device should have; what is ``None`` or missing stays as it was installed."""

    policy: TextShape | None
    catalog: TextShape | None
    graphs: Mapping[str, TextShape]
    models: Mapping[str, ModelShape]
    settings: Mapping[str, object]
    release: ReleaseShape | None


def parse_state(content: bytes, *, file: str = "") -> FleetState:
    """Read a packed state.

    Raises:
        StateInvalid: It is too large, no JSON, or names field and what is wrong there.
    """
    if len(content) > MAX_STATE_BYTES:
        reason = f"has {len(content):,} bytes; at most {MAX_STATE_BYTES:,} are read"
        raise StateInvalid(reason, file=file)
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        raise StateInvalid("is not JSON", file=file) from None
    document = document_from_data(data, error=StateInvalid, file=file)
    shape = read_shape(document, _StateShape, version=STATE_VERSION)
    for place, part in _parts(shape):
        for name in sorted(part.settings.keys() - SETTINGS):
            known = ", ".join(sorted(SETTINGS))
            reason = f"a fleet cannot set this; what it can: {known}"
            raise document.invalid(reason, (*place, "settings", name))
    return FleetState(
        shape.name,
        shape.revision,
        shape.base,
        tuple(shape.overlays),
        tuple(shape.checks),
        shape.health,
    )


def pack_state(data: Mapping[str, object], *, file: str = "") -> bytes:
    """Return the packed form of a state in which every text is inside, checked.

    Raises:
        StateInvalid: As ``parse_state``.
    """
    content = canonical_json(data)
    parse_state(content, file=file)
    return content


def state_hash(content: bytes) -> str:
    """Return what an order calls a packed state: its SHA-256, hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def resolve(state: FleetState, target: Target) -> Wanted:
    """Return what one device should have.

    Overlays that fit it change the base: first those by label, then by group, then by device; of
    one kind in the order of the document.
    """
    fitting = [overlay for overlay in state.overlays if _fits(overlay.for_, target)]
    parts: list[PartShape] = [state.base, *sorted(fitting, key=_specificity)]
    return Wanted(
        policy=_last([part.policy for part in parts]),
        catalog=_last([part.catalog for part in parts]),
        graphs=_merged([part.graphs for part in parts]),
        models=_merged([part.models for part in parts]),
        settings=_merged([part.settings for part in parts]),
        release=_last([part.release for part in parts]),
    )


def _fits(selector: SelectorShape, target: Target) -> bool:
    if selector.devices and target.device not in selector.devices:
        return False
    if selector.groups and not target.groups.intersection(selector.groups):
        return False
    return all(target.labels.get(name) == value for name, value in selector.labels.items())


def _specificity(overlay: OverlayShape) -> int:
    return 2 if overlay.for_.devices else 1 if overlay.for_.groups else 0


def _last(values: list[_Value | None]) -> _Value | None:
    return next((value for value in reversed(values) if value is not None), None)


def _merged(parts: list[dict[str, _Value | None]]) -> dict[str, _Value]:
    merged: dict[str, _Value] = {}
    for part in parts:
        for name, value in part.items():
            if value is None:
                merged.pop(name, None)
            else:
                merged[name] = value
    return merged


def _parts(shape: _StateShape) -> Iterator[tuple[tuple[str | int, ...], PartShape]]:
    yield ("base",), shape.base
    for number, overlay in enumerate(shape.overlays):
        yield ("overlays", number), overlay
