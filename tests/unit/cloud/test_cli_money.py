"""``leeward cloud budget|limit|price``: what is set is held, and what makes no sense is refused."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cloud.admission.accounts import Amount
from cloud.cli import app
from cloud.stores.accounts import AccountKey, AccountStore
from cloud.stores.database import Database
from cloud.stores.reservations import Ask, CallInfo, Charge, book
from cloud.stores.sqlite import SqliteDriver
from cloud.stores.usage import UsageStore

CONFIG = """\
leeward: cloud/v1
state: state
upstreams:
  near: {base_url: http://127.0.0.1:9/v1, api_key_env: KEY}
  far: {base_url: http://127.0.0.1:9/v1, api_key_env: KEY}
models:
  llm:
    targets:
      - {upstream: near, model: m}
      - {upstream: far, model: m}
    prices: [{valid_from: 2026-01-01, prompt_usd_per_mtok: 1, completion_usd_per_mtok: 2}]
"""


class Commands:
    """Runs commands on one gateway's configuration."""

    def __init__(self, root: Path) -> None:
        self.config = root / "cloud.yaml"
        self.config.write_text(CONFIG)
        self.database = root / "state" / "gateway.sqlite"

    def text(self, *words: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, [*words, "--config", str(self.config)])
        assert result.exit_code == code, result.output
        return result.output

    def data(self, *words: str) -> Any:
        return json.loads(self.text(*words, "--json"))

    def refused(self, *words: str) -> dict[str, Any]:
        result = CliRunner().invoke(app, [*words, "--config", str(self.config), "--json"])
        assert result.exit_code not in {0, 1, 2}, result.output
        error: dict[str, Any] = json.loads(result.output)["error"]
        assert "\n" not in error["message"]
        assert len(error["message"]) < 200
        return error


@pytest.fixture
def leeward(tmp_path: Path) -> Commands:
    return Commands(tmp_path)


def test_a_budget_is_set_shown_and_removed(leeward: Commands) -> None:
    line = leeward.text("budget", "set", "llm-daily", "--usd", "12.5", "--model", "llm",
                        "--period", "day")  # fmt: skip
    assert "12.50 US dollars a day for model=llm" in line

    (found,) = leeward.data("budget", "list")
    assert found["cap_micros"] == 12_500_000
    assert found["scope"] == {"model": "llm", "each": []}
    (account,) = found["accounts"]
    assert (account["spent_micros"], account["left_micros"]) == (0, 12_500_000)
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date()
    assert found["renews_at"].startswith(tomorrow.isoformat())

    assert "12.50" in leeward.text("budget", "list")
    leeward.text("budget", "remove", "llm-daily")
    assert leeward.data("budget", "list") == []


def test_changing_a_cap_keeps_what_is_spent_and_changing_the_scope_is_refused(
    leeward: Commands,
) -> None:
    leeward.text("budget", "set", "all", "--usd", "1", "--each", "device")
    asyncio.run(_spend(leeward.database, part='["edge-1"]'))
    leeward.text("budget", "set", "all", "--usd", "0.00005", "--tokens", "9", "--each", "device")

    (found,) = leeward.data("budget", "list")
    (account,) = found["accounts"]
    assert account["part"] == {"device": "edge-1"}
    assert (account["spent_micros"], account["reserved_micros"]) == (40, 30)
    assert (account["left_micros"], account["left_tokens"]) == (0, 4), "never negative"
    assert "edge-1" in leeward.text("budget", "list")
    error = leeward.refused("budget", "set", "all", "--usd", "1", "--model", "llm")
    assert (error["kind"], "another scope" in error["message"]) == ("RequestInvalid", True)


def test_a_lost_reservation_is_shown_and_settled_by_the_bill(leeward: Commands) -> None:
    leeward.text("budget", "set", "all", "--usd", "1", "--each", "device")
    asyncio.run(_spend(leeward.database, part='["edge-1"]'))

    (lost,) = leeward.data("budget", "unsettled", "--lost")
    assert (lost["lost"], lost["micros"], lost["model"]) == (True, 30, "llm")
    assert "lost, counted as used" in leeward.text("budget", "unsettled")
    leeward.text("budget", "settle", lost["reservation"], "--usd", "0.000012",
                 "--prompt-tokens", "7", "--completion-tokens", "1")  # fmt: skip

    assert leeward.data("budget", "unsettled") == []
    (found,) = leeward.data("budget", "list")
    assert found["accounts"][0]["spent_micros"] == 40 + 12
    error = leeward.refused("budget", "settle", lost["reservation"], "--usd", "1")
    assert error["kind"] == "NotFound"
    (total,) = [row for row in leeward.data("usage") if row["model"] == "llm"]
    assert total["prompt_tokens"] == 7


async def _spend(path: Path, *, part: str) -> None:
    """One call settled, one that its gateway took with it when it died."""
    database = await Database.open(SqliteDriver(path))
    try:
        window = f"month:{datetime.now(UTC):%Y-%m}"
        key = AccountKey(1, part, window)
        account = (await AccountStore(database).ids([key]))[key]
        now = datetime.now(UTC)
        info = CallInfo("default", "device", "edge-1", "llm")

        def ask(id_: str) -> Ask:
            return Ask(id_, (account,), 30, 3, 0, info, now)

        charge = Charge("first", Amount(40, 2), (account,))
        for asks, charges in (([ask("first"), ask("lost")], []), ([], [charge])):
            await database.run(
                lambda connection, asks=asks, charges=charges: book(  # type: ignore[misc]
                    connection, asks, charges, replica="dead", now=now
                )
            )
        assert await UsageStore(database).totals(now - timedelta(days=1), by=()) is not None
    finally:
        await database.close()


@pytest.mark.parametrize(
    "words",
    [
        ("--usd", "nan"),
        ("--usd", "inf"),
        ("--usd=-1",),
        ("--usd", "1e300"),
        ("--usd", "0.0000001"),
        ("--usd", "ten"),
        ("--tokens=-5",),
        ("--tokens", "1.5"),
        ("--tokens", "9" * 30),
        (),
        ("--usd", "1", "--model", "typo"),
        ("--usd", "1", "--tenant", "nobody"),
        ("--usd", "1", "--device", "nobody"),
        ("--usd", "1", "--key", "nobody"),
        ("--usd", "1", "--each", "planet"),
        ("--usd", "1", "--each", "model", "--model", "llm"),
    ],
)
def test_budgets_that_make_no_sense_are_refused_in_one_sentence(
    leeward: Commands, words: tuple[str, ...]
) -> None:
    error = leeward.refused("budget", "set", "b", *words)

    assert error["kind"] in {"RequestInvalid", "NotFound"}
    assert leeward.data("budget", "list") == []


@pytest.mark.parametrize("name", ["", "UPPER", "a b", "x" * 41, "9lives", "a\nb"])
def test_names_that_no_message_can_hold_are_refused(leeward: Commands, name: str) -> None:
    assert leeward.refused("budget", "set", name, "--usd", "1")["kind"] == "RequestInvalid"


def test_a_limit_is_set_replaced_and_removed(leeward: Commands) -> None:
    leeward.text("limit", "set", "fair", "--requests", "60", "--each", "device")
    leeward.text("limit", "set", "fair", "--tokens", "5000", "--concurrent", "2", "--model", "llm")

    (found,) = leeward.data("limit", "list")
    assert found == {
        "limit": "fair",
        "scope": {"model": "llm", "each": []},
        "requests_per_minute": None,
        "tokens_per_minute": 5000,
        "max_concurrent": 2,
    }
    assert "model=llm" in leeward.text("limit", "list")
    leeward.text("limit", "remove", "fair")
    assert leeward.refused("limit", "remove", "fair")["kind"] == "NotFound"


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--requests", "0"),
        ("--requests=-1",),
        ("--requests", "nan"),
        ("--tokens", "1e9"),
        ("--concurrent", str(10**10)),
        ("--requests", "5", "--model", "typo"),
    ],
)
def test_limits_that_make_no_sense_are_refused(leeward: Commands, words: tuple[str, ...]) -> None:
    leeward.refused("limit", "set", "l", *words)

    assert leeward.data("limit", "list") == []


