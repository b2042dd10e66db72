"""Make the searcher that a study names, with the study's caps and seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Final, TypeVar

from optimizer.agents.advised_search import AdvisedSearch
from optimizer.agents.desk import Desk
from optimizer.agents.loop import AgentLoop
from optimizer.agents.maao import AgentMaao
from optimizer.agents.replies import Checks
from optimizer.agents.rounds import LoopOptions
from optimizer.search.agent_options import AgentOptions
from optimizer.search.caps import CapRule
from optimizer.search.driver import Search, Strategy
from optimizer.search.model import Searcher, Space
from optimizer.search.problem import Problem
from optimizer.search.registry import AGENT_REINFORCE, SEARCHERS, agent_reinforce, make_search
from optimizer.study.agent_choice import ADVISED, LLMChoice
from optimizer.study.agent_ground import ground_of
from optimizer.study.model import Study
from runtime.documents.suggest import did_you_mean, listed
from runtime.errors import NotFound, StudyInvalid

__all__ = ["make_searcher", "searcher_names"]

_MAAO: Final = "maao"
_BY_RULE: Final = {"textgrad": "textgrad_rule", _MAAO: "maao_rule"}
"""What stands in for peers of which an LLM is a part, where the study names none."""
_Options = TypeVar("_Options", AgentOptions, LoopOptions)


def searcher_names() -> tuple[str, ...]:
    """Return the names that a study may choose from."""
    return tuple(dict.fromkeys((*ADVISED, *SEARCHERS)))


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
    if study.searcher.agent is not None:
        return _advised(study, problem, study.searcher.agent)
    if study.searcher.name == AGENT_REINFORCE and options:
        chosen = _with_options(study, AgentOptions(), options)
        return Search(agent_reinforce(problem, seed=study.seed, options=chosen), questions)
    if options:
        reason = f"are not known to {study.searcher.name}; leave them out"
        raise StudyInvalid(reason, file=str(study.file), field="searcher.options")
    try:
        name = _BY_RULE.get(study.searcher.name, study.searcher.name)
        return make_search(name, problem, seed=study.seed)
    except NotFound as missing:
        raise StudyInvalid(str(missing), file=str(study.file), field="searcher.name") from None


def _advised(study: Study, problem: Problem, choice: LLMChoice) -> AdvisedSearch:
    """Make a search that asks an LLM agent."""
    ground, desk = ground_of(study, problem, task=choice.task), Desk()
    name, seed = study.searcher.name, study.seed
    options = _with_options(study, LoopOptions(), study.searcher.options)
    strategy: Strategy
    if name == _MAAO:
        strategy = AgentMaao(problem, ground, seed=seed, desk=desk, options=options)
    else:
        if name != AGENT_REINFORCE:
            options = replace(options, starts_informed=False)
        strategy = AgentLoop(problem, ground, seed=seed, desk=desk, options=options, name=name)
    search = Search(strategy, problem.questions)
    return AdvisedSearch(search, desk, ground, Checks(problem.space))


def _with_options(
    study: Study, plain: _Options, options: Mapping[str, bool | int | float | str]
) -> _Options:
    """Return a searcher's options with the study's changes."""
    known = {field.name: getattr(plain, field.name) for field in fields(plain)}
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
