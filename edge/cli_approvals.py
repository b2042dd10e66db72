"""``leeward edge approvals``: what waits for a person, and what the person says.

Only ``show`` prints content, to standard output; nothing of it is kept or logged.
"""

import asyncio
import sys
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import typer

from edge.cli_options import DEFAULT_CONFIG, AddressOption, ConfigOption, daemon_address
from edge.egress.local_approvals import decide_approval, read_approvals
from runtime.cli.account import account_name
from runtime.cli.exit_codes import FINDINGS
from runtime.cli.output import JsonOption, make_table, run_command, show
from runtime.errors import NotFound, RequestInvalid

__all__ = ["approvals_app"]

approvals_app = typer.Typer(
    name="approvals",
    no_args_is_help=True,
    help="Requests that wait for a person: for a yes, or for an answer.",
)
IdArgument = Annotated[str, typer.Argument(help="Its id, or the beginning of it.")]
TextArgument = Annotated[
    str, typer.Argument(help="The answer; left out or -, it is read from standard input.")
]
ByOption = Annotated[
    str, typer.Option("--as", help="Who decides, for the record; default: this account's name.")
]
_SHORT_ID = 8


@approvals_app.command("list")
def list_command(
    config: ConfigOption = DEFAULT_CONFIG,
    address: AddressOption = "",
    *,
    as_json: JsonOption = False,
) -> None:
    """List what waits, without content."""

    def work() -> None:
        waiting = [
            {name: value for name, value in item.items() if name != "content"}
            for item in asyncio.run(read_approvals(daemon_address(config, address)))
        ]
        rows = [
            (
                item["id"][:_SHORT_ID],
                item["wants"],
                ", ".join(item["categories"]),
                f"{item['step']} on {item['node']}",
                item["asked_at"],
                item["expires_at"],
            )
            for item in waiting
        ]
        headings = ("id", "waits for", "in the text", "step", "asked", "until")
        table = make_table(headings, rows)
        show({"approvals": waiting}, table if rows else "nothing waits", as_json=as_json)

    run_command(work, as_json=as_json)


@approvals_app.command("show")
def show_command(
    approval: IdArgument,
    config: ConfigOption = DEFAULT_CONFIG,
    address: AddressOption = "",
    *,
    as_json: JsonOption = False,
) -> None:
    """Show the very text that would leave, or the question."""

    def work() -> None:
        item = asyncio.run(_one(daemon_address(config, address), approval))
        categories = ", ".join(item["categories"])
        what = (
            f"step {item['step']} on {item['node']} asks"
            if item["wants"] == "answer"
            else f"{categories} would go to {item['node']} (step {item['step']})"
        )
        head = f"{item['id']}: {what}; waits until {item['expires_at']}"
        show(item, head, "", item["content"], as_json=as_json)

    run_command(work, as_json=as_json)


@approvals_app.command()
def approve(
    approval: IdArgument,
    by: ByOption = "",
    config: ConfigOption = DEFAULT_CONFIG,
    address: AddressOption = "",
    *,
    as_json: JsonOption = False,
) -> None:
    """Let it leave."""
    _decide(approval, by, partial(daemon_address, config, address), approved=True, as_json=as_json)


@approvals_app.command()
def answer(
    approval: IdArgument,
    text: TextArgument = "-",
    by: ByOption = "",
    config: ConfigOption = DEFAULT_CONFIG,
    address: AddressOption = "",
    *,
    as_json: JsonOption = False,
) -> None:
    """Answer a question in a model's place; its caller gets what is written here."""
    words = sys.stdin.read() if text == "-" else text
    at = partial(daemon_address, config, address)
    _decide(approval, by, at, approved=True, answer=words.strip(), as_json=as_json)


@approvals_app.command()
def deny(
    approval: IdArgument,
    by: ByOption = "",
    config: ConfigOption = DEFAULT_CONFIG,
    address: AddressOption = "",
    *,
    as_json: JsonOption = False,
) -> None:
    """Keep it here; a question stays without an answer."""
    _decide(approval, by, partial(daemon_address, config, address), approved=False, as_json=as_json)


def _decide(
    approval: str,
    by: str,
    address: Callable[[], str],
    *,
    approved: bool,
    as_json: bool,
    answer: str = "",
) -> None:
    def work() -> None:
        decided_by = by or account_name()
        stands, approval_id = asyncio.run(
            _decided(address(), approval, approved=approved, by=decided_by, answer=answer)
        )
        yes = "answered" if answer else "approved"
        word = yes if stands else "refused"
        data = {"id": approval_id, "approved": stands, "decided_by": decided_by}
        late = (
            "" if stands is approved else "; somebody decided before, and the first answer stands"
        )
        show(data, f"{approval_id}: {word}{late}", as_json=as_json)
        if stands is not approved:
            raise typer.Exit(FINDINGS)

    run_command(work, as_json=as_json)


async def _decided(
    listen: str, approval: str, *, approved: bool, by: str, answer: str
) -> tuple[bool, str]:
    try:
        item = await _one(listen, approval)
        approval_id = item["id"]
        if approved and (item["wants"] == "answer") is not bool(answer):
            words, verb = ("a yes", "approve") if answer else ("an answer", "answer")
            raise RequestInvalid(f"waits for {words}: `leeward edge approvals {verb}`", field="id")
    except NotFound:
        approval_id = approval  # it may have been decided; the daemon remembers whole ids
    stands = await decide_approval(listen, approval_id, approved=approved, by=by, answer=answer)
    return stands, approval_id


async def _one(listen: str, beginning: str) -> dict[str, Any]:
    found = [item for item in await read_approvals(listen) if item["id"].startswith(beginning)]
    if not found:
        raise NotFound("no request waits under that name; it may have waited too long")
    if len(found) > 1:
        raise RequestInvalid("several requests begin with that; give more of the id", field="id")
    return found[0]
