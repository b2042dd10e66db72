"""``leeward cloud key``: API keys of applications, each shown once, when it is made."""

from datetime import timedelta
from typing import Annotated

import typer

from cloud.cli_output import moment, record_data
from cloud.cli_state import DEFAULT_CONFIG, ConfigOption, in_state, operator
from cloud.config import CloudConfig, load_config
from cloud.stores.keys import KeyRecord, NewKey
from cloud.stores.tables import DEFAULT_TENANT
from runtime.cli.output import JsonOption, diagnose, make_table, run_command, show
from runtime.clock import SystemClock
from runtime.errors import RequestInvalid

__all__ = ["app"]

app = typer.Typer(help="API keys of applications.", no_args_is_help=True)
KeyArgument = Annotated[str, typer.Argument(help="Key id, as `key list` shows it.")]
_MAX_DAYS = 36_500


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What to call it.")],
    config: ConfigOption = DEFAULT_CONFIG,
    tenant: Annotated[str, typer.Option(help="Whose it is.")] = DEFAULT_TENANT,
    model: Annotated[
        list[str] | None, typer.Option(help="An alias it may use; repeat for more. Default: all.")
    ] = None,
    days: Annotated[
        float | None, typer.Option(min=0.001, max=_MAX_DAYS, help="How long it is good.")
    ] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Make a key and show it, once."""

    def work() -> None:
        loaded = load_config(config)
        models = _aliases(loaded, model)
        lifetime = None if days is None else timedelta(days=days)
        act = operator()
        made = in_state(
            loaded,
            lambda state: state.keys.create(
                name, act, tenant=tenant, models=models, lifetime=lifetime
            ),
        )
        _show_new(made, as_json=as_json)

    run_command(work, as_json=as_json)


@app.command(name="list")
def list_all(
    config: ConfigOption = DEFAULT_CONFIG,
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """List keys, without their secrets."""

    def work() -> None:
        now = SystemClock().now()
        found = in_state(load_config(config), lambda state: state.keys.all(tenant=tenant))
        rows = [
            (
                key.id,
                key.name,
                key.tenant,
                _state(key) if not key.is_live(now) else "good",
                moment(key.created_at),
                moment(key.expires_at),
                "all" if key.models is None else ", ".join(key.models),
            )
            for key in found
        ]
        table = make_table(("key", "name", "tenant", "state", "made", "expires", "models"), rows)
        show([record_data(key) for key in found], table, as_json=as_json)

    run_command(work, as_json=as_json)


@app.command()
def revoke(
    key: KeyArgument, config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False
) -> None:
    """Refuse a key from now on."""

    def work() -> None:
        act = operator()
        in_state(load_config(config), lambda state: state.keys.revoke(key, act))
        show({"key": key, "revoked": True}, f"key {key} is revoked", as_json=as_json)

    run_command(work, as_json=as_json)


@app.command()
def rotate(
    key: KeyArgument,
    config: ConfigOption = DEFAULT_CONFIG,
    overlap_hours: Annotated[
        float, typer.Option(min=0, max=24 * _MAX_DAYS, help="How long both are good.")
    ] = 24.0,
    *,
    as_json: JsonOption = False,
) -> None:
    """Make a key like another and show it, once; the other ends after the overlap."""

    def work() -> None:
        overlap, act = timedelta(hours=overlap_hours), operator()
        made = in_state(
            load_config(config), lambda state: state.keys.rotate(key, act, overlap=overlap)
        )
        _show_new(made, as_json=as_json)

    run_command(work, as_json=as_json)


def _aliases(config: CloudConfig, models: list[str] | None) -> list[str] | None:
    known = [str(route.model) for route in config.routes]
    for model in models or []:
        if model not in known:
            reason = f"{model!r} is no model of the configuration; known: {', '.join(known)}"
            raise RequestInvalid(reason, field="--model")
    return models or None


def _state(key: KeyRecord) -> str:
    return "revoked" if key.revoked_at else "expired"


def _show_new(made: NewKey, *, as_json: bool) -> None:
    if not as_json:
        diagnose("keep this key now: it is not shown again")
    show({**record_data(made.record), "key": made.text}, made.text, as_json=as_json)
