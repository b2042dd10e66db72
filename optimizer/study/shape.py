"""The study document as pydantic models: types and bounds, one value at a time.

Knows the form of the file; what must hold between its parts is in ``document``.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from optimizer.judging.prompt import DEFAULT_RUBRIC
from runtime.documents.names import ModelText, Name
from runtime.documents.shape import Shape

__all__ = [
    "AgentBudgetShape",
    "AgentShape",
    "BudgetShape",
    "ConstraintShape",
    "EvaluationShape",
    "GraphsShape",
    "JudgeScoringShape",
    "LiveShape",
    "ReplayShape",
    "CodeScoringShape",
    "DEFAULT_VIRTUAL",
    "ScoringShape",
    "SearcherShape",
    "SensitiveShape",
    "StudyShape",
]

FilePath = Annotated[str, Field(min_length=1, max_length=4096)]
DEFAULT_VIRTUAL: Final = 8
"""Virtual trials per batch, where a study says nothing."""
OptionValue = bool | int | float | str


class LiveShape(Shape):
    """Run graphs on a real edge, which calls the cloud through its own gate."""

    edge: str = Field(default="", pattern=r"^(\S+:\d{1,5}|unix:/\S+)?$", max_length=255)
    """gRPC address of an edge that is already running; loopback or a Unix socket."""
    edge_config: str = Field(default="", max_length=4096)
    """Configuration (edge/v1) of an edge that is started for the study and ended with it."""
    timeout_s: float = Field(default=120.0, gt=0, le=3600)
    """Longest time for one question; a question that takes longer has failed."""
    retries: int = Field(default=2, ge=0, le=10)
    """How often a failure that may pass is tried again."""
    revisions: dict[ModelText, str] = Field(default_factory=dict, max_length=1000)
    """Revision of each model, such as a file hash; a new one makes cached outcomes stale."""


class SensitiveShape(Shape):
    """Questions chosen by a hash of their ids."""

    hash_modulus: int = Field(ge=2, le=1_000_000)
    """Those whose ``sha256(id) mod hash_modulus`` is ``remainder``."""
    remainder: int = Field(default=0, ge=0)


class ReplayShape(Shape):
    """Take outcomes from a record; nothing is run. Either matrix and space, or a table."""

    matrix: FilePath | None = None
    """Answers of models to questions (gzipped JSON)."""
    space: FilePath | None = None
    """Which graphs may be made of them (space/v1)."""
    table: FilePath | None = None
    """Every outcome of many graphs, as ``python -m reference.tabulated`` builds it."""
    sensitive: SensitiveShape | None = None
    """Questions of the table that may not leave the edge, beside those that may not anyway."""


class EvaluationShape(Shape):
    """Where outcomes come from; exactly one of the two."""

    live: LiveShape | None = None
    """Real nodes."""
    replay: ReplayShape | None = None
    """A record."""


class GraphsShape(Shape):
    """Which graphs may be built."""

    models: list[ModelText] = Field(min_length=1, max_length=64)
    """Models of the catalog that steps may be played by."""
    sink_models: list[ModelText] = Field(default_factory=list, max_length=64)
    """Models that may give the final answer; left out, all of ``models``."""
    roles: list[Literal["assistant", "fuser"]] = Field(
        default=["assistant", "fuser"], min_length=1, max_length=2
    )
    """Roles that steps may play."""
    patterns: list[Name] = Field(default_factory=list, max_length=64)
    """Shipped patterns that may be chosen, too, with every fitting choice among ``models``."""
    max_steps: int = Field(default=3, ge=0, le=6)
    """Most steps before the sink."""
    max_width: int = Field(default=6, ge=1, le=6)
    """Most steps side by side (at one distance from the request)."""
    max_depth: int = Field(default=7, ge=1, le=7)
    """Most steps in a row, the sink included."""
    max_tokens: int = Field(default=512, ge=1, le=131_072)
    """Longest answer of a step, tokens."""
    temperature: float = Field(default=0.8, ge=0, le=5)
    """Of a model's second and further steps that read the request alone, so that they differ; all
    others are greedy."""


class BudgetShape(Shape):
    """What the search may spend in all; nothing given means no cap of that kind."""

    usd: float | None = Field(default=None, ge=0, le=1e9)
    """US dollars."""
    tokens: int | None = Field(default=None, ge=0, le=10**15)
    """Prompt and answer tokens."""
    calls: int | None = Field(default=None, ge=0, le=10**12)
    """Model calls."""
    executions: int | None = Field(default=None, ge=0, le=10**12)
    """Graph times question runs."""
    exposed_questions: int | None = Field(default=None, ge=0, le=10**9)
    """Different questions whose content may leave the edge."""
    flops_units: float | None = Field(default=None, ge=0, le=1e15)
    """FLOPs, in calls of the space's smallest model."""
    seconds: float | None = Field(default=None, gt=0, le=1e8)
    """Wall-clock time, over all resumptions together."""


