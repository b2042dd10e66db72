"""``leeward edge feedback`` and ``leeward edge routing``: verdicts, and what comes of them."""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import typer

from edge.cli_options import DEFAULT_CONFIG, AddressOption, ConfigOption, daemon_address
from edge.config import load_config
from edge.config_routing import LearnOptions
from edge.egress.local_feedback import give_feedback
from edge.feedback.store import FeedbackStore, Verdict, feedback_folder
from runtime.cli.output import JsonOption, make_table, run_command, show
from runtime.clock import SystemClock
from runtime.errors import ConfigInvalid, RequestInvalid
from runtime.ids import RequestId

__all__ = ["feedback", "routing"]

_VERDICTS: Final[Mapping[str, Verdict]] = {"right": "right", "wrong": "wrong"}


def feedback(
    request: Annotated[
        str, typer.Argument(help="Id of the request: x-leeward-request-id, or the receipt's.")
    ],
    verdict: Annotated[str, typer.Argument(help="right or wrong.")],
    config: ConfigOption = DEFAULT_CONFIG,
    address: AddressOption = "",
    *,
    as_json: JsonOption = False,
) -> None:
    """Say whether an answer was right: the router learns, a kept example is judged."""

    def work() -> None:
        said = _verdict(verdict)
        taken = asyncio.run(
            give_feedback(daemon_address(config, address), RequestId(request), said)
        )
        who = [
            name
            for name, took in (("router", taken.by_router), ("capture", taken.by_capture))
            if took
        ]
        data = {"request_id": request, "verdict": said, **asdict(taken)}
        show(data, f"{request}: {said}; taken by {' and '.join(who)}", as_json=as_json)

    run_command(work, as_json=as_json)


def routing(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    forget: Annotated[bool, typer.Option("--forget", help="Delete all verdicts.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what verdicts say of each graph beside what the fitted router expected."""

    def work() -> None:
        if forget:
            count = _forget(config)
            show({"forgotten": count}, f"forgot {count} verdicts", as_json=as_json)
            return
        rows = _standing(config)
        table = make_table(("graph", "verdicts", "right", "expected", "moved by"), rows)
        keys = ("graph", "verdicts", "right", "expected", "moved_by")
        data = {"graphs": [dict(zip(keys, row, strict=True)) for row in rows]}
        show(data, table if rows else "no verdict was given yet", as_json=as_json)

    run_command(work, as_json=as_json)


def _verdict(text: str) -> Verdict:
    if text not in _VERDICTS:
        raise RequestInvalid("must be right or wrong", field="verdict")
    return _VERDICTS[text]


def _store(config: Path) -> tuple[FeedbackStore, LearnOptions]:
    loaded = load_config(config)
    if loaded.routing is None or loaded.routing.learn is None:
        reason = "is not there, so no verdict is learned from; docs/routing.md says what it does"
        raise ConfigInvalid(reason, file=str(config), field="routing.learn")
    store = FeedbackStore(feedback_folder(loaded.state), clock=SystemClock())
    return store, loaded.routing.learn


def _forget(config: Path) -> int:
    store, _ = _store(config)
    return store.forget()


def _standing(config: Path) -> list[tuple[str, int, int, float, str]]:
    from edge.feedback.learner import residuals_of, teach  # numpy, for those who learn

    store, options = _store(config)
    residuals = residuals_of(options)
    teach(residuals, store)
    return [
        (graph, one.verdicts, one.right, round(one.foreseen, 1), f"{one.shift:+.3f}")
        for graph, one in residuals.standing().items()
    ]
