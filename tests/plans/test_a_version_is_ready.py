"""Problems that keep a version from billing are reported in words, all at once, before publication."""

from decimal import Decimal

import pytest

from lib.currencies import CREDITS
from plans.models import Price
from plans.publishing.publication import NotReady
from plans.publishing.readiness import problems_of
from tests.builders import (
    FEB,
    commitment,
    fee,
    included,
    make_cost,
    make_feature,
    make_meter,
    make_plan,
    offer,
    publish,
    rate,
    tier,
)

pytestmark = pytest.mark.django_db

PRICED = [rate("0.05")]
BOTH = {"USD": PRICED, "EUR": PRICED}

CASES = [
    # fees, offers, problems
    ([], [], ["The version has no fees or features. Add one."]),
    ([], [offer("api.calls")], ["api.calls has no price. Add one; a price of 0"]),
    (
        [],
        [offer("api.calls", rates=[rate(tiers=[tier(10, 1)])])],
        ["api.calls in USD: default: The last tier must be"],
    ),
    ([], [offer("api.calls", rates=[rate(tiers=[tier(None, 1)]), rate("1", match={"a": "b"})])], []),
    ([], [offer("api.calls", prices=BOTH), offer("b", rates=PRICED)], ["b has no price in EUR"]),
    ([fee("5")], [offer("api.calls", prices=BOTH)], ["The fee “Base fee” has no amount in EUR"]),
    (
        [fee("5"), fee("4", currency="EUR", code="other")],
        [],
        ["The fee “Base fee” has no amount in EUR", "The fee “Bas"],
    ),
    ([fee("5"), fee("4", currency="EUR")], [offer("api.calls", prices=BOTH)], []),
    ([], [offer("api.calls", rates=PRICED, consumption="credits")], ["api.calls has no price in credits"]),
    ([], [offer("api.calls", prices={CREDITS: PRICED}, consumption="credits")], []),
    (
        [],
        [offer("api.calls", prices={CREDITS: PRICED}, consumption="credits", at_zero="overage")],
        ["api.calls can be used without credits. Add a money price"],
    ),
    (
        [],
        [
            offer(
                "api.calls",
                prices={CREDITS: PRICED, "USD": [rate(tiers=[tier(None, 1)], match={"api.calls": "a"})]},
                consumption="credits",
            )
        ],
        ["api.calls in USD is the price of a credit"],
    ),
    ([], [offer("api.calls", prices={CREDITS: PRICED})], ["api.calls has a price in credits but is not paid"]),
    ([], [offer("api.calls", consumption="balance")], ["api.calls has no price. Add the amount to deduct"]),
    (
        [],
        [offer("api.calls", prices={CREDITS: PRICED, "USD": PRICED}, consumption="balance")],
        ["api.calls is paid from a money balance"],
    ),
    (
        [],
        [offer("api.calls", rates=[rate("1", model="flat")], consumption="balance")],
        ["api.calls is paid with each use, so it can't have a flat charge"],
    ),
    (
        [],
        [offer("api.calls", rates=[rate(model="percentage", percent=2)], consumption="balance")],
        ["api.calls is paid with each use, so it can't be charged by a percentage"],
    ),
    ([], [offer("api.calls", consumption="hard_cap", included=5)], []),
    ([], [offer("api.calls", rates=PRICED, price={"split_by": "api_key"})], []),
    (
        [],
        [offer("api.calls", rates=PRICED, price={"split_by": "api_key"}, consumption="balance")],
        ["api.calls in USD is split by a property, but is not billed by invoice"],
    ),
    (
        [],
        [offer("api.calls", rates=[rate("1", model="flat")], price={"split_by": "api_key"})],
        ["api.calls in USD: Rate "],
    ),
    (
        [],
        [offer("api.calls", rates=PRICED, price={"split_by": "a", "resets_unit": "year"})],
        ["api.calls in USD is split by a property, so it starts over in each billing period"],
    ),
    ([fee("5", currency="XXX")], [], ["'XXX' is not an ISO 4217 currency"]),
]


@pytest.mark.parametrize(("fees", "offers", "expected"), CASES)
def test_problems_are_sentences(fees: list, offers: list, expected: list[str]):
    problems = problems_of(make_plan(fees=fees, offers=offers))
    assert len(problems) == len(expected), problems
    assert all(problem.startswith(start) for problem, start in zip(problems, expected, strict=True)), problems


