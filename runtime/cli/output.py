"""What every command does with results and failures.

Results go to stdout, as JSON when asked for; a failure is one line on stderr and a documented
exit code. Knows no particular command.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from runtime.cli.exit_codes import CRASHED, INTERRUPTED, OUTPUT_CLOSED, exit_code_of
from runtime.errors import DocumentInvalid, LeakFound, LeewardError

__all__ = [
    "JsonOption",
    "diagnose",
    "error_data",
    "make_table",
    "run_command",
    "show",
    "stdout_console",
]

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
"""The option that every command has."""

_PLAIN_WIDTH = 160
"""Columns where the output is no terminal, so that tables are not cut at 80."""


def run_command(work: Callable[[], object], *, as_json: bool = False) -> None:
    """Do a command's work; turn what it raises into one clear line and an exit code.

    Args:
        work: The command; it prints its own results.
        as_json: Whether a failure is printed as ``{"error": {...}}`` on stdout instead.

    Raises:
        typer.Exit: With the documented code, when ``work`` failed.
    """
    with _exit_codes(as_json=as_json):
        work()


def show(data: object, *texts: RenderableType, as_json: bool) -> None:
    """Print a result: ``data`` as JSON, or ``texts`` for people, one below the other."""
    if as_json:
        typer.echo(json.dumps(data, indent=2, ensure_ascii=False))
        return
    console = stdout_console()
    for part in texts:
        # Names and texts of documents are data: no markup, no colours guessed from them.
        console.print(part, markup=False, highlight=False, emoji=False)


def make_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """Return a plain table; cells are shown as they are, never read as markup."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    return table


def stdout_console() -> Console:
    """Return a console on stdout, wide when nobody looks."""
    console = Console()
    return console if console.is_terminal else Console(width=_PLAIN_WIDTH)


def diagnose(line: str) -> None:
    """Print one line on stderr."""
    typer.echo(line, err=True)


def error_data(error: LeewardError) -> dict[str, Any]:
    """Return a failure as the JSON object that ``--json`` prints."""
    data: dict[str, Any] = {
        "kind": type(error).__name__,
        "message": str(error),
        "exit_code": exit_code_of(error),
        "retryable": error.retryable,
    }
    if isinstance(error, DocumentInvalid):
        data |= {"file": error.file, "line": error.line, "field": error.field}
        data["reason"] = error.reason
    if isinstance(error, LeakFound):
        data |= {"path": list(error.path), "reason": error.reason}
    return data


@contextmanager
def _exit_codes(*, as_json: bool) -> Iterator[None]:
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        # Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(OUTPUT_CLOSED) from None
    except KeyboardInterrupt:
        diagnose("interrupted")
        raise typer.Exit(INTERRUPTED) from None
    except LeewardError as error:
        _fail(error, as_json=as_json)
    except BaseExceptionGroup as group:
        named = _first_named(group)
        if named is None:
            _crash(group, as_json=as_json)
        else:
            _fail(named, as_json=as_json)
    except (typer.Exit, typer.Abort):
        raise
    except Exception as error:  # noqa: BLE001 - the border to the shell
        _crash(error, as_json=as_json)


def _fail(error: LeewardError, *, as_json: bool) -> None:
    if _is_debugging():
        diagnose("".join(traceback.format_exception(error)))
    if as_json:
        typer.echo(json.dumps({"error": error_data(error)}, ensure_ascii=False))
    else:
        diagnose(f"error: {_one_line(str(error)) or type(error).__name__}")
    raise typer.Exit(exit_code_of(error)) from None


def _crash(error: BaseException, *, as_json: bool) -> None:
    """Report a fault of ours without its text, which may hold anything."""
    if _is_debugging():
        diagnose("".join(traceback.format_exception(error)))
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    message = f"internal fault: {type(error).__name__}{place}; LEEWARD_DEBUG=1 shows the traceback"
    if as_json:
        fault: Mapping[str, object] = {
            "kind": type(error).__name__,
            "message": message,
            "exit_code": CRASHED,
            "retryable": False,
        }
        typer.echo(json.dumps({"error": fault}))
    else:
        diagnose(f"error: {message}")
    raise typer.Exit(CRASHED) from None


def _first_named(group: BaseExceptionGroup[BaseException]) -> LeewardError | None:
    """Return the first named failure in what a task group raised."""
    for error in group.exceptions:
        if isinstance(error, LeewardError):
            return error
        if isinstance(error, BaseExceptionGroup):
            named = _first_named(error)
            if named is not None:
                return named
    return None


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _is_debugging() -> bool:
    return bool(os.environ.get("LEEWARD_DEBUG"))  # noqa: TID251 - the CLI is a root
