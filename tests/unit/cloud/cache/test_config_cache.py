"""What ``cache`` of the configuration may say."""

import re

import pytest

from cloud.absent import NoCache
from cloud.cache.build import new_cache
from cloud.cache.cache import MemoryCache
from cloud.cache.rules import ModelRule, SameQuestion
from cloud.calls import EmbedCall
from cloud.config import CloudConfig
from cloud.inspection.build import gateway_policy
from cloud.metrics import gateway_metrics
from cloud.stages import AnswerCache, Embedded
from runtime.clock import SystemClock
from runtime.errors import NotFound
from runtime.ids import ModelName
from runtime.labels import Level
from tests.unit.cloud.short_config import configured, refusal_of


def made(config: CloudConfig) -> AnswerCache:
    async def embed(call: EmbedCall) -> Embedded:
        raise NotFound("no encoder here")

    return new_cache(
        config.cache,
        gateway_policy(config.inspection),
        embed=embed,
        version=lambda: 0,
        metrics=gateway_metrics(),
        clock=SystemClock(),
    )


def test_without_the_key_nothing_is_kept() -> None:
    assert isinstance(made(configured("")), NoCache)


def test_an_empty_one_keeps_exact_public_answers_of_every_model() -> None:
    config = configured("cache: {}\n")

    assert config.cache is not None
    assert (config.cache.max_level, config.cache.sharing) == (Level.PUBLIC, "tenant")
    assert config.cache.models == {}
    assert isinstance(made(config), MemoryCache)


def test_a_model_can_be_left_out_or_recognise_other_words() -> None:
    config = configured(
        "cache: {models: {encoder: {exact: false}, "
        "big: {same_question: {encoder: encoder, min_similarity: 0.95}}}}\n"
    )

    assert config.cache is not None
    assert config.cache.models == {
        ModelName("encoder"): ModelRule(exact=False),
        ModelName("big"): ModelRule(same_question=SameQuestion(ModelName("encoder"), 0.95)),
    }


def test_the_sentinels_own_model_can_compare_questions() -> None:
    config = configured("cache: {embedding: sentinel, models: {big: {same_question: {}}}}\n")

    assert config.cache is not None
    assert config.cache.models == {
        ModelName("big"): ModelRule(same_question=SameQuestion(None, 0.9))
    }
    assert isinstance(made(config), MemoryCache)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cache: {models: {bigg: {}}}\n", "cache.models.bigg"),
        ("cache: {models: {big: {same_question: {encoder: x}}}}\n", "encoder"),
        ("cache: {models: {big: {same_question: {}}}}\n", "or `embedding: sentinel`"),
        ("cache: {embedding: other}\n", "sentinel"),
        ("cache: {models: {big: {same_question: {encoder: big}}}}\n", "embeddings: true"),
        (
            "cache: {models: {big: {exact: false, same_question: {encoder: encoder}}}}\n",
            "leave out one",
        ),
        ("cache: {max_bytes: -1}\n", "at least 1"),
        ("cache: {ttl_s: 0}\n", "more than 0"),
        ("cache: {max_level: secret}\n", "restricted"),
        ("cache: {sharing: everybody}\n", "tenant"),
        ("inspection: {action: off}\ncache: {}\n", "without a scan"),
    ],
)
def test_a_mistake_is_told_with_place_and_reason(text: str, words: str) -> None:
    assert re.match(rf"cloud\.yaml:[78]: .*{re.escape(words)}", refusal_of(text))


def test_without_a_scan_a_cache_has_to_be_meant_for_everything() -> None:
    config = configured("inspection: {action: off}\ncache: {max_level: restricted}\n")

    assert config.cache is not None