def test_prices_of_file_and_store_are_shown_together(leeward: Commands) -> None:
    leeward.text("price", "set", "llm", "--from", "2026-03-01", "--prompt", "0.15",
                 "--completion", "0.6")  # fmt: skip
    leeward.text("price", "set", "llm", "--from", "2026-03-01", "--prompt", "0.2",
                 "--completion", "0.6")  # fmt: skip
    leeward.text("price", "set", "llm", "--from", "2099-01-01", "--prompt", "1",
                 "--completion", "1", "--upstream", "far")  # fmt: skip

    found = leeward.data("price", "list")
    assert [(row["from"], row["upstream"], row["source"]) for row in found] == [
        ("2026-01-01", "", "file"),
        ("2026-03-01", "", "store"),
        ("2099-01-01", "far", "store"),
    ]
    assert found[1]["prompt_micros_per_mtok"] == 200_000, "set twice, kept once"
    assert "not yet" in leeward.text("price", "list")
    leeward.text("price", "remove", "llm", "--from", "2026-03-01")
    assert leeward.refused("price", "remove", "llm", "--from", "2026-03-01")["kind"] == "NotFound"
    assert len(leeward.data("price", "list")) == 2


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (("llm", "--from", "tomorrow", "--prompt", "1", "--completion", "1"), "RequestInvalid"),
        (("llm", "--from", "0001-01-01", "--prompt", "1", "--completion", "1"), "RequestInvalid"),
        (("llm", "--from", "2026-01-01", "--prompt=-1", "--completion", "1"), "RequestInvalid"),
        (("llm", "--from", "2026-01-01", "--prompt", "nan", "--completion", "1"), "RequestInvalid"),
        (("llm", "--from", "2026-01-01", "--prompt", "2e6", "--completion", "1"), "RequestInvalid"),
        (("typo", "--from", "2026-01-01", "--prompt", "1", "--completion", "1"), "NotFound"),
        (
            (
                "llm",
                "--from",
                "2026-01-01",
                "--prompt",
                "1",
                "--completion",
                "1",
                "--upstream",
                "x",
            ),
            "NotFound",
        ),
    ],
)
def test_prices_that_make_no_sense_are_refused(
    leeward: Commands, words: tuple[str, ...], kind: str
) -> None:
    assert leeward.refused("price", "set", *words)["kind"] == kind
    assert len(leeward.data("price", "list")) == 1


def test_who_changed_what_is_in_the_audit_trail(leeward: Commands) -> None:
    leeward.text("budget", "set", "b", "--usd", "1")
    leeward.text("limit", "set", "l", "--requests", "1")
    leeward.text("price", "set", "llm", "--from", "2026-03-01", "--prompt", "1",
                 "--completion", "1", "--upstream", "far")  # fmt: skip
    leeward.text("budget", "remove", "b")
    leeward.refused("budget", "remove", "b")

    *changes, _made = leeward.data("audit", "list")

    assert [(entry["action"], entry["subject"]) for entry in reversed(changes)] == [
        ("budget_set", "b"),
        ("limit_set", "l"),
        ("price_set", "llm at far"),
        ("budget_removed", "b"),
    ]
    assert all(entry["actor"].startswith("operator:") for entry in changes)
