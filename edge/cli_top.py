"""``leeward edge top``: the models of a running daemon, live."""

import asyncio
import time
from itertools import count
from typing import Annotated, Any, Final

import typer
from rich.live import Live
from rich.table import Table

from edge.cli_options import DEFAULT_CONFIG, AddressOption, ConfigOption, daemon_address
from edge.egress.local import read_status
from runtime.cli.output import JsonOption, make_table, run_command, show, stdout_console

__all__ = ["rates", "top"]

_COLUMNS: Final = (
    "model",
    "state",
    "running",
    "waiting",
    "prompt tok/s",
    "cached",
    "answer tok/s",
    "first token",
    "answered",
    "failed",
)
_RATES: Final = ("prompt_tokens", "cached_tokens", "completion_tokens")

Status = dict[str, Any]


def rates(before: Status, now: Status, *, passed_s: float) -> list[dict[str, Any]]:
    """Return how each model does, from two looks at the daemon.

    Args:
        before: The earlier look.
        now: The later one; models that came in between count from zero.
        passed_s: Time between them, seconds.

    Returns:
        Per model its traffic, and ``..._per_s`` of what grew. Cached tokens are not among the
        prompt tokens that were computed.
    """
    earlier = {model["model"]: model["traffic"] for model in before["models"]}
    found = []
    for model in now["models"]:
        traffic = model["traffic"]
        old = earlier.get(model["model"], dict.fromkeys(_RATES, 0))
        # A daemon that was started again in between counts from zero.
        grown = {name: max(traffic[name] - old[name], 0) for name in _RATES}
        grown["prompt_tokens"] -= min(grown["cached_tokens"], grown["prompt_tokens"])
        per_s = {f"{name}_per_s": round(grown[name] / passed_s, 1) for name in _RATES}
        found.append({"model": model["model"], "state": model["state"], **traffic, **per_s})
    return found


def top(
    config: ConfigOption = DEFAULT_CONFIG,
    address: AddressOption = "",
    interval_s: Annotated[float, typer.Option("--interval", min=0.1, help="Seconds.")] = 1.0,
    looks: Annotated[int, typer.Option(min=0, help="Stop after so many; 0 goes on.")] = 0,
    *,
    as_json: JsonOption = False,
) -> None:
    """Watch the models of the running daemon: calls, tokens per second, first token."""

    def work() -> None:
        target = daemon_address(config, address)
        if as_json:
            asyncio.run(_print_once(target, interval_s))
        else:
            asyncio.run(_watch(target, interval_s, looks))

    run_command(work, as_json=as_json)


async def _print_once(target: str, interval_s: float) -> None:
    before, since_s = await read_status(target), time.monotonic()
    await asyncio.sleep(interval_s)
    now = await read_status(target)
    passed_s = time.monotonic() - since_s
    show({"models": rates(before, now, passed_s=passed_s)}, as_json=True)


async def _watch(target: str, interval_s: float, looks: int) -> None:
    before, since_s = await read_status(target), time.monotonic()
    with Live(_table([]), console=stdout_console(), auto_refresh=False) as live:
        for number in count(1):
            await asyncio.sleep(interval_s)
            now, at_s = await read_status(target), time.monotonic()
            live.update(_table(rates(before, now, passed_s=at_s - since_s)), refresh=True)
            before, since_s = now, at_s
            if number == looks:
                return


def _table(models: list[dict[str, Any]]) -> Table:
    return make_table(_COLUMNS, [_row(model) for model in models])


def _row(model: dict[str, Any]) -> tuple[object, ...]:
    prompt = model["prompt_tokens"]
    return (
        model["model"],
        model["state"],
        f"{model['running']}/{model['slots']}",
        model["waiting"],
        model["prompt_tokens_per_s"],
        f"{model['cached_tokens'] / prompt:.0%}" if prompt else "-",
        model["completion_tokens_per_s"],
        f"{model['first_token_s']:.2f} s" if model["first_token_s"] else "-",
        model["answered"],
        model["failed"],
    )
