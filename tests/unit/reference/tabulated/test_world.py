"""The deployment: FLOPs, prices, labels and where models stand."""

import pytest

from reference.models import VOCABULARY_SIZE, spec_of
from reference.tabulated.world import PRICED_ON, call_flops, catalog_of, label_of, policy, zone_of
from reference.tasks import Question, Span
from runtime.ids import Category, ModelName
from runtime.labels import Label, Level


@pytest.mark.parametrize(("prompt", "completion"), [(0, 0), (1, 0), (110, 38), (202, 275)])
def test_flops_are_those_of_prefill_and_decode(prompt: int, completion: int) -> None:
    spec = spec_of("tern-s")
    weights = spec.parameters - VOCABULARY_SIZE * spec.width
    size = spec.layers * spec.width

    prefill = 2 * weights * prompt + 2 * size * prompt * (prompt + 1)
    decode = 2 * weights * completion + 2 * size * completion * (2 * prompt + completion + 1)
    assert call_flops("tern-s", prompt, completion) == prefill + decode


def test_only_cloud_models_cost_and_larger_ones_more() -> None:
    catalog = catalog_of(("tern-m", "gannet-s", "gannet-m"))

    costs = [
        catalog.model_by_name[ModelName(name)].cost_usd(
            PRICED_ON, prompt_tokens=100, completion_tokens=40
        )
        for name in ("tern-m", "gannet-s", "gannet-m")
    ]
    assert costs == sorted(costs)
    assert costs[0] == 0.0 < costs[1]


def test_zones_follow_from_families() -> None:
    assert (zone_of("tern-xs"), zone_of("gannet-l")) == ("edge", "cloud")


def test_a_pool_of_one_zone_has_one_node() -> None:
    assert [node.name for node in catalog_of(("tern-s",)).nodes] == ["edge"]


def test_a_label_holds_the_categories_of_the_spans() -> None:
    spans = (Span(0, 1, "phone"), Span(1, 2, "email"), Span(2, 3, "iban"), Span(3, 4, "health"))
    question = Question("q", "ledger", 1, "abcd", "1", "Answer: 1", spans)

    assert label_of(question) == Label.of("contact", "finance", "health")


def test_health_may_not_leave_and_people_may_when_redacted() -> None:
    rules = policy()

    assert rules.level_of_category(Category("health")) is Level.RESTRICTED
    assert [release.categories for release in rules.releases] == [
        frozenset({"person", "contact", "finance"})
    ]
