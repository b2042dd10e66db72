"""A search that has an agent to ask: a :class:`optimizer.search.model.Searcher` with a desk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from optimizer.agents.desk import Desk
from optimizer.agents.model import Ground
from optimizer.agents.replies import Checks
from optimizer.search.driver import Search
from optimizer.search.model import Outcomes, Recommendation, Trial

__all__ = ["AdvisedSearch"]


@dataclass(frozen=True, slots=True)
class AdvisedSearch:
    """While a brief lies on the desk, ``ask`` gives nothing."""

    search: Search
    desk: Desk
    ground: Ground
    """What every brief rests on, before anything was measured."""
    checks: Checks

    def ask(self, count: int = 1) -> Sequence[Trial]:
        """Propose trials, or lay a brief on the desk."""
        return self.search.ask(count)

    def tell(self, trial: Trial, outcomes: Outcomes) -> None:
        """Take the outcomes of a trial."""
        self.search.tell(trial, outcomes)

    def recommend(self) -> Recommendation | None:
        """Return the graph to deploy."""
        return self.search.recommend()

    def state(self) -> Mapping[str, object]:
        """Return what reports show."""
        return self.search.state()
