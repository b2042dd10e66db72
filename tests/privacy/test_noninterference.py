"""Promise 2: two secrets of the same kinds, and everything that passes the gate is identical.

The exact bytes, the number and the deadlines of all passages are compared; ids, clock and the
ledger's keys are injected. The edge's model lets its input show wherever it can.
"""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from bench.noninterference_house import RULES, Outcome, World, run_once
from runtime.graph.document import load_graph, parse_graph
from runtime.graph.model import Graph
from runtime.ids import ModelName
from runtime.policy.model import PlaceholderStyle
from runtime.testing.strategies import graphs

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
  - {from: near, to: other, when: "near.score > 0.4"}
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
  - {from: judge, to: again, when: "judge.score < 0.6"}
  - again -> final
""",
    "the edge guesses what the cloud says": """
steps:
  far: {role: assistant, model: gannet-m, draft: {model: tern-s, always: true, at_most: 3}}
""",
    "the edge writes and asks the cloud where it is not sure": """
steps:
  near: {role: assistant, model: tern-s}
  far:
    role: assistant
    model: gannet-m
    max_tokens: 400
    draft: {model: tern-s, keep_above: 0.6, at_most: 3}
  final: {role: fuser, model: tern-s}
edges: [near -> final, far -> final]
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
FAMILY = ["Kowalska", "Nguyen", "Featherstone", "Černá", "Bosch", "Nagy", "Müller", "Okonkwo"]
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


# What a session goes on with: the same people, the same numbers, and nothing about anybody.
LATER = ("And what does {0.name} get if it is 3 times as much?", "Call {0.phone}.", "Thank you.")
# Says whom only to those who remember the first request; a family name alone is not detected.
REMEMBERED = "{0.family} again: and 4 times as much?"


@st.composite
def sessions(draw: st.DrawFn) -> list[str]:
    """Up to three requests, to be filled in with a secret."""
    first = draw(st.sampled_from(TEMPLATES))
    later = (*LATER, REMEMBERED) if "{0.name}" in first else LATER
    return [first, *draw(st.lists(st.sampled_from(later), max_size=2))]


@st.composite
def random_graphs(draw: st.DrawFn) -> Graph:
    """Valid graphs of any shape, with every step on the edge's model or the cloud's."""
    drawn = draw(graphs(max_steps=5))
    models = st.sampled_from((ModelName("tern-s"), ModelName("gannet-m")))
    return replace(drawn, steps=tuple(replace(step, model=draw(models)) for step in drawn.steps))


Runs = tuple[Outcome, Outcome]


SURROGATES = replace(RULES, policy=replace(RULES.policy, placeholders=PlaceholderStyle.SURROGATES))


def run_both(
    graph: Graph,
    templates: Sequence[str],
    one: Secret,
    other: Secret,
    *,
    world: World = RULES,
    fails: bool = False,
) -> Runs:
    async def both(folder: Path) -> Runs:
        keys = folder / "keys"
        texts = [[template.format(secret) for template in templates] for secret in (one, other)]
        return (
            await run_once(folder / "one", keys, graph, texts[0], world=world, fails=fails),
            await run_once(folder / "other", keys, graph, texts[1], world=world, fails=fails),
        )

    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        for name in ("one", "other"):
            (Path(folder) / name).mkdir()
        return asyncio.run(both(Path(folder)))


def check(
    graph: Graph, templates: Sequence[str], one: Secret, other: Secret, *, world: World = RULES
) -> Runs:
    first, second = run_both(graph, templates, one, other, world=world)

    assert first.passages == second.passages
    assert first.failure == second.failure
    for secret in (one, other):
        for part in (secret.name, secret.family, secret.phone, secret.mail, secret.iban):
            assert not any(part.encode() in passage for passage in first.passages)
    return first, second


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("template", TEMPLATES, ids=range(len(TEMPLATES)))
def test_two_secrets_pass_the_gate_alike(name: str, template: str) -> None:
    one = Secret("Anna", "Kowalska", PHONES[0], "anna.k@example.org", IBANS[0])
    other = Secret("Bartholomew", "Ng", PHONES[1], "b.featherstone-x@example.com", IBANS[1])

    check(GRAPHS[name], [template], one, other)


