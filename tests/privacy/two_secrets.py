"""Two secrets of the same kinds through the real edge, and what passed the gate for each.

The exact bytes, the number and the deadlines of all passages are compared; ids, clock and the
ledger's keys are injected. The edge's model lets its input show wherever it can.
"""

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from string import ascii_lowercase

from bench.noninterference_house import RULES, Outcome, World, run_once
from runtime.graph.document import load_graph, parse_graph
from runtime.graph.model import Graph
from runtime.ids import ModelName
from runtime.policy.model import PlaceholderStyle
from runtime.testing.drawing import Draw
from runtime.testing.drawn_graphs import draw_graph, note_shape

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

_NAMES = sorted(GRAPHS)

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


def draw_secret(draw: Draw) -> Secret:
    """Draw a filling."""
    before, after = (_draw_word(draw, at_most=most) for most in (12, 9))
    return Secret(
        given=draw.one_of(GIVEN),
        family=draw.one_of(FAMILY),
        phone=draw.one_of(PHONES),
        mail=f"{before}.{after}@example.{draw.one_of(('org', 'com'))}",
        iban=draw.one_of(IBANS),
    )


def draw_session(draw: Draw) -> list[str]:
    """Draw up to three requests, to be filled in with a secret."""
    first = draw.one_of(TEMPLATES)
    later = (*LATER, REMEMBERED) if "{0.name}" in first else LATER
    return [first, *(draw.one_of(later) for _ in range(draw.integer(0, 2)))]


def draw_named_graph(draw: Draw) -> Graph:
    """Draw one that is shipped, or made to be difficult."""
    return GRAPHS[draw.one_of(_NAMES)]


def draw_random_graph(draw: Draw) -> Graph:
    """Draw a valid graph of any shape, with every step on the edge's model or the cloud's."""
    drawn = draw_graph(draw, max_steps=5)
    models = (ModelName("tern-s"), ModelName("gannet-m"))
    return replace(
        drawn, steps=tuple(replace(step, model=draw.one_of(models)) for step in drawn.steps)
    )


def draw_either_graph(draw: Draw) -> Graph:
    """Draw a named graph or a random one."""
    return draw_random_graph(draw) if draw.is_true() else draw_named_graph(draw)


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


def two_secrets_pass_alike(draw: Draw) -> None:
    """Whatever passes the gate is the same for two secrets, through any graph and session."""
    graph, session = draw_either_graph(draw), draw_session(draw)
    one, other = draw_secret(draw), draw_secret(draw)
    draw.show("graph", graph)
    draw.show("session", session)
    draw.show("secrets", (one, other))

    first, second = check(graph, session, one, other)

    draw.note("requests", len(session))
    draw.note("passages", min(len(first.passages), 6))
    draw.note("the edge's answer differs", first.answer != second.answer)
    draw.note("failure", first.failure or "none")
    note_shape(draw, graph)


def _draw_word(draw: Draw, *, at_most: int) -> str:
    return "".join(draw.one_of(ascii_lowercase) for _ in range(draw.integer(1, at_most)))
