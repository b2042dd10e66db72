"""Model cards: JSON beside the weights, written by commands and never by hand."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["read_card", "read_fixtures", "update_card", "write_fixtures"]


def read_card(path: Path) -> dict[str, Any]:
    """Read a card; an absent one is empty."""
    if not path.exists():
        return {}
    card: dict[str, Any] = json.loads(path.read_text())
    return card


def update_card(path: Path, facts: Mapping[str, Any]) -> None:
    """Set some of a card's entries and keep the others."""
    card = {**read_card(path), **facts}
    path.write_text(json.dumps(card, indent=1, ensure_ascii=False, sort_keys=True) + "\n")


def read_fixtures(path: Path) -> list[dict[str, Any]]:
    """Read what torch computed for a model's fixture chats."""
    fixtures: list[dict[str, Any]] = json.loads(path.read_text())
    return fixtures


def write_fixtures(path: Path, fixtures: Sequence[Mapping[str, Any]]) -> None:
    """Write fixtures, one a line."""
    lines = ",\n".join(json.dumps(fixture, ensure_ascii=False) for fixture in fixtures)
    path.write_text(f"[\n{lines}\n]\n")
