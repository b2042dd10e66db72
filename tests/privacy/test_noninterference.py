"""Promise 2: two secrets of the same kinds, and everything that passes the gate is identical.

The exact bytes, the number and the deadlines of all passages are compared; ids, clock and the
ledger's keys are injected. The edge's model lets its input show wherever it can.
"""

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime.graph.document import load_graph, parse_graph
from runtime.graph.model import Graph
from tests.privacy.house import Outcome, run_once

ROOT = Path(__file__).resolve().parents[2]
MEMORY = Path("/dev/shm")
"""Where there is one, the hundreds of ledgers and vaults need no disk."""
SHIPPED = sorted((ROOT / "deploy" / "graphs").glob("*.yaml"))

ADVERSARIAL = {
    "cloud fed by the edge": """
steps: {near: {role: assistant, model: tern-s}, far: {role: assistant, model: gannet-m}}
edges: [near -> far]
""",
    "cloud guarded by an edge decision": """
steps:
  near: {role: router, model: tern-s, outputs: {verdict: ["yes", "no"]}}
  far: {role: assistant, model: gannet-m}
  final: {role: fuser, model: tern-s}
edges: [near -> final, {from: near, to: far, when: "near.verdict == yes"}, far -> final]
""",
    "the other branch": """
steps:
  near: {role: router, model: tern-s, outputs: {score: number}}
  far: {role: assistant, model: gannet-m}
  other: {role: assistant, model: tern-s}
  final: {role: fuser, model: tern-s}
edges:
  - {from: near, to: other, when: "near.score > 4"}
  - {from: near, to: far, otherwise: true}
  - near -> final
  - other -> final
  - far -> final
""",
    "confidence of the edge decides": """
steps:
  near: {role: assistant, model: tern-s}
  far: {role: assistant, model: gannet-m}
  final: {role: fuser, model: tern-s}
edges: [near -> final, {from: near, to: far, when: "near.confidence < 0.6"}, far -> final]
""",
    "a list of the edge is mapped over the cloud": """
steps:
  split: {role: divider, model: tern-s, outputs: {items: list}}
  solve: {role: assistant, model: gannet-m, map: {over: split.items, max_items: 3}}
  final: {role: fuser, model: tern-s}
edges: [split -> solve, solve -> final]
""",
    "two cloud steps in sequence, a raw fuser last": """
steps:
  first: {role: assistant, model: gannet-m}
  second: {role: assistant, model: gannet-m, samples: 2, sampling: {temperature: 1.0, seed: 3}}
  final: {role: fuser, model: tern-s}
edges: [first -> second, first -> final, second -> final]
""",
    "a cloud verifier after an edge answer": """
steps:
  near: {role: assistant, model: tern-s, samples: 3, sampling: {temperature: 1.0, seed: 1}}
  judge: {role: verifier, model: gannet-m, outputs: {score: number}}
  again: {role: assistant, model: gannet-m}
  final: {role: fuser, model: tern-s}
edges:
  - near -> judge
  - near -> final
  - judge -> final
  - {from: judge, to: again, when: "judge.score < 6"}
  - again -> final
""",
    "a cloud sink": """
steps: {near: {role: guide, model: tern-s}, far: {role: fuser, model: gannet-m}}
edges: [near -> far]
""",
}
GRAPHS: dict[str, Graph] = {path.stem: load_graph(path) for path in SHIPPED} | {
    name: parse_graph(f"leeward: graph/v1\nname: test\n{text}")
    for name, text in ADVERSARIAL.items()
}

GIVEN = ["Anna", "Bartholomew", "Li", "Fatima", "Zdeněk", "Ruth", "Omar", "Ingeborg"]
FAMILY = ["Kowalska", "Ng", "Featherstone", "Černá", "Bo", "Nagy", "Müller", "Okonkwo"]
PHONES = ["+48 601 234 567", "+44 20 7946 0958", "+1 212 555 0123", "+49 30 23125 000"]
IBANS = ["DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432", "FR1420041010050500013M02606"]


@dataclass(frozen=True)
class Secret:
    """One filling of the sensitive places."""

    given: str
    family: str
    phone: str
    mail: str
    iban: str

    @property
    def name(self) -> str:
        return f"{self.given} {self.family}"


secrets = st.builds(
    Secret,
    given=st.sampled_from(GIVEN),
    family=st.sampled_from(FAMILY),
    phone=st.sampled_from(PHONES),
    mail=st.from_regex(r"[a-z]{1,12}\.[a-z]{1,9}@example\.(org|com)", fullmatch=True),
    iban=st.sampled_from(IBANS),
)
TEMPLATES = (
    "Patient {0.name} takes 2 tablets of 7 mg. How many mg does {0.name} take?",
    "Mr. {0.name} (phone {0.phone}) orders 5 lamps at 2 euro each. What does Mr. {0.name} pay?",
    "Dr. {0.name} asks: write to {0.mail} or call {0.phone}. How many ways are there?",
    "Account {0.iban} of Ms. {0.name} holds 7 euro, then 3 euro are paid in. What is the balance?",
    "A shelf holds 5 boxes of 7 bulbs. Please answer to {0.mail} only.",
)


def run_both(graph: Graph, template: str, one: Secret, other: Secret) -> tuple[Outcome, Outcome]:
    async def both(folder: Path) -> tuple[Outcome, Outcome]:
        keys = folder / "keys"
        return (
            await run_once(folder / "one", keys, graph, template.format(one)),
            await run_once(folder / "other", keys, graph, template.format(other)),
        )

    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        for name in ("one", "other"):
            (Path(folder) / name).mkdir()
        return asyncio.run(both(Path(folder)))


def check(graph: Graph, template: str, one: Secret, other: Secret) -> None:
    first, second = run_both(graph, template, one, other)

    assert first.passages == second.passages
    assert first.failure == second.failure
    for secret in (one, other):
        for part in (secret.name, secret.phone, secret.mail, secret.iban):
            assert not any(part.encode() in passage for passage in first.passages)


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("template", TEMPLATES, ids=range(len(TEMPLATES)))
def test_two_secrets_pass_the_gate_alike(name: str, template: str) -> None:
    one = Secret("Anna", "Kowalska", PHONES[0], "anna.k@example.org", IBANS[0])
    other = Secret("Bartholomew", "Ng", PHONES[1], "b.featherstone-x@example.com", IBANS[1])

    check(GRAPHS[name], template, one, other)


@pytest.mark.slow
@given(
    name=st.sampled_from(sorted(GRAPHS)),
    template=st.sampled_from(TEMPLATES),
    one=secrets,
    other=secrets,
)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_two_secrets_pass_the_gate_alike(
    name: str, template: str, one: Secret, other: Secret
) -> None:
    check(GRAPHS[name], template, one, other)


def test_the_gate_is_really_passed_and_the_edge_really_swayed() -> None:
    one = Secret("Anna", "Kowalska", PHONES[0], "a.k@example.org", IBANS[0])
    other = Secret("Omar", "Nagy", PHONES[1], "o.n@example.org", IBANS[1])

    first, second = run_both(GRAPHS["parallel-fuse"], TEMPLATES[0], one, other)

    assert len(first.passages) == 1
    assert first.answer != second.answer
    assert first.receipt is not None
    assert first.receipt.left_the_edge
