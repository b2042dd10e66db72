"""Make the searcher that a study names, with the study's caps and seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace

from optimizer.search.agent_reinforce import AgentOptions, AgentReinforce
from optimizer.search.caps import CapRule
from optimizer.search.driver import Search
from optimizer.search.model import Searcher, Space
from optimizer.search.problem import Problem
from optimizer.search.registry import AGENT_REINFORCE, SEARCHERS, make_search
from optimizer.study.model import Study
from runtime.documents.suggest import did_you_mean, listed
from runtime.errors import NotFound, StudyInvalid

__all__ = ["make_searcher", "searcher_names"]


def searcher_names() -> tuple[str, ...]:
    """Return the names that a study may choose from."""
    return tuple(SEARCHERS)


def make_searcher(study: Study, space: Space, *, questions: int) -> Searcher:
    """Make the searcher that a study names.

    Raises:
        StudyInvalid: There is none of that name, or it has no such option.
        NotImplementedYet: It needs a package that is not installed.
    """
    # Caps are to hold on as many new questions as there are to search on.
    rule = CapRule(study.constraints, study.confidence, questions)
    problem = Problem(space, rule, questions)
    options = study.searcher.options
    if study.searcher.name == AGENT_REINFORCE and options:
        chosen = _agent_options(study, options)
        return Search(AgentReinforce(problem, seed=study.seed, options=chosen), questions)
    if options:
        reason = f"are not known to {study.searcher.name}; leave them out"
        raise StudyInvalid(reason, file=str(study.file), field="searcher.options")
    try:
        return make_search(study.searcher.name, problem, seed=study.seed)
    except NotFound as missing:
        raise StudyInvalid(str(missing), file=str(study.file), field="searcher.name") from None


def _agent_options(study: Study, options: Mapping[str, bool | int | float | str]) -> AgentOptions:
    """Return Agent-REINFORCE's options with the study's changes."""
    plain = AgentOptions()
    known = {field.name: getattr(plain, field.name) for field in fields(AgentOptions)}
    for name, value in options.items():
        field = f"searcher.options.{name}"
        if name not in known:
            hint = did_you_mean(name, known) or f"; known: {listed(known, at_most=20)}"
            raise StudyInvalid(f"is not an option{hint}", file=str(study.file), field=field)
        is_number = isinstance(known[name], float) and type(value) in (int, float)
        if type(value) is not type(known[name]) and not is_number:
            kind = {bool: "true or false", int: "a whole number"}.get(type(known[name]), "a number")
            raise StudyInvalid(f"must be {kind}", file=str(study.file), field=field)
    return replace(plain, **options)  # type: ignore[arg-type]  # each was compared above
