"""The second line: what is above the gateway's clearance is refused, told, and never quoted."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import generate_latest

from cloud.calls import Caller, EmbedCall, GenerateCall
from cloud.config_inspection import InspectionConfig, InspectionShape, inspection_config
from cloud.inspection import inspector as inspector_module
from cloud.inspection.alarm import ContentAlarm
from cloud.inspection.build import BUILT_IN_LEVELS, gateway_policy, opened_inspector
from cloud.inspection.clearance import Clearance, Finding
from cloud.inspection.inspector import ContentInspector
from cloud.inspection.memory import ScanMemory
from cloud.metrics import gateway_metrics
from cloud.stages import Inspector
from runtime.clock import SystemClock
from runtime.errors import ContentRefused, DetectionFailed
from runtime.ids import Category, ModelName, NodeName, PlanId, RequestId, SessionId, StepId
from runtime.labels import PUBLIC, UNSURE, Label, Level
from runtime.policy.model import Policy, ReleaseKind, ReleaseRule, WhenUnsure
from runtime.ports import (
    ChatMessage,
    EmbedRequest,
    GenerateRequest,
    Provenance,
    ReleaseRecord,
    Sampling,
    ToolCall,
)
from runtime.sentinel.categories import KINDS
from runtime.sentinel.detector import Detector
from runtime.sentinel.placeholder import placeholder_name
from runtime.sentinel.scan import Sentinel
from runtime.sentinel.span import Span
from runtime.telemetry.metrics import Metrics

NODE = NodeName("cloud")
DEVICE = Caller(tenant="clinic", kind="device", id="edge-1")
KEY = Caller(tenant="clinic", kind="key", id="k1")
BIG = ModelName("big")
NAME = "Patient Anna Kowalska takes 3 tablets."
MAIL = "Write to anna.kowalska@example.com please."
CANARIES = ("Anna", "Kowalska", "anna.kowalska@example.com")
WHERE = Provenance(RequestId("0" * 32), SessionId(""), PlanId("1" * 32), StepId("far"))
HEALTH = "The patient has diabetes."


def asking(*texts: str, label: Label = PUBLIC, caller: Caller = DEVICE) -> GenerateCall:
    turns = tuple(ChatMessage("user", text) for text in texts)
    return GenerateCall(caller, GenerateRequest(model=BIG, messages=turns, label=label))


def with_request(**changes: Any) -> GenerateCall:
    return GenerateCall(DEVICE, replace(asking("hi").request, **changes))


def embedding(*texts: str, label: Label = PUBLIC) -> EmbedCall:
    return EmbedCall(DEVICE, EmbedRequest(model=BIG, texts=texts, label=label))


def configured(**keys: object) -> InspectionConfig:
    return inspection_config(InspectionShape.model_validate(keys), Path())


class Alarms:
    """Keeps alarms in a list."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.kept: list[ContentAlarm] = []
        self._failure = failure

    async def note(self, alarm: ContentAlarm) -> None:
        if self._failure is not None:
            raise self._failure
        self.kept.append(alarm)


@contextmanager
def inspecting(
    alarms: Alarms, metrics: Metrics | None = None, **keys: object
) -> Iterator[Inspector]:
    with opened_inspector(
        configured(**keys),
        NODE,
        alarms=alarms,
        metrics=metrics or gateway_metrics(),
        clock=SystemClock(),
    ) as inspector:
        yield inspector


class CountingDetector:
    """Finds the word ``zebra``, and counts how often it is asked."""

    name = "counting"
    kinds = frozenset({"person"})

    def __init__(self) -> None:
        self.asked = 0

    def detect(self, text: str) -> list[Span]:
        self.asked += 1
        at = text.find("zebra")
        return [] if at < 0 else [Span(at, at + 5, "person", Category("person"), 1.0, self.name)]


class BrokenDetector:
    """Fails on every text, quoting it, until it is mended."""

    name = "broken"
    kinds = frozenset({"person"})
    is_mended = False

    def detect(self, text: str) -> list[Span]:
        if not self.is_mended:
            raise ZeroDivisionError(text)
        return []


