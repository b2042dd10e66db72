"""``leeward graph``: check, sign, show, hash, schema; list and write out the shipped patterns."""

import json
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from runtime.cli.output import JsonOption, make_table, run_command, show
from runtime.cli.signing import KeyOption, sign_files
from runtime.graph.document import dump_graph, graph_schema, load_graph, parse_graph
from runtime.graph.hash import graph_hash
from runtime.graph.render import render_mermaid, render_text
from runtime.identity.graph_signature import load_signed_graph, write_graph_signature
from runtime.identity.signing_keys import load_signer
from runtime.ids import ModelName
from runtime.patterns.book import PLACES, bound_text, pattern_of, patterns

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Check, draw and name collaboration graphs.")

GraphFile = Annotated[Path, typer.Argument(help="Graph document, YAML or JSON.")]
GraphFiles = Annotated[list[Path], typer.Argument(help="Graph documents, YAML or JSON.")]


class Drawing(Enum):
    """How a graph is drawn."""

    TEXT = "text"
    MERMAID = "mermaid"


@app.command()
def check(
    files: GraphFiles,
    *,
    signer: Annotated[
        list[Path] | None,
        typer.Option(help="Public key (PEM) that must have signed them; may be given repeatedly."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check graphs and their signatures; the first that is not good is refused with the reason."""

    def work() -> None:
        signers = [load_signer(file) for file in signer] if signer else None
        graphs = [(file, *load_signed_graph(file, signers=signers)) for file in files]
        data = [
            {
                "file": str(file),
                "name": graph.name,
                "hash": graph_hash(graph),
                "steps": len(graph.steps),
                "edges": len(graph.edges),
                "signed_by": signature.public_key if signature else None,
                "provenance": signature.provenance if signature else None,
            }
            for file, graph, signature in graphs
        ]
        doubt = "" if signers else " (a key that nobody compared; --signer does)"
        lines = [
            f"{file}: ok, {graph.name}, steps {len(graph.steps)}, edges {len(graph.edges)}"
            + (f", signed by {signature.public_key}{doubt}" if signature else "")
            for file, graph, signature in graphs
        ]
        show({"graphs": data}, "\n".join(lines), as_json=as_json)

    run_command(work, as_json=as_json)


@app.command("sign")
def sign_graphs(
    files: GraphFiles,
    *,
    key: KeyOption,
    as_json: JsonOption = False,
) -> None:
    """Vouch for graphs as they are: write FILE.sig beside each, over any that is there."""

    def work() -> None:
        graphs = [(file, load_graph(file)) for file in files]
        writers = [partial(write_graph_signature, graph, file) for file, graph in graphs]
        signed = sign_files(key, writers)
        data = {"signatures": signed.files, "key_made": signed.key_made}
        show(data, *signed.lines, as_json=as_json)

    run_command(work, as_json=as_json)


@app.command("show")
def show_graph(
    file: Annotated[Path, typer.Argument(help="A graph's file, or the name of a pattern.")],
    *,
    drawing: Annotated[Drawing, typer.Option("--as", help="How to draw it.")] = Drawing.TEXT,
    as_json: JsonOption = False,
) -> None:
    """Draw a graph or a shipped pattern, or print it with every value written out (--json)."""

    def work() -> None:
        by_name = {pattern.name: pattern.graph for pattern in patterns()}
        is_pattern = str(file) in by_name and not file.exists()
        graph = by_name[str(file)] if is_pattern else load_graph(file)
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


@app.command("list")
def list_patterns(*, as_json: JsonOption = False) -> None:
    """List the patterns that come with the package; ask for one as model="leeward/NAME"."""

    def work() -> None:
        data = [
            {
                "name": pattern.name,
                "goal": pattern.goal,
                "about": pattern.about,
                "models": sorted(pattern.places),
            }
            for pattern in sorted(patterns(), key=lambda one: (one.goal, one.name))
        ]
        rows = [(one["name"], one["goal"], ", ".join(one["models"]), one["about"]) for one in data]
        show(
            {"patterns": data},
            make_table(("pattern", "goal", "models", "what it does"), rows),
            as_json=as_json,
        )

    run_command(work, as_json=as_json)


@app.command("pattern")
def write_pattern(
    name: Annotated[str, typer.Argument(help="A pattern's name, as `list` tells it.")],
    *,
    near: Annotated[str, typer.Option(help="Model of the edge.")] = "near",
    far: Annotated[str, typer.Option(help="Model of the cloud.")] = "far",
    far_small: Annotated[
        str, typer.Option("--far-small", help="A cheaper model of the cloud; else that of --far.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Print a pattern as a graph document of your own, with your models in it."""

    def work() -> None:
        models = {"near": near, "far": far, "far-small": far_small or far}
        text = bound_text(
            pattern_of(name), {place: ModelName(model) for place, model in models.items()}
        )
        graph = parse_graph(text)
        if as_json:
            show(dump_graph(graph), as_json=True)
        else:
            typer.echo(text, nl=False)  # not wrapped: this is a file's text
            if still := sorted(graph.models & {ModelName(place) for place in PLACES}):
                options = " and ".join(f"--{place}" for place in still)
                typer.echo(f"note: no model is named for {options}", err=True)

    run_command(work, as_json=as_json)
