"""Periods, amounts of money, scopes, prices and bounds: small rules that money hangs on."""

import sys
import unicodedata
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.admission.money import MAX_MICROS, format_usd, parse_tokens, parse_usd
from cloud.admission.periods import Period, window_at
from cloud.admission.prices import ModelPrice, Prices, valid_between
from cloud.admission.scopes import DIMENSIONS, Scope, subject_of
from cloud.calls import Caller, GenerateCall
from cloud.upstreams.estimate import most_tokens
from cloud.upstreams.model import Route, Target
from runtime.catalog.model import Price, price_on
from runtime.errors import RequestInvalid
from runtime.ids import ModelName, PlanId, RequestId, SessionId, StepId
from runtime.ports import ChatMessage, GenerateRequest, Provenance

MOMENTS = st.datetimes(
    min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)
)


@pytest.mark.parametrize(
    ("period", "key", "renews_at"),
    [
        (Period.DAY, "day:2026-12-31", datetime(2027, 1, 1, tzinfo=UTC)),
        (Period.WEEK, "week:2026-12-28", datetime(2027, 1, 4, tzinfo=UTC)),
        (Period.MONTH, "month:2026-12", datetime(2027, 1, 1, tzinfo=UTC)),
        (Period.TOTAL, "total", None),
    ],
)
def test_windows_follow_the_calendar(period: Period, key: str, renews_at: datetime | None) -> None:
    window = window_at(period, datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC))

    assert (window.key, window.renews_at) == (key, renews_at)


def test_a_window_is_that_of_utc_whatever_the_zone() -> None:
    new_year_in_auckland = datetime(2027, 1, 1, 9, tzinfo=timezone(timedelta(hours=13)))

    assert window_at(Period.DAY, new_year_in_auckland).key == "day:2026-12-31"


@given(MOMENTS, st.sampled_from([Period.DAY, Period.WEEK, Period.MONTH]))
def test_a_window_lasts_until_it_renews_and_not_longer(moment: datetime, period: Period) -> None:
    window = window_at(period, moment)

    assert window.renews_at is not None
    assert moment < window.renews_at
    last = window.renews_at - timedelta(microseconds=1)
    assert window_at(period, last) == window
    assert window_at(period, window.renews_at).key != window.key


@given(st.integers(min_value=0, max_value=MAX_MICROS))
def test_what_is_shown_is_what_was_meant(micros: int) -> None:
    assert parse_usd(format_usd(micros), field="usd") == micros


@pytest.mark.parametrize(
    "text",
    ["nan", "-inf", "inf", "1e400", "-1", "0.0000001", "1e12", "", "ten", "1,5", "0x10", "9" * 400],
)
def test_absurd_amounts_are_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(RequestInvalid) as refused:
        parse_usd(text, field="usd")

    assert refused.value.field == "usd"
    assert len(str(refused.value)) < 120
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["-1", "1.5", "nan", "", "9" * 5000, "1e3", str(10**16)])
def test_absurd_numbers_of_tokens_are_refused(text: str) -> None:
    with pytest.raises(RequestInvalid):
        parse_tokens(text, field="tokens")


def _call(*, kind: str = "device", graph: str = "") -> GenerateCall:
    where = Provenance(RequestId("r"), SessionId("s"), PlanId("p"), StepId("s"), graph=graph)
    request = GenerateRequest(ModelName("llm"), (ChatMessage("user", "?"),), provenance=where)
    caller = Caller(tenant="acme", kind="device" if kind == "device" else "key", id="one")
    return GenerateCall(caller, request)


def test_a_call_counts_as_what_it_is() -> None:
    assert subject_of(_call(kind="device", graph="triage")) == {
        "tenant": "acme", "key": "", "device": "one", "graph": "triage", "model": "llm",
    }  # fmt: skip
    assert subject_of(_call(kind="key"))["key"] == "one"
    assert subject_of(_call(kind="key"))["device"] == ""


def test_a_scope_covers_what_it_names_and_splits_by_each() -> None:
    subject = subject_of(_call(kind="device"))
    scope = Scope.of({"tenant": "acme"}, ("device", "model"))

    assert Scope().covers(subject)
    assert scope.covers(subject)
    assert scope.part_of(subject) == '["one", "llm"]'
    assert not Scope.of({"tenant": "other"}).covers(subject)
    assert not Scope.of({}, ("key",)).covers(subject), "a device's call is no key's"
    assert str(scope) == "tenant=acme, each device, each model"


