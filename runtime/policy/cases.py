"""Expectations of a policy as a document (``policy-cases/v1``), and how a label compares to them.

Knows labels and policies; what a text is labelled with is found elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Annotated, Final, Literal

from pydantic import Field

from runtime.documents.document import Problem
from runtime.documents.names import CategoryName, Name
from runtime.documents.reader import read_document
from runtime.documents.shape import Shape, read_shape
from runtime.errors import PolicyInvalid
from runtime.ids import Category, NodeName
from runtime.labels import Label
from runtime.policy.explain import Passage, is_refused, passage_to
from runtime.policy.model import Policy, ReleaseKind, Zone
from runtime.policy.shape import LevelName

__all__ = ["CASES_VERSION", "Case", "Cases", "Difference", "compare", "load_cases"]

CASES_VERSION: Final = "policy-cases/v1"
Passes = Literal["as_it_is", "after_release", "never"]
_EDGE: Final = "edge"


class _ExpectShape(Shape):
    categories: list[CategoryName] | None = Field(default=None, max_length=64)
    """Exactly the label of the text, declared categories included."""
    level: LevelName | None = None
    """The highest level of its categories."""
    to: Name = "cloud"
    """Where it would go: a zone, or a node of the policy's ``clearance``."""
    passes: Passes | None = None
    """Whether it gets there."""
    releases: list[ReleaseKind] | None = Field(default=None, max_length=8)
    """Exactly what has to be released first, in any order."""
    refused: bool | None = None
    """Whether such a request is not served at all (``when_unsure: refuse``)."""


class _CaseShape(Shape):
    name: str = Field(min_length=1, max_length=200)
    """What the table calls it."""
    text: str = Field(min_length=1, max_length=100_000)
    """What somebody might ask; invented, since this file is kept."""
    declare: list[CategoryName] = Field(default=[], max_length=64)
    """Categories that the application adds."""
    expect: _ExpectShape
    """What should come of it; at least one thing."""


class _CasesShape(Shape):
    leeward: str
    policy: str | None = None
    """The policy file, relative to this one; ``--policy`` goes before it."""
    dictionaries: dict[CategoryName, list[str]] = Field(default={}, max_length=64)
    """Terms of the deployment per category, as in the edge's configuration."""
    cases: Annotated[list[_CaseShape], Field(min_length=1, max_length=10_000)]
    """What is expected of which text."""


@dataclass(frozen=True, slots=True)
class Case:
    """One text, and what is expected of it; ``None`` expects nothing."""

    name: str
    text: str
    declared: Label
    to: NodeName
    categories: Label | None = None
    level: str | None = None
    passes: Passes | None = None
    releases: frozenset[ReleaseKind] | None = None
    refused: bool | None = None


@dataclass(frozen=True, slots=True)
class Cases:
    """A document of cases."""

    policy: FilePath | None
    cases: tuple[Case, ...]
    dictionaries: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Difference:
    """Where what came differs from what was expected."""

    what: str
    """The field of ``expect``."""
    expected: str
    got: str


def load_cases(path: FilePath) -> Cases:
    """Read a document of cases.

    Raises:
        PolicyInvalid: Names file, line and field of the first problem.
    """
    document = read_document(path, error=PolicyInvalid)
    shape = read_shape(document, _CasesShape, version=CASES_VERSION)
    document.refuse(_problems(shape))
    return Cases(
        policy=path.parent / shape.policy if shape.policy else None,
        cases=tuple(_case(item) for item in shape.cases),
        dictionaries={name: tuple(terms) for name, terms in shape.dictionaries.items()},
    )


def compare(case: Case, label: Label, policy: Policy) -> list[Difference]:
    """Return where a text with ``label`` comes out otherwise than ``case`` expects.

    Args:
        case: The expectations.
        label: What the text was found to hold, joined with what the case declares.
        policy: What decides.
    """
    passage = passage_to(policy, label, node=case.to, zone=_zone(case.to))
    kinds = frozenset(kind for kind, _ in passage.releases)
    pairs: tuple[tuple[str, str | None, str], ...] = (
        ("categories", _label_text(case.categories), str(_label_text(label))),
        ("level", case.level, policy.level_of(label).name.lower()),
        ("passes", case.passes, _passes(passage)),
        ("releases", _kinds_text(case.releases), str(_kinds_text(kinds))),
        ("refused", _yes_or_no(case.refused), str(_yes_or_no(is_refused(policy, label)))),
    )
    return [
        Difference(what, expected, got)
        for what, expected, got in pairs
        if expected is not None and expected != got
    ]


def _problems(shape: _CasesShape) -> Iterator[Problem]:
    seen: set[str] = set()
    for number, item in enumerate(shape.cases):
        wanted = item.expect.model_dump(exclude={"to"}, exclude_none=True)
        if not wanted:
            yield Problem(("cases", number, "expect"), "must expect something, such as `passes`")
        if item.name in seen:
            yield Problem(("cases", number, "name"), "is the name of an earlier case")
        seen.add(item.name)


def _case(shape: _CaseShape) -> Case:
    expect = shape.expect
    return Case(
        name=shape.name,
        text=shape.text,
        declared=Label.of(*shape.declare),
        to=NodeName(expect.to),
        categories=None if expect.categories is None else _label(expect.categories),
        level=None if expect.level is None else expect.level.value,
        passes=expect.passes,
        releases=None if expect.releases is None else frozenset(expect.releases),
        refused=expect.refused,
    )


def _label(names: list[str]) -> Label:
    return Label(frozenset(map(Category, names)))


def _zone(node: NodeName) -> Zone:
    return "edge" if node == _EDGE else "cloud"


def _passes(passage: Passage) -> Passes:
    if not passage.is_open:
        return "never"
    return "after_release" if passage.releases else "as_it_is"


def _label_text(label: Label | None) -> str | None:
    return None if label is None else ", ".join(label.names()) or "none"


def _kinds_text(kinds: frozenset[ReleaseKind] | None) -> str | None:
    return None if kinds is None else ", ".join(sorted(kind.value for kind in kinds)) or "none"


def _yes_or_no(value: bool | None) -> str | None:
    return None if value is None else ("yes" if value else "no")
