"""Fees for several periods in a simulation: billed before as invoiced, and due where an interval starts."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from billing.closing import close_due
from billing.models import Period
from billing.simulation import simulate
from billing.subscriptions import cancel, generate_periods
from plans.publishing.publication import new_version
from tests.builders import JAN, fee, make_customer, make_plan, offer, publish, rate, subscribe
from tests.simulation_law import differences

pytestmark = pytest.mark.django_db

MAY_11 = datetime(2026, 5, 11, tzinfo=UTC)
YEAR = datetime(2027, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def plan(code, *fees):
    return make_plan(code, fees=fees, offers=[offer("calls", rates=[rate("0.10")])])


def yearly(amount="730", **fields):
    return fee(amount, every=12, label="License", code="license", **fields)


def passed(moment):
    generate_periods(until=moment + HOUR)
    close_due(at=moment + HOUR)


def periods(subscription, last):
    regular = subscription.periods.filter(kind="regular", state="closed").order_by("-starts_at")
    return [period.pk for period in regular[:last]][::-1]


def totals(bills):
    return [bill.total for bill in bills]


@pytest.mark.parametrize("billed", ["advance", "arrears"])
def test_a_subscription_ended_in_mid_year_equals_its_invoices(billed):
    version = publish(plan("pro", yearly(billed=billed), fee("90", label="Support", code="support", every=3)))
    subscription = subscribe(make_customer(), version)
    passed(JAN)
    passed(MAY_11)
    cancel(subscription=subscription, at=MAY_11 + HOUR, ends_at=MAY_11 + HOUR, give_back="credit")
    passed(MAY_11 + 2 * HOUR)
    copy = new_version(source=version, by=None, at=MAY_11)
    results = simulate(period_ids=periods(subscription, 2), versions=[None, copy], at=MAY_11 + 4 * HOUR)
    assert any(result.before.total for result in results)
    assert not [*differences(results), *differences(results, number=1)]


def test_a_more_expensive_version_credits_in_proportion():
    version = publish(plan("pro", yearly()))
    subscription = subscribe(make_customer(), version)
    passed(JAN)
    passed(MAY_11)
    cancel(subscription=subscription, at=MAY_11 + HOUR, ends_at=MAY_11 + HOUR, give_back="credit")
    passed(MAY_11 + 2 * HOUR)
    (period,) = simulate(period_ids=periods(subscription, 1), versions=[plan("pro", yearly("1460"))], at=YEAR)
    assert (2 * period.before.total).quantize(Decimal("0.1")) == period.after[0].total.quantize(Decimal("0.1")) < 0


def test_it_is_due_where_its_interval_starts_and_missing_otherwise():
    subscription = subscribe(make_customer(), publish(plan("monthly", fee("62", billed="arrears"))), starts_at=JAN)
    passed(YEAR)
    draft = plan("monthly", yearly())
    assert Period.objects.filter(state="closed").count() == 12
    whole = simulate(period_ids=periods(subscription, 12), versions=[draft], at=YEAR + HOUR)
    assert totals(period.after[0] for period in whole) == [*[Decimal(0)] * 11, Decimal(730)]
    assert not any(period.after[0].problems for period in whole)
    part = simulate(period_ids=periods(subscription, 12)[:3], versions=[draft], at=YEAR + HOUR)
    assert totals(period.after[0] for period in part) == [Decimal(0)] * 3
    assert part[-1].after[0].problems == (
        "The fee “License” is due once in 12 periods, of which only 3 were simulated.",
    )


def test_in_arrears_it_is_prorated_to_the_existing_periods():
    subscription = subscribe(make_customer(), publish(plan("monthly", fee("62"))), starts_at=MAY_11, at=MAY_11)
    passed(YEAR + timedelta(days=1))
    draft = plan("monthly", yearly(billed="arrears"))
    results = simulate(period_ids=periods(subscription, 2), versions=[draft], at=YEAR + timedelta(days=2))
    assert totals(period.after[0] for period in results)[-1] == Decimal("470.00")
