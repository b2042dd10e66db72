"""``leeward cloud limit``: how fast, and how many at once, calls may come."""

from typing import Annotated, Any, Final

import typer

from cloud.admission.money import parse_tokens
from cloud.admission.rules import Limit
from cloud.cli_scope import (
    DeviceOption,
    EachOption,
    GraphOption,
    KeyOption,
    ModelOption,
    NameArgument,
    TenantOption,
    check_name,
    require_known,
    scope_data,
    scope_of,
)
from cloud.cli_state import DEFAULT_CONFIG, ConfigOption, in_state, operator
from cloud.config import load_config
from cloud.stores.rules import RuleStore
from runtime.cli.output import JsonOption, make_table, run_command, show
from runtime.errors import RequestInvalid

__all__ = ["app"]

app = typer.Typer(help="Limits of rate and concurrency.", no_args_is_help=True)
_MOST: Final = 10**9


@app.command(name="set")
def set_limit(
    name: NameArgument,
    requests: Annotated[str, typer.Option(help="Calls a minute.")] = "",
    tokens: Annotated[str, typer.Option(help="Tokens a minute, prompt and answer.")] = "",
    concurrent: Annotated[str, typer.Option(help="Calls open at once.")] = "",
    tenant: TenantOption = "",
    key: KeyOption = "",
    device: DeviceOption = "",
    graph: GraphOption = "",
    model: ModelOption = "",
    each: EachOption = [],  # noqa: B006 - typer copies it
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    as_json: JsonOption = False,
) -> None:
    """Make a limit, or replace the one of that name; heard of within a second."""

    def work() -> None:
        numbers = {
            "requests_per_minute": _number(requests, "requests"),
            "tokens_per_minute": _number(tokens, "tokens"),
            "max_concurrent": _number(concurrent, "concurrent"),
        }
        if not any(numbers.values()):
            reason = "give --requests, --tokens, --concurrent or several of them"
            raise RequestInvalid(reason, field="requests")
        scope = scope_of(tenant=tenant, key=key, device=device, graph=graph, model=model, each=each)
        limit = Limit(check_name(name), scope, **numbers)
        loaded = load_config(config)

        async def store(state: Any) -> None:
            await require_known(loaded, state.database, scope)
            await RuleStore(state.database).set_limit(limit, operator())

        in_state(loaded, store)
        show(_data(limit), f"limit {name} holds for {scope}", as_json=as_json)

    run_command(work, as_json=as_json)


@app.command(name="list")
def list_all(config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False) -> None:
    """List limits."""

    def work() -> None:
        rules = in_state(load_config(config), lambda state: RuleStore(state.database).all())
        rows = [
            (
                limit.name,
                str(limit.scope),
                *(
                    "-" if number is None else number
                    for number in (
                        limit.requests_per_minute,
                        limit.tokens_per_minute,
                        limit.max_concurrent,
                    )
                ),
            )
            for limit in rules.limits
        ]
        table = make_table(("limit", "holds for", "calls/min", "tokens/min", "at once"), rows)
        show([_data(limit) for limit in rules.limits], table, as_json=as_json)

    run_command(work, as_json=as_json)


@app.command()
def remove(
    name: NameArgument, config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False
) -> None:
    """Remove a limit."""

    def work() -> None:
        in_state(
            load_config(config),
            lambda state: RuleStore(state.database).remove_limit(name, operator()),
        )
        show({"limit": name, "removed": True}, f"limit {name} is removed", as_json=as_json)

    run_command(work, as_json=as_json)


def _number(text: str, field: str) -> int | None:
    return parse_tokens(text, field=field, least=1, most=_MOST) if text else None


def _data(limit: Limit) -> dict[str, Any]:
    return {
        "limit": limit.name,
        "scope": scope_data(limit.scope),
        "requests_per_minute": limit.requests_per_minute,
        "tokens_per_minute": limit.tokens_per_minute,
        "max_concurrent": limit.max_concurrent,
    }
