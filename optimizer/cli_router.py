"""``leeward optimizer router``: learn, from who answered what right, whom to ask."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console
from rich.progress import track

from optimizer.routing.curve import Ranking
from optimizer.routing.fit import SEED, TREES, fit_predictor
from optimizer.routing.outcomes import Outcomes, read_outcomes
from optimizer.routing.unseen import predict_unseen
from runtime.cli.output import JsonOption, make_table, run_command, show
from runtime.errors import RequestInvalid
from runtime.routing.predictor import features_of
from runtime.routing.store import write_predictor

__all__ = ["app"]

app = typer.Typer(
    name="router",
    help="Learn from recorded outcomes which model a prompt needs.",
    no_args_is_help=True,
)


@app.callback()
def group() -> None:
    """Keep ``fit`` a command of a group."""


@app.command()
def fit(
    data: Annotated[Path, typer.Argument(help="CSV file, or a folder of them: prompt, models.")],
    *,
    out: Annotated[Path, typer.Option(help="Folder for the router.")],
    trees: Annotated[int, typer.Option(min=1, max=1_000, help="Size of the forest.")] = TREES,
    as_json: JsonOption = False,
) -> None:
    """Learn a router, and say what it is worth on groups of prompts that it did not see."""

    def work() -> None:
        outcomes = read_outcomes(data)
        features = features_of(outcomes.prompts)
        figures = _figures(outcomes, features, trees)
        predictor = fit_predictor(
            outcomes.models, features, outcomes.right, outcomes.groups, trees=trees
        )
        learned_from = {
            "prompts": len(outcomes.prompts),
            "groups": len(set(outcomes.groups)) if outcomes.is_grouped else None,
            "trees": trees,
            "seed": SEED,
            "unseen": figures,
        }
        try:
            write_predictor(out, predictor, learned_from=learned_from)
        except OSError as failure:
            reason = f"{failure.filename or out} cannot be written: {failure.strerror}"
            raise RequestInvalid(reason) from None
        rows = [(name, *map(_cell, one.values())) for name, one in figures.items()]
        show(
            {"router": str(out), **learned_from},
            make_table(("larger model", "apgr", "longest prompt", "right"), rows),
            f"written to {out}; the figures are for prompts of groups left out",
            as_json=as_json,
        )

    run_command(work, as_json=as_json)


def _figures(
    outcomes: Outcomes, features: npt.NDArray[np.float32], trees: int
) -> dict[str, dict[str, float | None]]:
    """Return, for each model but the cheapest, what telling when to ask it is worth."""
    shown = partial(track, description="learning", console=Console(stderr=True), transient=True)
    predicted = predict_unseen(outcomes, features, trees=trees, shown=shown)
    lengths = np.array([len(prompt) for prompt in outcomes.prompts])
    figures = {}
    for at, model in enumerate(outcomes.models[1:], start=1):
        weak, strong = outcomes.right[:, 0], outcomes.right[:, at]
        scores = {"apgr": predicted[:, at] - predicted[:, 0], "longest_prompt_apgr": lengths}
        figures[model] = {name: _apgr(score, weak, strong) for name, score in scores.items()} | {
            "accuracy": round(float(strong.mean()), 4)
        }
    return figures


def _apgr(
    scores: npt.NDArray[Any], weak: npt.NDArray[np.bool_], strong: npt.NDArray[np.bool_]
) -> float | None:
    """Return the figure; ``None`` where the larger model is no better."""
    try:
        return round(Ranking(scores, weak, strong).curve().apgr, 4)
    except ValueError:
        return None


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
