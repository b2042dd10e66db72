"""Study files are refused with file, line and field; impossible ones before anything is spent."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from optimizer.judging.cost import worst_of_case
from optimizer.scoring.sandbox.cell import SandboxLimits
from optimizer.study.document import load_study
from optimizer.study.estimate import breaks, estimate_study
from optimizer.study.model import LiveSource, Study
from optimizer.study.parts import LiveParts, check_possible, live_parts
from runtime.errors import CatalogInvalid, StudyInvalid

TODAY = date(2026, 11, 1)
POLICY = """\
leeward: policy/v1
categories: {person: confidential, health: restricted}
clearance: {edge: restricted, cloud: internal}
releases:
  - {categories: [person], to: cloud, by: redact}
when_unsure: restricted
cloud_away: edge_only
"""
CATALOG = """\
leeward: catalog/v1
nodes:
  edge: {zone: edge}
  cloud: {zone: cloud, round_trip_ms: 40}
models:
  small:
    node: edge
    parameters: 1000
    layers: 2
    hidden_size: 8
    prefill_tokens_per_s: 1000
    decode_tokens_per_s: 100
  large:
    node: cloud
    parameters: 9000
    layers: 3
    hidden_size: 16
    prefill_tokens_per_s: 2000
    decode_tokens_per_s: 200
    prices: [{valid_from: 2026-01-01, prompt_usd_per_mtok: 1.0, completion_usd_per_mtok: 10.0}]
