"""``leeward edge capture``: what callers let this device keep, judged, exported, erased.

Works on the device's files, with or without a running daemon. Only ``export`` writes content, to
a file that its owner alone may read.
"""

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import Progress

from edge.capture.gate import GateResult, compared
from edge.capture.settings import CaptureSettings
from edge.capture.store import VERDICTS, CaptureStore, Dataset, Example
from edge.cli_options import DEFAULT_CONFIG, AddressOption, ConfigOption, daemon_address
from edge.config import load_config
from edge.egress.local_answers import local_models
from runtime.cli.exit_codes import FINDINGS
from runtime.cli.output import JsonOption, make_table, run_command, show
from runtime.clock import SystemClock
from runtime.errors import ConfigInvalid, NotFound, RequestInvalid
from runtime.ids import ModelName, RequestId
from runtime.private_files import write_private_file

__all__ = ["capture_app"]

capture_app = typer.Typer(
    name="capture", no_args_is_help=True, help="Requests kept with their callers' consent."
)
IdArgument = Annotated[str, typer.Argument(help="Id of the request, or its beginning.")]
_SHORT_ID: Final = 12


@capture_app.command("list")
def list_command(config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False) -> None:
    """List what is kept, without content."""

    def work() -> None:
        with _opened(config) as store:
            kept = store.listed()
        rows = [
            (
                one.request[:_SHORT_ID],
                one.taken_at.isoformat(timespec="seconds"),
                one.graph,
                ", ".join(one.categories) or "none",
                one.verdict or "not judged",
            )
            for one in kept
        ]
        data = [
            {
                "request_id": one.request,
                "taken_at": one.taken_at.isoformat(),
                "graph": one.graph,
                "categories": list(one.categories),
                "verdict": one.verdict,
            }
            for one in kept
        ]
        table = make_table(("request", "taken", "graph", "categories", "verdict"), rows)
        show({"examples": data}, table if rows else "nothing is kept", as_json=as_json)

    run_command(work, as_json=as_json)


@capture_app.command("judge")
def judge_command(
    request: IdArgument,
    verdict: Annotated[str, typer.Argument(help="right or wrong.")],
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    as_json: JsonOption = False,
) -> None:
    """Say whether the answer to a kept request was right."""

    def work() -> None:
        if verdict not in VERDICTS:
            raise RequestInvalid("must be right or wrong", field="verdict")
        with _opened(config) as store:
            found = _whole_id(store, request)
            store.judge(found, verdict)
        show({"request_id": found, "verdict": verdict}, f"{found}: {verdict}", as_json=as_json)

    run_command(work, as_json=as_json)


@capture_app.command("export")
def export_command(
    out: Annotated[Path, typer.Option(help="File for the examples, one JSON object a line.")],
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    verdict: Annotated[list[str] | None, typer.Option(help="Only these; repeatable.")] = None,
    without: Annotated[
        list[str] | None, typer.Option(help="No example with this category; repeatable.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a version of what is kept, in the form that fine-tuning tools read."""

    def work() -> None:
        if out.exists():
            raise RequestInvalid(f"{out} is there already; name another file", field="out")
        with _opened(config) as store:
            made = store.dataset(verdicts=verdict or (), without=without or ())
        write_private_file(out, _lines(made).encode("utf-8", "surrogatepass"))
        count = len(made.examples)
        data = {"file": str(out), "version": made.version, "digest": made.digest, "count": count}
        show(data, f"{out}: version {made.version}, {count} examples", as_json=as_json)

    run_command(work, as_json=as_json)


@capture_app.command("erase")
def erase_command(
    requests: Annotated[list[str] | None, typer.Argument(help="Ids of requests.")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    every: Annotated[bool, typer.Option("--all", help="Everything that is kept.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Delete kept requests, and overwrite where they stood."""

    def work() -> None:
        if every == bool(requests):
            raise RequestInvalid("name requests, or say --all", field="requests")
        with _opened(config) as store:
            chosen = None if every else [_whole_id(store, one) for one in requests or ()]
            erased = store.erase(chosen)
        show({"erased": erased}, f"erased {erased}", as_json=as_json)

    run_command(work, as_json=as_json)


@capture_app.command("gate")
def gate_command(
    candidate: Annotated[str, typer.Option(help="The model that is to come.")],
    current: Annotated[str, typer.Option(help="The model in use.")],
    config: ConfigOption = DEFAULT_CONFIG,
    address: AddressOption = "",
    *,
    as_json: JsonOption = False,
) -> None:
    """Ask both models what was judged right; exit code 3 unless the candidate keeps as much."""

    def work() -> None:
        with _opened(config) as store:
            examples = store.dataset(verdicts=("right",)).examples
        if not examples:
            raise NotFound("no kept answer was judged right; see `leeward edge capture judge`")
        result = asyncio.run(
            _compared(
                examples,
                ModelName(candidate),
                ModelName(current),
                address=daemon_address(config, address),
            )
        )
        line = (
            f"{'passed' if result.has_passed else 'refused'}: of {result.examples} answers,"
            f" {candidate} keeps {result.candidate_kept}, {current} {result.current_kept}"
        )
        data = {
            "passed": result.has_passed,
            "examples": result.examples,
            "candidate_kept": result.candidate_kept,
            "current_kept": result.current_kept,
            "lost": list(result.lost),
        }
        lost = [f"lost: {one}" for one in result.lost]
        show(data, *(line, *lost), as_json=as_json)
        if not result.has_passed:
            raise typer.Exit(FINDINGS)

    run_command(work, as_json=as_json)


async def _compared(
    examples: Sequence[Example], candidate: ModelName, current: ModelName, *, address: str
) -> GateResult:
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("examples", total=len(examples))
        async with local_models(address) as ask:
            return await compared(
                examples, candidate, current, ask=ask, tick=lambda: progress.advance(bar)
            )


@contextmanager
def _opened(config: Path) -> Iterator[CaptureStore]:
    loaded = load_config(config)
    folder = loaded.state / "capture"
    if loaded.capture is None and not folder.exists():
        reason = "is not there, so nothing is kept; docs/patterns.md says what it holds"
        raise ConfigInvalid(reason, file=str(config), field="capture")
    store = CaptureStore(folder, loaded.capture or CaptureSettings(), clock=SystemClock())
    try:
        yield store
    finally:
        store.close()


def _whole_id(store: CaptureStore, beginning: str) -> RequestId:
    found = [one.request for one in store.listed() if one.request.startswith(beginning)]
    if len(found) != 1:
        reason = "no example is" if not found else f"{len(found)} examples are"
        raise NotFound(f"{reason} kept of a request {beginning}...; `list` shows their ids")
    return found[0]


def _lines(made: Dataset) -> str:
    return "".join(
        json.dumps(
            {
                "messages": [
                    *({"role": turn.role, "content": turn.content} for turn in one.messages),
                    {"role": "assistant", "content": one.answer},
                ],
                "verdict": one.verdict or None,
                "categories": list(one.categories),
                "graph": one.graph,
                "request_id": one.request,
                "dataset_version": made.version,
            },
            ensure_ascii=False,
        )
        + "\n"
        for one in made.examples
    )
