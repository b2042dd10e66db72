"""``leeward cloud budget``: how much may be spent, what is spent, and what nobody settled."""

from datetime import datetime
from typing import Annotated, Any

import typer

from cloud.admission.money import format_usd, parse_tokens, parse_usd
from cloud.admission.overview import BudgetLine, overview
from cloud.admission.periods import Period
from cloud.admission.reconciling import reconcile
from cloud.admission.rules import Budget
from cloud.admission.upkeep import LIFETIME
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
from cloud.state import GatewayState
from cloud.stores.replicas import OpenReservation, ReplicaStore
from cloud.stores.rules import RuleStore
from runtime.cli.output import JsonOption, make_table, run_command, show
from runtime.clock import SystemClock
from runtime.errors import RequestInvalid

__all__ = ["app"]

app = typer.Typer(help="Budgets in money and tokens.", no_args_is_help=True)


@app.command(name="set")
def set_budget(
    name: NameArgument,
    usd: Annotated[str, typer.Option(help="Cap in US dollars, such as 12.50.")] = "",
    tokens: Annotated[str, typer.Option(help="Cap in tokens, prompt and answer.")] = "",
    period: Annotated[Period, typer.Option(help="When it renews, in UTC.")] = Period.MONTH,
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
    """Make a budget, or change the caps of the one of that name; heard of within a second."""

    def work() -> None:
        if not usd and not tokens:
            raise RequestInvalid("give --usd, --tokens or both", field="usd")
        scope = scope_of(tenant=tenant, key=key, device=device, graph=graph, model=model, each=each)
        budget = Budget(
            check_name(name),
            scope,
            period,
            parse_usd(usd, field="usd") if usd else None,
            parse_tokens(tokens, field="tokens") if tokens else None,
        )
        loaded = load_config(config)

        async def store(state: GatewayState) -> None:
            await require_known(loaded, state.database, scope)
            await RuleStore(state.database).set_budget(budget, operator())

        in_state(loaded, store)
        caps = (
            [f"{format_usd(budget.cap_micros)} US dollars"] if budget.cap_micros is not None else []
        )
        caps += [f"{budget.cap_tokens} tokens"] if budget.cap_tokens is not None else []
        often = "in all" if period is Period.TOTAL else f"a {period.value}"
        line = f"budget {name}: {' and '.join(caps)} {often} for {scope}"
        data = {
            "budget": name,
            "scope": scope_data(scope),
            "period": period.value,
            "cap_micros": budget.cap_micros,
            "cap_tokens": budget.cap_tokens,
        }
        show(data, line, as_json=as_json)

    run_command(work, as_json=as_json)


@app.command(name="list")
def list_all(config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False) -> None:
    """List budgets with what is spent, reserved and left, and when they renew."""

    def work() -> None:
        now = SystemClock().now()
        lines = in_state(load_config(config), lambda state: overview(state.database, now=now))
        rows = [row for line in lines for row in _rows(line)]
        headings = ("budget", "holds for", "cap", "spent", "reserved", "left", "beyond", "renews")
        show([_data(line) for line in lines], make_table(headings, rows), as_json=as_json)

    run_command(work, as_json=as_json)


@app.command()
def remove(
    name: NameArgument, config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False
) -> None:
    """Remove a budget and what it has counted."""

    def work() -> None:
        in_state(
            load_config(config),
            lambda state: RuleStore(state.database).remove_budget(name, operator()),
        )
        show({"budget": name, "removed": True}, f"budget {name} is removed", as_json=as_json)

    run_command(work, as_json=as_json)


@app.command(name="unsettled")
def list_unsettled(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    only_lost: Annotated[
        bool, typer.Option("--lost", help="Only those that no gateway will settle any more.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List reservations of calls that are open, or were lost with their gateway."""

    def work() -> None:
        async def find(state: GatewayState) -> list[OpenReservation]:
            replicas = ReplicaStore(state.database, lifetime=LIFETIME)
            await replicas.recover(now=SystemClock().now())
            return await replicas.open(only_presumed=only_lost)

        found = in_state(load_config(config), find)
        rows = [
            (
                item.id,
                "lost, counted as used" if item.is_presumed else "open",
                f"{item.reserved_at:%Y-%m-%d %H:%M}",
                item.call.tenant,
                item.call.caller,
                item.call.model,
                item.prompt_tokens,
                item.completion_tokens,
                format_usd(item.micros),
            )
            for item in found
        ]
        headings = (
            "reservation", "state", "since", "tenant", "caller", "model", "prompt", "answer", "USD",
        )  # fmt: skip
        show([_open_data(item) for item in found], make_table(headings, rows), as_json=as_json)

    run_command(work, as_json=as_json)


@app.command()
def settle(
    reservation: Annotated[str, typer.Argument(help="As `unsettled --lost` shows it.")],
    usd: Annotated[str, typer.Option(help="What the provider charged, US dollars.")],
    prompt_tokens: Annotated[str, typer.Option(help="Prompt tokens on its bill.")] = "0",
    completion_tokens: Annotated[str, typer.Option(help="Tokens of answers on its bill.")] = "0",
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    as_json: JsonOption = False,
) -> None:
    """Put what a provider's bill says in place of what a lost reservation was counted as."""

    def work() -> None:
        micros = parse_usd(usd, field="usd")
        prompt = parse_tokens(prompt_tokens, field="prompt-tokens")
        completion = parse_tokens(completion_tokens, field="completion-tokens")
        act = operator()

        async def change(state: GatewayState) -> None:
            await reconcile(
                state.database,
                reservation,
                micros=micros,
                prompt_tokens=prompt,
                completion_tokens=completion,
                act=act,
            )

        in_state(load_config(config), change)
        data = {"reservation": reservation, "settled_micros": micros}
        line = f"{reservation} is settled with {format_usd(micros)} US dollars"
        show(data, line, as_json=as_json)

    run_command(work, as_json=as_json)


def _rows(line: BudgetLine) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    budget = line.budget
    for account in line.accounts:
        about = ", ".join(part for part in (str(budget.scope), account.part_text) if part)
        renews = "-" if line.renews_at is None else f"{line.renews_at:%Y-%m-%d}"
        if budget.cap_micros is not None:
            amounts = (
                budget.cap_micros, account.spent.micros, account.reserved.micros,
                account.left_micros, account.excess.micros,
            )  # fmt: skip
            rows.append((budget.name, about, *(format_usd(n or 0) for n in amounts), renews))
        if budget.cap_tokens is not None:
            counts = (
                budget.cap_tokens, account.spent.tokens, account.reserved.tokens,
                account.left_tokens, account.excess.tokens,
            )  # fmt: skip
            rows.append((budget.name, about, *(f"{n} tok" for n in counts), renews))
    return rows


def _data(line: BudgetLine) -> dict[str, Any]:
    budget = line.budget
    return {
        "budget": budget.name,
        "scope": scope_data(budget.scope),
        "period": budget.period.value,
        "window": line.window,
        "renews_at": _moment(line.renews_at),
        "cap_micros": budget.cap_micros,
        "cap_tokens": budget.cap_tokens,
        "accounts": [
            {
                "part": account.part,
                "spent_micros": account.spent.micros,
                "spent_tokens": account.spent.tokens,
                "reserved_micros": account.reserved.micros,
                "reserved_tokens": account.reserved.tokens,
                "left_micros": account.left_micros,
                "left_tokens": account.left_tokens,
                "beyond_micros": account.excess.micros,
                "beyond_tokens": account.excess.tokens,
            }
            for account in line.accounts
        ],
    }


def _open_data(item: OpenReservation) -> dict[str, Any]:
    return {
        "reservation": item.id,
        "lost": item.is_presumed,
        "reserved_at": _moment(item.reserved_at),
        "tenant": item.call.tenant,
        "caller": item.call.caller,
        "model": item.call.model,
        "graph": item.call.graph,
        "request_id": item.call.request_id,
        "prompt_tokens": item.prompt_tokens,
        "completion_tokens": item.completion_tokens,
        "micros": item.micros,
    }


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
