"""The ``leeward`` command: groups found through entry points, each loaded when it is used.

The runtime's own groups are listed here; roles add theirs under ``leeward.commands`` in the
package's metadata, so that roles never import each other and a broken one breaks only itself.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Final

import typer
from typer.core import TyperGroup

from runtime.cli.lazy import Command, load_command

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


class _Commands(TyperGroup):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: object) -> list[str]:
        return list(_found_commands())

    def get_command(self, ctx: object, cmd_name: str) -> Command | None:
        entry = _found_commands().get(cmd_name)
        return None if entry is None else load_command(entry.name, entry.value)


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
