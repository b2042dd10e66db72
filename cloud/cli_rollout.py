"""``leeward fleet rollout``: move devices to a state in waves, watched; also states and diff."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from cloud.cli_output import moment, record_data
from cloud.cli_state import DEFAULT_CONFIG, ConfigOption, in_state, operator
from cloud.config import load_config
from cloud.fleet.edge_plans import Lacking, lacking_edge_plans
from cloud.fleet.planning import Aim, Choice, chosen, plan
from cloud.fleet.rollout import Rules, check_waves
from cloud.state import GatewayState
from cloud.stores.fleet_records import DeviceStanding, NewRollout, OrderRecord, RolloutRecord
from runtime.cli.output import JsonOption, make_table, run_command, show
from runtime.cli.signing import KeyOption
from runtime.clock import SystemClock
from runtime.errors import RequestInvalid
from runtime.fleet.authored import pack_file
from runtime.fleet.diff import Change, differences
from runtime.fleet.order import INSTALLED
from runtime.fleet.state import FleetState, Target, Wanted, parse_state, resolve, state_hash
from runtime.identity.signing_keys import load_or_create_key
from runtime.ids import DeviceId

__all__ = ["app", "diff", "states"]

app = typer.Typer(help="Move devices to a state, in waves.", no_args_is_help=True)
NumberArgument = Annotated[int, typer.Argument(help="The rollout's number.")]
StateArgument = Annotated[Path, typer.Argument(help="State file (fleet-state/v1).")]


@app.command(name="create")
def create(
    state_file: StateArgument,
    key: KeyOption,
    config: ConfigOption = DEFAULT_CONFIG,
    device: Annotated[list[str] | None, typer.Option(help="Only these devices.")] = None,
    group: Annotated[list[str] | None, typer.Option(help="Only devices of these groups.")] = None,
    label: Annotated[
        list[str] | None, typer.Option(help="Only devices with NAME=VALUE, later ones too.")
    ] = None,
    waves: Annotated[str, typer.Option(help="Shares that grow to 1.")] = "0.05,0.5,1",
    soak_s: Annotated[float, typer.Option("--soak", min=0, help="Seconds per wave.")] = 60.0,
    max_failed: Annotated[float, typer.Option(min=0, max=1, help="Of devices.")] = 0.0,
    max_errors: Annotated[float, typer.Option(min=0, max=1, help="Of calls.")] = 0.1,
    min_quality: Annotated[float, typer.Option(min=0, max=1, help="Of checks.")] = 0.0,
    *,
    rollback: Annotated[
        bool, typer.Option("--rollback", help="Sign that a lower revision may come back.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show who would get it when, and change nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Sign orders for a state and begin to roll it out; without a choice, to the whole fleet."""

    def work() -> None:
        packed = pack_file(state_file)
        rules = Rules(
            soak_s=soak_s,
            max_failed_share=max_failed,
            max_error_share=max_errors,
            min_quality=min_quality,
        )
        asked = _Asked(
            packed,
            Choice(device or (), group or (), _labels(label or [])),
            check_waves(_shares(waves)),
            rules,
            is_rollback=rollback,
        )
        signing, is_new = load_or_create_key(key)
        act = operator()

        async def begin(state: GatewayState) -> tuple[NewRollout, list[Lacking]]:
            new, lacking = await _plan(state, asked, signing)
            if not dry_run:
                await state.rollouts.keep_state(packed, act)
                await state.rollouts.begin(new, act)
            return new, lacking

        new, lacking = in_state(load_config(config), begin)
        placed = {order.device: order.wave for order in new.orders}
        rows = [
            (wave + 1, f"{share:.0%}", sum(place == wave for place in placed.values()),
             ", ".join(sorted(name for name, place in placed.items() if place == wave)) or "-")
            for wave, share in enumerate(new.waves)
        ]  # fmt: skip
        verb = "would begin" if dry_run else "begun"
        line = f"rollout {new.id} {verb}: {new.name}@{new.revision} to {len(placed)} devices"
        data = {
            "rollout": new.id,
            "state": new.state,
            "name": new.name,
            "revision": new.revision,
            "waves": placed,
            "reaches_later": new.labels is not None,
            "dry_run": dry_run,
            "key_made": is_new,
            "no_edge_plans": [_lacking_data(one) for one in lacking],
        }
        table = make_table(("wave", "up to", "devices", "who"), rows)
        show(data, line, table, *map(_lacking_line, lacking), as_json=as_json)

    run_command(work, as_json=as_json)


@app.command(name="list")
def list_rollouts(config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False) -> None:
    """List rollouts, newest first."""

    def work() -> None:
        found = in_state(load_config(config), lambda state: state.rollouts.all())
        show([_data(one) for one in found], _table(found), as_json=as_json)

    run_command(work, as_json=as_json)


@app.command(name="show")
def show_rollout(
    number: NumberArgument, config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False
) -> None:
    """Show a rollout, and how each of its devices stands."""

    def work() -> None:
        loaded = load_config(config)
        record, orders = in_state(loaded, lambda state: _standing(state, number))
        rows = [
            (
                one.wave + 1,
                one.device,
                "undone" if one.is_undone else one.outcome,
                one.failure or "-",
                "-" if one.quality is None else f"{one.quality:.0%}",
                f"{one.calls - one.failures}/{one.calls}",
                moment(one.updated_at),
            )
            for one in orders
        ]
        head = ("wave", "device", "outcome", "failure", "checks", "answered", "since")
        data = _data(record) | {"devices": [record_data(one) for one in orders]}
        show(data, _table([record]), "", make_table(head, rows), as_json=as_json)

    run_command(work, as_json=as_json)


