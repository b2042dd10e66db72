"""``leeward cloud price``: what models cost from which day on."""

from datetime import date
from typing import Annotated, Any, Final

import typer

from cloud.admission.money import format_usd, parse_usd
from cloud.admission.prices import ModelPrice
from cloud.cli_scope import known_model
from cloud.cli_state import DEFAULT_CONFIG, ConfigOption, in_state, operator
from cloud.config import CloudConfig, load_config
from cloud.stores.rules import RuleStore
from runtime.catalog.model import Price
from runtime.cli.output import JsonOption, make_table, run_command, show
from runtime.clock import SystemClock
from runtime.errors import NotFound, RequestInvalid

__all__ = ["app"]

app = typer.Typer(help="Prices, with the day from which they count.", no_args_is_help=True)
ModelArgument = Annotated[str, typer.Argument(help="Model, as this gateway serves it.")]
FromOption = Annotated[str, typer.Option("--from", help="First day, UTC, such as 2026-01-31.")]
UpstreamOption = Annotated[str, typer.Option(help="Only where this upstream answers.")]
_MOST_MICROS: Final = 10**12
"""A million dollars per million tokens."""
_YEARS: Final = range(2000, 2201)


@app.command(name="set")
def set_price(
    model: ModelArgument,
    valid_from: FromOption,
    prompt: Annotated[str, typer.Option(help="US dollars per million prompt tokens.")],
    completion: Annotated[str, typer.Option(help="US dollars per million tokens of answers.")],
    upstream: UpstreamOption = "",
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    as_json: JsonOption = False,
) -> None:
    """Set what a model costs from a day on; heard of within a second."""

    def work() -> None:
        loaded = load_config(config)
        _require_target(loaded, known_model(loaded, model), upstream)
        price = ModelPrice(
            model,
            _day(valid_from),
            parse_usd(prompt, field="prompt", most_micros=_MOST_MICROS),
            parse_usd(completion, field="completion", most_micros=_MOST_MICROS),
            upstream,
        )
        in_state(loaded, lambda state: RuleStore(state.database).set_price(price, operator()))
        line = f"{_subject(model, upstream)} costs {_amounts(price)} from {price.valid_from} on"
        show(_data(price, source="store"), line, as_json=as_json)

    run_command(work, as_json=as_json)


@app.command(name="list")
def list_all(config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False) -> None:
    """List the prices of the configuration and of the store."""

    def work() -> None:
        loaded = load_config(config)
        rules = in_state(loaded, lambda state: RuleStore(state.database).all())
        found = [(price, "file") for price in _configured(loaded)]
        found += [(price, "store") for price in rules.prices]
        found.sort(key=lambda item: (item[0].model, item[0].upstream, item[0].valid_from, item[1]))
        today = SystemClock().now().date()
        rows = [
            (
                _subject(price.model, price.upstream),
                price.valid_from,
                format_usd(price.prompt_micros_per_mtok),
                format_usd(price.completion_micros_per_mtok),
                source,
                "not yet" if price.valid_from > today else "",
            )
            for price, source in found
        ]
        table = make_table(("model", "from", "prompt", "answer", "set in", ""), rows)
        note = "US dollars per million tokens; the newest that is valid counts, the store's first"
        data = [_data(price, source=source) for price, source in found]
        show(data, table, note, as_json=as_json)

    run_command(work, as_json=as_json)


@app.command()
def remove(
    model: ModelArgument,
    valid_from: FromOption,
    upstream: UpstreamOption = "",
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    as_json: JsonOption = False,
) -> None:
    """Remove a price that was set here; the one before it counts again."""

    def work() -> None:
        day = _day(valid_from)
        in_state(
            load_config(config),
            lambda state: RuleStore(state.database).remove_price(
                model, day, operator(), upstream=upstream
            ),
        )
        data = {"model": model, "upstream": upstream, "from": day.isoformat(), "removed": True}
        show(
            data, f"the price of {_subject(model, upstream)} from {day} is removed", as_json=as_json
        )

    run_command(work, as_json=as_json)


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.year not in _YEARS:
        reason = f"from: {text[:40]!r} is no day; write one such as 2026-01-31"
        raise RequestInvalid(reason, field="from")
    return day


def _require_target(config: CloudConfig, model: str, upstream: str) -> None:
    (route,) = (route for route in config.routes if route.model == model)
    names = sorted({target.upstream for target in route.targets})
    if upstream and upstream not in names:
        known = ", ".join(names)
        raise NotFound(f"model {model!r} has no upstream {upstream[:40]!r}; it has {known}")


def _configured(config: CloudConfig) -> list[ModelPrice]:
    found = []
    for route in config.routes:
        found += [_priced(str(route.model), price, "") for price in route.prices]
        for target in route.targets:
            own = target.prices or ()
            found += [_priced(str(route.model), price, target.upstream) for price in own]
    return found


def _priced(model: str, price: Price, upstream: str) -> ModelPrice:
    prompt, completion = price.prompt_usd_per_mtok, price.completion_usd_per_mtok
    return ModelPrice(
        model, price.valid_from, round(prompt * 1e6), round(completion * 1e6), upstream
    )


def _subject(model: str, upstream: str) -> str:
    return f"{model} at {upstream}" if upstream else model


def _amounts(price: ModelPrice) -> str:
    prompt = format_usd(price.prompt_micros_per_mtok)
    return f"{prompt} and {format_usd(price.completion_micros_per_mtok)} US dollars"


def _data(price: ModelPrice, *, source: str) -> dict[str, Any]:
    return {
        "model": price.model,
        "upstream": price.upstream,
        "from": price.valid_from.isoformat(),
        "prompt_micros_per_mtok": price.prompt_micros_per_mtok,
        "completion_micros_per_mtok": price.completion_micros_per_mtok,
        "source": source,
    }
