"""``leeward optimizer report`` and ``export``: take a study's results elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from optimizer.cli_options import (
    DirectoryOption,
    GraphArgument,
    StudyArgument,
    UnprovenOption,
    opened,
    place_of,
)
from optimizer.report.page import ReportSource, render_page
from optimizer.report.pictures import pictures_of
from optimizer.study.bundle import write_bundle
from optimizer.study.journal import read_journal
from runtime.cli.output import JsonOption, run_command, show
from runtime.clock import SystemClock
from runtime.errors import NotPermitted, RequestInvalid
from runtime.identity.signing_keys import load_or_create_key, public_file_of

__all__ = ["export", "report", "write_files"]

_KEY_FILE = "signing.pem"


def report(
    study: StudyArgument,
    *,
    directory: DirectoryOption = None,
    out: Annotated[
        Path | None, typer.Option(help="HTML file; default: report.html beside the journal.")
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(help="Write the front and the recommended graph as SVG into this directory."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write one HTML page with everything that the study found and cost."""

    def work() -> None:
        one = opened(study)
        place = place_of(one, directory)
        file = out or place.directory / "report.html"
        source = ReportSource(
            study=one.study,
            space=one.space,
            catalog=one.catalog,
            events=read_journal(place.journal),
            archive=one.archive(place),
            question_names=one.question_names,
        )
        page = render_page(source)
        files = {file: page}
        if pictures is not None:
            files |= {pictures / name: svg for name, svg in pictures_of(source).items()}
        write_files(files)
        data = {
            "report": str(file),
            "bytes": len(page.encode()),
            "pictures": [str(one) for one in files if one != file],
        }
        show(data, "\n".join(map(str, files)), as_json=as_json)

    run_command(work, as_json=as_json)


def write_files(files: Mapping[Path, str]) -> None:
    """Write texts, and the directories that they need.

    Raises:
        RequestInvalid: One cannot be written.
    """
    for file, text in files.items():
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        except OSError as failure:
            raise RequestInvalid(f"{file} cannot be written: {failure.strerror}") from None


def export(
    study: StudyArgument,
    graph: GraphArgument = "recommended",
    *,
    out: Annotated[Path, typer.Option(help="Directory, such as an edge's graphs.")],
    directory: DirectoryOption = None,
    name: Annotated[str, typer.Option(help="What callers will call it; default: the study's.")] = (
        ""
    ),
    key: Annotated[
        Path | None,
        typer.Option(help="Ed25519 key that vouches for it; default: made beside the journal."),
    ] = None,
    unproven: UnprovenOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write a graph as a document that edges load, and its signature beside it."""

    def work() -> None:
        one = opened(study)
        if one.replay is not None:
            raise RequestInvalid("a replay's graphs are votes that no edge can run as they are")
        place = place_of(one, directory)
        found = one.archive(place).find(graph)
        if not found.is_proven and not (unproven and found.is_possible):
            raise NotPermitted(
                f"{found.name} keeps the constraints so far, unproven; --unproven exports it"
                if found.is_possible
                else f"{found.name} breaks a constraint of the study"
            )
        key_file = key or place.directory / _KEY_FILE
        provenance = {
            "study": one.study.name,
            "study_hash": one.study.hash,
            "graph": str(found.candidate.key),
            "searcher": one.study.searcher.name,
            "seed": one.study.seed,
            "questions": len(found.outcomes.questions),
            "accuracy": found.accuracy,
            "exported_at": SystemClock().now().isoformat(timespec="seconds"),
        }
        try:
            signing, is_new = load_or_create_key(key_file)
            document, signature = write_bundle(
                out,
                one.space.graph(found.candidate),
                name=name or one.study.name,
                key=signing,
                provenance=provenance,
            )
        except OSError as failure:
            reason = f"{failure.filename or out} cannot be read or written: {failure.strerror}"
            raise RequestInvalid(reason) from None
        data = {
            "graph": found.name,
            "document": str(document),
            "signature": str(signature),
            "key_made": is_new,
            "provenance": provenance,
        }
        made = (
            f"\nmade a new signing key: {key_file}; its public half, for `graph_signers` of the "
            f"edges: {public_file_of(key_file)}"
            if is_new
            else ""
        )
        call = f'callers name it model="leeward/{name or one.study.name}"'
        show(data, f"{document}\n{signature}{made}\n{call}", as_json=as_json)

    run_command(work, as_json=as_json)