MATCHES = [
    # match                                      problem
    ({"model": "gpt"}, ""),
    ({"kind": "input", "status": "ok"}, ""),
    (
        {"modell": "gpt"},
        "has no dimension “modell”. Match one of its dimensions (model, status, kind), or add this one",
    ),
    ({"kind": "inptu"}, "“kind” of tokens is never “inptu”. Known values: input, output."),
    ({"status": "failed"}, "“status” of tokens is never “failed”. Known values: ok, cached."),
]


@pytest.mark.parametrize(("match", "words"), MATCHES)
def test_a_rate_that_never_applies_is_a_problem(match, words):
    """A rate that never applies would silently leave its usage to another price, or to none."""
    meter = make_meter(
        "tokens",
        aggregation="sum",
        dimensions=["model", "status"],
        reading_dimension="kind",
        filters={"status": ["ok", "cached"]},
    )
    for kind in ("input", "output"):
        meter.readings.create(dimension_value=kind, value_property=kind)
    rates = [rate("1", match=match, label="Mine"), rate("2")]
    problems = problems_of(make_plan(offers=[offer(make_feature("tokens", meter=meter), rates=rates)]))
    assert [words in problem for problem in problems] == ([True] if words else [])
    assert all(problem.startswith("tokens in USD: “Mine” never applies") for problem in problems)


def test_a_rate_of_a_meter_without_dimensions_matches_all_usage():
    """The message names the remedy."""
    make_meter("calls")
    (problem,) = problems_of(make_plan(offers=[offer("calls", rates=[rate("1", match={"model": "gpt"})])]))
    assert problem.endswith("Let the rate match all usage, or add the dimension to the meter.")


SCOPES = [
    # commitment                                        words, empty if it is ready
    ({"units": 5, "feature": "api.calls"},              ""),
    ({"minimum": 5, "feature": "api.calls"},            ""),
    ({"minimum": 5, "feature": "models"},               ""),
    ({"minimum": 5, "feature": "other"},                "no price for the code of the feature “other”"),
    ({"units": 5, "feature": "models"},                 "needs a price with one rate, not 2"),
    ({"units": 5, "feature": "runs"},                   "A wallet pays for runs"),
    ({"minimum": 5, "feature": "api.calls", "per_window": True}, "no usage period within a billing period"),
    ({"minimum": 5, "feature": "daily", "per_window": True},     ""),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "words"), SCOPES)
def test_a_commitment_for_a_feature_can_be_settled(fields: dict, words: str):
    models = make_feature("models", meter=make_meter("models", dimensions=["model"]))
    offers = [
        offer("api.calls", rates=[rate("1")]),
        offer(models, rates=[rate("1", match={"model": "a"}, label="A"), rate("2")]),
        offer("runs", rates=[rate("1")], consumption="balance"),
        offer("daily", rates=[rate("1")]),
    ]
    version = make_plan(offers=offers, commitments=[commitment(**fields)])
    Price.objects.filter(plan_feature__feature__code="daily").update(resets_every=5, resets_unit="hour")
    found = " ".join(problems_of(version))
    assert words in found if words else not found, found


def test_a_window_of_hours_is_within_a_billing_period():
    version = make_plan(offers=[offer("api.calls", rates=[rate("1")])], interval="day")
    Price.objects.update(resets_every=25, resets_unit="hour")
    (problem,) = problems_of(version)
    assert "doesn't fit the billing period" in problem


def test_a_commitment_exists_in_exactly_the_currencies_of_the_version():
    promised = [commitment(100), commitment(90, currency="GBP")]
    version = make_plan(offers=[offer("api.calls", prices=BOTH)], commitments=promised)
    assert problems_of(version) == [
        "The version charges nothing in GBP. Remove the commitment in that currency.",
        "The commitment has no minimum in EUR. Add one.",
    ]


def test_a_price_needs_a_rate():
    version = make_plan(offers=[offer("api.calls", consumption="hard_cap")])
    Price.objects.create(plan_feature=version.features.get(), currency="USD")
    assert problems_of(version) == ["api.calls in USD has no rate. Add at least a default rate."]


def test_a_boolean_feature_has_no_price():
    version = make_plan(offers=[offer(make_feature("sso", kind="boolean"), rates=PRICED)])
    assert problems_of(version) == ["sso is not metered. Remove its price."]


def test_a_recurring_meter_needs_a_default_rate():
    meter = make_meter("seats", aggregation="unique", value_property="user", recurring=True, dimensions=["team"])
    rates = [rate("1", match={"team": "a"})]
    (problem,) = problems_of(make_plan(offers=[offer(make_feature("seats", meter=meter), rates=rates)]))
    assert "Add a default rate" in problem


