"""The ``leeward`` command: groups found through entry points, each loaded when it is used.

The runtime's own groups are listed here; roles add theirs under ``leeward.commands`` in the
package's metadata, so that roles never import each other and a broken one breaks only itself.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, requires
from typing import Final, cast

import typer
from typer.core import TyperCommand, TyperGroup

from runtime.cli.exit_codes import CRASHED, NOT_INSTALLED
from runtime.cli.output import diagnose

__all__ = ["GROUP", "OWN_COMMANDS", "app", "main"]

GROUP: Final = "leeward.commands"
"""Entry points of this group name a ``typer.Typer`` or a plain command function."""

OWN_COMMANDS: Final = (
    ("up", "runtime.cli.up:up"),
    ("ask", "runtime.cli.ask:ask"),
    ("graph", "runtime.cli.graph:app"),
    ("policy", "runtime.cli.policy:app"),
    ("catalog", "runtime.cli.catalog:app"),
    ("fleet", "cloud.cli_fleet:app"),
    ("ledger", "runtime.cli.ledger:app"),
    ("doctor", "runtime.cli.doctor:doctor"),
    ("version", "runtime.cli.version:version"),
    ("exit-codes", "runtime.cli.version:exit_codes"),
)


Command = TyperCommand | TyperGroup


class _Commands(TyperGroup):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: object) -> list[str]:
        return list(_found_commands())

    def get_command(self, ctx: object, cmd_name: str) -> Command | None:
        entry = _found_commands().get(cmd_name)
        return None if entry is None else _load(entry)


app = typer.Typer(
    cls=_Commands,
    name="leeward",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Run language models on the edge and in the cloud; what is private stays on the edge.",
)


@app.callback()
def _root() -> None:
    """Run language models on the edge and in the cloud; what is private stays on the edge."""


def main() -> None:
    """Run the command line; the console script."""
    app(prog_name="leeward")


def _found_commands() -> dict[str, EntryPoint]:
    own = {name: EntryPoint(name, value, GROUP) for name, value in OWN_COMMANDS}
    others = sorted(entry_points(group=GROUP), key=lambda entry: entry.name)
    return own | {entry.name: entry for entry in others if entry.name not in own}


def _load(entry: EntryPoint) -> Command:
    try:
        found = entry.load()
        return _command(entry.name, found if isinstance(found, typer.Typer) else _alone(found))
    except ModuleNotFoundError as failure:
        # A role that is not installed here is an empty package: its commands' module is missing.
        is_ours = (failure.name or "").partition(".")[0] == entry.module.partition(".")[0]
        is_ours = is_ours and failure.name != entry.module
        return _broken(entry, failure) if is_ours else _absent(entry, failure)
    except Exception as failure:  # noqa: BLE001 - one broken group must not take the others along
        return _broken(entry, failure)


def _alone(function: Callable[..., None]) -> typer.Typer:
    single = typer.Typer(add_completion=False)
    single.command()(function)
    return single


def _command(name: str, typer_app: typer.Typer) -> Command:
    # Typer's own return type is of a module that it keeps private.
    command = cast("Command", typer.main.get_command(typer_app))
    command.name = name
    return command


def _absent(entry: EntryPoint, failure: ModuleNotFoundError) -> Command:
    module = (failure.name or "").partition(".")[0] or "a module"
    if entry.name in _extras():
        advice = f"pip install 'leeward[{entry.name}]'"
    else:
        advice = "`leeward doctor` says what is missing"
    reason = f"`leeward {entry.name}` needs {module}, which is not installed: {advice}"
    return _stub(entry, reason, NOT_INSTALLED, summary=f"Not installed ({advice}).")


def _broken(entry: EntryPoint, failure: Exception) -> Command:
    frames = traceback.extract_tb(failure.__traceback__)
    place = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    reason = f"`leeward {entry.name}` cannot be loaded: {type(failure).__name__}{place}"
    return _stub(entry, reason, CRASHED, summary="Cannot be loaded.")


def _stub(entry: EntryPoint, reason: str, code: int, *, summary: str) -> Command:
    """Return a command that takes any arguments and only says why it cannot run."""

    def explain() -> None:
        diagnose(f"error: {reason}")
        raise typer.Exit(code)

    explain.__doc__ = summary
    takes_anything = {"ignore_unknown_options": True, "allow_extra_args": True}
    single = typer.Typer(add_completion=False)
    single.command(context_settings=takes_anything, add_help_option=False)(explain)
    return _command(entry.name, single)


def _extras() -> set[str]:
    return set(_extra_names())


def _extra_names() -> Iterator[str]:
    try:
        requirements = requires("leeward") or []
    except PackageNotFoundError:
        return
    for requirement in requirements:
        _, marked, marker = requirement.partition("extra ==")
        if marked:
            yield marker.strip().strip("'\"")
