"""Show measured shares: as a table for a terminal, as JSON for cards, as Markdown for README.md."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from reference.proportion import Proportion

__all__ = ["README", "as_json", "as_markdown", "as_table", "write_readme"]

README: Final = Path(__file__).parent / "README.md"

_BEGIN: Final = "<!-- accuracy: written by `python -m reference.accuracy --write` -->"
_END: Final = "<!-- accuracy: end -->"

Groups = Mapping[str, Proportion]
"""Shares of one model by the name of the questions."""


def as_json(groups: Groups) -> dict[str, Any]:
    """Write shares with their counts and intervals."""
    return {
        name: {
            "right": part.right,
            "count": part.count,
            "share": round(part.share, 4),
            "interval95": [round(bound, 4) for bound in part.interval],
        }
        for name, part in groups.items()
    }


def as_table(found: Mapping[str, Groups]) -> Table:
    """Lay the models side by side for a terminal."""
    table = Table(title="Exact match on held-out questions (Wilson 95 % interval)")
    table.add_column("questions")
    for name in found:
        table.add_column(name, justify="right", no_wrap=True)
    for row in next(iter(found.values())):
        table.add_row(row, *(_written(groups[row]) for groups in found.values()))
    return table


def as_markdown(found: Mapping[str, Groups], cards: Mapping[str, Mapping[str, Any]]) -> str:
    """Lay the models side by side as Markdown, with their sizes; single cells are left out."""
    lines = [
        _row("", found),
        _row("---", ["---:"] * len(found)),
        _row("parameters", [f"{cards[name]['parameters']:,}" for name in found]),
        _row("FLOPs per token", [f"{cards[name]['flops_per_token']:,}" for name in found]),
        _row("file, bytes", [f"{cards[name]['file_bytes']:,}" for name in found]),
        _row("training", [_trained(cards[name]["training"]) for name in found]),
    ]
    rows = [row for row in next(iter(found.values())) if row.count("/") <= 1]
    lines += [_row(row, [_written(groups[row]) for groups in found.values()]) for row in rows]
    return "\n".join(lines)


def write_readme(table: str, path: Path = README) -> None:
    """Replace the table in the README."""
    before, _, rest = path.read_text().partition(_BEGIN)
    after = rest.partition(_END)[2]
    path.write_text(f"{before}{_BEGIN}\n\n{table}\n\n{_END}{after}")


def _row(first: str, cells: Iterable[str]) -> str:
    return f"| {first} | {' | '.join(cells)} |"


def _written(part: Proportion) -> str:
    low, high = part.interval
    return f"{100 * part.share:.1f} % ({100 * low:.0f}-{100 * high:.0f})"


def _trained(training: Mapping[str, Any]) -> str:
    millions = training["tokens"] / 1e6
    return f"{training['steps']:,} steps, {millions:.1f} M tokens, {training['minutes']:.0f} min"
