"""The rules that may play a step in place of a model: deterministic, free, never a call.

Says which roles a rule can take and what it outputs; how it works is ``runtime.executor.rules``.
"""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final, Literal

from runtime.graph.roles import Role

__all__ = ["RULE_OUTPUTS", "RULE_ROLES", "VERDICTS", "OutputKind", "Rule"]

VERDICTS: Final = ("right", "wrong", "unknown")
"""What a checking rule can say of an answer; ``unknown`` where it found nothing to check."""


class Rule(Enum):
    """What a step without a model does with the answers it reads."""

    LAST = "last"
    """Passes on the last answer that came, in the order of its edges."""
    JOIN = "join"
    """Passes on all answers, one after the other."""
    AGREEMENT = "agreement"
    """Passes on the answer that most agree with; its ``agreement`` is their share."""
    VOTE = "vote"
    """The same, but every sample of the steps before it has a voice, not their majorities."""
    NUMBERS = "numbers"
    """Passes its answer on, and says whether every sum in it holds and the result follows."""
    SCHEMA = "schema"
    """Passes its answer on, and says whether it is JSON that fits the step's ``json_schema``."""
    PARAGRAPHS = "paragraphs"
    """Splits the request at its line breaks."""
    SIFT = "sift"
    """Splits the list that it reads into items in which something sensitive stands, and others."""
    ABSTAIN = "abstain"
    """Says in place of an answer that there is none that could be relied on."""
    PERSON = "person"
    """Asks a person of the node that runs the graph; where nobody answers, it abstains."""


OutputKind = Literal["number", "enum", "list"]
"""What a named value of a step may be."""

RULE_ROLES: Final[Mapping[Rule, frozenset[Role]]] = MappingProxyType(
    {
        Rule.LAST: frozenset({Role.FUSER}),
        Rule.JOIN: frozenset({Role.FUSER}),
        Rule.AGREEMENT: frozenset({Role.FUSER, Role.VERIFIER}),
        Rule.VOTE: frozenset({Role.FUSER, Role.VERIFIER}),
        Rule.NUMBERS: frozenset({Role.VERIFIER, Role.GUARD}),
        Rule.SCHEMA: frozenset({Role.VERIFIER, Role.GUARD}),
        Rule.PARAGRAPHS: frozenset({Role.DIVIDER}),
        Rule.SIFT: frozenset({Role.DIVIDER}),
        Rule.ABSTAIN: frozenset({Role.GUARD}),
        Rule.PERSON: frozenset({Role.GUARD}),
    }
)
"""The roles that each rule can take."""

RULE_OUTPUTS: Final[Mapping[Rule, Mapping[str, OutputKind]]] = MappingProxyType(
    {
        Rule.LAST: {},
        Rule.JOIN: {},
        Rule.AGREEMENT: {},
        Rule.VOTE: {},
        Rule.NUMBERS: {"verdict": "enum", "score": "number"},
        Rule.SCHEMA: {"verdict": "enum"},
        Rule.PARAGRAPHS: {"parts": "list", "open": "list", "private": "list"},
        Rule.SIFT: {"parts": "list", "open": "list", "private": "list"},
        Rule.ABSTAIN: {},
        Rule.PERSON: {},
    }
)
"""What a step that plays a rule may declare: ``open`` parts hold nothing sensitive,
``private`` ones do; ``score`` is the share of sums that hold."""
