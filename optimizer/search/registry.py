"""Every searcher by the name that studies and benches use."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from optimizer.search.agent_options import AgentOptions
from optimizer.search.agent_reinforce import AgentReinforce
from optimizer.search.composed_search import ComposedReinforce
from optimizer.search.driver import Search, Strategy
from optimizer.search.evolution import Evolution
from optimizer.search.halving import SuccessiveHalving
from optimizer.search.local_search import LocalSearch
from optimizer.search.optuna_search import OptunaSearch
from optimizer.search.paper_loop import PaperLoop
from optimizer.search.problem import Problem
from optimizer.search.proposers import RuleMaao, RuleTextGrad
from optimizer.search.random_search import Exhaustive, RandomSearch
from optimizer.search.reinforce import Reinforce, ReinforceOptions
from optimizer.search.virtual import VirtualTrials
from runtime.documents.suggest import did_you_mean, listed
from runtime.errors import NotFound

__all__ = [
    "ABLATIONS",
    "AGENT_REINFORCE",
    "SEARCHERS",
    "agent_reinforce",
    "make_search",
    "strategy_module",
]

AGENT_REINFORCE: Final = "agent_reinforce"

ABLATIONS: Final[Mapping[str, AgentOptions]] = {
    "agent_reinforce_without_initialisation": replace(AgentOptions(), starts_informed=False),
    "agent_reinforce_without_insights_2_3": replace(AgentOptions(), is_shrinking=False),
    "agent_reinforce_without_structure": replace(AgentOptions(), is_structured=False),
    "agent_reinforce_without_selection": replace(AgentOptions(), is_selective=False),
    "agent_reinforce_without_racing": replace(AgentOptions(), is_racing=False),
    "agent_reinforce_without_archive": replace(AgentOptions(), has_archive=False),
    "agent_reinforce_without_agent": replace(AgentOptions(), has_agent=False),
    "agent_reinforce_without_virtual_trials": replace(AgentOptions(), has_virtual_trials=False),
}
"""What Agent-REINFORCE is worth without one of its parts."""

_Maker = Callable[[Problem, int], Strategy]

_PEERS: Final[Mapping[str, _Maker]] = {
    "agent_reinforce_paper": lambda problem, seed: PaperLoop(problem, seed=seed),
    "exhaustive": lambda problem, seed: Exhaustive(problem, seed=seed),
    "random": lambda problem, seed: RandomSearch(problem, seed=seed),
    "reinforce": lambda problem, seed: Reinforce(problem, seed=seed),
    "reinforce_baseline": lambda problem, seed: Reinforce(
        problem,
        seed=seed,
        options=ReinforceOptions(name="reinforce_baseline", has_baseline=True),
    ),
    "maas_penalty": lambda problem, seed: Reinforce(
        problem,
        seed=seed,
        options=ReinforceOptions(name="maas_penalty", has_baseline=True, price=3.0),
    ),
    "maas_penalty_tuned": lambda problem, seed: Reinforce(
        problem,
        seed=seed,
        options=ReinforceOptions(name="maas_penalty_tuned", has_baseline=True, price=0.3),
    ),
    "tpe": lambda problem, seed: OptunaSearch(problem, seed=seed, sampler="tpe"),
    "gp": lambda problem, seed: OptunaSearch(problem, seed=seed, sampler="gp"),
    "nsga2": lambda problem, seed: OptunaSearch(problem, seed=seed, sampler="nsga2"),
    "evolution": lambda problem, seed: Evolution(problem, seed=seed),
    "local_search": lambda problem, seed: LocalSearch(problem, seed=seed),
    "successive_halving": lambda problem, seed: SuccessiveHalving(problem, seed=seed),
    "textgrad_rule": lambda problem, seed: RuleTextGrad(problem, seed=seed),
    "maao_rule": lambda problem, seed: RuleMaao(problem, seed=seed),
}

SEARCHERS: Final = (AGENT_REINFORCE, *ABLATIONS, *_PEERS)
"""All names."""


def agent_reinforce(
    problem: Problem,
    *,
    seed: int,
    options: AgentOptions | None = None,
    virtual: VirtualTrials | None = None,
) -> Strategy:
    """Return Agent-REINFORCE with its rule agent, in the form that fits the space."""
    options = options or AgentOptions()
    pool, parts = problem.pool, problem.composition
    if options.is_structured and options.has_agent and pool is not None and parts is not None:
        return ComposedReinforce(problem, pool, parts, seed=seed, options=options, virtual=virtual)
    return AgentReinforce(problem, seed=seed, options=options, virtual=virtual)


def make_search(
    name: str, problem: Problem, *, seed: int, virtual: VirtualTrials | None = None
) -> Search:
    """Return a searcher of that name.

    Args:
        name: One of :data:`SEARCHERS`.
        problem: Space, caps and number of questions.
        seed: Fixes every trial, whoever runs them in whatever order.
        virtual: What decides graphs from paid calls for free; only Agent-REINFORCE uses it.

    Raises:
        NotFound: No searcher has the name.
        NotImplementedYet: It needs a package that is not installed.
    """
    return Search(_strategy(name, problem, seed, virtual), problem.questions)


def strategy_module(name: str, problem: Problem) -> str:
    """Return the module of what a name stands for on a problem; raises as :func:`make_search`."""
    return type(_strategy(name, problem, 0, None)).__module__


def _strategy(name: str, problem: Problem, seed: int, virtual: VirtualTrials | None) -> Strategy:
    if name == AGENT_REINFORCE or name in ABLATIONS:
        return agent_reinforce(problem, seed=seed, options=ABLATIONS.get(name), virtual=virtual)
    if name in _PEERS:
        return _PEERS[name](problem, seed)
    hint = did_you_mean(name, SEARCHERS) or f"; known: {listed(SEARCHERS, at_most=30)}"
    raise NotFound(f'no searcher is called "{name[:40]}"{hint}')