"""
TASKS = """\
{"id": "a", "question": "How many tablets are left?", "answer": "3", "scorer": "numeric"}
{"id": "b", "question": "How many boxes does Anna have?", "answer": "4", "label": ["person"]}
"""


def study_data(**changes: Any) -> dict[str, Any]:
    data: dict[str, Any] = {
        "leeward": "study/v1",
        "name": "test",
        "tasks": "tasks.jsonl",
        "catalog": "catalog.yaml",
        "policy": "policy.yaml",
        "evaluation": {"live": {"edge": "127.0.0.1:7450"}},
        "graphs": {"models": ["small", "large"], "max_steps": 1, "max_tokens": 50},
        "trials": 4,
    }
    return {**data, **changes}


def write(directory: Path, text: str | None = None, **changes: Any) -> Path:
    (directory / "policy.yaml").write_text(POLICY)
    (directory / "catalog.yaml").write_text(CATALOG)
    if not (directory / "tasks.jsonl").exists():
        (directory / "tasks.jsonl").write_text(TASKS)
    path = directory / "study.yaml"
    path.write_text(text or yaml.safe_dump(study_data(**changes), sort_keys=False))
    return path


def parts_of(study: Study) -> LiveParts:
    assert isinstance(study.source, LiveSource)
    return live_parts(study, study.source, today=TODAY)


def test_a_study_is_read_with_everything_that_it_names(tmp_path: Path) -> None:
    study = load_study(write(tmp_path, constraints={"cloud_share": 0.5}, budget={"usd": 1}))

    assert isinstance(study.source, LiveSource)
    assert len(study.source.tasks) == 2
    assert study.source.limits.sink_models == ("small", "large")
    assert study.caps.usd == 1
    assert [(one.measure.value, one.limit) for one in study.constraints] == [("cloud_share", 0.5)]
    assert study.directory == tmp_path / "study.study"


def test_more_money_time_or_workers_is_the_same_study(tmp_path: Path) -> None:
    first = load_study(write(tmp_path))
    more = load_study(write(tmp_path, budget={"usd": 9}, workers=8, trials=400))
    other = load_study(write(tmp_path, seed=1))

    assert more.hash == first.hash
    assert other.hash != first.hash


def test_patterns_make_another_study_and_are_in_its_estimate(tmp_path: Path) -> None:
    plain = parts_of(load_study(write(tmp_path)))
    graphs = {**study_data()["graphs"], "patterns": ["cascade-agreement", "abstain"]}
    study = load_study(write(tmp_path, graphs=graphs))
    parts = parts_of(study)

    check_possible(parts)
    estimate = estimate_study(study, parts.source, parts.space, parts.rules)
    without = estimate_study(plain.study, plain.source, plain.space, plain.rules)

    assert study.hash != plain.study.hash
    assert (estimate.graphs or 0) == (without.graphs or 0) + 2
    assert estimate.worst.calls > without.worst.calls
    assert "None" not in estimate.calls_by_model
    assert estimate.expected.seconds is not None


def test_other_tasks_are_another_study(tmp_path: Path) -> None:
    first = load_study(write(tmp_path))
    (tmp_path / "tasks.jsonl").write_text(TASKS.replace('"3"', '"5"'))

    assert load_study(write(tmp_path)).outcomes_hash != first.outcomes_hash


def test_the_search_can_be_given_a_part_of_the_tasks(tmp_path: Path) -> None:
    rows = [f'{{"id": "{n}", "question": "q {n}", "answer": "{n}"}}' for n in range(30)]
    (tmp_path / "tasks.jsonl").write_text("\n".join(rows))

    drawn = [load_study(write(tmp_path, questions=10, seed=seed)).source for seed in (1, 1, 2)]

    ids = [[task.id for task in one.tasks] for one in drawn if isinstance(one, LiveSource)]
    assert ids[0] == ids[1] != ids[2]
    assert len(ids[0]) == 10


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trails": 9}, r"study\.yaml:\d+: trails: is not a known key; did you mean .trials."),
        ({"trials": 0}, "trials: must be at least 1"),
        (
            {"searcher": {"name": "agent_reinforc"}},
            r"study\.yaml:\d+: searcher\.name: is no searcher; did you mean .agent_reinforce.",
        ),
        ({"trials": 5, "batch": 2}, "trials: must be a multiple of batch"),
        (
            {"graphs": {"models": ["small", "large"], "patterns": ["splitt"]}},
            'graphs.patterns.0: "splitt" is no shipped pattern; did you mean .split.',
        ),
        (
            {"graphs": {"models": ["small", "large"], "patterns": ["write-and-ask"]}},
            'graphs.patterns.0: "write-and-ask" is written by two models token by token',
        ),
        (
            {"graphs": {"models": ["small"], "patterns": ["split"]}},
            'graphs.patterns.0: "split" needs a model of the cloud',
        ),
        ({"questions": 3}, "questions: is more than the 2 questions"),
        ({"evaluation": {}}, "evaluation: must hold exactly one"),
        ({"evaluation": {"live": {}}}, "evaluation.live: must name exactly one"),
        ({"tasks": None}, "evaluation.live: needs `tasks`"),
        ({"catalog": "none.yaml"}, "cannot be read"),
        ({"graphs": {"models": ["smal"]}}, 'graphs.models.0: "smal" is not in the catalog; did'),
        ({"graphs": {"models": ["small", "small"]}}, "graphs.models.1: .* is listed twice"),
        (
            {"graphs": {"models": ["small"], "roles": ["fuser"]}},
            "graphs.roles: must list assistant",
        ),
        ({"graphs": {"models": ["small"], "max_steps": 7}}, "graphs.max_steps: must be at most 6"),
        ({"objectives": ["speed"]}, 'objectives.0: "speed" is not one of accuracy'),
        ({"constraints": {"cloud_share": 2}}, "constraints.cloud_share: must be at most 1"),
        ({"scoring": {"code": {}}}, "scoring.code.sandbox: is required"),
        ({"scoring": {"code": {"sandbox": "none"}}}, "scoring.code.sandbox: .* namespaces"),
        ({"evaluation": {"live": {"edge": "nowhere"}}}, "evaluation.live.edge: "),
    ],
)
def test_bad_studies_are_refused_with_line_and_field(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises((StudyInvalid, CatalogInvalid), match=message) as refused:
        load_study(write(tmp_path, **changes))

    assert refused.value.file.startswith(str(tmp_path))


def test_a_replay_takes_no_live_parts(tmp_path: Path) -> None:
    replay = {"replay": {"matrix": "m.json.gz", "space": "s.yaml"}}

    with pytest.raises(StudyInvalid, match="tasks: is not used in a replay"):
        load_study(write(tmp_path, evaluation=replay))


CODE_TASK = """\
{"id": "a", "question": "q", "scorer": "code", "code": {"cases": [{"stdout": "1"}]}}
"""


def test_a_replay_takes_no_scoring(tmp_path: Path) -> None:
    data = study_data(evaluation={"replay": {"matrix": "m.json.gz", "space": "s.yaml"}})
    for part in ("tasks", "catalog", "policy", "graphs"):
        del data[part]
    data["scoring"] = {"code": {"sandbox": "namespaces"}}

    with pytest.raises(StudyInvalid, match="scoring: is not used in a replay"):
        load_study(write(tmp_path, yaml.safe_dump(data)))


def test_code_is_run_only_where_the_study_allows_a_sandbox(tmp_path: Path) -> None:
    (tmp_path / "tasks.jsonl").write_text(CODE_TASK)

    with pytest.raises(StudyInvalid, match="does not allow: add"):
        load_study(write(tmp_path))
    allowed = load_study(write(tmp_path, scoring={"code": {"sandbox": "namespaces", "cpu_s": 9}}))

    assert isinstance(allowed.source, LiveSource)
    assert allowed.source.sandbox == SandboxLimits(cpu_s=9)


JUDGE_TASKS = """\
{"id": "a", "question": "Explain.", "scorer": "judge"}
{"id": "b", "question": "Why?", "answer": "So.", "scorer": "judge", "label": ["person"]}
"""
OUTSIDE = {
    "model": "far",
    "base_url": "https://judge.invalid/v1",
    "prompt_usd_per_mtok": 1.0,
    "completion_usd_per_mtok": 10.0,
}


@pytest.mark.parametrize(
    ("scoring", "message"),
    [
        ({}, 'scorer: task "a" has no judge: add'),
        ({"judge": OUTSIDE}, 'scorer: task "b" is labelled person and would be shown to far'),
        ({"judge": {"model": "smal"}}, 'scoring.judge.model: "smal" is not in the catalog; did'),
        ({"judge": {"model": "large"}}, 'scoring.judge.model: "large" is in the cloud'),
        ({"judge": {"model": "small", "votes": 2}}, "scoring.judge.votes: must be odd"),
        (
            {"judge": {"model": "small", "api_key_env": "KEY"}},
            "scoring.judge.api_key_env: is for an endpoint",
        ),
        (
            {"judge": {"model": "far", "base_url": "https://judge.invalid/v1"}},
            "scoring.judge: needs `prompt_usd_per_mtok`",
        ),
        (
            {"judge": {**OUTSIDE, "base_url": "http://judge.invalid/v1", "api_key_env": "KEY"}},
            "scoring.judge.base_url: would send the key over a network in clear",
        ),
    ],
)
def test_a_judge_that_cannot_or_may_not_judge_is_refused(
    tmp_path: Path, scoring: dict[str, Any], message: str
) -> None:
    (tmp_path / "tasks.jsonl").write_text(JUDGE_TASKS)

    with pytest.raises(StudyInvalid) as refused:
        load_study(write(tmp_path, scoring=scoring))

    assert message in str(refused.value)


@pytest.mark.parametrize("where", ["edge", "endpoint"])
def test_the_worst_case_holds_the_judge(tmp_path: Path, where: str) -> None:
    public, labelled = JUDGE_TASKS.splitlines()
    rows = [public] if where == "endpoint" else [public, labelled]
    (tmp_path / "tasks.jsonl").write_text("\n".join(rows))
    judge = OUTSIDE if where == "endpoint" else {"model": "small"}
    study = load_study(write(tmp_path, scoring={"judge": {**judge, "votes": 3}}))
    parts = parts_of(study)
    assert parts.source.judge is not None

    estimate = estimate_study(study, parts.source, parts.space, parts.rules)

    runs = estimate.worst.executions
    single = max(
        worst_of_case(task.question, task.answer, parts.source.judge, parts.rules).tokens
        for task in parts.source.tasks
    )
    assert estimate.judge_worst.calls == runs * 3 * 2
    assert estimate.judge_worst.tokens >= runs * single
    assert estimate.judge_expected.calls == runs * 3
    assert estimate.judge_expected.usd <= estimate.judge_worst.usd <= estimate.worst.usd
    assert (estimate.judge_worst.usd > 0) is (where == "endpoint")


def test_another_key_or_price_is_the_same_study_and_another_rubric_is_not(tmp_path: Path) -> None:
    (tmp_path / "tasks.jsonl").write_text(JUDGE_TASKS.splitlines()[0])

    first, dearer, other = (
        load_study(write(tmp_path, scoring={"judge": {**OUTSIDE, **change}})).hash
        for change in ({}, {"prompt_usd_per_mtok": 2.0}, {"rubric": "Be kind."})
    )

    assert first == dearer != other


def test_other_bounds_of_the_sandbox_are_another_study(tmp_path: Path) -> None:
    (tmp_path / "tasks.jsonl").write_text(CODE_TASK)
    hashes = {
        load_study(
            write(tmp_path, scoring={"code": {"sandbox": "namespaces", "cpu_s": seconds}})
        ).outcomes_hash
        for seconds in (1, 2)
    }

    assert len(hashes) == 2


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        (
            {"graphs": {"models": ["large"]}, "constraints": {"cost_usd": 0.000001}},
            "constraints",
            "even a single step needs at least cost_usd",
        ),
        (
            {"graphs": {"models": ["large"]}, "constraints": {"latency_p95_s": 0.01}},
            "constraints",
            "even a single step needs at least latency_p95_s",
        ),
        ({"budget": {"executions": 0}}, "budget.executions", "pays for no execution"),
        ({"budget": {"seconds": 5}}, "budget.seconds", "one may take 120 s"),
        (
            {"graphs": {"models": ["large"]}, "budget": {"usd": 0.00001}},
            "budget.usd",
            "pays for no execution",
        ),
    ],
)
def test_what_cannot_end_well_is_said_before_money_is_spent(
    tmp_path: Path, changes: dict[str, Any], field: str, message: str
) -> None:
    parts = parts_of(load_study(write(tmp_path, **changes)))

    with pytest.raises(StudyInvalid, match=message) as refused:
        check_possible(parts)

    assert refused.value.field == field


def test_a_cap_on_what_leaves_forbids_what_always_leaves(tmp_path: Path) -> None:
    (tmp_path / "tasks.jsonl").write_text('{"id": "a", "question": "How many?", "answer": "3"}')
    parts = parts_of(load_study(write(tmp_path, constraints={"cloud_share": 0.2})))

    listed = parts.space.candidates()

    assert listed is not None
    assert [str(one.key) for one in listed] == [
        "assistant@small()",
        "assistant@small();assistant@small(1)",
    ]


def test_graphs_that_leak_are_refused_with_the_planners_reason(tmp_path: Path) -> None:
    (tmp_path / "tasks.jsonl").write_text(
        '{"id": "a", "question": "Anna is ill?", "answer": "3", "label": ["health"]}'
    )
    parts = parts_of(load_study(write(tmp_path, graphs={"models": ["large"], "max_steps": 0})))

    refusal = parts.space.refusal([0, 0])

    assert refusal is not None
    assert "health" in refusal or "may never run" in refusal
    with pytest.raises(StudyInvalid, match="no graph can keep them"):
        check_possible(parts)


def test_the_worst_case_bounds_every_graph_and_question(tmp_path: Path) -> None:
    study = load_study(write(tmp_path))
    parts = parts_of(study)
    estimate = estimate_study(study, parts.source, parts.space, parts.rules)
    listed = parts.space.candidates()
    assert listed is not None

    single = [
        parts.rules.worst_case(
            parts.space.graph(one), q, prompt_tokens=len(task.question.encode()) + 64
        )
        for one in listed
        for q, task in enumerate(parts.source.tasks)
    ]

    runs = estimate.worst.executions
    assert runs == 8
    assert max(spend.usd for spend in single) * runs <= estimate.worst.usd
    assert max(spend.tokens for spend in single) * runs <= estimate.worst.tokens
    assert max(spend.calls for spend in single) * runs <= estimate.worst.calls
    assert estimate.expected.usd < estimate.worst.usd
    assert sum(estimate.calls_by_model.values()) == pytest.approx(estimate.expected.calls)


def test_caps_that_the_worst_case_breaks_are_named(tmp_path: Path) -> None:
    study = load_study(write(tmp_path, budget={"usd": 0.001, "executions": 8}))
    parts = parts_of(study)

    estimate = estimate_study(study, parts.source, parts.space, parts.rules)

    assert breaks(estimate.worst, study.caps) == ["usd"]
