"""How a bench shows its figures: one JSON object as the last line, or a line for each."""

import json
from collections.abc import Mapping

__all__ = ["show_figures"]


def show_figures(figures: Mapping[str, object], *, as_json: bool) -> None:
    """Print figures to standard output."""
    if as_json:
        print(json.dumps(figures))
    else:
        print("\n".join(f"{name}: {value}" for name, value in figures.items()))