class ConstraintShape(Shape):
    """What a recommended graph must keep on new questions; at least one per question or mean."""

    latency_p95_s: float | None = Field(default=None, gt=0, le=86_400)
    """95th percentile of the answer's latency, seconds."""
    cost_usd: float | None = Field(default=None, ge=0, le=1e6)
    """Mean cost of a question, US dollars."""
    cloud_share: float | None = Field(default=None, ge=0, le=1)
    """Share of questions whose content leaves the edge."""
    flops: float | None = Field(default=None, ge=0, le=1e30)
    """Mean FLOPs of a question."""
    flops_units: float | None = Field(default=None, gt=0, le=1e15)
    """The same in calls of the space's smallest model."""
    egress_bytes: float | None = Field(default=None, ge=0, le=1e12)
    """Mean bytes of a question's content that leave the edge, every passage counted."""


class AgentBudgetShape(Shape):
    """What the agent alone may spend, within the study's budget; nothing given is no such cap."""

    usd: float | None = Field(default=None, ge=0, le=1e9)
    """US dollars."""
    tokens: int | None = Field(default=None, ge=0, le=10**15)
    """Prompt and reply tokens."""
    calls: int | None = Field(default=None, ge=0, le=10**12)
    """Calls, failed ones included."""


class AgentShape(Shape):
    """Who proposes the next graph and new probabilities."""

    kind: Literal["rule", "llm"] = "rule"
    """``rule`` is built in and needs nothing; ``llm`` is any OpenAI-compatible endpoint."""
    base_url: str | None = Field(default=None, pattern=r"^https?://\S+$", max_length=2048)
    """Where the endpoint's API starts, usually ending in ``/v1``."""
    model: ModelText | None = None
    """The endpoint's own name for the model."""
    api_key_env: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """Environment variable that holds the key."""
    api_key_file: FilePath | None = None
    """File that holds the key."""
    task: Name | None = None
    """What the agent is told of the task, in one word; left out, nothing."""
    timeout_s: float = Field(default=120.0, gt=0, le=3600)
    """Longest wait for a reply."""
    retries: int = Field(default=2, ge=0, le=9)
    """Further calls when one fails or its reply cannot be used; then the rule agent decides."""
    max_tokens: int = Field(default=4096, ge=64, le=131_072)
    """Longest reply, reasoning included, tokens."""
    temperature: float | None = Field(default=0.1, ge=0, le=2)
    """Nothing (``null``) leaves it to the endpoint."""
    structure: Literal["auto", "schema", "text"] = "auto"
    """Ask for replies by JSON schema; ``auto`` does until the endpoint refuses one."""
    limit_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """What the endpoint calls the limit on a reply."""
    prompt_usd_per_mtok: float | None = Field(default=None, ge=0, le=1_000_000)
    """Per million prompt tokens, US dollars."""
    completion_usd_per_mtok: float | None = Field(default=None, ge=0, le=1_000_000)
    """Per million reply tokens, US dollars."""
    budget: AgentBudgetShape = Field(default_factory=AgentBudgetShape)
    """Caps on the agent alone; once one is reached, the rule agent goes on."""


class SearcherShape(Shape):
    """How graphs are proposed."""

    name: Name = "agent_reinforce"
    """``leeward optimizer searchers`` lists them."""
    agent: AgentShape = Field(default_factory=AgentShape)
    """Only of ``agent_reinforce``, ``textgrad`` and ``maao``."""
    options: dict[Name, OptionValue] = Field(default_factory=dict, max_length=64)
    """Of that searcher."""


class CodeScoringShape(Shape):
    """Code in answers is run: only in a sandbox, and only where a study says so."""

    sandbox: Literal["namespaces"]
    """Linux namespaces, an empty file system, no network, limits and few system calls."""
    cpu_s: int = Field(default=5, ge=1, le=600)
    """CPU time of one case, or of all tests of one answer, seconds."""
    wall_s: float = Field(default=60.0, gt=0, le=3600)
    """Longest wait for it, seconds; for code that sleeps."""
    memory_mib: int = Field(default=512, ge=128, le=65_536)
    """Address space, MiB."""