def _by_hand(name: str, help_text: str) -> None:
    @app.command(name=name, help=help_text)
    def change(
        number: NumberArgument,
        config: ConfigOption = DEFAULT_CONFIG,
        *,
        as_json: JsonOption = False,
    ) -> None:
        def work() -> None:
            act = operator()

            async def apply(state: GatewayState) -> RolloutRecord:
                found: RolloutRecord = await getattr(state.rollouts, name)(number, act)
                return found

            record = in_state(load_config(config), apply)
            line = f"rollout {number} is {record.status.value}, wave {record.wave + 1}"
            show(_data(record), line, as_json=as_json)

        run_command(work, as_json=as_json)


_by_hand("pause", "Release no further wave.")
_by_hand("resume", "Go on; the watch over the present wave begins anew.")
_by_hand("advance", "Release the next wave at once, or end the rollout after the last.")
_by_hand("abort", "Give it up: who took the state goes back to the one before.")


def states(config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False) -> None:
    """List the states that were rolled out, newest first."""

    def work() -> None:
        found = in_state(load_config(config), lambda state: state.rollouts.states())
        rows = [(one.name, one.revision, one.hash[:12], moment(one.created_at)) for one in found]
        table = make_table(("state", "revision", "hash", "since"), rows)
        show([record_data(one) for one in found], table, as_json=as_json)

    run_command(work, as_json=as_json)


def diff(
    state_file: StateArgument,
    config: ConfigOption = DEFAULT_CONFIG,
    device: Annotated[str, typer.Option(help="Only this device.")] = "",
    *,
    as_json: JsonOption = False,
) -> None:
    """Show what a state would change on each device, against what it runs now."""

    def work() -> None:
        packed = pack_file(state_file)
        found = in_state(load_config(config), lambda state: _changes(state, packed, device))
        rows = [
            (name, change.kind, f"{change.part} {change.name}".strip(), change.detail or "-")
            for name, changes in found.items()
            for change in changes
        ]
        data = {name: [asdict(change) for change in changes] for name, changes in found.items()}
        table = make_table(("device", "change", "what", "from -> to"), rows)
        show(data, table if rows else "nothing would change", as_json=as_json)

    run_command(work, as_json=as_json)


@dataclass(frozen=True, slots=True)
class _Asked:
    packed: bytes
    choice: Choice
    waves: tuple[float, ...]
    rules: Rules
    is_rollback: bool


async def _plan(state: GatewayState, asked: _Asked, key: Any) -> tuple[NewRollout, list[Lacking]]:
    parsed = parse_state(asked.packed)
    targets = chosen(await state.fleet.standings(), asked.choice)
    revisions = {one.hash: one.revision for one in await state.rollouts.states()}
    lacking = lacking_edge_plans(parsed, targets, today=SystemClock().now().date())
    new = plan(
        await state.rollouts.next_id(),
        Aim(state_hash(asked.packed), parsed.revision, parsed.name, asked.is_rollback),
        targets,
        asked.choice,
        waves=asked.waves,
        rules=asked.rules,
        revisions=revisions,
        key=key,
    )
    return new, lacking


def _lacking_data(one: Lacking) -> dict[str, object]:
    missing = one.missing
    level = missing.level.name.lower()
    return {
        "graph": missing.graph,
        "level": level,
        "reason": missing.reason,
        "devices": one.devices,
    }


def _lacking_line(one: Lacking) -> str:
    return f"without the cloud, {len(one.devices)} of them refuse {one.missing}"


async def _changes(state: GatewayState, packed: bytes, device: str) -> dict[str, list[Change]]:
    standings = chosen(await state.fleet.standings(), Choice([device] if device else ()))
    running = {one.state for one in standings} - {INSTALLED}
    known = {one.hash for one in await state.rollouts.states()} & running
    present = {hash_: parse_state(await state.rollouts.state(hash_)) for hash_ in sorted(known)}
    coming = parse_state(packed)
    return {
        one.device: differences(_wanted(present.get(one.state), one), _wanted(coming, one))
        for one in standings
    }


async def _standing(state: GatewayState, number: int) -> tuple[RolloutRecord, list[OrderRecord]]:
    return await state.rollouts.get(number), await state.rollouts.orders(number)


def _wanted(state: FleetState | None, one: DeviceStanding) -> Wanted | None:
    if state is None:
        return None
    return resolve(state, Target(DeviceId(one.device), frozenset(one.groups), one.labels))


def _labels(given: list[str]) -> Mapping[str, str]:
    found = {}
    for text in given:
        name, is_there, value = text.partition("=")
        if not is_there:
            raise RequestInvalid("is written NAME=VALUE", field="--label")
        found[name] = value
    return found


def _shares(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise RequestInvalid("are numbers with commas between them", field="--waves") from None


def _table(records: list[RolloutRecord]) -> Any:
    rows = [
        (
            one.id,
            f"{one.name}@{one.revision}",
            f"{one.status.value}{f' ({one.reason})' if one.reason else ''}",
            f"{one.wave + 1}/{len(one.waves)}",
            one.devices,
            one.tally.released,
            one.tally.done,
            one.tally.failed,
            moment(one.created_at),
        )
        for one in records
    ]
    head = ("rollout", "state", "status", "wave", "devices", "released", "run it", "failed")
    return make_table((*head, "begun"), rows)


def _data(record: RolloutRecord) -> dict[str, object]:
    return record_data(record) | {"status": record.status.value}
