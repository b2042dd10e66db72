"""What changes for a device when it goes from one state to another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from runtime.fleet.state import Wanted

__all__ = ["Change", "differences"]

Kind = Literal["added", "removed", "changed"]
_SHOWN_DIGITS: Final = 12


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is different."""

    part: str
    """``policy``, ``catalog``, ``graph``, ``model``, ``setting``, ``release``."""
    name: str
    """Of the graph, model or setting; empty for what a device has one of."""
    kind: Kind
    detail: str = ""
    """What it was and will be, short."""


def differences(before: Wanted | None, after: Wanted | None) -> list[Change]:
    """Return every change, in the order of the document.

    Args:
        before: What the device has; ``None`` for its own configuration, of which nothing is known.
        after: What it should have.
    """
    return list(_differences(before or _NOTHING, after or _NOTHING))


_NOTHING: Final = Wanted(None, None, {}, {}, {}, None)


def _differences(before: Wanted, after: Wanted) -> Iterator[Change]:
    yield from _one("policy", before.policy, after.policy)
    yield from _one("catalog", before.catalog, after.catalog)
    yield from _many("graph", before.graphs, after.graphs)
    for change in _many("model", before.models, after.models):
        old, new = before.models.get(change.name), after.models.get(change.name)
        was = old.sha256[:_SHOWN_DIGITS] if old else "-"
        will = new.sha256[:_SHOWN_DIGITS] if new else "-"
        # The same content with other options is fetched by nobody.
        detail = f"{was} -> {will}" if was != will else "options"
        yield Change(change.part, change.name, change.kind, detail)
    for change in _many("setting", before.settings, after.settings):
        values = [part.settings.get(change.name, "-") for part in (before, after)]
        yield Change(change.part, change.name, change.kind, f"{values[0]} -> {values[1]}")
    for change in _one("release", before.release, after.release):
        was = before.release.version if before.release else "-"
        will = after.release.version if after.release else "-"
        yield Change(change.part, change.name, change.kind, f"{was} -> {will}")


def _one(part: str, before: object, after: object) -> Iterator[Change]:
    if before != after:
        yield Change(part, "", _kind(before is None, after is None))


def _many(part: str, before: Mapping[str, object], after: Mapping[str, object]) -> Iterator[Change]:
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            yield Change(part, name, _kind(name not in before, name not in after))


def _kind(is_new: bool, is_gone: bool) -> Kind:
    return "added" if is_new else "removed" if is_gone else "changed"
