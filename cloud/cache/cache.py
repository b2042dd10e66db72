"""The gateway's ``AnswerCache``: answers given before, to the same caller's tenant and label.

In memory of this replica alone, so nothing of it outlives the process or lies on a disk. Three
ways to a hit: the very same call; one that is being answered right now; and, where a model's rule
says so, the same question in other words.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

from cloud.cache.answer import KeptAnswer, Recording
from cloud.cache.digest import Digester
from cloud.cache.flights import Flight, Flights
from cloud.cache.memory import AnswerMemory
from cloud.cache.rules import CacheRules
from cloud.cache.similarity import Similarity
from cloud.cache.wording import wording
from cloud.calls import GenerateCall
from cloud.stages import CacheState, Lookup
from runtime.clock import Clock
from runtime.errors import LeewardError
from runtime.ports import Chunk
from runtime.telemetry.metrics import Metrics

__all__ = ["KeptQuestion", "MemoryCache"]


@dataclass(frozen=True, slots=True)
class KeptQuestion:
    """An answer, and the question as it was put; the question is empty for an exact entry."""

    answer: KeptAnswer
    text: str = ""

    @property
    def size_bytes(self) -> int:
        """About what it takes in memory."""
        return self.answer.size_bytes + 4 * len(self.text)


class MemoryCache:
    """Keeps answers in memory.

    Args:
        rules: Which calls may be kept.
        digester: Names answers.
        memory: Holds them.
        similarity: Compares questions in other words.
        metrics: With the rows of ``cloud.cache.metrics``.
        clock: Ages answers.
        max_answer_bytes: A longer answer is not kept.
        wait_s: How long a call waits for the same one on its way before it goes itself.
    """

    def __init__(
        self,
        rules: CacheRules,
        digester: Digester,
        memory: AnswerMemory[KeptQuestion],
        *,
        similarity: Similarity,
        metrics: Metrics,
        clock: Clock,
        max_answer_bytes: int,
        wait_s: float,
    ) -> None:
        self._rules = rules
        self._digester = digester
        self._memory = memory
        self._similarity = similarity
        self._metrics = metrics
        self._clock = clock
        self._max_answer_bytes = max_answer_bytes
        self._wait_s = wait_s
        self._flights = Flights()

    @asynccontextmanager
    async def opened(self, call: GenerateCall) -> AsyncIterator[Lookup]:
        """Look a call up, and let others wait for its answer until the block ends."""
        obstacle = self._rules.obstacle_to(call)
        if obstacle is not None:
            self._metrics.count("leeward_cache_refusals_total", obstacle)
            yield self._served("off", _Passing())
            return
        name = self._digester.of_call(call)
        if call.cache == "use":
            outcome, answer = await self._find(call, name)
            if answer is not None:
                yield self._served(outcome, _Hit(answer))
                return
        with self._flights.leading(name) as flight:
            # Led already, so that those who ask the same meanwhile wait for this comparison too.
            reworded = await self._find_reworded(call) if call.cache == "use" else None
            if reworded is not None:
                flight.land(reworded)
                yield self._served("reworded", _Hit(reworded))
            else:
                yield self._served("miss", _Miss(self, call, name, flight))

    async def _find(self, call: GenerateCall, name: bytes) -> tuple[str, KeptAnswer | None]:
        kept = self._memory.recall(call.caller.tenant, name, now_s=self._clock.monotonic_s())
        if kept is not None:
            return "exact", kept.answer
        flight = self._flights.get(name)
        if flight is None:
            return "miss", None
        # Once only: when that call fails, all who waited ask for themselves, as without a cache.
        return "joined", await flight.wait(min(self._wait_s, call.request.timeout_s))

    async def _find_reworded(self, call: GenerateCall) -> KeptAnswer | None:
        rule = self._rules.rule_of(call).same_question
        name = self._wording_name(call) if rule is not None else None
        if rule is None or name is None:
            return None
        kept = self._memory.recall(call.caller.tenant, name, now_s=self._clock.monotonic_s())
        if kept is None:
            return None
        try:
            similarity = await self._similarity.of(call, known=kept.text, encoder=rule.encoder)
        except (LeewardError, TimeoutError):
            self._metrics.count("leeward_cache_refusals_total", "encoder")
            return None
        if not similarity >= rule.min_similarity:  # not a number is not alike
            self._metrics.count("leeward_cache_refusals_total", "similarity")
            return None
        return kept.answer

    def _wording_name(self, call: GenerateCall) -> bytes | None:
        """Return the name under which the same question is known; ``None`` for no plain one."""
        last = call.request.messages[-1]
        words = wording(last.content) if last.role == "user" else ()
        return self._digester.of_wording(call, words) if words else None

    def new_recording(self) -> Recording:
        """Return what collects an answer that may be kept."""
        return Recording(max_bytes=self._max_answer_bytes)

    def keep(self, call: GenerateCall, name: bytes, answer: KeptAnswer) -> None:
        """Keep a whole answer."""
        tenant, now_s = call.caller.tenant, self._clock.monotonic_s()
        self._memory.keep(tenant, name, KeptQuestion(answer), now_s=now_s)
        if self._rules.rule_of(call).same_question is not None:
            known = self._wording_name(call)
            if known is not None:
                question = KeptQuestion(answer, call.request.messages[-1].content)
                self._memory.keep(tenant, known, question, now_s=now_s)
        self._metrics.set_gauge("leeward_cache_size_bytes", to=self._memory.size_bytes)
        self._metrics.set_gauge("leeward_cache_answers_count", to=len(self._memory))

    def _served(self, outcome: str, lookup: Lookup) -> Lookup:
        self._metrics.count("leeward_cache_lookups_total", outcome)
        return lookup


class _Passing:
    """The cache has no part in a call."""

    state: CacheState = "off"
    found: AsyncGenerator[Chunk, None] | None = None

    def recording(self, chunks: AsyncGenerator[Chunk, None]) -> AsyncGenerator[Chunk, None]:
        return chunks


class _Hit:
    """An answer that was there."""

    state: CacheState = "hit"

    def __init__(self, answer: KeptAnswer) -> None:
        self.found: AsyncGenerator[Chunk, None] | None = answer.played()

    def recording(self, chunks: AsyncGenerator[Chunk, None]) -> AsyncGenerator[Chunk, None]:
        return chunks


class _Miss:
    """An answer that is to be kept."""

    state: CacheState = "miss"
    found: AsyncGenerator[Chunk, None] | None = None

    def __init__(self, cache: MemoryCache, call: GenerateCall, name: bytes, flight: Flight) -> None:
        self._cache = cache
        self._call = call
        self._name = name
        self._flight = flight

    async def recording(self, chunks: AsyncGenerator[Chunk, None]) -> AsyncGenerator[Chunk, None]:
        recording = self._cache.new_recording()
        async with aclosing(chunks):
            async for chunk in chunks:
                recording.take(chunk)
                if recording.answer is not None:
                    self._cache.keep(self._call, self._name, recording.answer)
                    self._flight.land(recording.answer)
                yield chunk
