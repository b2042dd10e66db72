"""The agent that a study names: checked, with what may change between runs kept apart.

Reads the key when it is first needed; sends nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from optimizer.agents.llm_agent import AgentSettings, Structure
from optimizer.agents.spend import AgentCaps, AgentPrice
from optimizer.study.endpoints import clear_key_problems, is_loopback
from optimizer.study.shape import AgentShape, SearcherShape
from runtime.documents.document import Problem
from runtime.documents.suggest import listed
from runtime.errors import StudyInvalid

__all__ = ["ADVISED", "LLMChoice", "agent_problems", "llm_choice", "read_key", "searched_part"]

ADVISED: Final = ("agent_reinforce", "textgrad", "maao")
"""Searchers in which an agent has a say."""
_NO_KEY: Final = "none"
"""Sent where an endpoint on this machine wants no key: the SDK insists on one."""
_FREE: Final = ("prompt_usd_per_mtok", "completion_usd_per_mtok")
_PROPOSING: Final = ("kind", "model", "task", "retries", "max_tokens", "temperature", "structure")
"""What replies depend on. Another address, key, price, time limit or cap makes no other study."""

Path_ = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class LLMChoice:
    """An LLM agent, where it answers and what it may cost."""

    settings: AgentSettings
    price: AgentPrice
    caps: AgentCaps
    base_url: str
    api_key_env: str | None
    api_key_file: Path | None
    task: str
    timeout_s: float
    limit_field: Literal["max_tokens", "max_completion_tokens"]

    @property
    def is_here(self) -> bool:
        """Whether the endpoint is on this machine."""
        return is_loopback(self.base_url)


def llm_choice(searcher: SearcherShape, root: Path) -> LLMChoice | None:
    """Return a checked agent section as data; ``None`` for the built-in rule agent."""
    shape = searcher.agent
    if shape.kind == "rule":
        return None
    return LLMChoice(
        settings=AgentSettings(
            model=str(shape.model),
            temperature=shape.temperature,
            max_tokens=shape.max_tokens,
            structure=Structure(shape.structure),
            # The peers' prompts know no insights: that is what they are compared for.
            insights=searcher.name == ADVISED[0],
            tries=shape.retries + 1,
        ),
        price=AgentPrice(shape.prompt_usd_per_mtok or 0.0, shape.completion_usd_per_mtok or 0.0),
        caps=AgentCaps(shape.budget.calls, shape.budget.tokens, shape.budget.usd),
        base_url=str(shape.base_url),
        api_key_env=shape.api_key_env,
        api_key_file=root / shape.api_key_file if shape.api_key_file else None,
        task=shape.task or "task",
        timeout_s=shape.timeout_s,
        limit_field=shape.limit_field,
    )


def agent_problems(searcher: SearcherShape) -> Iterator[Problem]:
    """Yield what does not fit together in a searcher's agent section."""
    agent, place = searcher.agent, ("searcher", "agent")
    if agent.kind == "rule":
        for name in sorted(agent.model_fields_set - {"kind"}):
            yield Problem((*place, name), "is not used by the built-in rule agent; leave it out")
        return
    if searcher.name not in ADVISED:
        reason = f"has no say in {searcher.name}; only in {listed(ADVISED)}"
        yield Problem(place, reason)
    for name in ("base_url", "model"):
        if getattr(agent, name) is None:
            yield Problem(place, f"needs `{name}`")
    if agent.base_url is not None:
        yield from _endpoint_problems(agent, agent.base_url, place)


def searched_part(shape: AgentShape) -> dict[str, object] | None:
    """Return what of an agent section makes a study another one; nothing of the rule agent."""
    if shape.kind == "rule":
        return None
    data = shape.model_dump(mode="json")
    return {name: data[name] for name in _PROPOSING}


def read_key(choice: LLMChoice, environment: Mapping[str, str], *, file: str) -> str:
    """Return the endpoint's key.

    Raises:
        StudyInvalid: It is not where the study says.
    """
    place = "searcher.agent"
    if choice.api_key_env is not None:
        key = environment.get(choice.api_key_env, "").strip()
        if not key:
            reason = f"names the environment variable {choice.api_key_env}, which holds no key"
            raise StudyInvalid(reason, file=file, field=f"{place}.api_key_env")
        return key
    if choice.api_key_file is None:
        return _NO_KEY
    try:
        key = choice.api_key_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        reason = "names a file that cannot be read"
        raise StudyInvalid(reason, file=file, field=f"{place}.api_key_file") from None
    if not key:
        reason = "names a file that holds no key"
        raise StudyInvalid(reason, file=file, field=f"{place}.api_key_file")
    return key


def _endpoint_problems(agent: AgentShape, url: str, place: Path_) -> Iterator[Problem]:
    if agent.api_key_env is not None and agent.api_key_file is not None:
        yield Problem(place, "must name one of `api_key_env` and `api_key_file`, not both")
    if is_loopback(url):
        return
    has_key = agent.api_key_env is not None or agent.api_key_file is not None
    yield from clear_key_problems(url, place, has_key=has_key)
    for name in _FREE:
        if getattr(agent, name) is None:
            reason = f"needs `{name}` (0 if it is free): the endpoint is not on this machine"
            yield Problem(place, reason)
