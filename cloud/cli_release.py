"""``leeward fleet release``: pack the wheels of a release into one file that a state can name."""

from pathlib import Path
from typing import Annotated, Any

import typer

from runtime.cli.output import JsonOption, make_table, run_command, show
from runtime.fleet.bundle import pack_bundle

__all__ = ["app"]

app = typer.Typer(help="Releases of the software.", no_args_is_help=True)


@app.command(name="pack")
def pack(
    wheels: Annotated[list[Path], typer.Argument(help="Wheels; one of them leeward's.")],
    out: Annotated[Path, typer.Option(help="The bundle to write.")],
    *,
    as_json: JsonOption = False,
) -> None:
    """Pack wheels into a bundle, and say what a state writes to have devices run it.

    What a bundle lacks, a device takes from what was installed on it.
    """

    def work() -> None:
        packed = pack_bundle(wheels, out)
        content = packed.content
        data: dict[str, Any] = {
            "bundle": str(out),
            "version": content.version,
            "sha256": packed.sha256,
            "size_bytes": packed.size_bytes,
            "wheels": dict(content.wheels),
            "schema": content.schema_.model_dump(),
        }
        rows = [(name, sha256[:12]) for name, sha256 in content.wheels.items()]
        reads = ", ".join(map(str, content.schema_.reads))
        size = f"{packed.size_bytes:,} bytes"
        lines = (
            f"{out}: {size}, writes state {content.schema_.writes}, reads {reads}",
            make_table(("wheel", "SHA-256"), rows),
            "",
            "base:",
            "  release:",
            f"    version: {content.version}",
            f"    source: https://.../{out.name}",
            f"    sha256: {packed.sha256}",
        )
        show(data, *lines, as_json=as_json)

    run_command(work, as_json=as_json)
