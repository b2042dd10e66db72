"""What to run on how many questions so that a search learns most per execution.

A probe shows what one option is worth. It is run where graphs that may win are in doubt and its
own outcome does not follow from what was run. Knows one pool and its belief; updates nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from optimizer.search.agent_options import AgentOptions
from optimizer.search.archive import Archive
from optimizer.search.belief import Believer
from optimizer.search.driver import Request
from optimizer.search.model import Candidate
from optimizer.search.prediction import Pool
from optimizer.search.structure import Probe

__all__ = ["Prober"]


@dataclass(frozen=True, slots=True)
class Prober:
    """Makes requests; one per pool."""

    pool: Pool
    believer: Believer
    options: AgentOptions
    order: npt.NDArray[np.int64]
    """The questions in the search's own order: prefixes are shared by all graphs."""
    limit: float
    """The share that may be exposed."""
    is_virtual: bool
    """Whether calls are counted, and graphs are free where calls decide them."""

    def first(
        self, archive: Archive, probes: Sequence[Probe], upto: int
    ) -> Iterator[Sequence[Request]]:
        """Insight 1: learn what each option is worth on one shared batch."""
        broad = [one.candidate for one in probes if one.is_broad]
        single = [one.candidate for one in probes if not one.is_broad]
        if not self.options.is_selective:
            yield self.on_open(archive, [*single, *broad], upto)
            return
        # The first broad one shows where all agree; what that settles is not asked again.
        for stage in (broad[:1], single, broad[1:]):
            yield self.on_open(archive, stage, upto)

    def heats(
        self, archive: Archive, probes: Sequence[Probe], drawn: Sequence[int], upto: int
    ) -> list[Request]:
        """Run the likeliest graphs, and the likeliest with each live option that a call tells."""
        rows = list(drawn[: self.options.contenders])
        if self.options.is_selective:
            for probe in self._live(probes, drawn, is_broad=True):
                has = self.pool.choices[list(drawn), probe.decision] == probe.option
                rows.append(drawn[int(has.argmax())])
        graphs = [self.pool.candidates[row] for row in dict.fromkeys(rows)]
        return self.on_open(archive, graphs, upto)

    def extend(
        self,
        archive: Archive,
        probes: Sequence[Probe],
        drawn: Sequence[int],
        upto: int,
        *,
        share: float,
    ) -> Iterator[Sequence[Request]]:
        """Probe live options on more questions, the commonest first, then where it still matters.

        Args:
            archive: What was run.
            probes: One per option.
            drawn: Rows of graphs that may win.
            upto: How many questions from now on.
            share: Expected exposure of the graphs drawn.
        """
        live = self._live(probes, drawn, is_broad=False)
        broad = self._live(probes, drawn, is_broad=True) if not self.is_virtual else []
        if not self.options.is_selective:
            yield self.on_open(archive, [one.candidate for one in (*live, *broad)], upto)
            return
        if broad and share >= self.options.survey_share:
            # Where much is asked about anyway, whom to ask settles most.
            yield self.on_open(archive, [broad[0].candidate], upto)
        for start in range(0, len(live), self.options.side_by_side):
            stage = live[start : start + self.options.side_by_side]
            yield self._where_it_matters(archive, stage, drawn, upto)

    def on_open(self, archive: Archive, graphs: Sequence[Candidate], upto: int) -> list[Request]:
        """Ask for graphs on the questions of a prefix where their outcome is not certain."""
        questions = self.order[:upto]
        if not self.options.is_selective or not graphs:
            return [Request(one, tuple(questions.tolist())) for one in graphs]
        is_open = self.believer.glimpse(archive, graphs, questions).is_open
        return [
            Request(one, tuple(questions[here].tolist()))
            for one, here in zip(graphs, is_open, strict=True)
        ]

    def _where_it_matters(
        self, archive: Archive, stage: Sequence[Probe], drawn: Sequence[int], upto: int
    ) -> list[Request]:
        """Ask probes where graphs with their option are in real doubt; exposure counts under a cap.

        A doubt below the least variance is not worth an execution.
        """
        questions = self.order[:upto]
        graphs = [self.pool.candidates[row] for row in drawn]
        seen = self.believer.glimpse(archive, graphs, questions)
        own = self.believer.glimpse(archive, [one.candidate for one in stage], questions)
        matters = seen.right > self.options.least_variance
        if 0.0 <= self.limit < 1.0:
            matters |= seen.exposed > self.options.least_variance
        matters &= seen.is_open
        chosen = self.pool.choices[list(drawn)]
        requests = []
        for probe, is_open in zip(stage, own.is_open, strict=True):
            users = chosen[:, probe.decision] == probe.option
            asked = questions[matters[users].any(axis=0) & is_open]
            requests.append(Request(probe.candidate, tuple(asked.tolist())))
        return requests

    def _live(
        self, probes: Sequence[Probe], drawn: Sequence[int], *, is_broad: bool
    ) -> list[Probe]:
        """Return the probes of options that matter to the graphs drawn, the commonest first."""
        chosen = self.pool.choices[list(drawn)]
        shares = [
            (float((chosen[:, probe.decision] == probe.option).mean()), probe)
            for probe in probes
            if probe.is_broad == is_broad
        ]
        live = [one for one in shares if one[0] >= self.options.live_share]
        return [probe for _, probe in sorted(live, key=lambda one: -one[0])]