RESETS = [
    # aggregation    interval  every  unit     words
    ("max", "month", 1, "week", "doesn't fit the billing period of 1 month"),
    ("max", "month", 1, "quarter", "computes more than a sum, which can't continue"),
    ("sum", "month", 1, "quarter", ""),
    ("sum", "month", 1, "year", ""),
    ("sum", "week", 1, "month", "doesn't fit the billing period"),
    ("max", "month", 1, "day", ""),
    ("max", "year", 3, "month", ""),
    ("max", "week", 2, "day", "doesn't fit the billing period"),
    ("weighted_sum", "month", 1, "day", "charged per billing period"),
]


@pytest.mark.parametrize(("aggregation", "interval", "every", "unit", "words"), RESETS)
def test_a_price_resets_where_the_invoice_period_does(aggregation, interval, every, unit, words):
    meter = make_meter("peak", aggregation=aggregation, value_property="level")
    version = make_plan(interval=interval, offers=[offer(make_feature("peak", meter=meter), rates=PRICED)])
    Price.objects.update(resets_unit=unit, resets_every=every)
    problems = problems_of(version)
    assert [words in problem for problem in problems] == ([True] if words else [])


def test_a_price_on_events_can_not_span_invoices():
    version = make_plan(offers=[offer("orders", rates=[rate(model="percentage", percent=Decimal(2))])])
    Price.objects.update(resets_unit="year")
    (problem,) = problems_of(version)
    assert "can't continue over several invoices" in problem


def test_a_price_on_events_needs_an_adding_meter():
    meter = make_meter("peak", aggregation="max", value_property="level")
    rates = [rate(model="percentage", percent=Decimal(2))]
    (problem,) = problems_of(make_plan(offers=[offer(make_feature("peak", meter=meter), rates=rates)]))
    assert "applies to single events" in problem


def test_a_split_price_needs_a_meter_that_counts_or_sums():
    meter = make_meter("peak", aggregation="max", value_property="load")
    split = offer(make_feature("peak", meter=meter), rates=PRICED, price={"split_by": "region"})
    [problem] = problems_of(make_plan(offers=[split]))
    assert problem.startswith("peak in USD is split by a property, but peak computes more than a sum of events")


def test_a_dynamic_price_needs_a_meter_that_reads_a_price():
    (problem,) = problems_of(make_plan(offers=[offer("api.calls", rates=[rate(model="dynamic")])]))
    assert "reads no price" in problem


COSTS = [
    # a cost                                              is ready
    (None, False),
    ({"valid_to": FEB}, False),
    ({"currency": "EUR"}, False),
    ({"match": {"model": "b"}}, False),
    ({"match": {"model": "a"}}, True),
    ({}, True),
]


@pytest.mark.parametrize(("cost", "is_ready"), COSTS)
def test_a_price_at_cost_needs_a_lasting_unit_cost(cost, is_ready):
    meter = make_meter("tokens", dimensions=["model"])
    if cost is not None:
        make_cost(meter, 1, **cost)
    rates = [rate(model="dynamic", cost_source="unit_cost", match={"model": "a"})]
    problems = problems_of(make_plan(offers=[offer(make_feature("tokens", meter=meter), rates=rates)]))
    assert ["Record one under Unit costs" in problem for problem in problems] == ([] if is_ready else [True])


def test_the_error_lists_all_problems():
    version = make_plan(offers=[offer("api.calls"), offer("storage")])
    with pytest.raises(NotReady, match=r"api\.calls has no price.*storage has no price") as refused:
        publish(version)
    assert len(refused.value.problems) == 2
    version.refresh_from_db()
    assert version.state == "draft"


BURNS = offer("runs", prices={CREDITS: PRICED, "USD": PRICED}, consumption="credits", at_zero="overage")
INCLUDED = [
    # included                                        how periods are counted      problems
    ({}, {}, []),
    ({"every": "month"}, {"interval": "quarter"}, []),
    ({"every": "month"}, {"interval": "week"}, ["granted each month, but billing periods are counted in week"]),
    ({"unit": "USD"}, {}, []),
    ({"unit": "EUR"}, {}, ["the version charges nothing in EUR", "there is no amount in USD"]),
    ({"features": "runs"}, {}, []),
    ({"features": "runs", "unit": "USD"}, {}, ["runs can't be paid with them in this version"]),
    ({"features": "runs, walks"}, {}, ["walks can't be paid with them in this version"]),
]


@pytest.mark.parametrize(("fields", "interval", "expected"), INCLUDED)
def test_included_credits_can_be_granted_and_used(fields, interval, expected):
    problems = problems_of(make_plan(offers=[BURNS], credits=[included(5, **fields)], **interval))
    assert len(problems) == len(expected), problems
    assert all(part in problem for part, problem in zip(expected, problems, strict=True))