class JudgeScoringShape(Shape):
    """The model that judges answers: one of the edge, or one behind an endpoint."""

    model: ModelText
    """Without ``base_url``, a model of the catalog on the edge."""
    base_url: str = Field(default="", pattern=r"^(https?://\S+)?$", max_length=2048)
    """An OpenAI-compatible endpoint; it sees questions and answers, so none may have a label."""
    api_key_env: str = Field(default="", pattern=r"^([A-Z_][A-Z0-9_]*)?$", max_length=200)
    """Environment variable that holds the endpoint's key."""
    prompt_usd_per_mtok: float | None = Field(default=None, ge=0, le=1e6)
    """Price of the endpoint's prompt tokens, US dollars per million."""
    completion_usd_per_mtok: float | None = Field(default=None, ge=0, le=1e6)
    """Price of the endpoint's answer tokens, US dollars per million."""
    rubric: str = Field(default=DEFAULT_RUBRIC, min_length=1, max_length=8_000)
    """What makes an answer right."""
    scale: int = Field(default=1, ge=1, le=10)
    """The best score; a score counts as this part of a right answer."""
    votes: int = Field(default=1, ge=1, le=9)
    """Odd; the middle one counts."""
    tries: int = Field(default=2, ge=1, le=5)
    """Calls per vote, should a reply not be usable."""
    max_tokens: int = Field(default=200, ge=1, le=16_384)
    """Longest reply, tokens."""
    answer_bytes: int = Field(default=8_000, ge=100, le=100_000)
    """How much of an answer the judge is shown."""
    timeout_s: float = Field(default=60.0, gt=0, le=3600)
    """Longest wait for the endpoint's reply."""
    structured_output: bool = False
    """Have the verdict's JSON schema enforced, where model or endpoint can."""


class ScoringShape(Shape):
    """What scorers need that run or ask something."""

    code: CodeScoringShape | None = None
    """Allows the code scorer."""
    judge: JudgeScoringShape | None = None
    """Who judges, for the judge scorer."""


class StudyShape(Shape):
    """One search: questions, what may be built, what it may cost, what must hold."""

    leeward: Literal["study/v1"]
    """What this document is."""
    name: Name
    """What reports and exported graphs call it."""
    tasks: FilePath | None = None
    """Questions with answers (JSON lines); not for replay, where the record has them."""
    catalog: FilePath | None = None
    """Models and nodes (catalog/v1); not for replay."""
    policy: FilePath | None = None
    """What may leave (policy/v1); not for replay."""
    graphs: GraphsShape | None = None
    """Which graphs may be built; not for replay, where the space file says it."""
    evaluation: EvaluationShape
    """Where outcomes come from."""
    scoring: ScoringShape = Field(default_factory=ScoringShape)
    """What scorers need that run code or ask a model."""
    budget: BudgetShape = Field(default_factory=BudgetShape)
    """Caps on the search."""
    constraints: ConstraintShape = Field(default_factory=ConstraintShape)
    """Caps on the graph."""
    confidence: float = Field(default=0.95, ge=0.5, lt=1)
    """How sure it must be that a constraint holds on new questions."""
    objectives: list[
        Literal["accuracy", "latency_p95_s", "cost_usd", "cloud_share", "flops", "egress_bytes"]
    ] = Field(default=["accuracy", "cost_usd"], min_length=1, max_length=6)
    """What the front is over; accuracy is raised, all else lowered."""
    searcher: SearcherShape = Field(default_factory=SearcherShape)
    """How graphs are proposed."""
    trials: int = Field(default=100, ge=1, le=1_000_000)
    """Most trials; the last batch is run whole all the same."""
    questions: int | None = Field(default=None, ge=2, le=100_000)
    """Search on this many of the tasks, drawn by the seed; `watch` can be given the others."""
    virtual_trials: int = Field(default=DEFAULT_VIRTUAL, ge=0, le=1024)
    """Most graphs per batch that are scored, for nothing, from calls made for others; 0: none."""
    batch: int = Field(default=1, ge=1, le=1024)
    """Trials that are proposed together; does not depend on how many workers there are."""
    seed: int = Field(default=0, ge=0, le=2**32 - 1)
    """The same seed gives the same study."""
    workers: int = Field(default=1, ge=1, le=256)
    """Executions at once; changes how long a study takes and nothing else."""
    warm_start: FilePath | None = None
    """Directory of another study of the same space, whose outcomes are taken over."""