def with_detectors(
    *detectors: Detector,
    alarms: Alarms | None = None,
    action: str = "refuse",
    policy: Policy | None = None,
) -> ContentInspector:
    return ContentInspector(
        Sentinel(detectors),
        Clearance(policy or gateway_policy(configured()), NODE),
        action="refuse" if action == "refuse" else "alert",
        memory=ScanMemory(bytes(32), max_entries=100),
        alarms=alarms or Alarms(),
        metrics=gateway_metrics(),
        clock=SystemClock(),
        max_characters=10_000,
    )


@pytest.mark.parametrize(
    "call",
    [
        asking(NAME),
        asking("Be brief.", MAIL),
        with_request(sampling=Sampling(stop=(MAIL,))),
        with_request(sampling=Sampling(json_schema='{"title": "call +48 601 234 567"}')),
        with_request(sampling=Sampling(grammar='root ::= "anna.k@example.com"')),
        with_request(idempotency_key="anna.k@example.com"),
        with_request(tool_choice="AKIAIOSFODNN7EXAMPLE"),
        with_request(provenance=replace(WHERE, graph="for-anna.k@example.com")),
    ],
)
async def test_content_above_the_clearance_is_refused_wherever_it_stands(
    call: GenerateCall,
) -> None:
    alarms = Alarms()

    with inspecting(alarms) as inspector, pytest.raises(ContentRefused) as refused:
        await inspector.inspect(call)

    assert refused.value.found
    assert not any(canary in str(refused.value) for canary in CANARIES)
    assert [alarm.action for alarm in alarms.kept] == ["refused"]
    assert not any(canary in repr(alarms.kept) for canary in CANARIES)


@pytest.mark.parametrize("prefix", ["call_", "toolu_"])
async def test_a_provider_s_id_of_a_tool_call_is_no_secret(prefix: str) -> None:
    name = prefix + "Fp4Rk9ZtQ2mB7xYc1LwS8vNd"
    turns = (
        ChatMessage("assistant", "", (ToolCall(name, "weather", '{"in": "Berlin"}'),)),
        ChatMessage("tool", "sunny", tool_call_id=name),
    )

    with inspecting(Alarms()) as inspector:
        await inspector.inspect(with_request(messages=turns))
        with pytest.raises(ContentRefused):
            await inspector.inspect(asking(f"the key is {name}"))


async def test_a_text_to_embed_is_scanned_as_well() -> None:
    with inspecting(Alarms()) as inspector, pytest.raises(ContentRefused):
        await inspector.inspect(embedding("a harmless text", NAME))


async def test_the_refusal_names_categories_counts_and_what_to_do() -> None:
    with inspecting(Alarms()) as inspector, pytest.raises(ContentRefused) as refused:
        await inspector.inspect(asking(NAME + " " + MAIL + " Or to jan@example.com."))

    assert refused.value.found == {"person": 1, "contact": 2}
    assert "2 contact, 1 person" in str(refused.value)
    assert "clearance internal" in str(refused.value)


async def test_clear_content_passes_and_is_counted() -> None:
    metrics = gateway_metrics()
    call = asking("What is the capital of France?")

    with inspecting(Alarms(), metrics) as inspector:
        passed = await inspector.inspect(call)

    assert passed is call
    assert b'leeward_inspections_total{outcome="clear"} 1.0' in generate_latest(metrics.registry)


async def test_surrogates_pass_and_what_stands_beside_them_is_found() -> None:
    released = "Patient Quellimar, contact1@example.com, takes 3 tablets."

    with inspecting(Alarms()) as inspector:
        await inspector.inspect(asking(released))
        with pytest.raises(ContentRefused) as refused:
            await inspector.inspect(asking(f"{released} {MAIL}"))

    assert refused.value.found == {"contact": 1}


async def test_a_declared_label_above_the_clearance_is_refused_though_nothing_is_found() -> None:
    with inspecting(Alarms()) as inspector, pytest.raises(ContentRefused) as refused:
        await inspector.inspect(asking("nothing to see", label=Label.of("health")))

    assert refused.value.found == {"health": 0}
    assert "labelled `health`" in str(refused.value)


