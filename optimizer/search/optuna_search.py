"""Optuna's samplers as peers: TPE and GP with constraints, and NSGA-II.

Optuna is an extra (``leeward[optuna]``): it is imported when one of these is made, and its absence
is said. Most free choices make no graph that a listed space has; there, a draw stands for the graph
that differs from it in the fewest choices, so that Optuna need not spend trials on what is refused.
A graph that comes up again costs nothing and is told again.
"""

import importlib
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from optimizer.search.archive import Archive
from optimizer.search.driver import Request
from optimizer.search.measured import Measured
from optimizer.search.model import Candidate, Recommendation
from optimizer.search.problem import Problem
from optimizer.search.verdict import excess_of
from runtime.errors import NotImplementedYet

__all__ = ["OptunaSearch"]

_EXCESS: Final = "excess"
_POPULATION: Final = 20
_MOST_KNOWN: Final = 200
"""Draws in a row that were all run before: a sampler that gets there has settled."""


class OptunaSearch:
    """The strategy; ``sampler`` is ``tpe``, ``gp`` or ``nsga2``."""

    def __init__(self, problem: Problem, *, seed: int, sampler: str) -> None:
        self._base = Measured(problem, f"optuna_{sampler}")
        optuna = _load("optuna", requirement="leeward[optuna]")
        if sampler == "gp":
            _load("torch", requirement="torch")  # Optuna's GP sampler needs it
        logging.getLogger("optuna").setLevel(logging.ERROR)
        with warnings.catch_warnings():
            # Optuna 5 warns of constraints_func, which all versions from 3.0 on understand.
            warnings.simplefilter("ignore")
            made = _SAMPLERS[sampler](optuna, seed)
        self._study = optuna.create_study(direction="maximize", sampler=made)

    def batches(self, archive: Archive) -> Iterator[Sequence[Request]]:
        """Ask Optuna, run, tell Optuna."""
        space, known = self._base.problem.space, 0
        while known < _MOST_KNOWN:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                trial = self._study.ask()
                choices = [
                    trial.suggest_categorical(decision.name, list(range(len(decision.options))))
                    for decision in space.decisions
                ]
            candidate = self._meant(choices)
            if candidate is None:
                self._tell(trial, value=0.0, excess=1.0)
                yield []
                continue
            known = 0 if archive.get(candidate.key) is None else known + 1
            yield [self._base.on_all(candidate)]
            row = archive.get(candidate.key)
            if row is not None:
                excess = excess_of(self._base.problem, row)
                self._tell(trial, value=row.accuracy, excess=excess)

    def recommend(self, archive: Archive) -> Recommendation | None:
        """Return the best measured graph."""
        return self._base.verdict(archive)

    def state(self) -> Mapping[str, object]:
        """Return the method's name."""
        return self._base.state()

    def _meant(self, choices: Sequence[int]) -> Candidate | None:
        """Return the graph that is chosen, or the nearest; ``None`` where there is no list."""
        problem = self._base.problem
        if problem.space.refusal(choices) is None:
            return problem.space.candidate(choices)
        pool = problem.pool
        if pool is None:
            return None
        differing = (pool.choices != np.array(choices, np.int16)).sum(axis=1)
        return pool.candidates[int(differing.argmin())]

    def _tell(self, trial: Any, *, value: float, excess: float) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trial.set_user_attr(_EXCESS, float(excess))
            self._study.tell(trial, float(np.float64(value)))


def _load(name: str, *, requirement: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        advice = f"pip install '{requirement}'"
        raise NotImplementedYet(
            f"this searcher needs the package {name}, which is not here: {advice}"
        ) from None


def _constraints(trial: Any) -> tuple[float]:
    return (float(trial.user_attrs[_EXCESS]),)


def _tpe(optuna: Any, seed: int) -> Any:
    return optuna.samplers.TPESampler(seed=seed, constraints_func=_constraints, multivariate=True)


def _gp(optuna: Any, seed: int) -> Any:
    return optuna.samplers.GPSampler(seed=seed, constraints_func=_constraints)


def _nsga2(optuna: Any, seed: int) -> Any:
    return optuna.samplers.NSGAIISampler(
        seed=seed, constraints_func=_constraints, population_size=_POPULATION
    )


_SAMPLERS: Final[Mapping[str, Callable[[Any, int], Any]]] = {
    "tpe": _tpe,
    "gp": _gp,
    "nsga2": _nsga2,
}
