"""An oracle of promises 1 and 2 that knows nothing of labels.

It runs a graph twice, with two secrets in one category of the request and everything else equal,
and compares what one node gets to see: which of its steps run, and what they read. Models are
taken at their worst: an answer tells everything its step read, and a decision falls as an
adversary likes, but alike where the decider read alike. A category that the node is not cleared
for, and that no release named by the policy for that node took out, must make no difference to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from hashlib import blake2b

from runtime.flow.model import Form
from runtime.graph.model import Edge
from runtime.ids import Category, NodeName, StepId
from runtime.policy.model import Zone
from tests.privacy.flow_cases import Case

Secrets = Mapping[Category, int]
Views = dict[NodeName, tuple[tuple[StepId, int], ...]]
"""What each node sees, in order: which step ran, and the number of what it read."""
Decision = tuple[StepId, StepId, int]
"""Whether a message passes: from, to, and the number of the answer that decides."""
Decide = Callable[[Decision], bool]


class Undecided(Exception):
    """The adversary has not yet said how this decision falls."""

    def __init__(self, decision: Decision) -> None:
        super().__init__()
        self.decision = decision


class Runs:
    """Concrete executions of one case.

    A text is everything that its writer read. Equal texts have one number, in all runs.
    """

    def __init__(self, case: Case) -> None:
        self._graph = case.graph
        self._placed = case.placed
        self._numbers: dict[object, int] = {}

    def views(self, secrets: Secrets, *, removed: frozenset[Category], decide: Decide) -> Views:
        """Execute the graph; return what every node sees of it."""
        answers: dict[StepId, int] = {}
        seen: dict[NodeName, list[tuple[StepId, int]]] = {}
        raw = tuple(sorted(secrets.items()))
        released = tuple(item for item in raw if item[0] not in removed)
        for step in self._graph.topological:
            incoming = self._graph.incoming[step.id]
            arrived = [edge for edge in incoming if self._fires(edge, answers, decide)]
            if incoming and not arrived:
                continue
            place = self._placed[step.id]
            messages = tuple((edge.otherwise, answers[edge.source]) for edge in arrived)
            request = raw if place.form is Form.RAW else released
            read = self._number((place.form, request, messages))
            answers[step.id] = self._number((step.id, read))
            seen.setdefault(place.node, []).append((step.id, read))
        return {node: tuple(texts) for node, texts in seen.items()}

    def _number(self, text: object) -> int:
        return self._numbers.setdefault(text, len(self._numbers))

    def _fires(self, edge: Edge, answers: Mapping[StepId, int], decide: Decide) -> bool:
        answer = answers.get(edge.source)
        if answer is None:
            return False
        if edge.when is not None:
            return decide((edge.source, edge.target, answer))
        if edge.otherwise:
            siblings = self._graph.outgoing[edge.source]
            return not any(self._fires(other, answers, decide) for other in siblings if other.when)
        return True


def leaks_under_one_adversary(case: Case, seed: int) -> Iterator[tuple[NodeName, Category]]:
    """Yield every node that can tell two secrets apart that are none of its business.

    Decisions are arbitrary, but always the same for the same answer.
    """
    runs, decide = Runs(case), _adversary(seed)
    plain = dict.fromkeys(case.label.categories, 0)
    views: dict[tuple[frozenset[Category], Category | None], Views] = {}

    def viewed(removed: frozenset[Category], changed: Category | None) -> Views:
        if (removed, changed) not in views:
            secrets = plain if changed is None else {**plain, changed: 1}
            views[removed, changed] = runs.views(secrets, removed=removed, decide=decide)
        return views[removed, changed]

    for node, category, removed in _none_of_its_business(case):
        if viewed(removed, None).get(node) != viewed(removed, category).get(node):
            yield node, category


def leaks_under_any_adversary(case: Case) -> Iterator[tuple[NodeName, Category]]:
    """Yield the same for all ways in which decisions can fall."""
    runs = Runs(case)
    apart: dict[tuple[frozenset[Category], Category], frozenset[NodeName]] = {}
    for node, category, removed in _none_of_its_business(case):
        if (removed, category) not in apart:
            apart[removed, category] = _told_apart_somehow(case, runs, removed, category)
        if node in apart[removed, category]:
            yield node, category


def _told_apart_somehow(
    case: Case, runs: Runs, removed: frozenset[Category], category: Category
) -> frozenset[NodeName]:
    """Return the nodes that see a difference for some way in which decisions can fall."""
    plain = dict.fromkeys(case.label.categories, 0)
    nodes = frozenset(place.node for place in case.placed.values())
    found: set[NodeName] = set()
    undecided: list[dict[Decision, bool]] = [{}]
    while undecided and found < nodes:
        table = undecided.pop()
        decide = _by_table(table)
        try:
            one = runs.views(plain, removed=removed, decide=decide)
            other = runs.views({**plain, category: 1}, removed=removed, decide=decide)
        except Undecided as missing:
            undecided += [{**table, missing.decision: falls} for falls in (True, False)]
            continue
        found |= {node for node in nodes if one.get(node) != other.get(node)}
    return frozenset(found)


def _none_of_its_business(
    case: Case,
) -> Iterator[tuple[NodeName, Category, frozenset[Category]]]:
    """Yield each node with what it is not cleared for, and what was released for it."""
    for node, zone in sorted({(place.node, place.zone) for place in case.placed.values()}):
        removed = _released_for(case, node, zone)
        for category in _kept_from(case, node, zone):
            yield node, category, removed


def _released_for(case: Case, node: NodeName, zone: Zone) -> frozenset[Category]:
    """Return what the request's releases take out in the eyes of one node."""
    named = {
        (rule.by, category)
        for rule in case.policy.releases
        if rule.to in (node, zone)
        for category in rule.categories
    }
    return frozenset(
        category
        for release in case.releases
        for category in release.categories
        if (release.by, category) in named
    )


def _kept_from(case: Case, node: NodeName, zone: Zone) -> Iterator[Category]:
    """Yield what a node is not cleared for."""
    policy = case.policy
    clearance = policy.clearance.get(node, policy.clearance.get(zone))
    for category in sorted(case.label.categories):
        level = policy.categories.get(category, policy.when_unsure.level)
        if clearance is None or level > clearance:
            yield category


def _adversary(seed: int) -> Decide:
    def decide(decision: Decision) -> bool:
        return blake2b(f"{seed} {decision}".encode(), digest_size=1).digest()[0] < 128

    return decide


def _by_table(table: Mapping[Decision, bool]) -> Decide:
    def decide(decision: Decision) -> bool:
        if decision not in table:
            raise Undecided(decision)
        return table[decision]

    return decide
