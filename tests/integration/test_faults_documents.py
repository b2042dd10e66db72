"""A malformed document is refused by the real command: one line with file, line and reason."""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from runtime.cli.exit_codes import exit_code_of
from runtime.errors import CatalogInvalid, ConfigInvalid, GraphInvalid, LeewardError, PolicyInvalid
from runtime.local.layout import Layout
from runtime.testing.local_roles import leeward
from tests.integration.layouts import lonely_layout

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

POLICY = """\
leeward: policy/v1
categories: {person: confidential}
clearance: {edge: restricted, cloud: internal}
"""
SECRET = "c4n4ry"


@dataclass(frozen=True)
class Case:
    """One break in one file, and how it must be refused."""

    file: str
    old: str
    new: str
    line: int
    error: type[LeewardError]
    commands: tuple[str, ...]


EDGE = ("edge check", "edge serve")
CLOUD = ("cloud check", "cloud serve")
GRAPH = ("edge check", "graph check")
CASES = {
    "graph-cycle": Case(
        "graphs/parallel-fuse.yaml", "- far -> final", "- far -> final\n- final -> far",
        19, GraphInvalid, GRAPH,
    ),
    "graph-unknown-step": Case(
        "graphs/parallel-fuse.yaml", "- far -> final", "- farther -> final", 19, GraphInvalid, GRAPH
    ),
    "graph-not-yaml": Case(
        "graphs/ask-cloud.yaml", "steps:", "steps: [", 5, GraphInvalid, GRAPH
    ),
    "graph-unknown-role": Case(
        "graphs/ask-cloud.yaml", "role: assistant", "role: oracle", 5, GraphInvalid, GRAPH
    ),
    "policy-unknown-level": Case(
        "policy.yaml", "confidential", "quite", 2, PolicyInvalid, ("edge check", "policy check")
    ),
    "policy-unknown-field": Case(
        "policy.yaml", "clearance:", "clearing: {}\nclearance:", 3,
        PolicyInvalid, ("edge check", "policy check"),
    ),
    "catalog-unknown-node": Case(
        "catalog.yaml", "node: edge", "node: moon", 9, CatalogInvalid, EDGE
    ),
    "edge-unknown-field": Case(
        "edge.yaml", "context_tokens:", "contxt_tokens:", 11, ConfigInvalid, EDGE
    ),
    "edge-open-listener": Case(
        "edge.yaml", "listen: 127.0.0.1", "listen: 0.0.0.0", 2, ConfigInvalid, EDGE
    ),
    "edge-wrong-type": Case(
        "edge.yaml", "context_tokens: 512", "context_tokens: many", 11, ConfigInvalid, EDGE
    ),
    "cloud-key-in-file": Case(
        "cloud.yaml", "api_key_env:", f"api_key: {SECRET}\n    api_key_env:",
        9, ConfigInvalid, CLOUD,
    ),
    "cloud-unknown-upstream": Case(
        "cloud.yaml", "upstream: llm", "upstream: nobody", 13, ConfigInvalid, CLOUD
    ),
}  # fmt: skip


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return lonely_layout(tmp_path, weights=tmp_path / "tern-s.gguf", policy_text=POLICY)


def _command(name: str, layout: Layout, file: Path) -> list[str]:
    group, verb = name.split()
    if group in {"edge", "cloud"}:
        config = layout.edge_config if group == "edge" else layout.cloud_config
        return [group, verb, "--config", str(config)]
    return [group, verb, str(file)]


@pytest.mark.parametrize("name", CASES)
async def test_a_malformed_document_is_refused_with_file_line_and_reason(
    name: str, layout: Layout
) -> None:
    case = CASES[name]
    file = layout.root / case.file
    text = file.read_text()
    assert text.count(case.old) >= 1
    file.write_text(text.replace(case.old, case.new, 1))
    commands = [_command(command, layout, file) for command in case.commands]
    with_json = _command(case.commands[0], layout, file)

    *plain, structured = await asyncio.gather(
        *(leeward(*command, environment={}) for command in commands),
        leeward(*with_json, "--json", environment={}),
    )

    code = exit_code_of(case.error(""))
    for result in plain:
        assert result.exit_code == code
        assert result.stdout == ""
        assert result.stderr.count("\n") == 1
        assert result.stderr.startswith(f"error: {file}:")
        assert SECRET not in result.stderr
        assert result.left_behind == ()
    error = json.loads(structured.stdout)["error"]
    assert (structured.exit_code, structured.stderr) == (code, "")
    assert (error["kind"], error["exit_code"]) == (case.error.__name__, code)
    assert error["file"] == str(file)
    assert error["line"] == case.line
    assert error["reason"]
    assert not (layout.root / "edge-state").exists()


@pytest.mark.parametrize("command", ["edge check", "cloud check", "graph check", "policy check"])
async def test_a_document_that_is_not_there_is_named(command: str, layout: Layout) -> None:
    group, verb = command.split()
    missing = str(layout.root / "missing.yaml")
    flag = ["--config"] if group in {"edge", "cloud"} else []

    result = await leeward(group, verb, *flag, missing, environment={})

    assert 10 <= result.exit_code < 20
    assert result.stderr.count("\n") == 1
    assert missing in result.stderr
    assert result.stdout == ""


async def test_the_documents_as_written_are_accepted(layout: Layout) -> None:
    graphs = sorted(str(path) for path in (layout.root / "graphs").iterdir())
    policy = str(layout.root / "policy.yaml")

    results = await asyncio.gather(
        leeward("edge", "check", "--config", str(layout.edge_config), environment={}),
        leeward("cloud", "check", "--config", str(layout.cloud_config), environment={}),
        leeward("graph", "check", *graphs, environment={}),
        leeward("policy", "check", policy, environment={}),
    )

    assert [result.exit_code for result in results] == [0, 0, 0, 0]
    assert [result.stderr for result in results] == [""] * 4
