"""`leeward cloud` on a real state directory: tenants, keys, devices, usage and the audit trail."""

import csv
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cloud.cli import app
from runtime.identity.token_file import load_token_file

CONFIG = """
leeward: cloud/v1
upstreams:
  here: {base_url: "http://127.0.0.1:1/v1", api_key_env: NOT_READ}
models:
  small: {targets: [{upstream: here, model: m}]}
"""
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    config = tmp_path / "cloud.yaml"
    config.write_text(CONFIG)

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(app, [*arguments, "--config", str(config)])

    return invoke


def data(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_key_is_made_listed_rotated_and_revoked(run: Run) -> None:
    data(run("tenant", "create", "acme", "--json"))
    made = data(run("key", "create", "web", "--tenant", "acme", "--model", "small", "--json"))
    rotated = data(run("key", "rotate", made["id"], "--overlap-hours", "1", "--json"))
    data(run("key", "revoke", made["id"], "--json"))

    listed = {key["id"]: key for key in data(run("key", "list", "--json"))}

    assert made["key"].startswith(f"lw-{made['id']}-")
    assert listed[made["id"]]["revoked_at"] is not None
    assert listed[made["id"]]["replaced_by"] == rotated["id"]
    assert listed[rotated["id"]]["models"] == ["small"]
    assert made["key"] not in json.dumps(listed)


def test_a_new_key_is_all_that_goes_to_stdout(run: Run) -> None:
    result = run("key", "create", "web")

    assert result.exit_code == 0
    assert result.stdout.strip().startswith("lw-")
    assert "not shown again" in result.stderr


def test_every_change_names_the_operator(run: Run) -> None:
    run("tenant", "create", "acme")
    run("tenant", "disable", "acme")
    run("tenant", "enable", "acme")

    actions = ("tenant_enabled", "tenant_disabled", "tenant_created")
    wanted = [part for action in actions for part in ("--action", action)]

    found = data(run("audit", "list", *wanted, "--json"))

    assert tuple(entry["action"] for entry in found) == actions
    assert all(entry["actor"].startswith("operator:") for entry in found)
    pruned = data(run("audit", "prune", "--older-than-days", "1", "--json"))
    assert pruned == {"removed": 0}


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        (("key", "create", "web", "--tenant", "nobody"), 16, "leeward cloud tenant create"),
        (("key", "create", "web", "--model", "huge"), 15, "known: small"),
        (("key", "create", "web", "--days", "-1"), 2, ""),
        (("key", "create", "web", "--days", "1e300"), 2, ""),
        (("key", "revoke", "nothing"), 16, "leeward cloud key list"),
        (("tenant", "create", "No Name"), 15, "a-z"),
        (("device", "revoke", "stranger"), 16, "stranger"),
        (("revoke", "stranger"), 16, "stranger"),
        (("usage", "--by", "colour"), 15, "tenant, key, device"),
        (("usage", "--csv", "--json"), 15, "either"),
        (("audit", "prune", "--older-than-days", "0"), 2, ""),
    ],
)
def test_a_mistake_is_told_in_one_line_with_its_exit_code(
    run: Run, command: tuple[str, ...], code: int, words: str
) -> None:
    result = run(*command)

    assert result.exit_code == code
    assert words in result.output


def test_usage_as_csv_has_a_heading_and_the_columns_that_were_asked_for(run: Run) -> None:
    result = run("usage", "--by", "tenant,day", "--csv")

    (heading,) = csv.reader(io.StringIO(result.stdout))
    assert heading[:3] == ["tenant", "day", "calls"]
    assert data(run("usage", "--json")) == []


def test_every_listing_works_on_an_empty_state(run: Run) -> None:
    assert data(run("devices", "--json")) == data(run("device", "list", "--json")) == []
    assert data(run("key", "list", "--json")) == []
    assert [tenant["id"] for tenant in data(run("tenant", "list", "--json"))] == ["default"]
    for listing in ("devices", "usage"):
        assert run(listing).exit_code == 0


def test_the_store_is_migrated_down_and_up_and_says_from_where(run: Run) -> None:
    newest = data(run("migrate", "--json"))["to"]

    assert data(run("migrate", "--to", "0001", "--json")) == {"from": newest, "to": "0001"}
    assert data(run("migrate", "--json")) == {"from": "0001", "to": newest}
    refused = run("migrate", "--to", "9999")
    assert refused.exit_code == 14
    assert "known: 0001" in refused.output


def test_the_authority_of_the_store_is_shown_and_adopted(run: Run, tmp_path: Path) -> None:
    first = data(run("authority", "show", "--json"))["sha256"]
    (tmp_path / "gateway-state" / "authority").rename(tmp_path / "lost")

    lost = run("devices")
    assert lost.exit_code == 14
    assert "bring it back from a copy" in lost.output
    shutil.copytree(tmp_path / "lost", tmp_path / "gateway-state" / "authority")
    assert data(run("authority", "show", "--json"))["sha256"] == first
    shutil.rmtree(tmp_path / "gateway-state" / "authority")
    new = data(run("authority", "adopt", "--json"))["sha256"]
    assert new != first
    assert data(run("authority", "show", "--json"))["sha256"] == new


@pytest.mark.parametrize(
    ("listen", "arguments", "expected"),
    [
        ("0.0.0.0:7443", (), ("far.example:7443", "far.example:7444")),
        ("127.0.0.1:0", (), ("", "far.example:7444")),  # the gateway says, once it listens
        (
            "0.0.0.0:7443",
            ("--gateway", "nat.example:1", "--enrolment", "nat.example:2"),
            ("nat.example:1", "nat.example:2"),
        ),
    ],
)
def test_a_token_says_where_devices_dial(
    run: Run, tmp_path: Path, listen: str, arguments: tuple[str, ...], expected: tuple[str, str]
) -> None:
    more = f"listen: {listen}\nenrolment: 0.0.0.0:7444\nhostnames: [far.example]\n"
    (tmp_path / "cloud.yaml").write_text(CONFIG + more)

    run("token", "--out", str(tmp_path / "join.json"), *arguments)

    file = load_token_file(tmp_path / "join.json")
    assert (file.gateway_address, file.enrolment_address) == expected
