"""``leeward version`` and ``leeward exit-codes``."""

import platform
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from typing import Annotated

import typer

from runtime.cli.exit_codes import table_markdown, table_rows
from runtime.cli.output import JsonOption, make_table, run_command, show

__all__ = ["exit_codes", "version"]


def version(*, as_json: JsonOption = False) -> None:
    """Print the version of Leeward and of Python."""

    def work() -> None:
        try:
            leeward = installed_version("leeward")
        except PackageNotFoundError:
            leeward = "not installed (source tree)"
        data = {"leeward": leeward, "python": platform.python_version()}
        show(data, f"leeward {leeward} (Python {data['python']})", as_json=as_json)

    run_command(work, as_json=as_json)


def exit_codes(
    *,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print docs/exit-codes.md.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Print what each exit code means."""

    def work() -> None:
        if markdown:
            typer.echo(table_markdown(), nl=False)
            return
        rows = table_rows()
        data = [{"code": row.code, "error": row.name, "meaning": row.meaning} for row in rows]
        table = make_table(
            ("code", "error", "meaning"), [(row.code, row.name, row.meaning) for row in rows]
        )
        show({"exit_codes": data}, table, as_json=as_json)

    run_command(work, as_json=as_json)
