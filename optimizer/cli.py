"""``leeward optimizer``: the group is here, the search comes with its own work."""

from pathlib import Path
from typing import Annotated

import typer

from runtime.cli.output import JsonOption, run_command
from runtime.errors import NotImplementedYet

__all__ = ["app"]

app = typer.Typer(
    name="optimizer",
    help="Search collaboration graphs (not in this version).",
    no_args_is_help=True,
)


@app.callback()
def _group() -> None:
    """Search collaboration graphs (not in this version)."""


@app.command()
def search(
    study: Annotated[Path, typer.Argument(help="Study file (study/v1).")],
    *,
    as_json: JsonOption = False,
) -> None:
    """Run a study; answers that this version cannot, with the documented exit code."""

    def work() -> None:
        raise NotImplementedYet(f"{study}: this version has no search yet")

    run_command(work, as_json=as_json)
