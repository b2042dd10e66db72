"""What keeps a daemon from starting: one clear line, a documented exit code, soon, no orphans."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from runtime.local.layout import (
    API_KEY_VARIABLE,
    Layout,
)
from runtime.testing.local_roles import CommandResult, edit_yaml, leeward
from tests.integration.layouts import lonely_layout

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

WEIGHTS = Path(__file__).parents[2] / "reference" / "weights" / "tern-s.gguf"
POLICY = """\
leeward: policy/v1
categories: {person: confidential}
clearance: {edge: restricted, cloud: internal}
"""
SOON_S = 8.0
"""Five seconds on a quiet machine; the suite's machine has two cores and is busy."""
ADDRESS_IN_USE, CONFIG_INVALID, MODEL_INVALID, LEDGER_UNAVAILABLE = 50, 14, 40, 25
POLICY_INVALID = 12


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return lonely_layout(tmp_path, weights=WEIGHTS, policy_text=POLICY)


@pytest.fixture
def taken() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


async def _edge(layout: Layout) -> CommandResult:
    return await leeward("edge", "serve", "-c", str(layout.edge_config), environment={})


async def _cloud(layout: Layout, **environment: str) -> CommandResult:
    return await leeward("cloud", "serve", "-c", str(layout.cloud_config), environment=environment)


def _assert_clear(result: CommandResult, code: int, *named: str) -> None:
    """Log lines are JSON; what is left is the one line for a person."""
    lines = [line for line in result.stderr.splitlines() if not line.startswith("{")]
    assert result.exit_code == code, result.stderr
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("error: ")
    assert all(name in lines[0] for name in named), lines[0]
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert result.left_behind == ()
    assert result.took_s < SOON_S


@pytest.mark.parametrize("field", ["listen", "http"])
async def test_a_taken_port_of_the_edge_is_named(layout: Layout, taken: str, field: str) -> None:
    edit_yaml(layout.edge_config, layout.edge_config, {field: taken})

    _assert_clear(await _edge(layout), ADDRESS_IN_USE, taken)


@pytest.mark.parametrize("field", ["listen", "enrolment"])
async def test_a_taken_port_of_the_gateway_is_named(layout: Layout, taken: str, field: str) -> None:
    edit_yaml(layout.cloud_config, layout.cloud_config, {field: taken})

    result = await _cloud(layout, **{API_KEY_VARIABLE: "key"})

    _assert_clear(result, ADDRESS_IN_USE, taken)


def _missing(path: Path) -> None:
    pass


def _directory(path: Path) -> None:
    path.mkdir()


def _empty(path: Path) -> None:
    path.touch()


def _other_file(path: Path) -> None:
    path.write_bytes(b"PK\x03\x04" + bytes(4096))


def _cut_in_head(path: Path) -> None:
    path.write_bytes(WEIGHTS.read_bytes()[:1000])


def _cut_in_tensors(path: Path) -> None:
    data = WEIGHTS.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def _scrambled_head(path: Path) -> None:
    data = bytearray(WEIGHTS.read_bytes())
    data[8:200] = b"\xff" * 192
    path.write_bytes(bytes(data))


@pytest.mark.parametrize(
    "broken",
    [_missing, _directory, _empty, _other_file, _cut_in_head, _cut_in_tensors, _scrambled_head],
)
async def test_a_model_that_cannot_be_loaded_is_named(
    layout: Layout, broken: Callable[[Path], None]
) -> None:
    model = layout.root / "broken.gguf"
    broken(model)
    edit_yaml(layout.edge_config, layout.edge_config, {"models/tern-s/file": str(model)})

    _assert_clear(await _edge(layout), MODEL_INVALID, "broken.gguf")


async def test_a_model_with_another_checksum_is_refused(layout: Layout) -> None:
    edit_yaml(layout.edge_config, layout.edge_config, {"models/tern-s/sha256": "0" * 64})

    _assert_clear(await _edge(layout), MODEL_INVALID, "tern-s")


async def test_an_edge_whose_state_directory_is_a_file_says_so(layout: Layout) -> None:
    (layout.root / "edge-state").touch()

    _assert_clear(await _edge(layout), CONFIG_INVALID, "edge-state")


async def test_an_edge_whose_ledger_directory_is_a_file_says_so(layout: Layout) -> None:
    (layout.root / "edge-state").mkdir(mode=0o700)
    (layout.root / "edge-state" / "ledger").touch()

    _assert_clear(await _edge(layout), LEDGER_UNAVAILABLE, "ledger")


async def test_a_gateway_whose_state_directory_is_a_file_says_so(layout: Layout) -> None:
    (layout.root / "gateway-state").touch()

    result = await _cloud(layout, **{API_KEY_VARIABLE: "key"})

    _assert_clear(result, CONFIG_INVALID, "gateway-state")


async def test_a_gateway_whose_database_is_no_database_says_so(layout: Layout) -> None:
    (layout.root / "gateway-state").mkdir(mode=0o700)
    (layout.root / "gateway-state" / "gateway.sqlite").write_bytes(b"no database" * 500)

    result = await _cloud(layout, **{API_KEY_VARIABLE: "key"})

    _assert_clear(result, CONFIG_INVALID, "gateway.sqlite")


async def test_a_gateway_without_the_providers_key_says_which_variable(layout: Layout) -> None:
    _assert_clear(await _cloud(layout), CONFIG_INVALID, API_KEY_VARIABLE)


async def test_a_gateway_whose_key_file_is_missing_names_it(layout: Layout) -> None:
    data = yaml.safe_load(layout.cloud_config.read_text())
    data["upstreams"]["llm"] |= {"api_key_file": "missing.key"}
    del data["upstreams"]["llm"]["api_key_env"]
    layout.cloud_config.write_text(yaml.safe_dump(data))

    _assert_clear(await _cloud(layout), CONFIG_INVALID, "missing.key")


@pytest.mark.parametrize("content", ["", "  \n"])
async def test_a_gateway_whose_key_file_is_empty_names_it(layout: Layout, content: str) -> None:
    (layout.root / "empty.key").write_text(content)
    data = yaml.safe_load(layout.cloud_config.read_text())
    data["upstreams"]["llm"] |= {"api_key_file": "empty.key"}
    del data["upstreams"]["llm"]["api_key_env"]
    layout.cloud_config.write_text(yaml.safe_dump(data))

    _assert_clear(await _cloud(layout), CONFIG_INVALID, "empty.key")


async def test_an_edge_without_its_sentinels_model_is_not_served(layout: Layout) -> None:
    edit_yaml(layout.edge_config, layout.edge_config, {"sentinel": {"model": "no-such-model"}})

    _assert_clear(await _edge(layout), MODEL_INVALID, "no-such-model")


async def test_an_edge_whose_policy_cannot_be_read_is_not_served(layout: Layout) -> None:
    edit_yaml(layout.edge_config, layout.edge_config, {"policy": "policies"})
    (layout.root / "policies").mkdir()  # root may read any file, and no directory as one

    _assert_clear(await _edge(layout), POLICY_INVALID, "policies")
