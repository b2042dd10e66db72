"""What Agent-REINFORCE does, as numbers and flags; each flag off is an ablation."""

from dataclasses import dataclass

__all__ = ["AgentOptions"]


@dataclass(frozen=True, slots=True)
class AgentOptions:
    """What the search does; the defaults were tuned on S1 and synthetic matrices (bench)."""

    first_questions: int = 40
    growth: float = 1.6
    """Factor from one prefix of questions to the next."""
    draws: int = 48
    """Graphs drawn per update: each the best under one resampling of the questions."""
    contenders: int = 2
    """Graphs run on the whole prefix per update."""
    live_share: float = 0.12
    """An option in fewer of the drawn graphs is not probed on more questions."""
    rate: float = 0.5
    """How far an update moves the distribution towards the graphs drawn."""
    race_width: int = 3
    """Graphs that race side by side once the prefix holds all questions."""
    block: float = 0.34
    """Share of the questions after which a race looks again."""
    give_up_sd: float = 2.0
    """Standard deviations behind the best at which a graph leaves the race."""
    caution_sd: float = 0.5
    """Deviations of its doubt that a recommendation is marked down by."""
    side_by_side: int = 3
    """Options probed before it is looked again where the others still matter."""
    least_variance: float = 0.0
    """Variance of an outcome from which on it is worth a probe."""
    survey_share: float = 0.2
    """Expected exposure of the graphs drawn from which on a broad probe goes first."""
    first_look: int = 6
    """Questions that every model is run on alone where graphs are steps that read steps."""
    alone_growth: float = 2.0
    """Factor from one number of questions that models alone race on to the next."""
    alone_share: float = 0.4
    """Share of the questions after which that race ends and graphs are looked at."""
    step_block: int = 6
    """Questions that a graph of steps is run on before it is looked again."""
    step_draws: int = 16
    """Draws of what every step does, per round."""
    shortlist: int = 160
    """Graphs of steps that are drawn among: the most promising."""
    starts_informed: bool = True
    """Insight 1: begin with what each model is worth on one shared batch, else with any graphs."""
    is_shrinking: bool = True
    """Insights 2 and 3: trust the additive model of choices and of width while data is scarce."""
    is_structured: bool = True
    """Whether the space's own predictor is used where it has one."""
    is_selective: bool = True
    """Whether graphs are run only where their outcome does not follow from what was run."""
    is_racing: bool = True
    """Whether graphs meet on a growing prefix, else each is run on everything at once."""
    has_archive: bool = True
    """Whether all that was ever run counts, else what the last round ran."""
    has_agent: bool = True
    """Whether the rule agent updates the distribution, else plain REINFORCE with a baseline."""
    has_virtual_trials: bool = True
    """Whether paid calls decide graphs for free, where the evaluator offers that."""
