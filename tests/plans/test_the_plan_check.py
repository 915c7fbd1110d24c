"""The plan check warns about unusual prices, with numbers and a remedy, and is silent otherwise."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from plans.models import PublishingRule
from plans.publishing.plan_check import check_plan
from tests.builders import JAN, fee, make_cost, make_feature, make_meter, make_plan, offer, publish, rate, tier

pytestmark = pytest.mark.django_db

AT = datetime(2026, 2, 1, tzinfo=UTC)
Offers = Callable[[], list[dict[str, Any]]]


def tokens(*rates: dict[str, Any], **fields: Any) -> dict[str, Any]:
    meter = make_meter("tokens", aggregation="sum", value_property="count", dimensions=["model"], unit="token")
    return offer(make_feature("tokens", meter=meter), rates=rates, **fields)


def volume(*tiers: dict[str, Any]) -> list[dict[str, Any]]:
    return [offer("calls", rates=[rate(model="volume", tiers=tiers)])]


CASES: list[tuple[Offers, str]] = [
    # offers, warning
    (lambda: [offer("calls", rates=[rate("0.05")])], ""),
    (
        lambda: [offer("calls", rates=[rate("0.05")]), tokens(consumption="credits")],
        "The version mixes prepaid features (tokens) and postpaid features (calls)",
    ),
    (
        lambda: [tokens(rate("1", match={"model": "a"}), rate("2", match={"model": "b"}))],
        "tokens in USD: usage that matches none of its 2 rates would be unmatched. Add a default rate.",
    ),
    (
        lambda: volume(tier(100, "0.52"), tier(None, "0.149505")),
        "calls in USD: the bill falls from $52.00 to $15.10 between 100 and 101 units.",
    ),
    (lambda: volume(tier(100, "0.50"), tier(None, "0.499")), ""),
    (lambda: volume(tier(100, "0.50"), tier(None, "0.40", "10")), ""),
    (
        lambda: [offer("calls", rates=[rate(tiers=[tier(100, "0.05"), tier(None, "0.08")])])],
        "calls in USD: the unit price rises from $0.05 to $0.08 above 100.",
    ),
    (
        lambda: [offer("calls", included=200, rates=[rate("0")])],
        "calls in USD: usage above the included 200 calls is free. Set a price, a throttle or a hard cap.",
    ),
    (lambda: [offer("calls", rates=[rate("0")])], ""),
    (lambda: [offer("calls", included=200, consumption="hard_cap")], ""),
]


@pytest.mark.parametrize(
    ("offers", "warning"), CASES, ids=[warning[:40] or str(place) for place, (_, warning) in enumerate(CASES)]
)
def test_each_warning_has_its_numbers(offers: Offers, warning: str):
    warnings = check_plan(make_plan("pro", offers=offers()), at=AT)
    assert [text[: len(warning)] for text in warnings] == ([warning] if warning else [])


class TestWithUnitCosts:
    @pytest.fixture(autouse=True)
    def costs(self) -> None:
        make_cost(make_meter("calls"), "0.03")

    def test_a_price_below_its_unit_cost_is_a_warning(self):
        (warning,) = check_plan(make_plan(offers=[offer("calls", rates=[rate("0.02")])]), at=AT)
        assert "the unit cost of $0.03 is above the price of $0.02. Raise the price" in warning

    def test_a_price_above_its_unit_cost_is_no_warning(self):
        assert check_plan(make_plan(offers=[offer("calls", rates=[rate("0.04")])]), at=AT) == []

    @pytest.mark.parametrize(
        ("larger", "is_warned"),
        [
            ({"included": 500, "consumption": "hard_cap"}, False),
            ({"included": 0, "rates": [rate("0.05")]}, False),
            ({"included": 100, "consumption": "hard_cap"}, True),
            (None, True),
        ],
    )
    def test_a_cap_without_a_larger_plan_is_a_warning(self, larger: Any, is_warned: bool):
        if larger is not None:
            publish(make_plan("large", offers=[offer("calls", **larger)]), at=JAN)
        warnings = check_plan(
            make_plan("small", offers=[offer("calls", included=100, consumption="hard_cap")]), at=AT
        )
        assert (
            any("calls has a hard cap of 100 calls, and no other plan offers more" in warning for warning in warnings)
            is is_warned
        )


@pytest.mark.parametrize(("amount", "is_warned"), [("15", False), ("15.01", True), ("5", False), ("4.99", True)])
def test_a_large_change_of_the_price_in_force_is_a_warning(amount: str, is_warned: bool):
    publish(make_plan("pro", fees=[fee("10")]), at=JAN)
    warnings = check_plan(make_plan("pro", fees=[fee(amount)]), at=AT)
    assert any("a change of more than 50% from Pro v1" in warning for warning in warnings) is is_warned


@pytest.mark.parametrize("is_strict", [True, False])
def test_one_model_per_plan_is_a_separate_rule(is_strict: bool):
    PublishingRule.objects.update(one_model_per_plan=is_strict)
    offers = [offer("calls", rates=[rate("1")]), offer("seats", included=3, consumption="hard_cap")]
    warnings = check_plan(make_plan(offers=offers), at=AT)
    assert (
        any("The version uses 2 consumption models (hard cap, overage)" in warning for warning in warnings)
        is is_strict
    )


def test_an_incomplete_price_is_reported_by_readiness_only():
    assert check_plan(make_plan(offers=[offer("calls", rates=[rate(tiers=[tier(10, 1)])])]), at=AT) == []


@pytest.mark.parametrize(
    ("trial", "consumption", "is_warned"),
    [
        ({"trial_days": 14}, "overage", True),
        ({"trial_days": 14, "trial_usage": "billed"}, "overage", False),
        ({"trial_days": 14}, "hard_cap", False),
        ({}, "overage", False),
    ],
)
def test_unbounded_cost_in_a_free_trial_is_a_warning(trial: Any, consumption: str, is_warned: bool):
    prices = [rate("0.05")] if consumption == "overage" else []
    version = make_plan(offers=[offer("calls", included=10, rates=prices, consumption=consumption)], **trial)
    make_cost(make_meter("calls"), "0.01")
    free_trial_warnings = [text for text in check_plan(version, at=AT) if "free trial" in text]
    assert len(free_trial_warnings) == is_warned
    assert all("of 14 days doesn't limit calls, which has a unit cost" in text for text in free_trial_warnings)


DESCRIPTIONS = [
    # description, amounts that are no price
    ("Tokens from $2.50 per million, and €9 a month.", []),
    ("$0.0025 per thousand, $1,200.00 once.", []),
    ("Tokens from $2.00 per million, for $9 a month.", ["$2.00", "$9"]),
    ("Ask for a price.", []),
]


@pytest.mark.parametrize(("description", "wrong"), DESCRIPTIONS)
def test_amounts_in_the_description_are_prices_of_the_version(description, wrong):
    fees = [fee("9", currency="EUR"), fee("1200", code="setup", label="Setup", kind="one_time")]
    version = make_plan(fees=fees, offers=[tokens(rate("0.0000025"))])
    version.plan.description = description
    expected = [f"The description of {version.plan} says {amount}, which is no price" for amount in wrong]
    warnings = [text for text in check_plan(version, at=AT) if "description" in text]
    assert [warning[: len(text)] for warning, text in zip(warnings, expected, strict=True)] == expected
