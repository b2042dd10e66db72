"""``leeward catalog``: check, show, schema."""

import json
from pathlib import Path
from typing import Annotated

import typer

from runtime.catalog.document import catalog_schema, dump_catalog, load_catalog
from runtime.catalog.model import Model, price_on
from runtime.cli.output import JsonOption, make_table, run_command, show
from runtime.clock import SystemClock

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Check and show catalogs of models and nodes.")

CatalogFile = Annotated[Path, typer.Argument(help="Catalog document, YAML or JSON.")]


@app.command()
def check(file: CatalogFile, *, as_json: JsonOption = False) -> None:
    """Check a catalog; one that cannot be used is refused with file, line and reason."""

    def work() -> None:
        catalog = load_catalog(file)
        data = {"file": str(file), "nodes": len(catalog.nodes), "models": len(catalog.models)}
        line = f"{file}: ok, nodes {len(catalog.nodes)}, models {len(catalog.models)}"
        show(data, line, as_json=as_json)

    run_command(work, as_json=as_json)


@app.command("show")
def show_catalog(file: CatalogFile, *, as_json: JsonOption = False) -> None:
    """Show nodes, models and the prices of today."""

    def work() -> None:
        catalog = load_catalog(file)
        today = SystemClock().now().date()

        def price_text(model: Model) -> str:
            price = price_on(model.prices, today)
            if price is None:
                return "free"
            return f"{price.prompt_usd_per_mtok:g} / {price.completion_usd_per_mtok:g}"

        rows = [
            (
                model.name,
                f"{model.node} ({catalog.node_of(model).zone})",
                f"{model.parameters:,}" if model.parameters else "?",
                f"{model.context_tokens}" if model.context_tokens else "?",
                price_text(model),
                model.fallback or "",
            )
            for model in catalog.models
        ]
        headings = ("model", "node", "parameters", "context", "$/M prompt / answer", "fallback")
        show(dump_catalog(catalog), make_table(headings, rows), as_json=as_json)

    run_command(work, as_json=as_json)


@app.command()
def schema(*, as_json: JsonOption = False) -> None:
    """Print the JSON schema of catalog documents, for editors; always JSON."""
    run_command(lambda: typer.echo(json.dumps(catalog_schema(), indent=2)), as_json=as_json)