async def test_a_call_without_a_label_is_told_so() -> None:
    call = asking("nothing to see", label=Label(frozenset({UNSURE})))

    with inspecting(Alarms()) as inspector, pytest.raises(ContentRefused, match="without a label"):
        await inspector.inspect(call)


async def test_a_declared_category_that_no_policy_lists_is_refused_until_it_has_a_level() -> None:
    call = asking("nothing to see", label=Label.of("project_name"))

    with inspecting(Alarms()) as inspector, pytest.raises(ContentRefused):
        await inspector.inspect(call)
    with inspecting(Alarms(), categories={"project_name": "internal"}) as inspector:
        passed = await inspector.inspect(call)

    assert passed.request.label == Label.of("project_name")


async def test_content_at_the_clearance_passes_and_is_labelled() -> None:
    with inspecting(Alarms(), clearance="confidential") as inspector:
        passed = await inspector.inspect(asking(NAME))
        with pytest.raises(ContentRefused):
            await inspector.inspect(asking(HEALTH))

    assert passed.request.label == Label.of("person")


async def test_an_alarm_without_refusal_passes_the_call_on_with_its_label() -> None:
    alarms, metrics = Alarms(), gateway_metrics()

    with inspecting(alarms, metrics, action="alert") as inspector:
        passed = await inspector.inspect(asking(NAME))

    assert passed.request.label == Label.of("person")
    (alarm,) = alarms.kept
    assert (alarm.action, alarm.found, alarm.caller) == ("alerted", {"person": 1}, DEVICE)
    shown = generate_latest(metrics.registry)
    assert b'categories_total{category="person",outcome="alerted"} 1.0' in shown


async def test_a_detector_that_fails_refuses_and_the_next_call_tries_again() -> None:
    broken = BrokenDetector()
    inspector = with_detectors(broken)

    with pytest.raises(DetectionFailed) as refused:
        await inspector.inspect(asking("zebra crossing"))
    broken.is_mended = True
    await inspector.inspect(asking("zebra crossing"))

    assert "broken" in str(refused.value)
    assert "zebra" not in str(refused.value)


async def test_with_alerts_a_failed_detector_leaves_the_call_unsure() -> None:
    alarms = Alarms()

    passed = await with_detectors(BrokenDetector(), alarms=alarms, action="alert").inspect(
        asking("zebra")
    )

    assert passed.request.label == Label(frozenset({UNSURE}))
    assert alarms.kept[0].failed == ("broken",)


async def test_a_policy_may_let_unsure_content_pass_and_another_may_refuse_it_always() -> None:
    levels = {"edge": Level.RESTRICTED, "cloud": Level.RESTRICTED}
    lenient = Policy({}, levels, when_unsure=WhenUnsure(Level.PUBLIC))
    strict = Policy({}, levels, when_unsure=WhenUnsure(refuse=True))

    await with_detectors(BrokenDetector(), policy=lenient).inspect(asking("zebra"))
    with pytest.raises(DetectionFailed):
        await with_detectors(BrokenDetector(), policy=strict).inspect(asking("zebra"))


async def test_more_text_than_can_be_scanned_is_refused_though_each_part_is_short() -> None:
    inspector = with_detectors()

    with pytest.raises(DetectionFailed):
        await inspector.inspect(asking(*("a" * 4_000 + str(i) for i in range(3))))


async def test_an_alarm_that_cannot_be_kept_is_not_passed_over() -> None:
    alarms = Alarms(OSError("disk full"))

    with inspecting(alarms, action="alert") as inspector, pytest.raises(OSError, match="disk"):
        await inspector.inspect(asking(NAME))


@pytest.mark.parametrize("padding", [0, inspector_module._INLINE_CHARACTERS])
async def test_short_and_long_texts_are_judged_alike(padding: int) -> None:
    inspector = with_detectors(CountingDetector())

    with pytest.raises(ContentRefused):
        await inspector.inspect(asking("a " * padding + "zebra"))


