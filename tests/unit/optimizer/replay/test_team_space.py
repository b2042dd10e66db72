"""Teams as graphs, and the space's promises."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimizer.replay.space_document import S1
from optimizer.replay.team_space import TeamSpace
from runtime.graph.validate import find_problems

SPACE = TeamSpace(S1)
CHOICES = st.tuples(*(st.integers(0, len(one.options) - 1) for one in SPACE.decisions))


@given(CHOICES)
def test_a_candidate_is_its_own_canonical_form_and_a_valid_graph(choices) -> None:
    if SPACE.refusal(choices) is not None:
        assert not any(choices[:8])
        return

    candidate = SPACE.candidate(choices)

    assert SPACE.candidate(candidate.choices) == candidate
    assert not find_problems(SPACE.graph(candidate))


def test_all_graphs_are_listed_once() -> None:
    candidates = SPACE.candidates()

    assert len(candidates) == 12_495
    assert len({one.key for one in candidates}) == 12_495


def test_without_a_fallback_the_threshold_does_not_matter() -> None:
    first, second = (SPACE.candidate((1, 0, 0, 0, 0, 0, 0, 1, one, 0)) for one in (1, 4))

    assert first == second
    assert not SPACE.can_expose(first)


@pytest.mark.parametrize("choices", [(0,) * 10, (1,) * 9, (2,) + (0,) * 9])
def test_what_is_no_team_is_refused_with_a_reason(choices) -> None:
    assert SPACE.refusal(choices)


def test_probes_cover_every_model_once() -> None:
    probes = SPACE.probes()

    assert len(probes) == len(S1.edge) + len(S1.cloud)
    for probe in probes:
        assert probe.candidate.choices[probe.decision] == probe.option
