"""The bill of past usage by another version: docs/simulation.md."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from billing.closing import close_due
from billing.models import Period
from billing.simulation import SimulatedPeriod, simulate
from plans.models import PlanVersion, Price
from tests.billing.metering.ingest.ingest_setup import call, calls, request, send, tokens
from tests.builders import (
    FEB,
    JAN,
    add_override,
    commitment,
    fee,
    make_customer,
    make_plan,
    offer,
    publish,
    rate,
    subscribe,
    tier,
    use,
)
from tests.docs_tables import rows
from tests.statements import sent_statements

pytestmark = pytest.mark.django_db

D = Decimal
AT = datetime(2026, 2, 1, 1, tzinfo=UTC)
STAMP = {"timestamp": "2026-01-10T10:00:00Z"}
CASES = [(row["calls"], row["before"], row["after"], row["why"]) for row in rows("simulation.md", "Worked example")]


def starter(**fields: Any) -> PlanVersion:
    offers = [offer(calls(), included=200, rates=[rate("0.05")])]
    return make_plan("starter", fees=[fee("19.99", billed="arrears")], offers=offers, **fields)


def simulated(subscription, *versions: PlanVersion, **options: Any) -> SimulatedPeriod:
    """Close the first period, simulate it by these versions, and return the result."""
    close_due(at=AT)
    (result_,) = simulate(period_ids=[first(subscription).pk], versions=versions, at=AT, **options)
    return result_


def first(subscription) -> Period:
    return subscription.periods.filter(kind="regular").order_by("starts_at")[0]


def totals(period: SimulatedPeriod) -> list[Decimal]:
    return [period.before.total, *(bill.total for bill in period.after)]


@pytest.mark.parametrize(("used", "before", "after", "why"), CASES)
def test_a_month_by_a_draft(used: str, before: str, after: str, why: str):
    subscription = subscribe(make_customer(), publish(starter()))
    if used != "0":
        use(subscription, "calls", used)
    offers = [offer(calls(), included=500, rates=[rate("0.04")])]
    draft = make_plan("starter", fees=[fee("29.99", billed="arrears")], offers=offers)
    assert totals(simulated(subscription, draft)) == [D(before), D(after)], why


ELSEWHERE = [
    # rates of the simulated version                                                     total      why
    ([rate("0.01")], "10", "one rate takes what three have counted"),
    ([rate("0.02", match={"model": "gpt"}), rate("0.01")], "17", "by sums of other dimensions"),
    ([rate("0.02", match={"model": "gpt"})], "14", "300 have no price"),
    ([rate(model="percentage", percent=D(10), free_events=1)], "40", "each event's value: the first is free"),
    ([rate(tiers=[tier(600, "0.01"), tier(None, "0.1")], model="graduated")], "46", "a ladder over all"),
]


@pytest.mark.parametrize(("rates", "total", "why"), ELSEWHERE)
def test_usage_is_counted_as_the_version_would(rates: list, total: str, why: str):
    offers = [
        offer(
            tokens(),
            rates=[
                rate("0.002", match={"model": "gpt", "type": "output"}),
                rate("0.001", match={"model": "gpt"}),
                rate("0.0005"),
            ],
        )
    ]
    subscription = subscribe(make_customer("acme"), publish(make_plan(offers=offers)))
    send(*(event | STAMP for event in (request("r1", 600, 100), request("r2", 300, 0, model="claude"))))
    period = simulated(subscription, make_plan(offers=[offer(tokens(), rates=rates)]))
    assert period.after[0].total == D(total), why
    assert bool(period.after[0].problems) == ("no price" in why)


def test_windows_that_start_anew_each_day_are_counted_from_the_events():
    subscription = subscribe(make_customer("acme"), publish(starter()))
    days = ("10T10", "10T20", "12T10")
    send(*(call(f"c{n}", timestamp=f"2026-01-{day}:00:00Z") for n, day in enumerate(days)))
    daily = make_plan(offers=[offer(calls(), included=1, rates=[rate("1")])])
    Price.objects.filter(plan_feature__version=daily).update(resets_unit="day", resets_every=1)
    assert simulated(subscription, daily).after[0].total == D(1)


def test_usage_not_priced_by_the_present_version_is_counted_from_the_events():
    subscription = subscribe(make_customer("acme"), publish(starter()))
    send(request("r1", 600, 100) | STAMP)
    period = simulated(subscription, make_plan(offers=[offer(tokens(), rates=[rate("0.01")])]))
    assert period.after[0].total == D(7)


def test_usage_without_a_price_is_a_problem():
    subscription = subscribe(make_customer("acme"), publish(starter()))
    use(subscription, "calls", 30)
    period = simulated(subscription, make_plan(fees=[fee("5", billed="arrears")]))
    assert (period.after[0].total, period.after[0].problems) == (D(5), ("30 call of calls have no price.",))


def test_a_free_version_is_free_in_every_currency():
    subscription = subscribe(make_customer("acme"), publish(starter()))
    use(subscription, "calls", 30)
    free = make_plan(offers=[offer(calls(), included=50, consumption="hard_cap")])
    assert totals(simulated(subscription, free)) == [D("19.99"), D(0)]


NOT_COMPARABLE = [
    ({"interval": "year"}, "USD", "bills every year, but this subscription is billed every month"),
    ({}, "EUR", "has no prices in USD; its currencies are EUR"),
]


@pytest.mark.parametrize(("fields", "currency", "message"), NOT_COMPARABLE)
def test_an_incomparable_version_has_a_reason(fields: dict, currency: str, message: str):
    subscription = subscribe(make_customer("acme"), publish(starter()))
    other = make_plan(fees=[fee("5", currency=currency)], **fields)
    bill = simulated(subscription, other).after[0]
    assert not bill.is_known
    assert message in bill.problems[0]


def test_overrides_are_kept_or_omitted():
    subscription = subscribe(make_customer("acme"), publish(starter()))
    add_override(subscription, "calls", "price", "0.01", at=JAN, starts_at=JAN)
    use(subscription, "calls", 300)
    draft = make_plan("starter", offers=[offer(calls(), rates=[rate("1")])])
    assert totals(simulated(subscription, draft)) == [D("20.99"), D(3)]
    assert simulated(subscription, draft, keeps_overrides=False).after[0].total == D(300)


def test_a_contract_of_several_periods_is_settled_with_its_last():
    subscription = subscribe(make_customer("acme"), publish(starter()))
    use(subscription, "calls", 300)
    close_due(at=AT)
    close_due(at=datetime(2026, 3, 1, 1, tzinfo=UTC))
    offers = [offer(calls(), rates=[rate("0.10")])]
    draft = make_plan("starter", offers=offers, commitments=[commitment(100, periods=2)])
    periods = list(subscription.periods.filter(kind="regular", state="closed").values_list("pk", flat=True))
    results = simulate(period_ids=sorted(periods), versions=[draft], at=AT)
    assert [period.after[0].total for period in results] == [D(30), D(70)]


def test_a_running_period_is_compared_with_its_preview():
    subscription = subscribe(make_customer("acme"), publish(starter()))
    use(subscription, "calls", 300)
    draft = make_plan("starter", fees=[fee("30")], offers=[offer(calls(), rates=[rate("0.10")])])
    (period,) = simulate(period_ids=[first(subscription).pk], versions=[draft], at=FEB)
    assert not period.is_settled
    assert totals(period) == [D("24.99"), D(60)]


def test_the_query_count_does_not_grow_with_the_periods():
    version = publish(starter())
    draft = make_plan("starter", fees=[fee("30")], offers=[offer(calls(), rates=[rate("0.10")])])
    counts = []
    for size in (1, 12):
        subscriptions = [subscribe(make_customer(), version) for _ in range(size)]
        for subscription in subscriptions:
            use(subscription, "calls", 300)
        ids = [first(subscription).pk for subscription in subscriptions]
        simulate(period_ids=ids, versions=[draft], at=AT)  # fills the caches of the process
        counts.append(statement_count(ids, draft))
    assert counts[0] == counts[1]


def statement_count(ids: list[int], draft: PlanVersion) -> int:
    with sent_statements() as statements:
        simulate(period_ids=ids, versions=[draft], at=AT)
    return len(statements)
