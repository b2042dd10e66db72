"""The arms of the patterns' benchmark as a Markdown table, put between two marks of a page.

Knows the figures, runs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

__all__ = ["NoSuchBlock", "as_markdown", "write_block"]

_END: Final = "<!-- bench.patterns: end -->"
_HEADS: Final = (
    "arm", "right (95 %)", "points over all-cloud (95 %)", "cost", "asked the cloud", "bytes out",
    "entity leak", "mapping leak", "answered",
)  # fmt: skip
_PAIRED: Final = "two questions"

Arms = Mapping[str, Mapping[str, Any]]


class NoSuchBlock(ValueError):
    """The page has no such pair of marks."""


def as_markdown(arms: Arms) -> str:
    """Lay the arms out, those for single questions first, in each group by accuracy."""
    names = sorted(arms, key=lambda name: (_is_double(arms[name]), -arms[name]["accuracy"], name))
    rows = [_row(name, arms[name], _baseline(arms, arms[name])) for name in names]
    return "\n".join([_line(_HEADS), _line(["---"] * len(_HEADS)), *map(_line, rows)])


def write_block(page: Path, block: str, text: str) -> None:
    """Replace what stands between ``<!-- bench.patterns: BLOCK -->`` and the next end mark.

    Raises:
        NoSuchBlock: The page lacks one of them.
    """
    begin = f"<!-- bench.patterns: {block} -->"
    before, found, rest = page.read_text("utf-8").partition(begin)
    _, ended, after = rest.partition(_END)
    if not found or not ended:
        raise NoSuchBlock(f"{page} has no {begin} with {_END} behind it")
    page.write_text(f"{before}{begin}\n\n{text}\n\n{_END}{after}", "utf-8")


def _row(name: str, arm: Mapping[str, Any], cloud: Mapping[str, Any]) -> list[str]:
    gained = arm.get("minus_all_cloud")
    shown = f"`{name}`" if gained else f"{name}, in the clear"
    if _is_double(arm) and _PAIRED not in name:
        shown += f" ({_PAIRED})"
    return [
        shown,
        f"{_percent(arm['accuracy'], 1)} {_range(arm['accuracy_interval'])}",
        f"{_points(gained['difference'])} ({_to(gained['interval'])})" if gained else "",
        f"{arm['usd_per_thousand'] / cloud['usd_per_thousand']:.2f}",
        _percent(arm["share_leaving"]),
        f"{arm['bytes_leaving']:.0f}",
        _percent(arm["entity_leak"]),
        _percent(arm["mapping_leak"]),
        _answered(arm),
    ]


def _answered(arm: Mapping[str, Any]) -> str:
    asked = arm["share_asked_a_person"]
    if asked:
        return f"a person {_percent(asked)}"
    if arm["share_answered"] == 1:
        return "refused some" if "refused" in arm["failures"] else "all"
    right = _percent(arm["accuracy_answered"])
    return f"{_percent(arm['share_answered'])}, of these {right} right"


def _baseline(arms: Arms, arm: Mapping[str, Any]) -> Mapping[str, Any]:
    return arms[f"all-cloud ({_PAIRED})" if _is_double(arm) else "all-cloud"]


def _is_double(arm: Mapping[str, Any]) -> bool:
    return bool(arm["questions"] > arm["tasks"])


def _percent(share: float, digits: int = 0) -> str:
    return f"{100 * share:.{digits}f}%"


def _range(bounds: tuple[float, float]) -> str:
    return f"({100 * bounds[0]:.0f}-{100 * bounds[1]:.0f})"


def _points(share: float) -> str:
    return f"{100 * share:+.1f}"


def _to(bounds: tuple[float, float]) -> str:
    return " to ".join(map(_points, bounds))


def _line(cells: tuple[str, ...] | list[str]) -> str:
    return f"| {' | '.join(cells)} |"