@pytest.mark.parametrize("name", ["ask-cloud", "two cloud steps in sequence, a raw fuser last"])
@pytest.mark.parametrize("template", TEMPLATES, ids=range(len(TEMPLATES)))
def test_two_secrets_pass_the_gate_alike_behind_surrogates(name: str, template: str) -> None:
    one = Secret("Anna", "Vandoveth", PHONES[0], "contact1.a@example.org", IBANS[0])
    other = Secret("Bartholomew", "Ng", "+1 312-555-0101", "b.c-x@example.com", IBANS[1])

    first, _ = check(GRAPHS[name], [template], one, other, world=SURROGATES)

    written = (b"Quellimar", b"contact1@example.com", b"+1 202-555-0101", b"TEST 0000")
    assert any(surrogate in first.passages[0] for surrogate in written)
    assert not any(tag in b"".join(first.passages) for tag in (b"<PERSON", b"<EMAIL", b"<IBAN"))


def test_a_person_whom_the_session_knows_does_not_leave_by_family_name_alone() -> None:
    one = Secret("Anna", "Featherstone", PHONES[0], "a.a@example.org", IBANS[0])
    other = Secret("Omar", "Kowalska", PHONES[1], "b.b@example.org", IBANS[1])

    first, _ = check(GRAPHS["ask-cloud"], [TEMPLATES[1], REMEMBERED], one, other)

    assert len(first.passages) == 2
    assert b"<PERSON_1b> again" in first.passages[1]


named = {"graph": st.sampled_from(sorted(GRAPHS)).map(GRAPHS.__getitem__)}
drawn = {"graph": random_graphs()}
pairs = {"session": sessions(), "one": secrets, "other": secrets}
some = settings(deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.slow
@given(**named, **pairs)
@settings(some, max_examples=150)
def test_any_two_secrets_pass_the_gate_alike(
    graph: Graph, session: list[str], one: Secret, other: Secret
) -> None:
    check(graph, session, one, other)


@pytest.mark.slow
@given(**drawn, **pairs)
@settings(some, max_examples=80)
def test_any_two_secrets_pass_the_gate_alike_through_any_graph(
    graph: Graph, session: list[str], one: Secret, other: Secret
) -> None:
    first, second = check(graph, session, one, other)

    event(f"passages: {min(len(first.passages), 3)}")
    event(f"the edge was swayed: {first.answer != second.answer}")


@pytest.mark.long
@pytest.mark.timeout(0)
@given(**(named | {"graph": st.one_of(named["graph"], drawn["graph"])}), **pairs)
@settings(some, max_examples=3000)
def test_two_secrets_pass_alike_at_length(
    graph: Graph, session: list[str], one: Secret, other: Secret
) -> None:
    check(graph, session, one, other)


@pytest.mark.slow
@given(graph=st.one_of(named["graph"], drawn["graph"]), one=secrets, other=secrets)
@settings(some, max_examples=60)
def test_a_failure_on_the_edge_can_only_withhold_what_would_have_passed(
    graph: Graph, one: Secret, other: Secret
) -> None:
    # The one thing that a secret can change: an edge step that fails on it ends the run.
    whole, _ = run_both(graph, TEMPLATES[:1], one, one)

    failed = run_both(graph, TEMPLATES[:1], one, other, fails=True)

    for run in failed:
        event(f"failed: {run.failure or None}, withheld: {run.passages != whole.passages}")
        if run.failure:
            assert not Counter(run.passages) - Counter(whole.passages)
        else:
            assert run.passages == whole.passages


def test_the_gate_is_really_passed_and_the_edge_really_swayed() -> None:
    one = Secret("Anna", "Kowalska", PHONES[0], "a.k@example.org", IBANS[0])
    other = Secret("Omar", "Nagy", PHONES[1], "o.n@example.org", IBANS[1])

    first, second = run_both(GRAPHS["parallel-fuse"], TEMPLATES[:1], one, other)

    assert len(first.passages) == 1
    assert first.answer != second.answer
    assert first.receipt is not None
    assert first.receipt.left_the_edge
