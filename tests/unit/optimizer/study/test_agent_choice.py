"""The agent section of a study: what is refused, what it changes, and what it can cost at most."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.agents.chat import ChatRequest, most_tokens
from optimizer.agents.failures import Rejection, RejectionCode
from optimizer.agents.labels import Labels
from optimizer.agents.llm_agent import AgentSettings
from optimizer.agents.model import Estimate, RevisionBrief
from optimizer.agents.prompts import retry_message, revision_messages
from optimizer.agents.schemas import revision_schema
from optimizer.search.model import Measure
from optimizer.study.agent_estimate import longest_request
from optimizer.study.document import load_study
from optimizer.study.model import Study
from runtime.errors import StudyInvalid
from tests.integration.llm_agent.studies import write_study
from tests.unit.optimizer.agents.house import GROUND, REVISION

HERE = "http://127.0.0.1:8000/v1"
AWAY = "https://llm.example/v1"
FREE: dict[str, Any] = {"prompt_usd_per_mtok": 0, "completion_usd_per_mtok": 0}


def loaded(directory: Path, base_url: str = HERE, **agent: Any) -> Study:
    return load_study(write_study(directory, base_url, agent=agent))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": None}, "needs `model`"),
        ({"base_url": None}, "needs `base_url`"),
        ({"api_key_env": "A", "api_key_file": "b"}, "not both"),
        ({"base_url": "http://llm.example/v1", "api_key_env": "A"}, "in clear"),
        ({"base_url": AWAY, "prompt_usd_per_mtok": None}, "needs `prompt_usd_per_mtok`"),
        ({"kind": "rule"}, "not used by the built-in rule agent"),
        ({"kind": "oracle"}, "rule"),
        ({"budget": {"usd": -1}}, "budget"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"secret_key": "x"}, "secret_key"),
    ],
)
def test_an_agent_that_cannot_be_used_is_refused_with_its_place(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(StudyInvalid, match=r"study\.yaml:") as refused:
        loaded(tmp_path, **changes)

    assert words in str(refused.value)


def test_an_agent_has_no_say_in_other_searchers(tmp_path: Path) -> None:
    study = write_study(tmp_path, HERE, searcher="random")

    with pytest.raises(StudyInvalid, match="has no say in random"):
        load_study(study)


def test_address_key_price_time_and_cap_make_no_other_study_but_the_model_does(
    tmp_path: Path,
) -> None:
    plain = loaded(tmp_path)

    same = [
        loaded(tmp_path, AWAY, api_key_env="KEY", **FREE),
        loaded(tmp_path, timeout_s=9),
        loaded(tmp_path, budget={"usd": 1}),
    ]
    other = [loaded(tmp_path, model="deeper-one"), loaded(tmp_path, temperature=0.5)]

    assert {one.hash for one in same} == {plain.hash}
    assert len({plain.hash, *(one.hash for one in other)}) == 3
    assert {one.outcomes_hash for one in (*same, *other)} == {plain.outcomes_hash}


def test_a_title_says_who_proposes(tmp_path: Path) -> None:
    study = loaded(tmp_path)

    by_rule = replace(study.searcher, agent=None)

    assert study.searcher.title == "agent_reinforce, LLM agent deep-one"
    assert by_rule.title == "agent_reinforce, built-in rule agent"
    assert replace(by_rule, name="random").title == "random"


numbers = st.floats(-1e15, 1e15, allow_nan=False)
estimates = st.builds(Estimate, numbers, numbers, numbers)


@settings(max_examples=15, deadline=None)
@given(
    accuracy=estimates,
    measured=estimates,
    rounds=st.integers(0, 12),
    table=st.lists(st.floats(0, 1), min_size=3, max_size=3),
)
def test_no_request_is_larger_than_the_longest_that_a_plan_counts_with(
    accuracy: Estimate, measured: Estimate, rounds: int, table: list[float]
) -> None:
    agent = AgentSettings(model="deep-one")
    pool = tuple(replace(model, alone=accuracy) for model in GROUND.pool)
    last = replace(
        REVISION.last, accuracy=accuracy, measures=tuple((one, measured) for one in Measure)
    )
    rows = tuple(tuple(table[: len(one.options)]) for one in GROUND.decisions)
    ground = replace(GROUND, pool=pool)
    brief = RevisionBrief(ground, last, rows, best=last, history=(last,) * rounds)
    labels = Labels(ground)
    retry = retry_message(Rejection(RejectionCode.NOT_A_GRAPH, repairs=(("a->b", "absent"),) * 3))

    request = ChatRequest(
        model=agent.model,
        messages=(*revision_messages(brief, labels), retry),
        max_tokens=agent.max_tokens,
        schema=revision_schema(brief, labels),
    )

    assert most_tokens(request).total <= most_tokens(longest_request(GROUND, agent)).total