async def test_what_one_tenant_sent_before_is_not_scanned_again_but_another_s_is() -> None:
    detector = CountingDetector()
    inspector = with_detectors(detector)
    other = Caller(tenant="bank", kind="device", id="edge-2")

    await inspector.inspect(asking("You are brief.", "first question"))
    await inspector.inspect(asking("You are brief.", "first question", "second question"))
    mine = detector.asked
    await inspector.inspect(asking("You are brief.", caller=other))

    assert mine == 3
    assert detector.asked == 4


async def test_a_remembered_text_is_refused_again() -> None:
    detector = CountingDetector()
    inspector = with_detectors(detector)

    for _ in range(2):
        with pytest.raises(ContentRefused) as refused:
            await inspector.inspect(asking("zebra"))
        assert refused.value.found == {"person": 1}

    assert detector.asked == 1


def test_the_memory_holds_no_text_and_forgets_the_least_recently_used() -> None:
    memory = ScanMemory(b"k" * 32, max_entries=2)
    first, second, third = (memory.digest("t", text) for text in ("one", "two", "three"))
    memory.keep(first, Finding({}))
    memory.keep(second, Finding({}))
    memory.recall(first)
    memory.keep(third, Finding({}))

    assert memory.recall(second) is None
    assert memory.recall(first) == Finding({})
    assert ScanMemory(b"l" * 32, max_entries=2).digest("t", "one") != first


@given(st.text(max_size=5), st.text(max_size=5), st.text(max_size=5), st.text(max_size=5))
def test_no_two_tenants_and_texts_share_a_digest(a: str, b: str, c: str, d: str) -> None:
    memory = ScanMemory(b"k" * 32, max_entries=2)

    assert (memory.digest(a, b) == memory.digest(c, d)) == ((a, b) == (c, d))


def approved(call: GenerateCall, *names: str) -> GenerateCall:
    record = ReleaseRecord("approval", tuple(map(Category, names)))
    where = replace(WHERE, releases=(record,))
    return replace(call, request=replace(call.request, provenance=where))


CLINIC = Policy(
    BUILT_IN_LEVELS,
    {"edge": Level.RESTRICTED, "cloud": Level.INTERNAL},
    releases=(ReleaseRule(frozenset({Category("person")}), "cloud", ReleaseKind.APPROVAL),),
)


async def test_an_approval_counts_for_a_device_where_a_rule_allows_it_and_nowhere_else() -> None:
    person = with_detectors(CountingDetector(), policy=CLINIC)
    without_rule = with_detectors(CountingDetector())

    passed = await person.inspect(approved(asking("zebra"), "person"))
    for inspector, call in (
        (without_rule, approved(asking("zebra"), "person")),
        (person, approved(asking("zebra"), "health")),
        (person, approved(asking("zebra", caller=KEY), "person")),
        (person, approved(asking("zebra", label=Label.of("person")), "person")),
    ):
        with pytest.raises(ContentRefused):
            await inspector.inspect(call)

    assert passed.request.label == Label.of("person")


FORMS = (
    "Patient {} takes 3 tablets.",
    "Dear Mr. {},",
    "call {} or write to {}",
    "born {}",
    "password: {}",
    "IBAN {}",
    "lives at {}, has {}",
    "Authorization: Bearer {}",
    "https://{}@host/",
    "{}",
)
PLACEHOLDERS = st.builds(
    "<{}_{}{}>".format,
    st.sampled_from([*map(placeholder_name, sorted(KINDS)), "PROJECT_NAME", "LITERAL"]),
    st.integers(1, 99_999),
    st.sampled_from(["", "", "b", "z"]),
)


@pytest.fixture(scope="module")
def shipped() -> Iterator[Inspector]:
    with inspecting(Alarms()) as inspector:
        yield inspector


@given(form=st.sampled_from(FORMS), one=PLACEHOLDERS, two=PLACEHOLDERS)
async def test_placeholders_of_an_edge_trip_nothing(
    shipped: Inspector, form: str, one: str, two: str
) -> None:
    call = asking(form.format(one, two))

    assert await shipped.inspect(call) is call
