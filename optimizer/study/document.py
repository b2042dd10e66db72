"""Study documents: from YAML to a :class:`Study` whose parts fit together.

Reads the files that the document names, relative to its own directory, and says of each problem
in which file, line and field it is. Starts nothing and spends nothing.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from optimizer.evaluation.graph_shapes import SpaceLimits
from optimizer.evaluation.pattern_space import zone_of_place
from optimizer.evaluation.rules import flops_of_call
from optimizer.evaluation.tasks import Task, load_tasks
from optimizer.replay.graph_table import GraphTable
from optimizer.replay.sensitive_table import with_sensitive
from optimizer.replay.space_document import HashClass
from optimizer.replay.table_file import TableUnusable, read_table
from optimizer.search.model import Constraint, Measure
from optimizer.search.registry import ABLATIONS, SEARCHERS
from optimizer.study.agent_choice import ADVISED, agent_problems, llm_choice, searched_part
from optimizer.study.model import (
    Caps,
    LiveSource,
    ReplaySource,
    SearcherChoice,
    Study,
    TableSource,
)
from optimizer.study.scorers import check_scorers, judge_of, judge_problems, sandbox_of
from optimizer.study.shape import (
    DEFAULT_VIRTUAL,
    BudgetShape,
    GraphsShape,
    LiveShape,
    ReplayShape,
    SearcherShape,
    SensitiveShape,
    StudyShape,
)
from runtime.catalog.document import dump_catalog, load_catalog
from runtime.catalog.model import Catalog
from runtime.documents.canonical import sha256_of
from runtime.documents.document import Document, Problem
from runtime.documents.os_reason import os_reason
from runtime.documents.reader import read_document
from runtime.documents.shape import read_shape, schema_of
from runtime.documents.suggest import did_you_mean, listed
from runtime.errors import StudyInvalid
from runtime.ids import ModelName
from runtime.patterns.book import patterns
from runtime.policy.document import load_policy, policy_hash
from runtime.rpc.address import is_local

__all__ = ["CHARACTERS_PER_TOKEN", "STUDY_VERSION", "load_study", "study_schema"]

STUDY_VERSION: Final = "study/v1"
CHARACTERS_PER_TOKEN: Final = 4
"""Rule of thumb for English; only estimates use it, never bounds."""
_GRAPH_FORM: Final = 2
"""How choices become graphs in a live study; a change of it makes journals those of others."""
_LIVE_PARTS: Final = ("tasks", "catalog", "policy", "graphs")


def load_study(path: Path) -> Study:
    """Read a study and everything that it names.

    Raises:
        StudyInvalid: Names file, line and field of the first problem.
        CatalogInvalid: The catalog cannot be used.
        PolicyInvalid: The policy cannot be applied.
    """
    document = read_document(path, error=StudyInvalid)
    shape = read_shape(document, StudyShape, version=STUDY_VERSION)
    document.refuse(_part_problems(shape))
    root = path.parent
    source, contents, unit_flops = (
        _live(shape.evaluation.live, shape, document)
        if shape.evaluation.live is not None
        else _replay(shape.evaluation.replay, root)
    )
    return Study(
        name=shape.name,
        file=path,
        hash=sha256_of([_searched(shape), contents]),
        outcomes_hash=sha256_of([_evaluated(shape), contents]),
        source=source,
        caps=_caps(shape.budget, unit_flops),
        constraints=_constraints(shape, unit_flops),
        confidence=shape.confidence,
        objectives=tuple(dict.fromkeys(shape.objectives)),
        searcher=SearcherChoice(
            shape.searcher.name,
            dict(shape.searcher.options),
            llm_choice(shape.searcher, root),
        ),
        trials=shape.trials,
        batch=shape.batch,
        seed=shape.seed,
        workers=shape.workers,
        warm_start=None if shape.warm_start is None else root / shape.warm_start,
        virtual=_virtual(shape.searcher, shape.virtual_trials),
    )


def study_schema() -> dict[str, Any]:
    """Return the JSON schema of study documents, for editors."""
    return schema_of(StudyShape)


def _part_problems(shape: StudyShape) -> Iterator[Problem]:
    if shape.trials % shape.batch:
        reason = f"must be a multiple of batch, which is {shape.batch}"
        yield Problem(("trials",), reason)
    if (name := shape.searcher.name) not in SEARCHERS and name not in ADVISED:
        hint = did_you_mean(name, (*ADVISED, *SEARCHERS))
        reason = f"is no searcher{hint or '; `leeward optimizer searchers` lists them'}"
        yield Problem(("searcher", "name"), reason)
    yield from agent_problems(shape.searcher)
    live, replay = shape.evaluation.live, shape.evaluation.replay
    if shape.constraints.flops is not None and shape.constraints.flops_units is not None:
        yield Problem(("constraints", "flops_units"), "says the same as `flops`; keep one")
    if (live is None) == (replay is None):
        yield Problem(("evaluation",), "must hold exactly one of `live` and `replay`")
    elif live is not None:
        yield from _live_problems(live, shape)
    else:
        yield from _replay_problems(shape)
        yield from _record_problems(replay, shape)


def _live_problems(live: LiveShape, shape: StudyShape) -> Iterator[Problem]:
    for part in _LIVE_PARTS:
        if getattr(shape, part) is None:
            yield Problem(("evaluation", "live"), f"needs `{part}` in the study")
    if bool(live.edge) == bool(live.edge_config):
        reason = "must name exactly one of `edge` and `edge_config`"
        yield Problem(("evaluation", "live"), reason)
    elif live.edge and not is_local(live.edge):
        reason = "must be on this machine, as 127.0.0.1:7443 or unix:/run/edge.sock"
        yield Problem(("evaluation", "live", "edge"), reason)


def _replay_problems(shape: StudyShape) -> Iterator[Problem]:
    for part in (*_LIVE_PARTS, "questions"):
        if getattr(shape, part) is not None:
            yield Problem(
                (part,), "is not used in a replay, where the record says it; leave it out"
            )
    if shape.scoring.code is not None or shape.scoring.judge is not None:
        yield Problem(
            ("scoring",), "is not used in a replay, where answers are scored; leave it out"
        )


def _record_problems(replay: ReplayShape | None, shape: StudyShape) -> Iterator[Problem]:
    assert replay is not None  # noqa: S101 - the caller asked
    here = ("evaluation", "replay")
    if replay.table is not None:
        if replay.matrix is not None or replay.space is not None:
            yield Problem(here, "must name either `table` or `matrix` and `space`")
        return
    if replay.matrix is None or replay.space is None:
        yield Problem(here, "must name `table`, or both `matrix` and `space`")
    if replay.sensitive is not None:
        yield Problem((*here, "sensitive"), "is said in the space file; leave it out")
    unknown = "is not known in a replay of a matrix, which has no prompts; leave it out"
    if shape.constraints.egress_bytes is not None:
        yield Problem(("constraints", "egress_bytes"), unknown)
    if "egress_bytes" in shape.objectives:
        yield Problem(("objectives", shape.objectives.index("egress_bytes")), unknown)
    for part in ("budget", "constraints"):
        if getattr(shape, part).flops_units is not None:
            reason = "cannot be kept in a replay of a matrix, which has no FLOPs"
            yield Problem((part, "flops_units"), reason)


_Resolved = tuple[LiveSource | ReplaySource | TableSource, list[str], float | None]
"""A source, hashes of the contents that it rests on, and the FLOPs of one unit."""


def _replay(replay: ReplayShape | None, root: Path) -> _Resolved:
    assert replay is not None  # noqa: S101 - `_part_problems` refused else
    if replay.table is not None:
        return _table(root / replay.table, replay.sensitive)
    source = ReplaySource(root / str(replay.matrix), root / str(replay.space))
    return source, [_digest_of_file(source.matrix), _digest_of_file(source.space)], None


def _table(path: Path, sensitive: SensitiveShape | None) -> _Resolved:
    chosen = sensitive and HashClass(sensitive.hash_modulus, sensitive.remainder)
    try:
        data = read_table(path)
    except TableUnusable as failure:
        raise StudyInvalid(str(failure), file=str(path)) from None
    table = GraphTable(with_sensitive(data, chosen) if chosen else data)
    return TableSource(table), [_digest_of_file(path), repr(chosen)], table.unit_flops


def _live(live: LiveShape, shape: StudyShape, document: Document) -> _Resolved:
    root, graphs = Path(document.file).parent, shape.graphs
    assert graphs is not None  # noqa: S101 - `_part_problems` refused else
    tasks_file, catalog_file = root / str(shape.tasks), root / str(shape.catalog)
    tasks = load_tasks(tasks_file)
    catalog = load_catalog(catalog_file)
    policy = load_policy(root / str(shape.policy))
    document.refuse(
        [
            *_graph_problems(graphs, catalog),
            *_task_problems(shape, tasks),
            *judge_problems(shape.scoring.judge, catalog),
        ]
    )
    source = LiveSource(
        tasks=_drawn(tasks, shape),
        catalog=catalog,
        policy=policy,
        policy_hash=policy_hash(policy),
        limits=_limits(graphs),
        patterns=tuple(graphs.patterns),
        edge=live.edge,
        edge_config=root / live.edge_config if live.edge_config else None,
        timeout_s=live.timeout_s,
        retries=live.retries,
        revisions=dict(live.revisions),
        sandbox=sandbox_of(shape.scoring),
        judge=judge_of(shape.scoring),
    )
    check_scorers(tasks, source, tasks_file=str(tasks_file))
    contents = [_digest_of_file(tasks_file), sha256_of(dump_catalog(catalog)), source.policy_hash]
    return source, contents, _unit_flops(source)


def _drawn(tasks: tuple[Task, ...], shape: StudyShape) -> tuple[Task, ...]:
    """Draw the questions of the search, in the order of the file."""
    if shape.questions is None:
        return tasks
    generator = random.Random(shape.seed)  # noqa: S311 - a split, not a secret
    places = sorted(generator.sample(range(len(tasks)), shape.questions))
    return tuple(tasks[place] for place in places)


def _graph_problems(graphs: GraphsShape, catalog: Catalog) -> Iterator[Problem]:
    for key in ("models", "sink_models"):
        named: list[str] = getattr(graphs, key)
        for position, model in enumerate(named):
            path = ("graphs", key, position)
            if model not in catalog.model_by_name:
                known = [str(name) for name in catalog.model_by_name]
                hint = did_you_mean(model, known) or f"; known: {listed(known)}"
                yield Problem(path, f'"{model}" is not in the catalog{hint}')
            if model in named[:position]:
                yield Problem(path, f'"{model}" is listed twice; keep one')
    yield from _pattern_problems(graphs, catalog)
    if "assistant" not in graphs.roles:
        yield Problem(("graphs", "roles"), "must list assistant, which every first step plays")
    if len(set(graphs.roles)) < len(graphs.roles):
        yield Problem(("graphs", "roles"), "lists a role twice; keep one")


def _pattern_problems(graphs: GraphsShape, catalog: Catalog) -> Iterator[Problem]:
    known = {pattern.name: pattern for pattern in patterns()}
    zones = {catalog.node_of(model).zone for model in catalog.models if model.name in graphs.models}
    for position, name in enumerate(graphs.patterns):
        path = ("graphs", "patterns", position)
        if name not in known:
            hint = did_you_mean(name, known) or f"; known: {listed(list(known), at_most=20)}"
            yield Problem(path, f'"{name}" is no shipped pattern{hint}')
            continue
        if name in graphs.patterns[:position]:
            yield Problem(path, f'"{name}" is listed twice; keep one')
        if any(step.draft is not None for step in known[name].graph.steps):
            reason = f'"{name}" is written by two models token by token, no call by itself; leave'
            yield Problem(path, f"{reason} it out")
        missing = {zone_of_place(place) for place in known[name].places} - zones
        if missing:
            reason = f'"{name}" needs a model of the {min(missing)} among `models`'
            yield Problem(path, reason)


def _task_problems(shape: StudyShape, tasks: tuple[Task, ...]) -> Iterator[Problem]:
    if shape.questions is not None and shape.questions > len(tasks):
        reason = f"is more than the {len(tasks)} questions of {shape.tasks}"
        yield Problem(("questions",), reason)


def _limits(graphs: GraphsShape) -> SpaceLimits:
    return SpaceLimits(
        models=tuple(graphs.models),
        sink_models=tuple(graphs.sink_models or graphs.models),
        roles=tuple(graphs.roles),
        max_steps=graphs.max_steps,
        max_width=graphs.max_width,
        max_depth=graphs.max_depth,
        max_tokens=graphs.max_tokens,
        temperature=graphs.temperature,
    )


def _caps(budget: BudgetShape, unit_flops: float | None) -> Caps:
    flops = None
    if budget.flops_units is not None and unit_flops is not None:
        flops = budget.flops_units * unit_flops
    return Caps(
        usd=budget.usd,
        tokens=budget.tokens,
        calls=budget.calls,
        executions=budget.executions,
        exposed_questions=budget.exposed_questions,
        flops=flops,
        seconds=budget.seconds,
    )


def _unit_flops(source: LiveSource) -> float:
    """Return the FLOPs of one call of the smallest model: mean question, longest answer."""
    models = [source.catalog.model_by_name[ModelName(name)] for name in source.limits.models]
    characters = sum(len(task.question) for task in source.tasks) / len(source.tasks)
    prompt_tokens = round(characters / CHARACTERS_PER_TOKEN)
    return min(flops_of_call(model, prompt_tokens, source.limits.max_tokens) for model in models)


def _virtual(searcher: SearcherShape, most: int) -> int:
    """Return how many virtual trials a batch may have; none in the ablation that is without."""
    is_without = searcher.name in ABLATIONS and not ABLATIONS[searcher.name].has_virtual_trials
    return 0 if is_without or searcher.options.get("has_virtual_trials") is False else most


def _constraints(shape: StudyShape, unit_flops: float | None) -> tuple[Constraint, ...]:
    caps, flops = shape.constraints, shape.constraints.flops
    if caps.flops_units is not None and unit_flops is not None:
        flops = caps.flops_units * unit_flops
    limits = (
        (Measure.CLOUD_SHARE, caps.cloud_share),
        (Measure.COST_USD, caps.cost_usd),
        (Measure.FLOPS, flops),
        (Measure.LATENCY_P95_S, caps.latency_p95_s),
        (Measure.EGRESS_BYTES, caps.egress_bytes),
    )
    return tuple(Constraint(measure, limit) for measure, limit in limits if limit is not None)


def _searched(shape: StudyShape) -> dict[str, object]:
    """Return the part of the document that outcomes and proposals depend on."""
    data = shape.model_dump(mode="json")
    # More money, time, trials or workers extend a study; they do not make it another one.
    for key in ("budget", "workers", "trials", "tasks", "catalog", "policy", "warm_start"):
        del data[key]
    data["searcher"]["agent"] = searched_part(shape.searcher.agent)
    if data["searcher"]["agent"] is None:
        del data["searcher"]["agent"]
    if shape.graphs is not None and not shape.graphs.patterns:
        del data["graphs"]["patterns"]  # a study without them is the one it was before
    if shape.constraints.egress_bytes is None:
        del data["constraints"]["egress_bytes"]  # as below
    if shape.virtual_trials == DEFAULT_VIRTUAL:
        del data["virtual_trials"]  # a study that says nothing of it is the one it was before
    if shape.evaluation.live is not None:
        revisions = dict(shape.evaluation.live.revisions)
        data["evaluation"] = {"live": {"revisions": revisions, "graph_form": _GRAPH_FORM}}
    else:
        data["evaluation"] = {"replay": {}}
    judge = data["scoring"]["judge"]
    if judge is not None:
        # How the judge is reached and what it costs changes no verdict.
        for key in ("api_key_env", "timeout_s", "prompt_usd_per_mtok", "completion_usd_per_mtok"):
            del judge[key]
    return data


def _evaluated(shape: StudyShape) -> dict[str, object]:
    """Return the part of the document that outcomes alone depend on."""
    searched, replay = _searched(shape), shape.evaluation.replay
    # What a table holds does not depend on the seed; which questions a live study draws does.
    is_table = replay is not None and replay.table is not None
    keys = ("evaluation", "graphs", "questions", "scoring", *(() if is_table else ("seed",)))
    return {key: searched[key] for key in keys}


def _digest_of_file(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as failure:
        raise StudyInvalid(f"cannot be read: {os_reason(failure)}", file=str(path)) from None
