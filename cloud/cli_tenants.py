"""``leeward cloud tenant``: whose keys, devices, budgets and cached answers are kept apart."""

from typing import Annotated

import typer

from cloud.cli_output import moment, record_data
from cloud.cli_state import DEFAULT_CONFIG, ConfigOption, in_state, operator
from cloud.config import load_config
from runtime.cli.output import JsonOption, make_table, run_command, show

__all__ = ["app"]

app = typer.Typer(
    help="Tenants: whose keys, devices and budgets are kept apart.", no_args_is_help=True
)
TenantArgument = Annotated[str, typer.Argument(help="Tenant.")]


@app.command()
def create(
    tenant: TenantArgument, config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False
) -> None:
    """Make a tenant."""

    def work() -> None:
        act = operator()
        in_state(load_config(config), lambda state: state.tenants.create(tenant, act))
        show({"tenant": tenant}, f"tenant {tenant} is made", as_json=as_json)

    run_command(work, as_json=as_json)


@app.command(name="list")
def list_all(config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False) -> None:
    """List tenants."""

    def work() -> None:
        found = in_state(load_config(config), lambda state: state.tenants.all())
        rows = [
            (tenant.id, "disabled" if tenant.disabled_at else "served", moment(tenant.disabled_at))
            for tenant in found
        ]
        table = make_table(("tenant", "state", "disabled since"), rows)
        show([record_data(tenant) for tenant in found], table, as_json=as_json)

    run_command(work, as_json=as_json)


@app.command()
def disable(
    tenant: TenantArgument, config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False
) -> None:
    """Refuse a tenant's keys and devices from their next call on."""

    def work() -> None:
        act = operator()
        in_state(load_config(config), lambda state: state.tenants.disable(tenant, act))
        show({"tenant": tenant, "disabled": True}, f"{tenant} is disabled", as_json=as_json)

    run_command(work, as_json=as_json)


@app.command()
def enable(
    tenant: TenantArgument, config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False
) -> None:
    """Serve a disabled tenant's keys and devices again."""

    def work() -> None:
        act = operator()
        in_state(load_config(config), lambda state: state.tenants.enable(tenant, act))
        show({"tenant": tenant, "disabled": False}, f"{tenant} is served again", as_json=as_json)

    run_command(work, as_json=as_json)