@pytest.mark.parametrize(
    ("named", "each"),
    [
        ({"colour": "red"}, ()),
        ({}, ("colour",)),
        ({"tenant": ""}, ()),
        ({"tenant": "a\nb"}, ()),
        ({"tenant": "a" * 201}, ()),
        ({"tenant": "a"}, ("tenant",)),
    ],
)
def test_scopes_that_say_nothing_sensible_are_refused(
    named: dict[str, str], each: tuple[str, ...]
) -> None:
    with pytest.raises(RequestInvalid):
        Scope.of(named, each)


@given(
    st.lists(st.sampled_from(DIMENSIONS), unique=True, min_size=2),
    st.lists(st.text(min_size=1, max_size=5), min_size=10, max_size=10),
)
def test_different_subjects_never_share_a_part(each: list[str], values: list[str]) -> None:
    scope = Scope(each=tuple(each))
    one = dict(zip(DIMENSIONS, values[:5], strict=True))
    other = dict(zip(DIMENSIONS, values[5:], strict=True))

    same = all(one[name] == other[name] for name in each)
    assert (scope.part_of(one) == scope.part_of(other)) is same


def _stored(day: date, micros: int, upstream: str = "") -> ModelPrice:
    return ModelPrice("llm", day, micros * 1_000_000, 0, upstream)


def _configured(day: date, usd: float) -> Price:
    return Price(day, usd, usd)


def _usd(prices: Sequence[Price], day: date) -> float | None:
    found = price_on(prices, day)
    return None if found is None else found.prompt_usd_per_mtok


NEAR, FAR = Target("near", "m"), Target("far", "m", prices=(_configured(date(2026, 2, 1), 20.0),))
ROUTE = Route(
    ModelName("llm"),
    (NEAR, FAR),
    prices=(_configured(date(2026, 1, 1), 1.0), _configured(date(2026, 3, 1), 3.0)),
)


def test_the_newest_valid_price_counts_and_the_stores_wins_on_the_same_day() -> None:
    prices = Prices([_stored(date(2026, 3, 1), 4), _stored(date(2026, 6, 1), 6)])

    found = prices.of(ROUTE, NEAR)

    days = (date(2026, month, 1) for month in (1, 2, 3, 5, 6, 12))
    assert [_usd(found, day) for day in days] == [1, 1, 4, 4, 6, 6]
    assert _usd(found, date(2025, 12, 31)) is None
    assert prices.of(Route(ModelName("other"), (NEAR,)), NEAR) == ()


def test_a_price_of_a_target_counts_before_the_price_of_its_model() -> None:
    prices = Prices([_stored(date(2026, 1, 1), 7)])
    assert _usd(prices.of(ROUTE, FAR), date(2026, 5, 1)) == 20
    assert _usd(prices.of(ROUTE, NEAR), date(2026, 2, 1)) == 7

    prices.configure([_stored(date(2026, 4, 1), 30, "far"), _stored(date(2026, 4, 1), 9, "near")])

    assert _usd(prices.of(ROUTE, FAR), date(2026, 5, 1)) == 30
    assert _usd(prices.of(ROUTE, FAR), date(2026, 3, 1)) == 20
    assert _usd(prices.of(ROUTE, NEAR), date(2026, 5, 1)) == 9
    assert _usd(prices.of(ROUTE), date(2026, 5, 1)) == 3, "where the target is not known"


def test_a_call_over_midnight_may_be_charged_either_price() -> None:
    prices = ROUTE.prices

    def possible(first: date, last: date) -> list[float]:
        return [price.prompt_usd_per_mtok for price in valid_between(prices, first, last)]

    last_of_february, first_of_march = date(2026, 2, 28), date(2026, 3, 1)
    assert possible(last_of_february, last_of_february) == [1]
    assert possible(last_of_february, first_of_march) == [1, 3]
    assert possible(first_of_march, first_of_march) == [3]
    assert possible(date(2025, 12, 31), first_of_march) == [], "without a price to begin with"


def test_no_normal_form_of_any_character_is_longer_than_the_bound() -> None:
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        if 0xD800 <= code <= 0xDFFF or unicodedata.category(character) == "Cn":
            continue
        bound = most_tokens(character)
        for form in ("NFC", "NFKC", "NFD", "NFKD"):
            normal = unicodedata.normalize(form, character)
            assert bound >= len(normal.encode()), hex(code)


@given(st.text(max_size=200))
def test_a_bound_on_text_covers_every_byte_of_every_normal_form(text: str) -> None:
    bound = most_tokens(text)

    for form in ("NFC", "NFKC", "NFD", "NFKD"):
        assert bound >= len(unicodedata.normalize(form, text).encode("utf-8", "surrogatepass"))
