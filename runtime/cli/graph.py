"""``leeward graph``: check, show, hash, schema."""

import json
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from runtime.cli.output import JsonOption, run_command, show
from runtime.graph.document import dump_graph, graph_schema, load_graph
from runtime.graph.hash import graph_hash
from runtime.graph.render import render_mermaid, render_text

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Check, draw and name collaboration graphs.")

GraphFile = Annotated[Path, typer.Argument(help="Graph document, YAML or JSON.")]
GraphFiles = Annotated[list[Path], typer.Argument(help="Graph documents, YAML or JSON.")]


class Drawing(Enum):
    """How a graph is drawn."""

    TEXT = "text"
    MERMAID = "mermaid"


@app.command()
def check(files: GraphFiles, *, as_json: JsonOption = False) -> None:
    """Check graphs; the first one that cannot run is refused with file, line and reason."""

    def work() -> None:
        graphs = [(file, load_graph(file)) for file in files]
        data = [
            {
                "file": str(file),
                "name": graph.name,
                "hash": graph_hash(graph),
                "steps": len(graph.steps),
                "edges": len(graph.edges),
            }
            for file, graph in graphs
        ]
        lines = [
            f"{file}: ok, {graph.name}, steps {len(graph.steps)}, edges {len(graph.edges)}"
            for file, graph in graphs
        ]
        show({"graphs": data}, "\n".join(lines), as_json=as_json)

    run_command(work, as_json=as_json)


@app.command("show")
def show_graph(
    file: GraphFile,
    *,
    drawing: Annotated[Drawing, typer.Option("--as", help="How to draw it.")] = Drawing.TEXT,
    as_json: JsonOption = False,
) -> None:
    """Draw a graph, or print it with every value written out (--json)."""

    def work() -> None:
        graph = load_graph(file)
        drawn = render_mermaid(graph) if drawing is Drawing.MERMAID else render_text(graph)
        if as_json:
            show(dump_graph(graph), as_json=True)
        else:
            typer.echo(drawn)  # not wrapped: a drawing is also input of other tools

    run_command(work, as_json=as_json)


@app.command("hash")
def show_hash(file: GraphFile, *, as_json: JsonOption = False) -> None:
    """Print the hash by which plans, receipts and signatures name a graph."""

    def work() -> None:
        graph = load_graph(file)
        digest = graph_hash(graph)
        show({"name": graph.name, "hash": digest}, digest, as_json=as_json)

    run_command(work, as_json=as_json)


@app.command()
def schema(*, as_json: JsonOption = False) -> None:
    """Print the JSON schema of graph documents, for editors; always JSON."""
    run_command(lambda: typer.echo(json.dumps(graph_schema(), indent=2)), as_json=as_json)
