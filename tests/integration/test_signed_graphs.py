"""From a study to a device: what the optimizer exports, an edge that names its signers loads.

And nothing else: whatever was changed on the way keeps the daemon from starting.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from optimizer.cli_options import opened, place_of
from optimizer.study.running import OpenEvaluator, run_study
from optimizer.study.searchers import make_searcher
from optimizer.testing import TableEvaluator
from runtime.cli.exit_codes import exit_code_of
from runtime.clock import SystemClock
from runtime.errors import SignatureInvalid
from runtime.executor.events import RunFinished
from runtime.local.layout import Layout
from runtime.testing.local_roles import CommandResult, LocalRoles, edit_yaml, leeward, run_graph
from tests.integration.layouts import lonely_layout

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

ROOT = Path(__file__).parents[2]
WEIGHTS = ROOT / "reference" / "weights" / "tern-s.gguf"
POLICY = (ROOT / "deploy" / "policies" / "clinic.yaml").read_text()
STUDY = {
    "leeward": "study/v1",
    "name": "found",
    "tasks": "tasks.jsonl",
    "catalog": "catalog.yaml",
    "policy": "policy.yaml",
    "evaluation": {"live": {"edge": "127.0.0.1:1"}},
    "graphs": {"models": ["tern-s"], "max_steps": 1, "max_tokens": 32},
    "searcher": {"name": "random"},
    "trials": 2,
}
QUESTION = "How much is 3 and 1?"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = lonely_layout(tmp_path, weights=WEIGHTS, policy_text=POLICY)
    signers = {"graph_signers": ["study.study/signing.pub.pem", "operator.pub.pem"]}
    edit_yaml(layout.edge_config, layout.edge_config, signers)
    return layout


@pytest_asyncio.fixture
async def exported(layout: Layout) -> Path:
    """A graph that ``leeward optimizer export`` wrote, beside ones that an operator signed."""
    graphs = layout.root / "graphs"
    study = layout.root / "study.yaml"
    study.write_text(yaml.safe_dump(STUDY, sort_keys=False))
    rows = [{"id": f"q{n}", "question": f"How much is {n} and 1?", "answer": n + 1} for n in (3, 4)]
    (layout.root / "tasks.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    await _search(study)
    by_hand = [str(file) for file in sorted(graphs.iterdir())]

    done = await asyncio.gather(
        leeward("optimizer", "export", str(study), "g1", "--out", str(graphs), environment={}),
        leeward(
            "graph", "sign", *by_hand, "--key", str(layout.root / "operator.pem"), environment={}
        ),
    )

    assert [result.exit_code for result in done] == [0, 0], done
    return graphs / "found.yaml"


async def _search(study: Path) -> None:
    """Run the study with outcomes from a table, as if an edge had given them."""
    one = opened(study)
    await run_study(
        one.study,
        make_searcher(one.study, one.space, questions=one.questions),
        OpenEvaluator(TableEvaluator(one.questions, most_usd=0.0)),
        place_of(one, None),
        clock=SystemClock(),
        observer=lambda _event, _budget: None,
    )


@pytest_asyncio.fixture
async def roles(layout: Layout) -> AsyncIterator[LocalRoles]:
    running = LocalRoles(layout.root, os.environ)
    yield running
    await running.close()


async def test_an_edge_that_names_its_signers_runs_what_the_optimizer_exported(
    layout: Layout, exported: Path, roles: LocalRoles
) -> None:
    addresses = await roles.serve("edge", "edge", layout.edge_config)

    events = [event async for event in run_graph(addresses["grpc"], "found", QUESTION)]

    signed = _signature(exported)
    assert signed["provenance"]["study"] == "found"
    assert isinstance(events[-1], RunFinished)
    assert events[-1].receipt.graph_hash == signed["graph_hash"]
    assert {step.model for step in events[-1].receipt.steps} == {"tern-s"}


def _tampered_step(document: Path) -> None:
    _replace(document, "max_tokens: 32", "max_tokens: 33")


def _tampered_name(document: Path) -> None:
    _replace(document, "name: found", "name: lost")


def _replace(document: Path, old: str, new: str) -> None:
    text = document.read_text()
    assert old in text
    document.write_text(text.replace(old, new))


def _missing(document: Path) -> None:
    Path(f"{document}.sig").unlink()


def _truncated(document: Path) -> None:
    signature = Path(f"{document}.sig")
    signature.write_bytes(signature.read_bytes()[:-40])


def _of_another_graph(document: Path) -> None:
    other = document.with_name("ask-cloud.yaml.sig")
    Path(f"{document}.sig").write_bytes(other.read_bytes())


@pytest.mark.parametrize(
    "change", [_tampered_step, _tampered_name, _missing, _truncated, _of_another_graph]
)
async def test_an_edge_does_not_start_on_a_graph_that_was_changed_on_the_way(
    layout: Layout, exported: Path, change: Callable[[Path], None]
) -> None:
    change(exported)

    refused = await asyncio.gather(_edge(layout, "serve"), _edge(layout, "check"))

    for result in refused:
        _assert_refused(result, exported)
    assert not (layout.root / "edge-state").exists()


async def test_an_edge_does_not_start_on_a_graph_of_a_key_that_it_does_not_name(
    layout: Layout, exported: Path
) -> None:
    edit_yaml(layout.edge_config, layout.edge_config, {"graph_signers": ["operator.pub.pem"]})

    _assert_refused(await _edge(layout, "serve"), exported)


async def test_without_signers_a_changed_graph_is_refused_and_an_unsigned_one_is_not(
    layout: Layout, exported: Path
) -> None:
    edit_yaml(layout.edge_config, layout.edge_config, {"graph_signers": None})
    _tampered_step(exported)

    changed = await _edge(layout, "serve")
    _missing(exported)
    unsigned = await _edge(layout, "check")

    _assert_refused(changed, exported)
    assert (unsigned.exit_code, unsigned.stderr) == (0, "")


def _signature(document: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(f"{document}.sig").read_text())
    return found


async def _edge(layout: Layout, verb: str) -> CommandResult:
    return await leeward("edge", verb, "-c", str(layout.edge_config), environment={})


def _assert_refused(result: CommandResult, document: Path) -> None:
    assert result.exit_code == exit_code_of(SignatureInvalid("")) == 18
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith(f"error: {document}")
    assert result.left_behind == ()
