"""Commands that are imported when they are asked for; one that cannot be says why, and no more."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from importlib.metadata import PackageNotFoundError, requires
from importlib.util import find_spec
from typing import cast

import typer
from typer.core import TyperCommand, TyperGroup

from runtime.cli.exit_codes import CRASHED, NOT_INSTALLED
from runtime.cli.output import diagnose

__all__ = ["Command", "lazy_app", "load_command"]

Command = TyperCommand | TyperGroup


def lazy_app(
    commands: Mapping[str, str],
    *,
    name: str,
    help: str,  # noqa: A002 - typer's own word
    needs: str,
) -> typer.Typer:
    """Return a group that imports a command when it is run, and all of them for its own help.

    Args:
        commands: ``module:object`` by name, in the order of the help; the object is a function
            or a group.
        name: The group's name, and that of the extra that brings what it needs.
        help: What it is for.
        needs: A package of that extra, by which is told whether it is installed.

    Raises:
        ModuleNotFoundError: It is not.
    """
    if find_spec(needs) is None:
        raise ModuleNotFoundError(f"No module named {needs!r}", name=needs)

    class Lazy(TyperGroup):
        def list_commands(self, ctx: object) -> list[str]:
            return list(commands)

        def get_command(self, ctx: object, cmd_name: str) -> Command | None:
            value = commands.get(cmd_name)
            return None if value is None else load_command(f"{name} {cmd_name}", value)

    app = typer.Typer(cls=Lazy, name=name, help=help, no_args_is_help=True, add_completion=False)
    app.callback()(lambda: None)
    return app


def load_command(path: str, value: str) -> Command:
    """Import a command; return one that says what is missing where it cannot be.

    Args:
        path: The words after ``leeward``, the role first.
        value: ``module:object``, a function or a group.
    """
    module, _, attribute = value.partition(":")
    try:
        return _command(path, getattr(import_module(module), attribute))
    except ModuleNotFoundError as failure:
        # A role that is not installed here is an empty package: its commands' module is missing.
        is_ours = (failure.name or "").partition(".")[0] == module.partition(".")[0]
        is_ours = is_ours and failure.name != module
        return _broken(path, failure) if is_ours else _absent(path, failure)
    except Exception as failure:  # noqa: BLE001 - one broken group must not take the others along
        return _broken(path, failure)


def _command(path: str, found: typer.Typer | Callable[..., None]) -> Command:
    if not isinstance(found, typer.Typer):
        single = typer.Typer(add_completion=False)
        single.command()(found)
        found = single
    # Typer's own return type is of a module that it keeps private.
    command = cast("Command", typer.main.get_command(found))
    command.name = path.rpartition(" ")[2]
    return command


def _absent(path: str, failure: ModuleNotFoundError) -> Command:
    module = (failure.name or "").partition(".")[0] or "a module"
    role = path.partition(" ")[0]
    if role in set(_extra_names()):
        advice = f"pip install 'leeward[{role}]'"
    else:
        advice = "`leeward doctor` says what is missing"
    reason = f"`leeward {path}` needs {module}, which is not installed: {advice}"
    return _stub(path, reason, NOT_INSTALLED, summary=f"Not installed ({advice}).")


def _broken(path: str, failure: Exception) -> Command:
    frames = traceback.extract_tb(failure.__traceback__)
    place = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    reason = f"`leeward {path}` cannot be loaded: {type(failure).__name__}{place}"
    return _stub(path, reason, CRASHED, summary="Cannot be loaded.")


def _stub(path: str, reason: str, code: int, *, summary: str) -> Command:
    """Return a command that takes any arguments and only says why it cannot run."""

    def explain() -> None:
        diagnose(f"error: {reason}")
        raise typer.Exit(code)

    explain.__doc__ = summary
    takes_anything = {"ignore_unknown_options": True, "allow_extra_args": True}
    single = typer.Typer(add_completion=False)
    single.command(context_settings=takes_anything, add_help_option=False)(explain)
    return _command(path, single)


def _extra_names() -> Iterator[str]:
    try:
        requirements = requires("leeward") or []
    except PackageNotFoundError:
        return
    for requirement in requirements:
        _, marked, marker = requirement.partition("extra ==")
        if marked:
            yield marker.strip().strip("'\"")
