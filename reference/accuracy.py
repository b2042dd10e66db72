"""Measure the reference models: ``python -m reference.accuracy``.

Every model answers the same held-out questions greedily, each behind a server of its own.
``--write`` stores the result in the models' cards and in the README's table.
"""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from reference import tables
from reference.cards import read_card, update_card
from reference.measuring import Measured, report_examples, run
from reference.serving import serving
from reference.weights import published_models, weights_path
from reference.weights.store import FOLDER

__all__ = ["main", "measure"]

_DEFAULT_QUESTIONS: Final = 360
_SERVERS_AT_ONCE: Final = 2


def measure(names: list[str], count: int, progress: Progress) -> dict[str, Measured]:
    """Measure models by name on ``count`` plain questions and their other formats."""
    examples = report_examples(count)
    paths = {name: weights_path(name) for name in names}
    bars = {name: progress.add_task(name, total=len(examples)) for name in names}
    lock = threading.Lock()

    def one(name: str) -> Measured:
        def tick() -> None:
            with lock:
                progress.advance(bars[name])

        with serving(paths[name]) as generate:
            return run(generate, examples, tick)

    with ThreadPoolExecutor(_SERVERS_AT_ONCE) as pool:
        return dict(zip(names, pool.map(one, names), strict=True))


def main(
    models: Annotated[str, typer.Option(help="Comma-separated names; all if absent.")] = "",
    questions: Annotated[int, typer.Option(min=1, help="Plain questions.")] = _DEFAULT_QUESTIONS,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    write: Annotated[bool, typer.Option(help="Store the result in cards and README.")] = False,
) -> None:
    """Measure exact-match accuracy on held-out questions."""
    names = [name.strip() for name in models.split(",") if name.strip()] or published_models()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as progress:
        results = measure(names, questions, progress)
    found = {name: measured.groups() for name, measured in results.items()}
    if write:
        for name, groups in found.items():
            update_card(FOLDER / f"{name}.json", {"accuracy": tables.as_json(groups)})
        cards = {name: read_card(FOLDER / f"{name}.json") for name in names}
        tables.write_readme(tables.as_markdown(found, cards))
    if as_json:
        typer.echo(json.dumps({name: tables.as_json(groups) for name, groups in found.items()}))
    else:
        Console().print(tables.as_table(found))


if __name__ == "__main__":
    typer.run(main)
