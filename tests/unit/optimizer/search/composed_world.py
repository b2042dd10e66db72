"""A made-up table of graphs that fuse and refine, as tests of searches on steps need it."""

from dataclasses import dataclass

from bench.search_reference_synthetic import made_up_table
from optimizer.replay.graph_table import GraphTable
from optimizer.replay.table_evaluator import TableEvaluator, TableHalf
from optimizer.replay.table_space import TableSpace
from optimizer.search.caps import CapRule
from optimizer.search.composition import Composition
from optimizer.search.model import Constraint, Trial
from optimizer.search.problem import Problem

__all__ = ["ComposedWorld", "composed_world", "run_on"]


@dataclass(frozen=True)
class ComposedWorld:
    """A space of graphs of steps, every outcome of its search half, and its parts."""

    space: TableSpace
    half: TableHalf
    parts: Composition

    def problem(self, *caps: Constraint, confidence: float | None = None) -> Problem:
        """Return the problem under caps."""
        questions = self.half.questions
        return Problem(self.space, CapRule(caps, confidence, questions), questions)

    def row(self, key: str) -> int:
        """Return a graph's row."""
        return self.half.table.index[key]


def composed_world(pool: tuple[str, ...], *, questions: int, seed: int) -> ComposedWorld:
    """Make a world up."""
    table = GraphTable(made_up_table(pool, questions=questions, seed=seed))
    space = TableSpace(table)
    half = TableHalf(table, table.columns(split="search"))
    return ComposedWorld(space, half, space.composition(space.candidates()))


def run_on(world: ComposedWorld, archive, rows, questions) -> None:
    """Add what some graphs do on some questions to an archive."""
    evaluator = TableEvaluator(world.space, world.half)
    for row in rows:
        candidate = world.space.candidates()[row]
        archive.add(candidate, evaluator.evaluate(Trial(0, candidate, tuple(questions))))
