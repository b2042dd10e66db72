"""``leeward edge pull`` and ``leeward edge models`` as a person or a script runs them."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from edge.cli_models import models_app, pull
from runtime.cli.exit_codes import CODES
from runtime.errors import ModelInvalid, NotFound, RequestInvalid

MODEL = (Path(__file__).parents[2] / "reference" / "weights" / "tern-s.gguf").read_bytes()
SOURCE = "hf:acme/birds:tern-s.gguf"
Hub = Any


@pytest.fixture
def config(tmp_path: Path) -> Path:
    fields = {
        "leeward": "edge/v1",
        "state": "state",
        "policy": "policy.yaml",
        "catalog": "catalog.yaml",
        "graphs": "graphs",
        "default_graph": "ask",
        "models": {"tern-s": {"file": "state/models/used.gguf"}},
    }
    path = tmp_path / "edge.yaml"
    path.write_text(json.dumps(fields))
    return path


@pytest.fixture
def app() -> typer.Typer:
    mounted = typer.Typer()
    mounted.command(name="pull")(pull)
    mounted.add_typer(models_app, name="models")
    return mounted


def run(app: typer.Typer, *words: str) -> tuple[int, Any]:
    result = CliRunner().invoke(app, [*words, "--json"])
    return result.exit_code, json.loads(result.stdout)


def test_pull_list_show_and_remove_speak_json(app: typer.Typer, config: Path, hub: Hub) -> None:
    hub.files["acme/birds/tern-s.gguf"] = MODEL
    where = ("--config", str(config))

    pulled = run(app, "pull", SOURCE, "--endpoint", hub.endpoint, *where)
    listed = run(app, "models", "list", *where)
    shown = run(app, "models", "show", "tern-s", "--verify", *where)
    removed = run(app, "models", "remove", "tern-s", *where)
    empty = run(app, "models", "list", *where)

    assert pulled[0] == 0
    assert pulled[1]["checked_by"] == "hub"
    assert listed == (0, [pulled[1]])
    assert shown == (
        0,
        pulled[1] | {"architecture": "llama", "parameters": 516_960, "verified": True},
    )
    assert removed == (0, {"removed": "tern-s", "bytes": len(MODEL)})
    assert empty == (0, [])


def test_people_are_told_what_was_checked_and_what_comes_next(
    app: typer.Typer, config: Path, hub: Hub
) -> None:
    hub.files["acme/birds/tern-s.gguf"] = MODEL
    words = ["pull", SOURCE, "--endpoint", hub.endpoint, "--config", str(config)]

    result = CliRunner().invoke(app, words)

    assert result.exit_code == 0
    assert "equals the SHA-256 that the hub gives" in result.stdout
    assert "use it with `file: tern-s` under `models`" in result.stdout


def test_failures_have_documented_exit_codes(app: typer.Typer, config: Path, hub: Hub) -> None:
    hub.files["acme/birds/tern-s.gguf"] = MODEL[:-5]
    where = ("--endpoint", hub.endpoint, "--config", str(config))

    broken = run(app, "pull", SOURCE, *where)
    absent = run(app, "pull", "hf:acme/birds:none.gguf", *where)
    misspelt = run(app, "pull", "hf:acme", *where)
    bad_digest = run(app, "pull", SOURCE, "--sha256", "12", *where)

    assert [code for code, _ in (broken, absent, misspelt, bad_digest)] == [
        CODES[ModelInvalid],
        CODES[NotFound],
        CODES[RequestInvalid],
        CODES[RequestInvalid],
    ]
    assert broken[1]["error"]["kind"] == "ModelInvalid"


def test_a_model_that_the_configuration_names_is_not_removed(
    app: typer.Typer, config: Path, hub: Hub
) -> None:
    hub.files["acme/birds/tern-s.gguf"] = MODEL
    where = ("--config", str(config))
    run(app, "pull", SOURCE, "--name", "used", "--endpoint", hub.endpoint, *where)

    code, data = run(app, "models", "remove", "used", *where)

    assert code == CODES[RequestInvalid]
    assert "still serves it as tern-s" in data["error"]["message"]


def test_a_token_is_read_from_the_file_that_is_named(
    app: typer.Typer, config: Path, hub: Hub, tmp_path: Path
) -> None:
    hub.files["acme/birds/tern-s.gguf"] = MODEL
    (tmp_path / "token").write_text("hf_secret\n")
    where = ("--endpoint", hub.endpoint, "--config", str(config))

    run(app, "pull", SOURCE, "--token-file", str(tmp_path / "token"), *where)

    assert hub.asked[0].headers["authorization"] == "Bearer hf_secret"
