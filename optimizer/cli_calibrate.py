"""``leeward optimizer calibrate``: fit a cascade's threshold to records, and say what it keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer
import yaml
from rich.table import Table

from optimizer.calibration.confidence import calibration_error
from optimizer.calibration.graph_threshold import set_threshold
from optimizer.calibration.records import Records, read_records
from optimizer.calibration.thresholds import (
    ALWAYS,
    NEVER_ASK,
    Promise,
    PromiseKind,
    fit_threshold,
)
from optimizer.cli_export import write_files
from runtime.cli.output import JsonOption, make_table, run_command, show
from runtime.errors import RequestInvalid
from runtime.graph.document import dump_graph, load_graph
from runtime.shares import share_interval

__all__ = ["calibrate"]

_DIGITS: Final = 4


def calibrate(
    records: Annotated[
        Path, typer.Argument(help="CSV file: confidence, near, far (and near_usd, far_usd).")
    ],
    *,
    spoilt: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Promise: at most this share is wrong for not asking far."),
    ] = None,
    share: Annotated[
        float | None, typer.Option(min=0, max=1, help="Promise: at most this share asks far.")
    ] = None,
    quality: Annotated[
        float | None, typer.Option(min=0, max=1, help="Promise: at least this accuracy.")
    ] = None,
    cost_usd: Annotated[
        float | None, typer.Option(min=0, help="Promise: a question costs at most this, on average")
    ] = None,
    confidence: Annotated[
        float, typer.Option(min=0.5, max=0.9999, help="With which the promise is made.")
    ] = 0.95,
    coming: Annotated[
        int | None,
        typer.Option("--next", min=1, help="Promise for the next N questions, not the average."),
    ] = None,
    graph: Annotated[
        Path | None, typer.Option(help="Graph with one guard like near.agreement < 0.7.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where to write it with the threshold.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Find the threshold below which the far model is asked, and promise what it keeps."""

    def work() -> None:
        asked = {"spoilt": spoilt, "share": share, "quality": quality, "cost": cost_usd}
        promise = _promise(asked, confidence, coming)
        if (graph is None) != (out is None):
            raise RequestInvalid("give --graph and --out together", field="graph")
        known = read_records(records)
        found = fit_threshold(known, promise)
        if found is None:
            raise RequestInvalid(
                f"{len(known)} records prove no threshold: {_never(promise)}", field=promise.kind
            )
        threshold = _rounded(found, known)
        if graph is not None and out is not None:
            _write(graph, out, threshold)
        show(
            _data(known, promise, threshold, out),
            _table(known, threshold),
            _said(promise, threshold),
            *([f"written to {out}"] if out is not None else []),
            as_json=as_json,
        )

    run_command(work, as_json=as_json)


def _promise(asked: dict[str, float | None], confidence: float, coming: int | None) -> Promise:
    kinds: tuple[PromiseKind, ...] = ("spoilt", "share", "quality", "cost")
    given = [(kind, bound) for kind in kinds if (bound := asked[kind]) is not None]
    if len(given) != 1:
        reason = "give one of --spoilt, --share, --quality and --cost-usd"
        raise RequestInvalid(reason, field="promise")
    kind, bound = given[0]
    if coming is not None and kind in ("quality", "cost"):
        reason = "--next goes with --spoilt and --share; the others speak of the average"
        raise RequestInvalid(reason, field="next")
    return Promise(kind, bound, confidence, coming)


def _never(promise: Promise) -> str:
    """Say what to do where not even the safest threshold is proven."""
    if promise.kind == "quality":
        return "even always asking far is not proven that accurate; promise less, or record more"
    return "even never asking far is not proven that cheap; promise less, or record more"


def _rounded(threshold: float, records: Records) -> float:
    """Return the threshold in few digits, where that parts the records the same."""
    short = round(threshold, _DIGITS)
    is_same = bool((records.asked(short) == records.asked(threshold)).all())
    return short if is_same else threshold


def _write(graph: Path, out: Path, threshold: float) -> None:
    changed = set_threshold(load_graph(graph), threshold)
    text = yaml.safe_dump(dump_graph(changed), sort_keys=False, allow_unicode=True)
    write_files({out: text})


def _at(records: Records, threshold: float) -> dict[str, float]:
    return {
        "threshold": threshold,
        "asked": float(records.asked(threshold).mean()),
        "accuracy": float(records.right(threshold).mean()),
        "spoilt": float(records.spoilt(threshold).mean()),
        "cost_usd": float(records.cost_usd(threshold).mean()),
    }


def _data(
    records: Records, promise: Promise, threshold: float, out: Path | None
) -> dict[str, object]:
    return {
        **_at(records, threshold),
        "promise": {
            "kind": promise.kind,
            "bound": promise.bound,
            "confidence": promise.confidence,
            "next": promise.coming,
        },
        "records": len(records),
        "calibration_error": round(calibration_error(records.confidence, records.near), _DIGITS),
        "always_far": _at(records, ALWAYS),
        "never_far": _at(records, NEVER_ASK),
        "graph": None if out is None else str(out),
    }


def _table(records: Records, threshold: float) -> Table:
    rows = {"never ask far": NEVER_ASK, "as fitted": threshold, "always ask far": ALWAYS}
    return make_table(
        ("", "ask far below", "asked", "right (95% interval)", "spoilt", "USD per 1000"),
        [(name, *_cells(records, one)) for name, one in rows.items()],
    )


def _cells(records: Records, threshold: float) -> tuple[str, ...]:
    at = _at(records, threshold)
    right = int(records.right(threshold).sum())
    low, high = share_interval(right, len(records), confidence=0.95)
    return (
        f"{threshold:g}",
        f"{at['asked']:.1%}",
        f"{at['accuracy']:.1%} ({low:.1%} to {high:.1%})",
        f"{at['spoilt']:.1%}",
        f"{1_000 * at['cost_usd']:.4f}",
    )


def _said(promise: Promise, threshold: float) -> str:
    of = "all questions to come" if promise.coming is None else f"the next {promise.coming}"
    what = {
        "spoilt": f"at most {promise.bound:.1%} of {of} are wrong for not asking far",
        "share": f"at most {promise.bound:.1%} of {of} ask far",
        "quality": f"at least {promise.bound:.1%} of {of} are right",
        "cost": f"a question costs at most {promise.bound:g} US dollars on average",
    }[promise.kind]
    return (
        f"ask far below {threshold:g}: with {promise.confidence:.1%} confidence, {what},"
        " as long as they are like the records"
    )
