"""``leeward optimizer``: the group; each command is in the module of its kind."""

from __future__ import annotations

import json

import typer

from optimizer.cli_calibrate import calibrate
from optimizer.cli_export import export, report
from optimizer.cli_read import best, diff, front, show_graph
from optimizer.cli_router import app as router
from optimizer.cli_run import plan, resume, run
from optimizer.cli_watch import watch
from optimizer.study.document import study_schema
from optimizer.study.searchers import searcher_names
from runtime.cli.output import JsonOption, run_command, show

__all__ = ["app"]

app = typer.Typer(
    name="optimizer",
    help="Search collaboration graphs under latency, privacy and cost limits.",
    no_args_is_help=True,
    add_completion=False,
)
app.command()(plan)
app.command()(run)
app.command()(resume)
app.command()(front)
app.command()(best)
app.command("show")(show_graph)
app.command()(diff)
app.command()(report)
app.command()(export)
app.command()(watch)
app.command()(calibrate)
app.add_typer(router)


@app.command()
def searchers(*, as_json: JsonOption = False) -> None:
    """List the searchers that a study may name."""

    def work() -> None:
        names = searcher_names()
        show({"searchers": list(names)}, "\n".join(names), as_json=as_json)

    run_command(work, as_json=as_json)


@app.command()
def schema(*, as_json: JsonOption = False) -> None:
    """Print the JSON schema of study documents, for editors; always JSON."""
    run_command(lambda: typer.echo(json.dumps(study_schema(), indent=2)), as_json=as_json)
